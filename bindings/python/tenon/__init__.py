"""Tenon: run ONNX models. The names, defaults and results are those of `onnxruntime`: `import tenon as ort`."""
from . import _tenon, errors
from ._tenon import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    LoraAdapter,
    ModelMetadata,
    NodeArg,
    RunOptions,
    SessionIOBinding,
    SessionOptions,
    get_all_providers,
    get_available_providers,
    op_table_json,
    set_default_logger_callback,
    set_default_logger_severity,
)
from .adapter import AdapterFormat
from .compiler import ModelCompiler, OrtCompileApiFlags, OrtExternalInitializerInfo
from .custom_ops import CustomOp, Port, TensorInfo, custom_op
from .devices import (
    OrtDevice,
    OrtDeviceVendorId,
    OrtEpAssignedNode,
    OrtEpAssignedSubgraph,
    OrtEpDevice,
    OrtExecutionProviderDevicePolicy,
    OrtHardwareDevice,
    OrtHardwareDeviceType,
    OrtSyncStream,
    get_ep_devices,
    register_execution_provider_library,
    unregister_execution_provider_library,
)
from .install import install_as_onnxruntime
from .io_binding import IOBinding
from .memory import (
    OrtAllocatorType,
    OrtArenaCfg,
    OrtDeviceMemoryType,
    OrtMemoryInfo,
    OrtMemoryInfoDeviceType,
    OrtMemType,
    create_and_register_allocator,
    create_and_register_allocator_v2,
)
from .process import preload_dlls, print_debug_info, set_global_thread_pool_sizes
from .session import InferenceSession
from .sparse import OrtSparseFormat, SparseTensor
from .values import OrtValue, copy_tensors

from . import capi  # isort: skip: needs the names above

__version__ = _tenon.version()
package_name = "tenon"
cuda_version = ""

__all__ = [
    "AdapterFormat", "CustomOp", "ExecutionMode", "ExecutionOrder", "GraphOptimizationLevel", "IOBinding", "InferenceSession", "LoraAdapter",
    "ModelCompiler", "ModelMetadata", "NodeArg", "OrtAllocatorType", "OrtArenaCfg", "OrtCompileApiFlags", "OrtDevice",
    "OrtDeviceMemoryType", "OrtDeviceVendorId", "OrtEpAssignedNode", "OrtEpAssignedSubgraph", "OrtEpDevice",
    "OrtExecutionProviderDevicePolicy", "OrtExternalInitializerInfo", "OrtHardwareDevice", "OrtHardwareDeviceType", "OrtMemType",
    "OrtMemoryInfo", "OrtMemoryInfoDeviceType", "OrtSparseFormat", "OrtSyncStream", "OrtValue", "Port", "RunOptions", "SessionIOBinding",
    "SessionOptions", "SparseTensor", "TensorInfo", "capi", "copy_tensors", "create_and_register_allocator", "create_and_register_allocator_v2", "custom_op",
    "disable_telemetry_events", "enable_telemetry_events", "errors", "get_all_providers", "get_available_providers", "get_build_info",
    "get_device", "get_ep_devices", "get_version_string", "has_collective_ops", "install_as_onnxruntime", "op_table_json", "preload_dlls",
    "print_debug_info", "register_execution_provider_library", "set_default_logger_callback", "set_default_logger_severity",
    "set_default_logger_verbosity", "set_global_thread_pool_sizes", "set_seed", "unregister_execution_provider_library",
]


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
