"""InferenceSession: a loaded model."""
from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import _tenon
from .devices import OrtEpAssignedSubgraph, OrtEpDevice, assigned_subgraphs, get_ep_devices
from .errors import EPFail, Fail
from .io_binding import IOBinding
from .memory import OrtAllocatorType, OrtMemoryInfo, OrtMemType
from .values import OrtValue

_CPU = "CPUExecutionProvider"
_ASKED_FALLBACK = {_CPU, "AzureExecutionProvider"}  # a server that does not answer today is no reason to lose it: option fallback_cpu
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


class Session:
    """What can be done with a loaded model; InferenceSession loads one."""

    _sess: _tenon.Session
    _enable_fallback: bool

    # Names that other packages read although they are private.
    _sess_options = property(lambda self: self._sess.options())
    _inputs_meta = property(lambda self: self._sess.inputs)
    _outputs_meta = property(lambda self: self._sess.outputs)
    _model_meta = property(lambda self: self._sess.metadata)
    _providers = property(lambda self: self._sess.providers)
    _provider_options = property(lambda self: self._sess.provider_options)

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
            self._fall_back(e)
            return self._run(output_names, input_feed, run_options)

    def _fall_back(self, error):
        """Loads the model anew for the CPU provider, once; raises the error where that is not wanted or no use."""
        if not self._enable_fallback or set(self._sess.providers) <= _ASKED_FALLBACK:
            raise error
        warnings.warn(f"{error}; falling back to {_CPU}", stacklevel=3)
        self._create([(_CPU, {})])
        self._enable_fallback = False

    def get_inputs(self) -> list[_tenon.NodeArg]:
        """Declared inputs: a list of NodeArg."""
        return self._sess.inputs

    def get_outputs(self) -> list[_tenon.NodeArg]:
        """Declared outputs: a list of NodeArg."""
        return self._sess.outputs

    def get_overridable_initializers(self) -> list[_tenon.NodeArg]:
        """Inputs that have a default in the model: a list of NodeArg. They may be fed."""
        return self._sess.overridable_initializers

    def get_modelmeta(self) -> _tenon.ModelMetadata:
        """ModelMetadata: producer, graph name, version, custom metadata."""
        return self._sess.metadata

    def get_providers(self) -> list[str]:
        """Names of the providers in use, highest priority first."""
        return self._sess.providers

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """{provider name: {option: value}}."""
        return self._sess.provider_options

    def get_session_options(self) -> _tenon.SessionOptions:
        """A copy of the options that the session was made with."""
        return self._sess.options()

    def set_providers(self, providers: Sequence[str | tuple[str, dict]] | None = None,
                      provider_options: Sequence[dict] | None = None) -> None:
        """Loads the model anew for these providers. When that fails, the session stays as it was."""
        self._create(check_providers(providers, provider_options, _tenon.get_available_providers()))

    def enable_fallback(self) -> None:
        """A provider that fails is replaced by the CPU provider, with a warning (the default)."""
        self._enable_fallback = True

    def disable_fallback(self) -> None:
        """A provider that fails raises EPFail."""
        self._enable_fallback = False

    def end_profiling(self) -> str:
        """Ends the profile and returns the path of its file, "" when profiling was not enabled."""
        return self._sess.end_profiling()

    def get_profiling_start_time_ns(self) -> int:
        """When profiling started, in nanoseconds of the monotonic clock; 0 when it was not enabled."""
        return self._sess.profiling_start_time_ns

    def load_report(self) -> dict[str, Any]:
        """What happened at load, as a dict: nodes before and after, rewrites, near misses with reasons, times in ms, "placement" (summary,
        providers with their counts, nodes with provider, compiled group, reason and the model nodes they came from, refusals with
        reasons, copies with bytes, bytes of uploaded constants) and "memory" (what the plan knows before anything runs)."""
        return json.loads(self._sess.load_report_json)

    def graph_text(self) -> str:
        """The optimised graph as text."""
        return self._sess.graph_text()

    def plan_text(self) -> str:
        """The execution plan as text."""
        return self._sess.plan_text()

    def model_bytes(self) -> bytes:
        """The optimised graph as the bytes of an ONNX model."""
        return self._sess.model_bytes()

    def run_async(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], callback: Callable[[list[Any], Any, str], None],
                  user_data: Any, run_options: _tenon.RunOptions | None = None) -> None:
        """Starts a run on another thread and returns. There, callback(results, user_data, "") follows, or callback([], user_data, message)
        when the run failed. What the callback raises goes to sys.unraisablehook. Wrong feeds raise here, as from run().

        When the interpreter exits, runs that do not end by themselves are ended, and their callbacks get the message."""
        self._sess.run_async(output_names, input_feed, callback, user_data, run_options)

    def run_with_ort_values(self, output_names: Sequence[str] | None, input_dict_ort_values: Mapping[str, OrtValue],
                            run_options: _tenon.RunOptions | None = None) -> list[OrtValue]:
        """As run(), from OrtValue to OrtValue: sequences, maps and types that numpy lacks stay as they are."""
        for name, value in input_dict_ort_values.items():
            if not isinstance(getattr(value, "_ortvalue", None), _tenon.OrtValue):
                raise TypeError(f"run_with_ort_values: input '{name}': expected an OrtValue, found {type(value).__name__}")
        try:
            results = self._sess.run_with_ort_values(output_names, input_dict_ort_values, run_options)
        except EPFail as e:
            self._fall_back(e)
            results = self._sess.run_with_ort_values(output_names, input_dict_ort_values, run_options)
        return [OrtValue(v) for v in results]

    def io_binding(self) -> IOBinding:
        """A new binding of this session's inputs and outputs."""
        return IOBinding(self)

    def run_with_iobinding(self, iobinding: IOBinding, run_options: _tenon.RunOptions | None = None) -> None:
        """Runs from and to what is bound; ValueError for another session's binding. See IOBinding.get_outputs()."""
        if not isinstance(iobinding, IOBinding):
            raise TypeError(f"run_with_iobinding: expected an IOBinding, found {type(iobinding).__name__}")
        self._sess.run_with_iobinding(iobinding._iobinding, run_options)

    def run_with_ortvaluevector(self, run_options: _tenon.RunOptions | None, feed_names: Sequence[str], feeds: _tenon.OrtValueVector,
                                fetch_names: Sequence[str], fetches: _tenon.OrtValueVector, fetch_devices: Sequence[_tenon.OrtDevice]) -> None:
        """Runs from and to vectors of the extension module. `fetches` is empty, or holds tensors that are written."""
        self._sess.run_with_ortvaluevector(run_options, feed_names, feeds, fetch_names, fetches, fetch_devices)

    def create_ortvalue_from_shape_and_type(self, shape: Sequence[int], element_type: Any, device_type: str, device_id: int = 0,
                                            vendor_id: int = -1) -> OrtValue:
        """OrtValue.ortvalue_from_shape_and_type()."""
        return OrtValue.ortvalue_from_shape_and_type(shape, element_type, device_type, device_id, vendor_id)

    def get_input_memory_infos(self) -> list[OrtMemoryInfo]:
        """Where each input should lie."""
        return [_HOST] * len(self.get_inputs())

    def get_output_memory_infos(self) -> list[OrtMemoryInfo]:
        """Where each output lies."""
        return [_HOST] * len(self.get_outputs())

    def get_input_epdevices(self) -> list[OrtEpDevice]:
        """The device that reads each input."""
        return get_ep_devices()[:1] * len(self.get_inputs())

    def get_provider_graph_assignment_info(self) -> list[OrtEpAssignedSubgraph]:
        """Which provider has which nodes: one subgraph per compiled group, and one per node that runs as itself. Raises Fail unless the
        session option session.record_ep_graph_assignment_info is "1"."""
        try:
            recorded = self._sess_options.get_session_config_entry("session.record_ep_graph_assignment_info")
        except RuntimeError:
            recorded = "0"
        if recorded != "1":
            raise Fail('get_provider_graph_assignment_info: expected the session option session.record_ep_graph_assignment_info to be "1"')
        return assigned_subgraphs(self.load_report()["placement"])

    def set_ep_dynamic_options(self, options: Mapping[str, str]) -> None:
        """Options of providers that may change while others run; the CPU has none. InvalidArgument for a key that no provider knows,
        before any is set, and for a wrong value. ORT's hints (ep.dynamic.workload_type, ...) are taken by everybody."""
        if not isinstance(options, Mapping):
            raise TypeError(f"set_ep_dynamic_options: expected a dict, found {type(options).__name__}")
        for key, value in options.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise TypeError(f"set_ep_dynamic_options: expected str to str, found {key!r}: {value!r}")
        self._sess.set_ep_dynamic_options(dict(options))

    def get_tuning_results(self) -> list[dict[str, Any]]:
        """[]: no provider of this build is tuned."""
        return []

    def set_tuning_results(self, results: Sequence[dict[str, Any]], *, error_on_invalid: bool = False) -> None:
        """Ignored, as no provider of this build is tuned; Fail for results with error_on_invalid."""
        if results and error_on_invalid:
            raise Fail(f"set_tuning_results: no provider here takes the results of {[r.get('ep') for r in results]}")

    def release_captured_graph(self, graph_annotation_id: int = 0) -> None:
        """Without effect: the CPU captures no graphs."""


_HOST = OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, OrtMemType.DEFAULT)


class InferenceSession(Session):
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
            self._model, self._model_path, self._model_bytes = path_or_bytes, None, path_or_bytes
        elif isinstance(path_or_bytes, (str, os.PathLike)):
            self._model = self._model_path = os.fsdecode(path_or_bytes)
            self._model_bytes = None
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
            session = _tenon.Session(self._model, options)
        except EPFail as e:
            if not self._enable_fallback or not any(name != _CPU for name, _ in providers):
                raise
            warnings.warn(f"{e}; falling back to {_CPU}", stacklevel=4)
            self._create([(_CPU, {})])
            return
        self._sess = session
        self._run = session.run
