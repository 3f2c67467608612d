"""The classes that are written in Python, where onnxruntime has them."""
from ..adapter import AdapterFormat
from ..compiler import ModelCompiler
from ..devices import OrtDevice, OrtDeviceVendorId
from ..io_binding import IOBinding
from ..session import InferenceSession, Session
from ..session import check_providers as _check_providers
from ..sparse import SparseTensor
from ..values import OrtValue, copy_tensors

__all__ = ["AdapterFormat", "IOBinding", "InferenceSession", "ModelCompiler", "OrtDevice", "OrtDeviceVendorId", "OrtValue", "Session",
           "SparseTensor", "check_and_normalize_provider_args", "copy_tensors", "get_ort_device_type"]


def check_and_normalize_provider_args(providers, provider_options, available_provider_names):
    """(names, dicts of options) of the providers that are available; ValueError for what is neither."""
    pairs = _check_providers(providers, provider_options, available_provider_names)
    return [name for name, _ in pairs], [options for _, options in pairs]


def get_ort_device_type(device_type: str) -> int:
    """Number of a kind of device."""
    return OrtDevice.make(device_type, 0).device_type()
