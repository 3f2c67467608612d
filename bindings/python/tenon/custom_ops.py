"""Operators as Python functions: custom_op() describes one, SessionOptions.add_custom_op() gives it to sessions."""
from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_KINDS = {int: 0, bool: 0, float: 1, str: 2, np.ndarray: 3}
_LISTS = {int: 4, float: 5, str: 6}


@dataclass(frozen=True)
class Port:
    """One input or output, a tensor. `types`: an element type or several, by ONNX's names ("float", "int64", ...) or as numpy types; None:
    any. Ports with the same `type_var` have the same element type. A variadic port is the last one and takes `min_count` or more."""

    name: str
    types: Any = None
    type_var: str = ""
    optional: bool = False
    variadic: bool = False
    min_count: int = 1
    homogeneous: bool = True

    def _described(self) -> tuple:
        types = self.types if isinstance(self.types, (list, tuple, set)) else [] if self.types is None else [self.types]
        return self.name, list(types), self.type_var, 2 if self.variadic else int(self.optional), self.min_count, self.homogeneous


@dataclass(frozen=True)
class TensorInfo:
    """What an infer function sees of an input: `dtype` by ONNX's name, and `shape`, a tuple of sizes (names where a size is not known yet),
    or None where the rank is not known."""

    dtype: str
    shape: tuple[int | str, ...] | None
    _ints: Callable[[], list[int | str] | None] = field(repr=False, compare=False, default=lambda: None)

    def ints(self) -> list[int | str] | None:
        """Contents of an integer input, flat, where they are known; None elsewhere. For inputs that decide shapes: each combination of
        contents that a run meets gets a plan of its own."""
        return self._ints()


def _attribute(name: str, given: Any) -> tuple:
    """(name, kind, required, default) of a default, a type or list[type]."""
    if isinstance(given, type) and given in _KINDS:
        return name, _KINDS[given], True, None
    item = getattr(given, "__args__", (None,))[0]
    if getattr(given, "__origin__", None) in (list, tuple, Sequence) and item in _LISTS:
        return name, _LISTS[item], True, None
    if isinstance(given, (list, tuple)) and given and all(isinstance(x, type(given[0])) for x in given) and type(given[0]) in _LISTS:
        return name, _LISTS[type(given[0])], False, list(given)
    if type(given) in (int, bool, float, str):
        return name, _KINDS[type(given)], False, int(given) if isinstance(given, bool) else given
    raise TypeError(f"attribute '{name}': expected int, float, str, a list of these, np.ndarray or a default of such a type, found {given!r}")


def _from_signature(function: Callable) -> tuple[list[Port], list[tuple]]:
    """Ports from positional parameters, attributes from those that are by keyword only."""
    ports, attributes = [], []
    is_class = isinstance(function, type)
    call = inspect.signature(function.__call__ if is_class else function, eval_str=True)
    for i, p in enumerate(call.parameters.values()):
        if is_class and i == 0:
            continue
        var = "" if ports else "T"
        if p.kind is p.VAR_POSITIONAL:
            ports.append(Port(p.name, type_var=var, variadic=True, min_count=0))
        elif p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            if p.default not in (p.empty, None):
                raise TypeError(f"parameter '{p.name}': an input has no default but None, found {p.default!r}; attributes follow a *")
            ports.append(Port(p.name, type_var=var, optional=p.default is None))
    for p in (inspect.signature(function, eval_str=True) if is_class else call).parameters.values():
        if p.kind is not p.KEYWORD_ONLY or is_class and p.name == "constants":
            continue
        if p.default is p.empty and p.annotation is p.empty:
            raise TypeError(f"parameter '{p.name}': an attribute needs a default or an annotation")
        attributes.append(_attribute(p.name, p.annotation if p.default is p.empty else p.default))
    return ports, attributes


def _outputs(given: Sequence[Port | str] | int, var: str) -> list[Port]:
    names = [f"y{i}" if given > 1 else "y" for i in range(given)] if isinstance(given, int) else given
    return [p if isinstance(p, Port) else Port(p, type_var=var) for p in names]


