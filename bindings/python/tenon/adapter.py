"""AdapterFormat: files of values for some inputs of a model (LoRA), in onnxruntime's adapter format: a FlatBuffer "TORT"."""
from __future__ import annotations

import ctypes
import os
import struct

import numpy as np

from . import _tenon
from .errors import Fail, InvalidArgument, NoSuchFile
from .values import OrtValue

_IDENTIFIER = b"TORT"
_FORMAT_VERSION = 1


class AdapterFormat:
    """Parameters of an adapter by input name, with a version of the adapter and of the model it is for."""

    def __init__(self, adapter: AdapterFormat | None = None) -> None:
        self._format_version = getattr(adapter, "_format_version", _FORMAT_VERSION)
        self._adapter_version = getattr(adapter, "_adapter_version", 0)
        self._model_version = getattr(adapter, "_model_version", 0)
        self._parameters: dict[str, OrtValue] = dict(getattr(adapter, "_parameters", {}))

    @staticmethod
    def read_adapter(file_path: str | os.PathLike) -> AdapterFormat:
        """Reads a file. NoSuchFile, or InvalidArgument for a file that is no adapter."""
        return _read(file_path)

    def export_adapter(self, file_path: str | os.PathLike) -> None:
        """Writes the file; Fail when that is not possible."""
        try:
            with open(file_path, "wb") as f:
                f.write(_encode(self))
        except OSError as e:
            raise Fail(f"export_adapter: {os.fspath(file_path)}: {e.strerror}") from e

    def get_format_version(self) -> int:
        return self._format_version

    def set_adapter_version(self, adapter_version: int) -> None:
        self._adapter_version = _version(adapter_version, "adapter_version")

    def get_adapter_version(self) -> int:
        return self._adapter_version

    def set_model_version(self, model_version: int) -> None:
        self._model_version = _version(model_version, "model_version")

    def get_model_version(self) -> int:
        return self._model_version

    def set_parameters(self, params: dict[str, OrtValue]) -> None:
        """Tensors of numbers by input name."""
        for name, value in params.items():
            if not isinstance(value, OrtValue) or not value.is_tensor() or value.element_type() == 8:
                raise InvalidArgument(f"set_parameters: '{name}': expected an OrtValue with a tensor of numbers, found "
                                      f"{value.data_type() if isinstance(value, OrtValue) else type(value).__name__}")
        self._parameters = dict(params)

    def get_parameters(self) -> dict[str, OrtValue]:
        """Tensors by input name; those of a file are copies of its bytes."""
        return dict(self._parameters)


def _version(value, what):
    if not isinstance(value, int):
        raise TypeError(f"{what}: expected an int, found {type(value).__name__}")
    if not -2**31 <= value < 2**31:
        raise InvalidArgument(f"{what}: expected 32 bits, found {value}")
    return value


# FlatBuffers: tables point to their vtable (what fields there are and where), and forward to strings and vectors.
# Adapter {format_version, adapter_version, model_version: int; parameters: [Parameter]}
# Parameter {name: string; dims: [long]; data_type: int; raw_data: [ubyte]}
_TABLE = struct.Struct("<HHHHHH")  # vtable: its size, the table's size, places of four fields


class _Writer:
    def __init__(self):
        self.out = bytearray(struct.pack("<I", 0) + _IDENTIFIER)

    def align(self, size, ahead=0):
        while (len(self.out) + ahead) % size:
            self.out.append(0)

    def table(self, fields):
        """Writes a table of four 4-byte fields; returns its place. Field k is at place + 4 + 4 k."""
        self.align(4)
        self.out += _TABLE.pack(12, 20, 4, 8, 12, 16)
        place = len(self.out)
        self.out += struct.pack("<iiiii", 12, *fields)
        return place

    def point(self, at):
        """The offset at `at` leads to what comes next."""
        struct.pack_into("<I", self.out, at, len(self.out) - at)

    def vector(self, at, payload, count, size):
        self.align(max(size, 4), ahead=4)
        self.point(at)
        self.out += struct.pack("<I", count) + payload


