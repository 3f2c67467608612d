"""IOBinding: inputs and outputs that stay bound to a session from run to run."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _tenon
from .devices import OrtDevice
from .values import OrtValue


class IOBinding:
    """Made by InferenceSession.io_binding(). Names are checked when they are bound, types and shapes of inputs when the session runs.

    A buffer may be bound as an input and as an output at once: the output is written when the input has been read for the last time."""

    def __init__(self, session: Any) -> None:
        if not hasattr(session, "_sess"):
            raise TypeError(f"IOBinding: expected an InferenceSession, found {type(session).__name__}")
        self._session = session._sess
        self._iobinding = _tenon.SessionIOBinding(session._sess)

    def bind_cpu_input(self, name: str, arr_on_cpu: np.ndarray) -> None:
        """Binds an array; its bytes are read by every run (a copy of them where the array is not C-contiguous)."""
        self._iobinding.bind_input(name, arr_on_cpu)

    def bind_input(self, name: str, device_type: str, device_id: int, element_type: Any, shape: Sequence[int], buffer_ptr: int) -> None:
        """Binds the tensor at address `buffer_ptr`, which must stay valid. `element_type`: a numpy type or a number of ONNX."""
        device = OrtDevice.make(device_type, device_id)._ort_device
        self._iobinding.bind_input(name, device, element_type, shape, buffer_ptr)

    def bind_ortvalue_input(self, name: str, ortvalue: OrtValue) -> None:
        """Binds a value of any kind."""
        self._iobinding.bind_ortvalue_input(name, _inner(ortvalue))

    def bind_output(self, name: str, device_type: str = "cpu", device_id: int = 0, element_type: Any = None, shape: Sequence[int] | None = None,
                    buffer_ptr: int | None = None) -> None:
        """Binds the tensor at address `buffer_ptr`; without one, every run makes a new value. ValueError for an address without type or shape."""
        device = OrtDevice.make(device_type, device_id)._ort_device
        if buffer_ptr is None:
            self._iobinding.bind_output(name, device)
        elif element_type is None or shape is None:
            raise ValueError(f"bind_output: '{name}': expected element_type and shape with buffer_ptr")
        else:
            self._iobinding.bind_output(name, device, element_type, shape, buffer_ptr)

    def bind_ortvalue_output(self, name: str, ortvalue: OrtValue) -> None:
        """Binds a tensor that every run writes."""
        self._iobinding.bind_ortvalue_output(name, _inner(ortvalue))

    def synchronize_inputs(self) -> None:
        """Waits for copies to devices; there are none on the CPU."""
        self._iobinding.synchronize_inputs()

    def synchronize_outputs(self) -> None:
        """Waits for copies from devices; there are none on the CPU."""
        self._iobinding.synchronize_outputs()

    def get_outputs(self) -> list[OrtValue]:
        """Values of the last run, in the order in which outputs were bound."""
        return [OrtValue(v) for v in self._iobinding.get_outputs()]

    def get_outputs_as_ortvaluevector(self) -> _tenon.OrtValueVector:
        """The same as the extension module's vector, which the next run fills anew."""
        return self._iobinding.get_outputs()

    def copy_outputs_to_cpu(self) -> list[Any]:
        """Values of the last run as run() would return them."""
        return self._iobinding.copy_outputs_to_cpu()

    def clear_binding_inputs(self) -> None:
        self._iobinding.clear_binding_inputs()

    def clear_binding_outputs(self) -> None:
        self._iobinding.clear_binding_outputs()


def _inner(value):
    inner = getattr(value, "_ortvalue", value)
    if not isinstance(inner, _tenon.OrtValue):
        raise TypeError(f"expected an OrtValue, found {type(value).__name__}")
    return inner
