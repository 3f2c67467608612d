"""ModelCompiler: a model loaded, optimised and written again, with what its providers compile as EPContext nodes."""
from __future__ import annotations

import enum
import json
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


class OrtEpContextData:
    """Bytes of compiled code."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self._data)

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """`length` bytes from `offset`; all that follow when None. IndexError outside the data."""
        end = len(self._data) if length is None else offset + length
        if not 0 <= offset <= end <= len(self._data):
            raise IndexError(f"bytes {offset} to {end} asked for, there are {len(self._data)}")
        return self._data[offset:end]


class ModelCompiler:
    """Compiles a model (path or bytes) for the providers of `sess_options`, at `graph_optimization_level`.

    external_initializers_file_path: initializers of at least external_initializers_size_threshold bytes go to that file, beside the model.
    embed_compiled_data_into_model: compiled code lies in the model; otherwise in files beside it, or in those that
    set_ep_context_binary_information or set_ep_context_data_write_func ask for. flags: OrtCompileApiFlags.
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
        self._embed = bool(embed_compiled_data_into_model)
        self._binaries: tuple[str, str] | None = None
        self._write: Callable[[str, OrtEpContextData], None] | None = None

    def _compile(self, path):
        """Writes the model to `path` and returns the names of the files with compiled code beside it."""
        options = self._options._copy()
        entries = {"ep.context_enable": "1", "ep.context_file_path": path, "tenon.context_overwrite": "1",
                   "ep.context_embed_mode": str(int(self._embed))}
        if self._external:
            if os.path.dirname(self._external) not in ("", os.path.dirname(path)):
                raise InvalidArgument(f"external_initializers_file_path: expected a file beside the model {path}, found {self._external}")
            entries["ep.context_model_external_initializers_file_name"] = os.path.basename(self._external)
            entries["session.optimized_model_external_initializers_min_size_in_bytes"] = str(self._threshold)
        for key, value in entries.items():
            options.add_session_config_entry(key, value)
        report = json.loads(_tenon.Session(self._model, options).load_report_json)
        if not report["context_nodes"] and self._flags & OrtCompileApiFlags.ERROR_IF_NO_NODES_COMPILED:
            os.unlink(path)
            raise Fail("ModelCompiler: no nodes were compiled: no provider of the session options compiled any that it can save")
        return report["context_files"]

    def _hand_over(self, folder, files):
        """Files with compiled code go to the write function, when there is one."""
        if self._write is None:
            return
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                self._write(name, OrtEpContextData(file.read()))
            os.unlink(path)

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
        self._hand_over(os.path.dirname(path), self._compile(path))

    def compile_to_bytes(self) -> bytes:
        """The model's bytes. InvalidArgument when there is compiled code and nobody has said where it goes."""
        with tempfile.TemporaryDirectory() as temporary:
            folder, stem = self._binaries or (os.path.dirname(self._external) or ("." if self._external else temporary), "compiled")
            path = pathlib.Path(folder, f"{stem}.onnx" if folder == temporary or self._binaries else f".{stem}-{os.getpid()}.onnx")
            if self._binaries and path.exists():
                raise Fail(f"compile_to_bytes: {path} exists")
            try:
                files = self._compile(str(path))
                if files and self._write is None and self._binaries is None:
                    for name in files:
                        os.unlink(os.path.join(folder, name))
                    raise InvalidArgument("compile_to_bytes: compiled code needs a place: embed_compiled_data_into_model=True, "
                                          "set_ep_context_binary_information or set_ep_context_data_write_func")
                self._hand_over(folder, files)
                return path.read_bytes()
            finally:
                path.unlink(missing_ok=True)

    def compile_to_stream(self, write_function: Callable[[bytes], None]) -> None:
        """Hands the model's bytes to `write_function`, at most 64 KiB at a time."""
        if not callable(write_function):
            raise TypeError(f"compile_to_stream: expected a function, found {type(write_function).__name__}")
        data = self.compile_to_bytes()
        for at in range(0, len(data), 65536):
            write_function(data[at:at + 65536])

    def set_ep_context_binary_information(self, output_directory: str | os.PathLike, model_name: str) -> None:
        """Where compiled code goes when the model goes to bytes or a stream: files <model_name>_<provider>_<n>.bin in the
        directory. InvalidArgument when either is empty or there is no such directory."""
        if not os.fspath(output_directory) or not model_name:
            raise InvalidArgument("set_ep_context_binary_information: expected a directory and a model name, found an empty one")
        if not os.path.isdir(output_directory):
            raise InvalidArgument(f"set_ep_context_binary_information: {os.fspath(output_directory)} is no directory")
        if os.path.basename(model_name) != model_name:
            raise InvalidArgument(f"set_ep_context_binary_information: expected a plain name, found {model_name}")
        self._binaries = (os.fspath(output_directory), model_name.removesuffix(".onnx"))

    def set_ep_context_data_write_func(self, write_func: Callable[[str, OrtEpContextData], None]) -> None:
        """Takes the compiled code (name as in the model, bytes) in place of files."""
        if not callable(write_func):
            raise TypeError(f"set_ep_context_data_write_func: expected a function, found {type(write_func).__name__}")
        self._write = write_func

    def clear_ep_context_data_write_func(self) -> None:
        """Takes back the function."""
        self._write = None

