"""Tenon under the name `onnxruntime`, within this process."""
from __future__ import annotations

import importlib.util
import os
import sys
import types

# Programs ask for the version of onnxruntime, and for at least one they know.
ONNXRUNTIME_VERSION = "1.32.0"
_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_onnxruntime")


def install_as_onnxruntime() -> types.ModuleType:
    """From now on `import onnxruntime` gives Tenon in this process, with the submodules that packages import. Returns the module.

    RuntimeError when the real onnxruntime was imported before. To have that in a whole environment: python -m tenon.alias install."""
    there = sys.modules.get("onnxruntime")
    if there is not None:
        if getattr(there, "__tenon__", False):
            return there
        raise RuntimeError(f"onnxruntime was imported before, from {getattr(there, '__file__', 'somewhere')}; call install_as_onnxruntime() first")
    spec = importlib.util.spec_from_file_location("onnxruntime", os.path.join(_FOLDER, "__init__.py"), submodule_search_locations=[_FOLDER])
    module = importlib.util.module_from_spec(spec)
    sys.modules["onnxruntime"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules["onnxruntime"]
        raise
    return module
