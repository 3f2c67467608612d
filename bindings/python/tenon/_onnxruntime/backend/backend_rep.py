"""tenon.backend under onnxruntime's names."""
from tenon.backend import TenonBackendRep as OnnxRuntimeBackendRep

__all__ = ["OnnxRuntimeBackendRep"]
