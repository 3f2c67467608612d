"""tenon.capi.onnxruntime_pybind11_state under onnxruntime's name."""
from tenon.capi.onnxruntime_pybind11_state import *  # noqa: F403
