"""The classes of the extension module, where onnxruntime has them."""
from .._tenon import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    LoraAdapter,
    ModelMetadata,
    NodeArg,
    OrtDevice,
    OrtValue,
    OrtValueVector,
    RunOptions,
    SessionIOBinding,
    SessionOptions,
    SparseBlockSparseView,
    SparseCooView,
    SparseCsrView,
    SparseTensor,
    copy_tensors,
    get_all_providers,
    get_available_providers,
    set_default_logger_callback,
    set_default_logger_severity,
)
from .._tenon import Session as InferenceSession
from ..compiler import OrtCompileApiFlags, OrtExternalInitializerInfo
from ..devices import (
    OrtCompiledModelCompatibility,
    OrtDeviceEpIncompatibilityReason,
    OrtEpAssignedNode,
    OrtEpAssignedSubgraph,
    OrtEpDevice,
    OrtExecutionProviderDevicePolicy,
    OrtHardwareDevice,
    OrtHardwareDeviceType,
    OrtSyncStream,
    get_compatibility_info_from_model,
    get_compatibility_info_from_model_bytes,
    get_ep_devices,
    get_hardware_device_ep_incompatibility_details,
    get_hardware_devices,
    get_model_compatibility_for_ep_devices,
    register_execution_provider_library,
    unregister_execution_provider_library,
)
from ..errors import (
    DeviceReset,
    EngineError,
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    ModelLoadCanceled,
    ModelLoaded,
    ModelRequiresCompilation,
    NoModel,
    NoSuchFile,
    NotFound,
    NotImplemented,
    RuntimeException,
)
from ..memory import (
    ArenaExtendStrategy,
    OrtAllocatorType,
    OrtArenaCfg,
    OrtDeviceMemoryType,
    OrtMemoryInfo,
    OrtMemoryInfoDeviceType,
    OrtMemType,
    create_and_register_allocator,
    create_and_register_allocator_v2,
)
from ..process import set_global_thread_pool_sizes
from ..sparse import OrtSparseFormat

kNextPowerOfTwo = ArenaExtendStrategy.kNextPowerOfTwo
kSameAsRequested = ArenaExtendStrategy.kSameAsRequested


def _of_package(name):
    """A function of the package, which is not there yet while this module is imported."""
    def function(*args):
        import tenon
        return getattr(tenon, name)(*args)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"tenon.{name}."
    return function


get_version_string = _of_package("get_version_string")
get_build_info = _of_package("get_build_info")
get_device = _of_package("get_device")
has_collective_ops = _of_package("has_collective_ops")
enable_telemetry_events = _of_package("enable_telemetry_events")
disable_telemetry_events = _of_package("disable_telemetry_events")
set_default_logger_verbosity = _of_package("set_default_logger_verbosity")
set_seed = _of_package("set_seed")


def _absent(name, why):
    def function(*args, **kwargs):
        raise NotImplemented(f"{name}: {why}")
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Raises NotImplemented: {why}."
    return function


_TABLE = "Tenon describes its operators by tenon.op_table_json()"
get_all_operator_schema = _absent("get_all_operator_schema", _TABLE)
get_all_opkernel_def = _absent("get_all_opkernel_def", _TABLE)
get_registered_ep_kernel_defs = _absent("get_registered_ep_kernel_defs", _TABLE)
set_cuda_device_id = _absent("set_cuda_device_id", "no CUDA provider")
set_gpu_mem_limit = _absent("set_gpu_mem_limit", "no CUDA provider")
register_tensorrt_plugins_as_custom_ops = _absent("register_tensorrt_plugins_as_custom_ops", "no TensorRT provider")


def get_default_session_options() -> SessionOptions:
    """SessionOptions()."""
    return SessionOptions()


__all__ = [name for name in dir() if not name.startswith("_")]
