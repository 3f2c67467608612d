"""Submodules under the names that packages import."""
from . import _pybind_state, onnxruntime_inference_collection, onnxruntime_pybind11_state  # noqa: F401
