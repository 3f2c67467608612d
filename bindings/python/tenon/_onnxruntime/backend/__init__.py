"""ONNX's backend interface."""
from tenon.backend import is_compatible, prepare, run, supports_device  # noqa: F401
