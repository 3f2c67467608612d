"""OrtValue: a tensor, sequence, map, optional or sparse tensor that stays where it is from run to run."""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _tenon, memory
from .devices import OrtDevice
from .errors import InvalidArgument, NotFound
from .sparse import SparseTensor


class OrtValue:
    """Holds a value of any kind. Tensors share their bytes with numpy and with DLPack's other users.

    Made by the class methods below or by a run; the constructor takes an OrtValue of the extension module."""

    def __init__(self, ortvalue: _tenon.OrtValue, numpy_obj: np.ndarray | None = None, session: Any = None) -> None:
        if not isinstance(ortvalue, _tenon.OrtValue):
            raise ValueError(f"OrtValue: expected an OrtValue of the extension module, found {type(ortvalue).__name__}; "
                             "use OrtValue.ortvalue_from_numpy() and its like")
        self._ortvalue = ortvalue
        self._numpy_obj = numpy_obj
        self._session = session

    def _get_c_value(self) -> _tenon.OrtValue:
        return self._ortvalue

    @property
    def _is_webgpu_buffer(self) -> bool:
        return False

    @classmethod
    def ortvalue_from_numpy(cls, numpy_obj: np.ndarray, /, device_type: str = "cpu", device_id: int = 0, vendor_id: int = -1) -> OrtValue:
        """A tensor over the array's bytes. Copied: strings, 4-bit and 2-bit types, arrays that are not C-contiguous."""
        return cls(_tenon.OrtValue.ortvalue_from_numpy(numpy_obj, OrtDevice.make(device_type, device_id, vendor_id)._ort_device), numpy_obj)

    @classmethod
    def ortvalue_from_numpy_with_onnx_type(cls, data: np.ndarray, /, onnx_element_type: int) -> OrtValue:
        """The array's bytes as elements of an ONNX type of the same size, for types that numpy lacks: uint16 as bfloat16, uint8 as
        float8. For 4-bit and 2-bit types an array of bytes holds packed elements, and its shape is that of the elements."""
        return cls(_tenon.OrtValue.ortvalue_from_numpy_with_onnx_type(data, onnx_element_type), data)

    @classmethod
    def ortvalue_from_shape_and_type(cls, shape: Sequence[int], element_type: Any, device_type: str = "cpu", device_id: int = 0,
                                     vendor_id: int = -1, memory_info: memory.OrtMemoryInfo | None = None) -> OrtValue:
        """A tensor with uninitialised bytes. `element_type`: a numpy type or a number of onnx.TensorProto.DataType.
        `memory_info`: the bytes come from the allocator that create_and_register_allocator() made for it; NotFound for others."""
        registered = memory_info is not None
        if registered:
            if (device_type, device_id, vendor_id) != ("cpu", 0, -1):
                warnings.warn("device_type, device_id and vendor_id are ignored where memory_info is given", stacklevel=2)
            if memory_info not in memory._registered:
                raise NotFound(f"ortvalue_from_shape_and_type: no allocator is registered for {memory_info}")
            device_type, device_id, vendor_id = "cpu", 0, -1
        device = OrtDevice.make(device_type, device_id, vendor_id)._ort_device
        return cls(_tenon.OrtValue.ortvalue_from_shape_and_type(_dims(shape), element_type, device, registered))

    @classmethod
    def ort_value_from_sparse_tensor(cls, sparse_tensor: SparseTensor) -> OrtValue:
        """A value that holds the sparse tensor."""
        return cls(_tenon.OrtValue.ort_value_from_sparse_tensor(sparse_tensor._get_c_tensor()))

    @classmethod
    def from_python(cls, value: Any, value_type: str) -> OrtValue:
        """A value of any type as run() would take it: from_python([a, b], "seq(tensor(float))"). Not in onnxruntime."""
        return cls(_tenon.OrtValue.from_python(value, value_type))

    @classmethod
    def from_dlpack(cls, data: Any, /) -> OrtValue:
        """A tensor over the bytes of any object with __dlpack__, or of a capsule. Host memory and C-contiguous only."""
        if not hasattr(data, "__dlpack__"):
            return cls(_tenon.OrtValue.from_dlpack(data))
        device = getattr(data, "__dlpack_device__", lambda: (1, 0))()
        if device[0] not in (1, 3):
            raise InvalidArgument(f"from_dlpack: expected host memory (device type 1 or 3), found device {tuple(map(int, device))}")
        try:  # from DLPack 1.0 on, capsules can be read-only
            capsule = data.__dlpack__(max_version=(1, 0))
        except TypeError:
            capsule = data.__dlpack__()
        return cls(_tenon.OrtValue.from_dlpack(capsule))

    def as_sparse_tensor(self) -> SparseTensor:
        """The sparse tensor that the value holds; InvalidArgument when it holds another kind."""
        return SparseTensor(self._ortvalue.as_sparse_tensor())

    def data_ptr(self) -> int:
        """Address of a tensor's first byte."""
        return self._ortvalue.data_ptr()

    def device_name(self) -> str:
        """Where a tensor's bytes lie: "cpu"."""
        return self._ortvalue.device_name()

    def shape(self) -> list[int]:
        """Dimensions of a tensor, dense dimensions of a sparse one."""
        return self._ortvalue.shape()

    def data_type(self) -> str:
        """ONNX's spelling: "tensor(float)", "seq(tensor(int64))", ..."""
        return self._ortvalue.data_type()

    def element_type(self) -> int:
        """The number of onnx.TensorProto.DataType; of sequences and optionals: of their tensors."""
        return self._ortvalue.element_type()

    def tensor_size_in_bytes(self) -> int:
        """Bytes of a tensor's storage; 0 for strings."""
        return self._ortvalue.tensor_size_in_bytes()

    def has_value(self) -> bool:
        """False for an empty optional."""
        return self._ortvalue.has_value()

    def is_tensor(self) -> bool:
        return self._ortvalue.is_tensor()

    def is_sparse_tensor(self) -> bool:
        return self._ortvalue.is_sparse_tensor()

    def is_tensor_sequence(self) -> bool:
        return self._ortvalue.is_tensor_sequence()

    def numpy(self) -> np.ndarray:
        """A tensor as an array over the same bytes (strings, 4-bit and 2-bit types: a copy). bfloat16, float8 and the like are arrays of
        ml_dtypes' types, or of their bits where that is not installed. InvalidArgument for other kinds, see to_python()."""
        return self._ortvalue.numpy()

    def to_python(self) -> Any:
        """As run() would return it: array, list, dict, SparseTensor or None. Not in onnxruntime."""
        return self._ortvalue.to_python()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if copy:
            return np.array(array, dtype=dtype, copy=True)
        if dtype is None or np.dtype(dtype) == array.dtype:
            return array
        if copy is False:
            raise ValueError(f"OrtValue.__array__: {array.dtype} as {np.dtype(dtype)} needs a copy")
        return array.astype(dtype)

    def __dlpack__(self, *, stream: Any = None, max_version: tuple[int, int] | None = None, dl_device: tuple[int, int] | None = None,
                   copy: bool | None = None) -> Any:
        """A DLPack capsule over the tensor's bytes. `stream` has no meaning for host memory."""
        return self._ortvalue.__dlpack__(stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """(1, 0): host memory."""
        return self._ortvalue.__dlpack_device__()

    def update_inplace(self, data: np.ndarray | OrtValue) -> None:
        """Copies an array or a tensor with as many elements of the same type into this tensor's bytes."""
        if isinstance(data, OrtValue):
            data = data._ortvalue
        elif not isinstance(data, np.ndarray):
            raise TypeError(f"update_inplace: expected a numpy.ndarray or an OrtValue, found {type(data).__name__}")
        self._ortvalue.update_inplace(data)


def _dims(shape):
    try:
        return [d.__index__() for d in shape]
    except (AttributeError, TypeError):
        raise TypeError(f"shape: expected a sequence of int, found {shape!r}") from None


def copy_tensors(src: Sequence[OrtValue], dst: Sequence[OrtValue], stream: Any = None) -> None:
    """Copies each tensor of `src` into the tensor of `dst` at the same place; both have the same element type and count."""
    for v in [*src, *dst]:
        if not isinstance(v, OrtValue):
            raise TypeError(f"copy_tensors: expected OrtValue, found {type(v).__name__}")
    _tenon.copy_tensors([v._ortvalue for v in src], [v._ortvalue for v in dst], stream)
