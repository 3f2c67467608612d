"""Devices and the enumerations about them, numbered as in onnxruntime."""
from __future__ import annotations

import enum
import functools
import os
import platform
from dataclasses import dataclass, field
from typing import Any

from . import _tenon
from .errors import InvalidArgument, NotImplemented
from .memory import OrtDeviceMemoryType, OrtMemoryInfo


class OrtHardwareDeviceType(enum.IntEnum):
    CPU = 0
    GPU = 1
    NPU = 2


class OrtExecutionProviderDevicePolicy(enum.IntEnum):
    DEFAULT = 0
    PREFER_CPU = 1
    PREFER_NPU = 2
    PREFER_GPU = 3
    MAX_PERFORMANCE = 4
    MAX_EFFICIENCY = 5
    MIN_OVERALL_POWER = 6


class OrtDeviceVendorId(enum.IntEnum):
    NONE = 0
    AMD = 0x1002
    NVIDIA = 0x10DE
    ARM = 0x13B5
    MICROSOFT = 0x1414
    HUAWEI = 0x19E5
    QUALCOMM = 0x5143
    INTEL = 0x8086


class OrtCompiledModelCompatibility(enum.IntEnum):
    EP_NOT_APPLICABLE = 0
    EP_SUPPORTED_OPTIMAL = 1
    EP_SUPPORTED_PREFER_RECOMPILATION = 2
    EP_UNSUPPORTED = 3


class OrtDeviceEpIncompatibilityReason(enum.IntFlag):
    NONE = 0
    DRIVER_INCOMPATIBLE = 1
    DEVICE_INCOMPATIBLE = 2
    MISSING_DEPENDENCY = 4
    UNKNOWN = -2147483648


_VENDOR_OF_NAME = {"cuda": OrtDeviceVendorId.NVIDIA, "dml": OrtDeviceVendorId.MICROSOFT, "cann": OrtDeviceVendorId.HUAWEI}
_TYPE_OF_NAME = {"cpu": 0, "cuda": 1, "gpu": 1, "webgpu": 1, "dml": 4, "npu": 3, "cann": 3}


class OrtDevice:
    """A device by kind and number. Make one with OrtDevice.make("cpu", 0); this build has memory on "cpu" only."""

    def __init__(self, c_ort_device: _tenon.OrtDevice) -> None:
        if not isinstance(c_ort_device, _tenon.OrtDevice):
            raise ValueError(f"OrtDevice: expected an OrtDevice of the extension module, found {type(c_ort_device).__name__}; use OrtDevice.make()")
        self._ort_device = c_ort_device

    @staticmethod
    def make(ort_device_name: str, device_id: int, vendor_id: int = -1) -> OrtDevice:
        """The device of that name ("cpu", "cuda", "gpu", "npu", "dml", "cann", "webgpu"); InvalidArgument for other names."""
        if not isinstance(ort_device_name, str):
            raise TypeError(f"OrtDevice.make: expected the device's name as str, found {type(ort_device_name).__name__}")
        if ort_device_name not in _TYPE_OF_NAME:
            raise InvalidArgument(f"Unsupported device type: {ort_device_name}; expected one of {', '.join(_TYPE_OF_NAME)}")
        vendor = _VENDOR_OF_NAME.get(ort_device_name, 0) if vendor_id < 0 else vendor_id
        return OrtDevice(_tenon.OrtDevice(_TYPE_OF_NAME[ort_device_name], 0, int(vendor), device_id))

    def _get_c_device(self) -> _tenon.OrtDevice:
        return self._ort_device

    def device_id(self) -> int:
        """Number among the devices of its kind."""
        return self._ort_device.device_id()

    def device_type(self) -> int:
        """0 cpu, 1 gpu, 3 npu."""
        return self._ort_device.device_type()

    def device_vendor_id(self) -> int:
        """PCI number of the vendor, 0 for none."""
        return self._ort_device.vendor_id()

    def device_mem_type(self) -> int:
        """Kind of memory, 0 for the device's default."""
        return self._ort_device.mem_type()


@dataclass(frozen=True)
class OrtHardwareDevice:
    """A piece of hardware that providers may use."""

    type: OrtHardwareDeviceType
    vendor: str
    vendor_id: int
    device_id: int = 0
    metadata: dict[str, str] = field(default_factory=dict)


class OrtSyncStream:
    """A queue of a device. The CPU has none: get one with OrtEpDevice.create_sync_stream()."""

    def __init__(self) -> None:
        raise TypeError("OrtSyncStream: made by OrtEpDevice.create_sync_stream() only")

    def get_handle(self) -> int:
        """Address of the device's own queue."""
        raise NotImplemented("OrtSyncStream.get_handle")


