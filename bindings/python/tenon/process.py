"""Settings and facts of the whole process."""
from __future__ import annotations

import os
import platform

from . import _tenon
from .errors import InvalidArgument


def set_global_thread_pool_sizes(intra_op_num_threads: int = 0, inter_op_num_threads: int = 0) -> None:
    """Threads of the pool that sessions with use_per_session_threads = False share: the larger of both numbers, 0 for the default.
    Holds from the next pool on; the present one goes with its last session. Results do not depend on it."""
    for name, n in (("intra_op_num_threads", intra_op_num_threads), ("inter_op_num_threads", inter_op_num_threads)):
        if not isinstance(n, int):
            raise TypeError(f"{name}: expected an int, found {type(n).__name__}")
        if n < 0:
            raise InvalidArgument(f"{name}: expected >= 0, found {n}")
    _tenon.set_global_thread_pool_sizes(intra_op_num_threads, inter_op_num_threads)


def preload_dlls(cuda: bool = True, cudnn: bool = True, msvc: bool = True, directory: str | os.PathLike | None = None) -> None:
    """Accepted and without effect: Tenon needs no libraries of GPUs."""


def print_debug_info() -> None:
    """Prints versions, the machine and where Tenon lies."""
    print(f"tenon version: {_tenon.version()}")
    print(f"platform: {platform.platform()}, Python {platform.python_version()}")
    print(f"package: {os.path.dirname(os.path.abspath(__file__))}")
    print(f"providers: {', '.join(_tenon.get_available_providers())}")
