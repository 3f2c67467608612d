"""Kinds of memory, and the allocators that sessions may share."""
from __future__ import annotations

import enum
from dataclasses import dataclass

from . import _tenon
from .errors import InvalidArgument, NotImplemented


class OrtAllocatorType(enum.IntEnum):
    INVALID = -1
    ORT_DEVICE_ALLOCATOR = 0
    ORT_ARENA_ALLOCATOR = 1


class OrtMemType(enum.IntEnum):
    CPU_INPUT = -2
    CPU_OUTPUT = -1
    CPU = -1
    DEFAULT = 0


class OrtDeviceMemoryType(enum.IntEnum):
    DEFAULT = 0
    HOST_ACCESSIBLE = 5


class OrtMemoryInfoDeviceType(enum.IntEnum):
    CPU = 0
    GPU = 1
    FPGA = 2
    NPU = 3


class ArenaExtendStrategy(enum.IntEnum):
    kNextPowerOfTwo = 0
    kSameAsRequested = 1


_VENDOR_OF_NAME = {"Cpu": 0, "Cuda": 0x10DE, "CudaPinned": 0x10DE, "DML": 0x1414, "Cann": 0x19E5, "CannPinned": 0x19E5}


@dataclass(frozen=True, init=False)
class OrtMemoryInfo:
    """A kind of memory: name ("Cpu"), kind of allocator, number of the device, use of the memory."""

    name: str
    allocator_type: OrtAllocatorType
    device_id: int
    mem_type: OrtMemType
    device_vendor_id: int
    device_mem_type: OrtDeviceMemoryType
    device_type: OrtMemoryInfoDeviceType

    def __init__(self, name: str, allocator_type: OrtAllocatorType, device_id: int, mem_type: OrtMemType) -> None:
        if name not in _VENDOR_OF_NAME:
            raise InvalidArgument(f"OrtMemoryInfo: unknown name '{name}', expected one of {', '.join(_VENDOR_OF_NAME)}; use create_v2 for others")
        device = OrtMemoryInfoDeviceType.CPU if name == "Cpu" else OrtMemoryInfoDeviceType.GPU
        self._set(name, allocator_type, device_id, mem_type, _VENDOR_OF_NAME[name], OrtDeviceMemoryType.DEFAULT, device)

    def _set(self, name, allocator_type, device_id, mem_type, vendor_id, device_mem_type, device_type):
        if not isinstance(device_id, int):
            raise TypeError(f"OrtMemoryInfo: expected device_id as int, found {type(device_id).__name__}")
        for key, value in dict(name=name, allocator_type=OrtAllocatorType(allocator_type), device_id=device_id, mem_type=OrtMemType(mem_type),
                               device_vendor_id=vendor_id, device_mem_type=OrtDeviceMemoryType(device_mem_type),
                               device_type=OrtMemoryInfoDeviceType(device_type)).items():
            object.__setattr__(self, key, value)

    @staticmethod
    def create_v2(name: str, device_type: OrtMemoryInfoDeviceType, vendor_id: int, device_id: int, device_mem_type: OrtDeviceMemoryType,
                  alignment: int, allocator_type: OrtAllocatorType) -> OrtMemoryInfo:
        """Memory of any device by its numbers; `alignment` 0 is the allocator's own."""
        if not isinstance(alignment, int) or alignment < 0 or alignment & (alignment - 1):
            raise InvalidArgument(f"OrtMemoryInfo.create_v2: expected an alignment that is a power of two or 0, found {alignment!r}")
        info = OrtMemoryInfo.__new__(OrtMemoryInfo)
        info._set(name, allocator_type, device_id, OrtMemType.DEFAULT, vendor_id, device_mem_type, device_type)
        return info


class OrtArenaCfg:
    """Settings of an arena: OrtArenaCfg(max_mem, extend_strategy, initial_chunk, max_dead) or a dict of the properties; 0 or -1: default."""

    _DEFAULTS = {"max_mem": 0, "arena_extend_strategy": -1, "initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1,
                 "initial_growth_chunk_size_bytes": -1, "max_power_of_two_extend_bytes": -1}
    max_mem: int
    arena_extend_strategy: int
    initial_chunk_size_bytes: int
    max_dead_bytes_per_chunk: int
    initial_growth_chunk_size_bytes: int
    max_power_of_two_extend_bytes: int

    def __init__(self, *args) -> None:
        for key, value in self._DEFAULTS.items():
            setattr(self, key, value)
        if len(args) == 1 and isinstance(args[0], dict):
            given = args[0]
        elif len(args) == 4:
            given = dict(zip(self._DEFAULTS, args))
        else:
            raise TypeError(f"OrtArenaCfg: expected a dict or max_mem, extend_strategy, initial_chunk and max_dead, found {len(args)} arguments")
        for key, value in given.items():
            setattr(self, key, value)

    def __setattr__(self, key: str, value: int) -> None:
        if key not in self._DEFAULTS:
            raise InvalidArgument(f"OrtArenaCfg: unknown key '{key}', expected one of {', '.join(self._DEFAULTS)}")
        if not isinstance(value, int) or value < -1 or (key == "arena_extend_strategy" and value > 1):
            raise InvalidArgument(f"OrtArenaCfg.{key}: expected {'-1, 0 or 1' if key == 'arena_extend_strategy' else 'an int >= -1'}, found {value!r}")
        object.__setattr__(self, key, value)


for _name, _value in OrtArenaCfg._DEFAULTS.items():
    setattr(OrtArenaCfg, _name, _value)


def _check(mem_info, arena_cfg):
    if not isinstance(mem_info, OrtMemoryInfo):
        raise TypeError(f"create_and_register_allocator: expected OrtMemoryInfo, found {type(mem_info).__name__}")
    if arena_cfg is not None and not isinstance(arena_cfg, OrtArenaCfg):
        raise TypeError(f"create_and_register_allocator: expected OrtArenaCfg or None, found {type(arena_cfg).__name__}")
    if mem_info.device_type != OrtMemoryInfoDeviceType.CPU:
        raise NotImplemented(f"create_and_register_allocator: expected memory of the CPU, found '{mem_info.name}'")


# What was registered, for OrtValue.ortvalue_from_shape_and_type(memory_info=).
_registered: set[OrtMemoryInfo] = set()


def create_and_register_allocator(mem_info: OrtMemoryInfo, arena_cfg: OrtArenaCfg | None) -> None:
    """Registers an arena of the CPU for the process: sessions with the config entry session.use_env_allocators = "1" take their
    intermediate results and results from it. InvalidArgument when one is registered already."""
    _check(mem_info, arena_cfg)
    settings = {} if arena_cfg is None else {name: getattr(arena_cfg, name) for name in OrtArenaCfg._DEFAULTS}
    _tenon.create_and_register_allocator({name: value for name, value in settings.items() if value != OrtArenaCfg._DEFAULTS[name]})
    _registered.add(mem_info)


def create_and_register_allocator_v2(provider_type: str, mem_info: OrtMemoryInfo, options: dict[str, str], arena_cfg: OrtArenaCfg | None) -> None:
    """The same for a named provider; only CPUExecutionProvider has allocators in this build."""
    if provider_type != "CPUExecutionProvider":
        raise NotImplemented(f"create_and_register_allocator_v2: provider '{provider_type}', expected CPUExecutionProvider")
    create_and_register_allocator(mem_info, arena_cfg)
