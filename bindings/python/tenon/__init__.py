"""Tenon: run ONNX models. The names, defaults and results are those of `onnxruntime`: `import tenon as ort`."""
from . import _tenon, capi, errors
from ._tenon import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    ModelMetadata,
    NodeArg,
    RunOptions,
    SessionOptions,
    get_all_providers,
    get_available_providers,
    op_table_json,
    set_default_logger_severity,
)
from .session import InferenceSession

__version__ = _tenon.version()
package_name = "tenon"

__all__ = [
    "ExecutionMode", "ExecutionOrder", "GraphOptimizationLevel", "InferenceSession", "ModelMetadata", "NodeArg", "RunOptions",
    "SessionOptions", "capi", "disable_telemetry_events", "enable_telemetry_events", "errors", "get_all_providers",
    "get_available_providers", "get_build_info", "get_device", "get_version_string", "has_collective_ops", "op_table_json",
    "set_default_logger_severity", "set_default_logger_verbosity", "set_seed",
]

# What onnxruntime has and Tenon has not yet. Asking for one says so; hasattr() is False.
_LATER = frozenset([
    "AdapterFormat", "IOBinding", "LoraAdapter", "ModelCompiler", "OrtAllocatorType", "OrtArenaCfg", "OrtCompileApiFlags", "OrtDevice",
    "OrtDeviceMemoryType", "OrtDeviceVendorId", "OrtEpAssignedNode", "OrtEpAssignedSubgraph", "OrtEpDevice",
    "OrtExecutionProviderDevicePolicy", "OrtExternalInitializerInfo", "OrtHardwareDevice", "OrtHardwareDeviceType", "OrtMemType",
    "OrtMemoryInfo", "OrtMemoryInfoDeviceType", "OrtSparseFormat", "OrtSyncStream", "OrtValue", "SessionIOBinding", "SparseTensor",
    "copy_tensors", "create_and_register_allocator", "create_and_register_allocator_v2", "get_ep_devices", "preload_dlls",
    "print_debug_info", "register_execution_provider_library", "set_default_logger_callback", "set_global_thread_pool_sizes",
    "unregister_execution_provider_library",
])


def __getattr__(name):
    if name in _LATER:
        raise AttributeError(f"tenon.{name}: onnxruntime has it, Tenon {__version__} does not yet")
    raise AttributeError(f"module 'tenon' has no attribute '{name}'")


def get_version_string() -> str:
    """Version of Tenon, "major.minor.patch"."""
    return __version__


def get_build_info() -> str:
    """One line about this build."""
    return f"Tenon {__version__}, providers: {', '.join(get_available_providers())}"


def get_device() -> str:
    """The kind of device that sessions use by default: "CPU"."""
    return "CPU"


def set_default_logger_verbosity(level: int) -> None:
    """Accepted and without effect: Tenon's verbose messages have one level."""
    if not isinstance(level, int):
        raise TypeError(f"expected an int, found {type(level).__name__}")


def set_seed(seed: int) -> None:
    """Seed of random operators that have none of their own."""
    if not isinstance(seed, int):
        raise TypeError(f"expected an int, found {type(seed).__name__}")
    _tenon.set_seed(seed)


def has_collective_ops() -> bool:
    """False: no operator here talks to other machines."""
    return False


def enable_telemetry_events() -> None:
    """Accepted and without effect: Tenon sends nothing anywhere."""


def disable_telemetry_events() -> None:
    """Accepted and without effect: Tenon sends nothing anywhere."""
