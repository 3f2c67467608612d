"""tenon.capi.onnxruntime_inference_collection under onnxruntime's name."""
from tenon.capi.onnxruntime_inference_collection import *  # noqa: F403
