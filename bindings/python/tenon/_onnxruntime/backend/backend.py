"""tenon.backend under onnxruntime's names."""
from tenon.backend import TenonBackend as OnnxRuntimeBackend
from tenon.backend import is_compatible, prepare, run, supports_device

__all__ = ["OnnxRuntimeBackend", "is_compatible", "prepare", "run", "supports_device"]
