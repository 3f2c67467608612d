"""tenon.capi._pybind_state under onnxruntime's name."""
from tenon.capi._pybind_state import *  # noqa: F403
