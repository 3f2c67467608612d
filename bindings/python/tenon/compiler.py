"""ModelCompiler: a model loaded, optimised and written again. No provider of this build makes compiled (EPContext) nodes."""
from __future__ import annotations

import enum
import os
import pathlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _tenon
from .errors import Fail, InvalidArgument, NotImplemented


class OrtCompileApiFlags(enum.IntFlag):
    NONE = 0
    ERROR_IF_NO_NODES_COMPILED = 1
    ERROR_IF_OUTPUT_FILE_EXISTS = 2


@dataclass(frozen=True)
class OrtExternalInitializerInfo:
    """Where the bytes of an initializer lie."""

    filepath: str
    file_offset: int
    byte_size: int


class ModelCompiler:
    """Compiles a model (path or bytes) for the providers of `sess_options`, at `graph_optimization_level`.

    external_initializers_file_path: initializers of at least external_initializers_size_threshold bytes go to that file, beside the model.
    flags: OrtCompileApiFlags. embed_compiled_data_into_model has no effect without compiled nodes.
    Raises NotImplemented for get_initializer_location_func."""

    def __init__(self, sess_options: _tenon.SessionOptions, input_model_path_or_bytes: str | os.PathLike | bytes,
                 embed_compiled_data_into_model: bool = False, external_initializers_file_path: str | os.PathLike | None = None,
                 external_initializers_size_threshold: int = 1024, flags: int = OrtCompileApiFlags.NONE,
                 graph_optimization_level: _tenon.GraphOptimizationLevel = _tenon.GraphOptimizationLevel.ORT_DISABLE_ALL,
                 get_initializer_location_func: Callable[[str, Any, OrtExternalInitializerInfo | None], Any] | None = None) -> None:
        if not isinstance(sess_options, _tenon.SessionOptions):
            raise TypeError(f"ModelCompiler: expected SessionOptions, found {type(sess_options).__name__}")
        model = input_model_path_or_bytes
        if not isinstance(model, (str, os.PathLike, bytes)):
            raise TypeError(f"Unable to load from type '{type(model)}': expected a path or the bytes of a model")
        if not isinstance(model, bytes):
            model = os.fsdecode(model)
        if not model:
            raise ValueError("ModelCompiler: expected a path or the bytes of a model, found nothing in it")
        if isinstance(model, str) and not os.path.exists(model):
            raise InvalidArgument(f"ModelCompiler: no file {model}")
        external = external_initializers_file_path or ""
        if not isinstance(external, (str, os.PathLike)):
            raise TypeError(f"external_initializers_file_path: expected a path, found {type(external).__name__}")
        if get_initializer_location_func is not None:
            if external:
                raise ValueError("ModelCompiler: expected external_initializers_file_path or get_initializer_location_func, found both")
            raise NotImplemented("ModelCompiler: get_initializer_location_func")
        self._options = sess_options._copy()
        self._options.graph_optimization_level = graph_optimization_level
        self._model = model
        self._external = os.fspath(external)
        self._threshold = external_initializers_size_threshold
        self._flags = OrtCompileApiFlags(flags)

    def _compile(self, path):
        if self._flags & OrtCompileApiFlags.ERROR_IF_NO_NODES_COMPILED:
            raise Fail("ModelCompiler: no nodes were compiled: no provider of this build compiles")
        options = self._options._copy()
        options.optimized_model_filepath = path
        if self._external:
            if os.path.dirname(self._external) not in ("", os.path.dirname(path)):
                raise InvalidArgument(f"external_initializers_file_path: expected a file beside the model {path}, found {self._external}")
            options.add_session_config_entry("session.optimized_model_external_initializers_file_name", os.path.basename(self._external))
            options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", str(self._threshold))
        _tenon.Session(self._model, options)

    def compile_to_file(self, output_model_path: str | os.PathLike | None = None) -> None:
        """Writes the model; without a path to "<model>_ctx.onnx" beside the input."""
        if not output_model_path:
            if not isinstance(self._model, str):
                raise InvalidArgument("compile_to_file: expected output_model_path for a model from bytes")
            output_model_path = self._model.removesuffix(".onnx") + "_ctx.onnx"
        if not isinstance(output_model_path, (str, os.PathLike)):
            raise TypeError(f"compile_to_file: expected a path, found {type(output_model_path).__name__}")
        path = os.fspath(output_model_path)
        if self._flags & OrtCompileApiFlags.ERROR_IF_OUTPUT_FILE_EXISTS and os.path.exists(path):
            raise Fail(f"compile_to_file: {path} exists")
        self._compile(path)

    def compile_to_bytes(self) -> bytes:
        """The model's bytes."""
        if self._external:
            folder = os.path.dirname(self._external) or "."
            path = pathlib.Path(folder, f".compiled-{os.getpid()}.onnx")
            try:
                self._compile(str(path))
                return path.read_bytes()
            finally:
                path.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "compiled.onnx")
            self._compile(str(path))
            return path.read_bytes()

    def compile_to_stream(self, write_function: Callable[[bytes], None]) -> None:
        """Hands the model's bytes to `write_function`, at most 64 KiB at a time."""
        if not callable(write_function):
            raise TypeError(f"compile_to_stream: expected a function, found {type(write_function).__name__}")
        data = self.compile_to_bytes()
        for at in range(0, len(data), 65536):
            write_function(data[at:at + 65536])

    def set_ep_context_binary_information(self, output_directory: str | os.PathLike, model_name: str) -> None:
        """Where compiled code of providers would go; InvalidArgument when either is empty."""
        if not os.fspath(output_directory) or not model_name:
            raise InvalidArgument("set_ep_context_binary_information: expected a directory and a model name, found an empty one")

    def set_ep_context_data_write_func(self, write_func: Callable[..., None]) -> None:
        """Never called: no provider of this build writes compiled code."""
        if not callable(write_func):
            raise TypeError(f"set_ep_context_data_write_func: expected a function, found {type(write_func).__name__}")

    def clear_ep_context_data_write_func(self) -> None:
        """Takes back the function."""