def _encode(a):
    w = _Writer()
    root = w.table([a._format_version, a._adapter_version, a._model_version, 0])
    struct.pack_into("<I", w.out, 0, root)
    w.vector(root + 16, bytes(4 * len(a._parameters)), len(a._parameters), 4)
    slots = len(w.out) - 4 * len(a._parameters)
    for i, (name, value) in enumerate(sorted(a._parameters.items())):
        w.align(4)
        struct.pack_into("<I", w.out, slots + 4 * i, len(w.out) + _TABLE.size - (slots + 4 * i))
        place = w.table([0, 0, value.element_type(), 0])
        text, shape = name.encode(), value.shape()
        w.vector(place + 4, text + b"\0", len(text), 4)
        w.vector(place + 8, struct.pack(f"<{len(shape)}q", *shape), len(shape), 8)
        raw = _bytes_of(value)
        w.vector(place + 16, raw, len(raw), 8)
    w.align(4)
    return bytes(w.out)


def _bytes_of(value):
    return ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes()) if value.tensor_size_in_bytes() else b""


def _read(file_path):
    path = os.fspath(file_path)
    try:
        data = np.fromfile(path, np.uint8)
    except FileNotFoundError as e:
        raise NoSuchFile(f"adapter: no file {path}") from e
    except OSError as e:
        raise Fail(f"adapter: {path}: {e.strerror}") from e
    try:
        return _decode(data)
    except (struct.error, IndexError, ValueError, UnicodeDecodeError) as e:
        raise InvalidArgument(f"adapter: {path} is no adapter file: {e}") from e


def _decode(data):
    view = data.data

    def number(kind, at):
        if at < 0:
            raise ValueError(f"an offset leads to {at}")
        return struct.unpack_from("<" + kind, view, at)[0]

    def field(table, k):
        vtable = table - number("i", table)
        at = number("H", vtable + 4 + 2 * k) if 4 + 2 * k < number("H", vtable) else 0
        return table + at if at else None

    def scalar(table, k):
        at = field(table, k)
        return number("i", at) if at else 0

    def vector(table, k, size):
        at = field(table, k)
        if at is None:
            return 0, 0
        start = at + number("I", at)
        count = number("I", start)
        if start + 4 + count * size > len(view):
            raise ValueError(f"{count} items of {size} bytes from {start + 4}, the file has {len(view)} bytes")
        return start + 4, count

    if len(view) < 12 or bytes(view[4:8]) != _IDENTIFIER:
        raise ValueError(f"expected the identifier {_IDENTIFIER.decode()} in bytes 4 to 8")
    root = number("I", 0)
    a = AdapterFormat()
    a._format_version, a._adapter_version, a._model_version = (scalar(root, k) for k in range(3))
    if a._format_version != _FORMAT_VERSION:
        raise ValueError(f"expected format version {_FORMAT_VERSION}, found {a._format_version}")
    start, count = vector(root, 3, 4)
    for i in range(count):
        table = start + 4 * i + number("I", start + 4 * i)
        at, size = vector(table, 0, 1)
        name = bytes(view[at:at + size]).decode()
        at, rank = vector(table, 1, 8)
        dims = list(struct.unpack_from(f"<{rank}q", view, at)) if rank else []
        at, size = vector(table, 3, 1)
        a._parameters[name] = _value(data[at:at + size], scalar(table, 2), dims, name)
    return a


def _value(raw, element_type, dims, name):
    device = _tenon.OrtDevice(0, 0, 0)
    made = OrtValue(_tenon.OrtValue.ortvalue_from_shape_and_onnx_type(dims, element_type, device))
    if made.tensor_size_in_bytes() != raw.size:
        raise ValueError(f"'{name}' has {raw.size} bytes, type and shape {dims} need {made.tensor_size_in_bytes()}")
    if raw.size:
        ctypes.memmove(made.data_ptr(), raw.ctypes.data, raw.size)
    return made
