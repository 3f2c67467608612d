"""Three small models, as files."""
from __future__ import annotations

import atexit
import base64
import functools
import os
import shutil
import tempfile

# ModelProto: y = sigmoid(x); Y = X * W; a linear classifier of two numbers into three classes with probabilities as maps.
_MODELS = {
    "sigmoid.onnx": (
        "CAg6TAoPCgF4EgF5IgdTaWdtb2lkEgdzaWdtb2lkWhcKAXgSEgoQCAESDAoCCAMKAggECgIIBWIXCgF5EhIKEAgBEgwKAggDCgII"
        "BAoCCAVCBAoAEBE="
    ),
    "mul_1.onnx": (
        "CAg6ZgoOCgFYCgFXEgFZIgNNdWwSBW11bF8xKiMIAwgCEAEiGAAAgD8AAABAAABAQAAAgEAAAKBAAADAQEIBV1oTCgFYEg4KDAgB"
        "EggKAggDCgIIAmITCgFZEg4KDAgBEggKAggDCgIIAkIECgAQEQ=="
    ),
    "logreg_iris.onnx": (
        "CAg6iwMK2gEKC2Zsb2F0X2lucHV0EgVsYWJlbBIGc2NvcmVzIhBMaW5lYXJDbGFzc2lmaWVyKhsKEGNsYXNzbGFiZWxzX2ludHNA"
        "AEABQAKgAQcqLwoMY29lZmZpY2llbnRzPQAAwL89AACAPz0AAAA/PQAAQL89AACAPz0AAIC+oAEGKh4KCmludGVyY2VwdHM9AABA"
        "QD0AAAA/PQAAYMCgAQYqEgoLbXVsdGlfY2xhc3MYAaABAiocCg5wb3N0X3RyYW5zZm9ybSIHU09GVE1BWKABAzoKYWkub25ueC5t"
        "bApKCgZzY29yZXMSDXByb2JhYmlsaXRpZXMiBlppcE1hcCodChJjbGFzc2xhYmVsc19pbnQ2NHNAAEABQAKgAQc6CmFpLm9ubngu"
        "bWwSC2xvZ3JlZ19pcmlzWh0KC2Zsb2F0X2lucHV0Eg4KDAgBEggKAggDCgIIAmITCgVsYWJlbBIKCggIBxIECgIIA2IfCg1wcm9i"
        "YWJpbGl0aWVzEg4iDAoKKggIBxIECgIIAUIECgAQEUIOCgphaS5vbm54Lm1sEAE="
    ),
}


def get_example(name: str) -> str:
    """Path of a file with the model, which is there until the process ends: "sigmoid.onnx", "mul_1.onnx" or "logreg_iris.onnx". FileNotFoundError for other names."""
    if name not in _MODELS:
        raise FileNotFoundError(f"no example '{name}', expected one of {', '.join(_MODELS)}")
    path = os.path.join(_folder(), name)
    with open(path, "wb") as f:
        f.write(base64.b64decode(_MODELS[name]))
    return path


@functools.cache
def _folder():
    folder = tempfile.mkdtemp(prefix="tenon-examples-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
