"""InferenceSession: a loaded model."""
from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import _tenon
from .errors import EPFail, NotImplemented

_CPU = "CPUExecutionProvider"
_KNOWN_KWARGS = {"disabled_optimizers", "enable_fallback", "read_config_from_model"}


def check_providers(providers: Sequence[str | tuple[str, dict]] | None, provider_options: Sequence[dict] | None,
                    available: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """[(name, {str: str})] in the given order, of the providers that are in `available`.

    A name that is not available, and a name given twice, are a UserWarning. Anything that is neither a name nor (name, dict), and options that
    do not match the providers, are a ValueError."""
    if providers is None:
        if provider_options:
            warnings.warn("provider_options are ignored because providers is not given", stacklevel=3)
        return []
    if isinstance(providers, str):
        providers = [providers]
    providers = list(providers)
    for p in providers:
        pair = isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) and isinstance(p[1], dict)
        if not isinstance(p, str) and not pair:
            raise ValueError(f"'providers' values must be either strings or (string, dict) tuples, found {p!r}")
    if provider_options is not None:
        provider_options = list(provider_options)
        if not all(isinstance(p, str) for p in providers):
            raise ValueError("Only string values for 'providers' are supported if 'provider_options' is given.")
        if len(providers) != len(provider_options):
            raise ValueError(f"'providers' ({len(providers)}) and 'provider_options' ({len(provider_options)}) should be the same length if "
                             "both are given.")
        if not all(isinstance(o, dict) for o in provider_options):
            raise ValueError("'provider_options' values must be dicts.")
        providers = list(zip(providers, provider_options))
    result = []
    for p in providers:
        name, options = (p, {}) if isinstance(p, str) else p
        entry = (name, {str(k): str(v) for k, v in options.items()})
        if not _tenon.has_provider(name):
            warnings.warn(f"Specified provider '{name}' is not in available provider names. Available providers: '{', '.join(available)}'",
                          stacklevel=3)
        elif entry in result:  # the same provider with other options is another device
            warnings.warn(f"Duplicate provider '{name}' encountered, ignoring.", stacklevel=3)
        else:
            result.append(entry)
    return result


