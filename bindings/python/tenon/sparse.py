"""SparseTensor: the values of a tensor that are not zero, and where they are."""
from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np

from . import _tenon
from .devices import OrtDevice
from .errors import NotImplemented


class OrtSparseFormat(enum.IntEnum):
    ORT_SPARSE_UNDEFINED = 0
    ORT_SPARSE_COO = 1
    ORT_SPARSE_CSRC = 2
    ORT_SPARSE_BLOCK_SPARSE = 4


# Numbers are shared with the module; the enumeration is Python's.
_tenon.SparseTensor.format = property(lambda self: OrtSparseFormat(self._format))


class SparseTensor:
    """A sparse tensor in COO, CSR or block sparse format, made by the class methods."""

    def __init__(self, sparse_tensor: _tenon.SparseTensor) -> None:
        if not isinstance(sparse_tensor, _tenon.SparseTensor):
            raise ValueError(f"SparseTensor: expected a SparseTensor of the extension module, found {type(sparse_tensor).__name__}")
        self._tensor = sparse_tensor

    def _get_c_tensor(self) -> _tenon.SparseTensor:
        return self._tensor

    @classmethod
    def sparse_coo_from_numpy(cls, dense_shape: Sequence[int], values: np.ndarray, coo_indices: np.ndarray, ort_device: OrtDevice) -> SparseTensor:
        """`values` [n] at `coo_indices`, int64: [n] linear, or [n, 2] (or as long flat) pairs of row and column."""
        return cls(_tenon.SparseTensor.sparse_coo_from_numpy(_shape(dense_shape), values, coo_indices, ort_device._get_c_device()))

    @classmethod
    def sparse_csr_from_numpy(cls, dense_shape: Sequence[int], values: np.ndarray, inner_indices: np.ndarray, outer_indices: np.ndarray,
                              ort_device: OrtDevice) -> SparseTensor:
        """A matrix by rows: `values` [n], `inner_indices` [n] columns, `outer_indices` [rows + 1] where rows begin in them."""
        device = ort_device._get_c_device()
        return cls(_tenon.SparseTensor.sparse_csr_from_numpy(_shape(dense_shape), values, inner_indices, outer_indices, device))

    def values(self) -> np.ndarray:
        return self._tensor.values()

    def as_coo_view(self) -> _tenon.SparseCooView:
        """Object with indices(); InvalidArgument when the format is another."""
        return self._tensor.get_coo_data()

    def as_csrc_view(self) -> _tenon.SparseCsrView:
        """Object with inner() and outer(); InvalidArgument when the format is another."""
        return self._tensor.get_csrc_data()

    def as_blocksparse_view(self) -> _tenon.SparseBlockSparseView:
        """Object with indices(); InvalidArgument when the format is another."""
        return self._tensor.get_blocksparse_data()

    def to_cuda(self, ort_device: OrtDevice) -> SparseTensor:
        """Raises NotImplemented: this build has no memory on GPUs."""
        raise NotImplemented("SparseTensor.to_cuda: no provider of this build has memory on a GPU")

    def format(self) -> OrtSparseFormat:
        return OrtSparseFormat(self._tensor._format)

    def dense_shape(self) -> list[int]:
        return self._tensor.dense_shape()

    def data_type(self) -> str:
        """ "sparse_tensor(float)", ... """
        return self._tensor.data_type()

    def device_name(self) -> str:
        return self._tensor.device_name()


def _shape(dims):
    return [int(d) for d in dims]
