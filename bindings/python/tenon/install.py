"""Tenon under the name `onnxruntime`, within this process."""
from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
import types

# Programs ask for the version of onnxruntime, and for at least one they know.
ONNXRUNTIME_VERSION = "1.32.0"
_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_onnxruntime")


class _Distribution(importlib.metadata.Distribution):
    """What importlib.metadata finds for onnxruntime when no package of that name is installed."""

    def read_text(self, filename):
        if filename in ("METADATA", "PKG-INFO"):
            return f"Metadata-Version: 2.1\nName: onnxruntime\nVersion: {ONNXRUNTIME_VERSION}\nSummary: Tenon under the name onnxruntime\n"
        return "onnxruntime\n" if filename == "top_level.txt" else None

    def locate_file(self, path):
        return os.path.join(_FOLDER, path)


class _Finder(importlib.metadata.DistributionFinder):
    """The last of sys.meta_path, so that installed packages come first."""

    def find_spec(self, name, path=None, target=None):
        return None

    def find_distributions(self, context=importlib.metadata.DistributionFinder.Context()):
        return [_Distribution()] if context.name in (None, "onnxruntime") else []


def install_as_onnxruntime() -> types.ModuleType:
    """From now on `import onnxruntime` gives Tenon in this process, with the submodules that packages import, and
    importlib.metadata finds it. Returns the module.

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
    sys.meta_path.append(_Finder())
    return module