class InferenceSession:
    """A model, loaded, optimised and ready. Any number of threads may call `run` at once.

    path_or_bytes: a path (str or os.PathLike) or the model itself (bytes, bytearray, memoryview).
    sess_options: SessionOptions, read now; later changes have no effect.
    providers: names or (name, options) pairs, highest priority first; those that are not available are left out with a warning, and
        the CPU provider always comes last. provider_options: one dict per name, instead of pairs.
    disabled_optimizers: names of rewrites that must not fire.

    Raises the classes of tenon.errors: NoSuchFile, InvalidProtobuf, InvalidGraph, NotImplemented, InvalidArgument (a wrong option), Fail."""

    def __init__(self, path_or_bytes: str | os.PathLike | bytes | bytearray | memoryview,
                 sess_options: _tenon.SessionOptions | None = None, providers: Sequence[str | tuple[str, dict]] | None = None,
                 provider_options: Sequence[dict] | None = None, **kwargs: Any) -> None:
        if isinstance(path_or_bytes, (bytes, bytearray, memoryview)):
            self._model = path_or_bytes
        elif isinstance(path_or_bytes, (str, os.PathLike)):
            self._model = os.fsdecode(path_or_bytes)
        else:
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}': expected a path or the bytes of a model")
        if sess_options is not None and not isinstance(sess_options, _tenon.SessionOptions):
            raise TypeError(f"sess_options: expected SessionOptions, found {type(sess_options).__name__}")
        for name in sorted(set(kwargs) - _KNOWN_KWARGS):
            warnings.warn(f"InferenceSession has no argument '{name}'; it is ignored", stacklevel=2)
        self._given_options = sess_options
        disabled = kwargs.get("disabled_optimizers")
        self._disabled_optimizers = [disabled] if isinstance(disabled, str) else list(disabled or [])
        self._enable_fallback = bool(kwargs.get("enable_fallback", True))
        self._create(check_providers(providers, provider_options, _tenon.get_available_providers()))

    def _create(self, providers: Iterable[tuple[str, dict[str, str]]]) -> None:
        options = self._given_options
        if options is None:
            options = _tenon.SessionOptions()
        elif providers or self._disabled_optimizers:
            options = options._copy()
        if self._disabled_optimizers:
            options._disabled_optimizers = options._disabled_optimizers + self._disabled_optimizers
        if providers:
            options._set_providers(providers)
        try:
            self._session = _tenon.Session(self._model, options)
        except EPFail as e:
            if not self._enable_fallback or not any(name != _CPU for name, _ in providers):
                raise
            warnings.warn(f"{e}; falling back to {_CPU}", stacklevel=4)
            self._create([(_CPU, {})])
            return
        self._run = self._session.run

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any],
            run_options: _tenon.RunOptions | None = None) -> list[Any]:
        """Runs the model and returns a list with one value per output name (None or []: all outputs).

        input_feed: {input name: value}. A value is a numpy array, or what makes one: nested lists, scalars, arrays of other libraries;
        strings as str or bytes; a list for a sequence; a dict for a map; None for an absent optional. Arrays must have the input's
        element type and are read in place when they are C-contiguous and aligned. Outputs are numpy arrays (str outputs: of dtype
        object), lists, dicts or None, and outlive the session.

        Raises InvalidArgument for unknown, missing or mistyped inputs and unknown outputs, Fail when an operator fails or when
        run_options.terminate was set."""
        try:
            return self._run(output_names, input_feed, run_options)
        except EPFail as e:
            if not self._enable_fallback or self._session.providers == [_CPU]:
                raise
            warnings.warn(f"{e}; falling back to {_CPU}", stacklevel=2)
            self._create([(_CPU, {})])
            self._enable_fallback = False
            return self._run(output_names, input_feed, run_options)

    def get_inputs(self) -> list[_tenon.NodeArg]:
        """Declared inputs: a list of NodeArg."""
        return self._session.inputs

    def get_outputs(self) -> list[_tenon.NodeArg]:
        """Declared outputs: a list of NodeArg."""
        return self._session.outputs

    def get_overridable_initializers(self) -> list[_tenon.NodeArg]:
        """Inputs that have a default in the model: a list of NodeArg. They may be fed."""
        return self._session.overridable_initializers

    def get_modelmeta(self) -> _tenon.ModelMetadata:
        """ModelMetadata: producer, graph name, version, custom metadata."""
        return self._session.metadata

    def get_providers(self) -> list[str]:
        """Names of the providers in use, highest priority first."""
        return self._session.providers

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """{provider name: {option: value}}."""
        return self._session.provider_options

    def get_session_options(self) -> _tenon.SessionOptions:
        """A copy of the options that the session was made with."""
        return self._session.options()

    def set_providers(self, providers: Sequence[str | tuple[str, dict]] | None = None,
                      provider_options: Sequence[dict] | None = None) -> None:
        """Loads the model anew for these providers."""
        self._create(check_providers(providers, provider_options, _tenon.get_available_providers()))

    def enable_fallback(self) -> None:
        """A provider that fails is replaced by the CPU provider, with a warning (the default)."""
        self._enable_fallback = True

    def disable_fallback(self) -> None:
        """A provider that fails raises EPFail."""
        self._enable_fallback = False

    def end_profiling(self) -> str:
        """Ends the profile and returns the path of its file, "" when profiling was not enabled."""
        return self._session.end_profiling()

    def get_profiling_start_time_ns(self) -> int:
        """When profiling started, in nanoseconds of the monotonic clock; 0 when it was not enabled."""
        return self._session.profiling_start_time_ns

    def load_report(self) -> dict[str, Any]:
        """What happened at load, as a dict: nodes before and after, rewrites, near misses with reasons, times."""
        return json.loads(self._session.load_report_json)

    def graph_text(self) -> str:
        """The optimised graph as text."""
        return self._session.graph_text()

    def plan_text(self) -> str:
        """The execution plan as text."""
        return self._session.plan_text()

    def model_bytes(self) -> bytes:
        """The optimised graph as the bytes of an ONNX model."""
        return self._session.model_bytes()


def _later(name):
    def method(self, *args, **kwargs):
        raise NotImplemented(f"InferenceSession.{name}")
    method.__name__ = name
    method.__doc__ = "onnxruntime has it, Tenon does not yet: raises NotImplemented."
    return method


for _name in ("create_ortvalue_from_shape_and_type", "get_input_epdevices", "get_input_memory_infos", "get_output_memory_infos",
              "get_provider_graph_assignment_info", "get_tuning_results", "io_binding", "release_captured_graph", "run_async",
              "run_with_iobinding", "run_with_ort_values", "run_with_ortvaluevector", "set_ep_dynamic_options", "set_tuning_results"):
    setattr(InferenceSession, _name, _later(_name))