@dataclass(frozen=True)
class OrtEpDevice:
    """A provider on a piece of hardware."""

    ep_name: str
    ep_vendor: str
    ep_metadata: dict[str, str]
    ep_options: dict[str, str]
    device: OrtHardwareDevice

    def memory_info(self, memory_type: OrtDeviceMemoryType) -> OrtMemoryInfo | None:
        """Where the provider's own memory lies; None on the CPU."""
        if not isinstance(memory_type, OrtDeviceMemoryType):
            raise TypeError(f"memory_info: expected OrtDeviceMemoryType, found {type(memory_type).__name__}")
        return None

    def create_sync_stream(self) -> OrtSyncStream:
        """Raises NotImplemented: the CPU has no queues."""
        raise NotImplemented(f"create_sync_stream: {self.ep_name} has no streams")


@dataclass(frozen=True)
class OrtEpAssignedNode:
    """A node that a provider runs."""

    name: str
    domain: str
    op_type: str


@dataclass(frozen=True)
class OrtEpAssignedSubgraph:
    """Nodes that a provider runs together."""

    ep_name: str
    nodes: tuple[OrtEpAssignedNode, ...] = ()

    def get_nodes(self) -> list[OrtEpAssignedNode]:
        return list(self.nodes)


def assigned_subgraphs(placement: dict[str, Any]) -> list[OrtEpAssignedSubgraph]:
    """From load_report()["placement"]: one subgraph per compiled group, and one per node that runs as itself."""
    out: dict[Any, tuple[str, list[OrtEpAssignedNode]]] = {}
    for at, node in enumerate(placement["nodes"]):
        domain, _, op = node["op"].rpartition(".")
        key = at if node["group"] is None else (node["provider"], node["group"])
        out.setdefault(key, (node["provider"], []))[1].append(OrtEpAssignedNode(node["node"], domain, op))
    return [OrtEpAssignedSubgraph(provider, tuple(nodes)) for provider, nodes in out.values()]


@functools.cache
def get_hardware_devices() -> list[OrtHardwareDevice]:
    """The processors of this machine."""
    names = {"GenuineIntel": ("Intel", 0x8086), "AuthenticAMD": ("AMD", 0x1022)}
    vendor, number = platform.machine(), 0
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            for line in f:
                if line.startswith("vendor_id"):
                    vendor, number = names.get(line.split(":")[1].strip(), (vendor, 0))
                    break
    except OSError:
        pass
    return [OrtHardwareDevice(OrtHardwareDeviceType.CPU, vendor, number)]


_HARDWARE_TYPES = (OrtHardwareDeviceType.CPU, OrtHardwareDeviceType.GPU, OrtHardwareDeviceType.CPU, OrtHardwareDeviceType.NPU)


def get_ep_devices() -> list[OrtEpDevice]:
    """Every provider on every piece of hardware it can use, those of registered libraries last."""
    out = [OrtEpDevice("CPUExecutionProvider", "Tenon", {"version": _tenon.version()}, {}, d) for d in get_hardware_devices()]
    for name, vendor, version, kind, *device in _tenon.provider_devices():
        hardware = get_hardware_devices()[0] if kind == 0 else OrtHardwareDevice(_HARDWARE_TYPES[kind], *device)
        out.append(OrtEpDevice(name, vendor, {"version": version}, {}, hardware))
    return out


def register_execution_provider_library(registration_name: str, library_path: str | os.PathLike[str]) -> None:
    """Loads a library of providers that was built with tenon/provider.h: sessions may then name them, and get_ep_devices() lists them.
    Raises InvalidArgument for names that are taken, NoSuchFile, and Fail for a file that is no such library or for another version."""
    _tenon.register_provider_library(registration_name, library_path)


def unregister_execution_provider_library(registration_name: str) -> None:
    """Unloads it. Raises Fail while sessions use its providers, and for a name that was not registered."""
    _tenon.unregister_provider_library(registration_name)


def get_compatibility_info_from_model(path: str, ep_name: str) -> str | None:
    """None: models that Tenon saves carry no provider's compiled code."""
    return None


def get_compatibility_info_from_model_bytes(model: bytes, ep_name: str) -> str | None:
    """None, as above."""
    return None


def get_model_compatibility_for_ep_devices(devices: list[OrtEpDevice], compatibility_info: str) -> OrtCompiledModelCompatibility:
    """EP_NOT_APPLICABLE: no provider of this build compiles models."""
    return OrtCompiledModelCompatibility.EP_NOT_APPLICABLE


def get_hardware_device_ep_incompatibility_details(ep_name: str, device: OrtHardwareDevice) -> dict:
    """Why the provider cannot use the device: no reason for the CPU."""
    return {"reasons_bitmask": 0, "notes": None, "error_code": 0}
