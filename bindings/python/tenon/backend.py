"""ONNX's backend interface: prepare(model).run(inputs). Needs the package `onnx`."""
from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep, namedtupledict

from ._tenon import RunOptions, SessionOptions, get_available_providers
from .session import InferenceSession

# Options that come with a model from somebody else must not name files to write, nor end the run.
_SESSION_OPTIONS = frozenset([
    "enable_cpu_mem_arena", "enable_mem_pattern", "enable_mem_reuse", "execution_mode", "execution_order", "graph_optimization_level",
    "inter_op_num_threads", "intra_op_num_threads", "log_severity_level", "log_verbosity_level", "logid", "use_deterministic_compute",
    "use_per_session_threads",
])
_RUN_OPTIONS = frozenset(["log_severity_level", "log_verbosity_level", "logid", "only_execute_path_to_fetches"])


def _set(options, allowed, given):
    for name, value in given.items():
        if name in allowed:
            setattr(options, name, value)
        elif hasattr(options, name):
            raise RuntimeError(f"{type(options).__name__}.{name} cannot be set here, expected one of {', '.join(sorted(allowed))}")
    return options
_NEWEST = {"": onnx.defs.onnx_opset_version(), "ai.onnx.ml": onnx.defs.onnx_ml_opset_version()}


def _type_of(value: Any) -> onnx.TypeProto:
    """ONNX's type of a feed, without dims."""
    helper = onnx.helper
    if isinstance(value, (list, tuple)):
        return helper.make_sequence_type_proto(_type_of(value[0]) if value else helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None))
    if isinstance(value, dict):
        key, item = (np.asarray(v) for v in next(iter(value.items())))
        return helper.make_map_type_proto(_element(key), _type_of(item))
    return helper.make_tensor_type_proto(_element(np.asarray(value)), None)


def _element(array: np.ndarray) -> int:
    return onnx.TensorProto.STRING if array.dtype.kind in "OUST" else onnx.helper.np_dtype_to_tensor_dtype(array.dtype)


class TenonBackendRep(BackendRep):
    """A loaded model."""

    def __init__(self, session: InferenceSession) -> None:
        self._session = session

    def run(self, inputs: Any, **kwargs: Any) -> list[Any]:
        """Outputs for a list of inputs in order, for a dict by name, or for the one input of the model."""
        options = _set(RunOptions(), _RUN_OPTIONS, kwargs)
        names = [a.name for a in self._session.get_inputs()]
        if isinstance(inputs, (list, tuple)):
            if len(inputs) > len(names):
                raise ValueError(f"run: expected at most {len(names)} inputs, found {len(inputs)}")
            inputs = dict(zip(names, inputs))
        elif not isinstance(inputs, dict):
            if len(names) != 1:
                raise RuntimeError(f"run: expected a list of {len(names)} inputs, found one value")
            inputs = {names[0]: inputs}
        feed = {k: np.asarray(v) if isinstance(v, np.generic) else v for k, v in inputs.items()}
        return self._session.run(None, feed, options)


class TenonBackend(Backend):
    """Runs models on Tenon."""

    @classmethod
    def is_compatible(cls, model: Any, device: str | None = None, **kwargs: Any) -> bool:
        """Whether the device is supported; the model is not looked at."""
        return cls.supports_device(device or "CPU")

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """True for "CPU", with or without a number."""
        return device.split(":")[0] == "CPU"

    @classmethod
    def prepare(cls, model: Any, device: str | None = None, **kwargs: Any) -> TenonBackendRep:
        """Loads a path, bytes or a ModelProto. Keyword arguments: SessionOptions that concern the computation."""
        if device is not None and not cls.supports_device(device):
            raise RuntimeError(f"prepare: device '{device}' is not supported, expected 'CPU'")
        if isinstance(model, TenonBackendRep):
            return model
        if isinstance(model, InferenceSession):
            return TenonBackendRep(model)
        if isinstance(model, onnx.ModelProto):
            onnx.checker.check_model(model)
            model = model.SerializeToString()
        excluded = os.environ.get("ORT_ONNX_BACKEND_EXCLUDE_PROVIDERS", "").split(",")
        providers = [p for p in get_available_providers() if p not in excluded]
        session = InferenceSession(model, _set(SessionOptions(), _SESSION_OPTIONS, kwargs), providers=providers)
        session.disable_fallback()
        return TenonBackendRep(session)

    @classmethod
    def run_model(cls, model: Any, inputs: Any, device: str | None = None, **kwargs: Any) -> list[Any]:
        """prepare() and run() in one."""
        both = {k: v for k, v in kwargs.items() if k in _RUN_OPTIONS}
        return cls.prepare(model, device, **kwargs).run(inputs, **both)

    @classmethod
    def run_node(cls, node: onnx.NodeProto, inputs: Any, device: str | None = None, outputs_info: Any = None,
                 **kwargs: Any) -> tuple[Any, ...]:
        """Outputs of one node, as a named tuple. inputs: a list for the inputs that the node has, or a dict by name. opset_version: the
        version of the node's domain, default the newest. outputs_info: not needed, types are inferred."""
        version = kwargs.pop("opset_version", _NEWEST.get(node.domain, 1))
        names = [n for n in dict.fromkeys(node.input) if n]
        given = dict(inputs) if isinstance(inputs, dict) else dict(zip([n for n in node.input if n], inputs))
        if set(given) != set(names):
            raise ValueError(f"run_node: expected inputs {names}, found {list(given)}")
        helper = onnx.helper
        graph = helper.make_graph([node], "node", [helper.make_value_info(n, _type_of(given[n])) for n in names],
                                  [helper.make_empty_tensor_value_info(n) for n in node.output if n])
        imports = [helper.make_opsetid(node.domain, version)]
        if node.domain:
            imports.append(helper.make_opsetid("", onnx.defs.onnx_opset_version()))
        model = helper.make_model(graph, opset_imports=imports, ir_version=onnx.IR_VERSION)
        both = {k: v for k, v in kwargs.items() if k in _RUN_OPTIONS}
        outputs = iter(cls.prepare(model.SerializeToString(), device, **kwargs).run(given, **both))
        return namedtupledict("Outputs", node.output)(*(next(outputs) if n else None for n in node.output))


is_compatible = TenonBackend.is_compatible
prepare = TenonBackend.prepare
run = TenonBackend.run_model
run_model = TenonBackend.run_model
run_node = TenonBackend.run_node
supports_device = TenonBackend.supports_device