class CustomOp:
    """An operator; see custom_op(). Calling it calls the function."""

    def __init__(self, function: Callable, domain: str, name: str | None = None, *, since: int = 1, until: int = 0,
                 inputs: Sequence[Port | str] | None = None, outputs: Sequence[Port | str] | int = 1,
                 attributes: Mapping[str, Any] | None = None, infer: Callable | None = None, deterministic: bool = True) -> None:
        if not callable(function):
            raise TypeError(f"custom_op: expected a function or a class, found {type(function).__name__}")
        self.function, self.infer = function, infer
        self.domain, self.name, self.since, self.until, self.deterministic = domain, name or function.__name__, since, until, deterministic
        ports, declared = _from_signature(function) if inputs is None or attributes is None else ([], [])
        if inputs is not None:
            ports = [p if isinstance(p, Port) else Port(p, type_var="" if i else "T") for i, p in enumerate(inputs)]
        self.inputs = ports
        self.outputs = _outputs(outputs, ports[0].type_var if ports else "")
        self._attributes = declared if attributes is None else [_attribute(n, a) for n, a in attributes.items()]
        parameters = inspect.signature(function).parameters if isinstance(function, type) else {}
        self._takes_constants = "constants" in parameters
        takes = inspect.signature(infer).parameters.values() if infer else []
        everything = any(p.kind is p.VAR_KEYWORD for p in takes)
        self._infer_takes = {a[0] for a in self._attributes if everything or any(p.name == a[0] for p in takes)}
        self.__doc__ = getattr(function, "__doc__", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"CustomOp({self.domain}::{self.name})"

    def _described(self) -> tuple:
        return ([p._described() for p in self.inputs], [p._described() for p in self.outputs], self._attributes)

    def _make(self, attributes: dict[str, Any], constants: list[np.ndarray | None]) -> Callable:
        """What one node calls with its inputs."""
        if isinstance(self.function, type):
            return self.function(**attributes, **({"constants": constants} if self._takes_constants else {}))
        if not attributes:
            return self.function
        return lambda *inputs: self.function(*inputs, **attributes)

    def _infer(self, inputs: list[tuple | None], ints: Callable, attributes: dict[str, Any]) -> list[tuple]:
        """[(element type or None, dims or None)] of the outputs."""
        infos = [t and TensorInfo(*t, lambda i=i: ints(i)) for i, t in enumerate(inputs)]
        found = self.infer(*infos, **{name: a for name, a in attributes.items() if name in self._infer_takes})
        out = []
        for t in found if isinstance(found, list) else [found]:
            dtype, shape = (t.dtype, t.shape) if isinstance(t, TensorInfo) else t
            out.append((dtype, None if shape is None else list(shape)))
        return out


def custom_op(domain: str, name: str | None = None, **options: Any) -> Callable[[Callable], CustomOp]:
    """Makes an operator of a function from numpy arrays to an array (several: a tuple of them), or of a class, of which each node of a
    model has an instance: `__init__` takes the attributes (and `constants`, if it asks: a list with the array of each input that is a
    constant of the model, else None), `__call__` the inputs.

    Positional parameters are inputs: a default of None marks an optional one, *args a variadic one. Keyword-only parameters are
    attributes, with a default (int, float, str or a list of these) or an annotation of such a type (np.ndarray: a tensor). The outputs
    have the element type of the first input. `inputs`, `outputs` (Port objects or names, or a number of outputs) and `attributes` say
    otherwise. `name` is the function's by default; `since` and `until` are versions of the domain.

    `infer` takes a TensorInfo (or None) per input, and by keyword those attributes that it names. It returns a TensorInfo or an (element
    type, shape) pair, or a list of these for several outputs; a size may be an int, a name or None, a shape None. Without it the shapes
    are found in each run.
    `deterministic=False`: nodes are never computed at load, merged, or given to providers that take no random operators.

    Inputs are copies, which the function may keep or change. It is called from any thread, with the GIL; what it raises becomes the
    error of the run, with the node's name."""
    return lambda function: CustomOp(function, domain, name, **options)
