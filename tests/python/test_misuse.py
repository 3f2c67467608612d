"""What callers get wrong: the class of the exception, and a message with the name, what was expected and what was found.

A case is (call, class, pattern of the message, class in onnxruntime). The last is None where onnxruntime accepts the call, or
crashes; else the class there, or one of its bases, must be a base of ours too, so that `except` clauses written for it still work."""
import numpy as np
import onnx
import pytest
import tenon
from api_models import ADD, TWO, identity, overridable
from tenon import errors

BAD, MISSING, LATER = errors.InvalidArgument, errors.MissingInputs, errors.NotImplemented
X = np.zeros((3, 2), np.float32)


def session(lib, m=ADD, **config):
    options = lib.SessionOptions()
    options.log_severity_level = 4
    for key, value in config.items():
        setattr(options, key, value)
    return lib.InferenceSession(m, options, providers=["CPUExecutionProvider"])


def configured(lib, key, value):
    options = lib.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry(key, value)
    return lib.InferenceSession(ADD, options)


def with_run_config(lib, key, value):
    options = lib.RunOptions()
    options.add_run_config_entry(key, value)
    return session(lib).run(None, {"x": X}, options)


def bound(lib, *steps, model=ADD):
    s = session(lib, model)
    b = s.io_binding()
    for name, *args in steps:
        getattr(b, name)(*[a(lib) if callable(a) and not isinstance(a, type) else a for a in args])
    s.run_with_iobinding(b)


def value(array):
    return lambda lib: lib.OrtValue.ortvalue_from_numpy(array)


def external(lib, names, values):
    lib.SessionOptions().add_external_initializers(names, [v(lib) for v in values])


def coo(lib, dims, values, indices, device="cpu"):
    return lib.SparseTensor.sparse_coo_from_numpy(np.array(dims), values, np.array(indices), lib.OrtDevice.make(device, 0))


def csr(lib, dims, values, inner, outer):
    return lib.SparseTensor.sparse_csr_from_numpy(dims, values, np.array(inner), np.array(outer), lib.OrtDevice.make("cpu", 0))


def state(lib):
    return lib.capi._pybind_state


def vectors(lib, names, feeds, fetch, devices=None):
    s, v, out = session(lib), state(lib).OrtValueVector(), state(lib).OrtValueVector()
    for f in feeds:
        v.push_back(lib.OrtValue.ortvalue_from_numpy(f)._ortvalue)
    device = state(lib).OrtDevice(0, 0, 0)
    s.run_with_ortvaluevector(lib.RunOptions(), names, v, fetch, out, [device] * (len(fetch) if devices is None else devices))


F32, F64, I64 = np.float32, np.float64, np.int64
R, E, T, VE, A = RuntimeError, Exception, TypeError, ValueError, AttributeError
V = lambda lib: lib.OrtValue  # noqa: E731
f = lambda *shape, t=F32: np.zeros(shape, t)  # noqa: E731

CASES = {
    # Feeds.
    "double for float": (lambda m: session(m).run(None, {"x": f(3, 2, t=F64)}), BAD, "input x.*double.*expected.*float", E),
    "int64 for float": (lambda m: session(m).run(None, {"x": f(3, 2, t=I64)}), BAD, "input x.*int64.*expected.*float", E),
    "float for int64": (lambda m: session(m, identity("int64[N]")).run(None, {"x": f(3)}), BAD, "input x.*float.*expected.*int64", E),
    "string for float": (lambda m: session(m).run(None, {"x": np.array([["a", "b"]])}), BAD, "x.*", E),
    "float for string": (lambda m: session(m, identity("string[N]")).run(None, {"x": f(3)}), BAD, "input x.*float.*string", E),
    "rank": (lambda m: session(m).run(None, {"x": f(6)}), BAD, r"x.*\[6\].*\[\?,2\]", E),
    "dimension": (lambda m: session(m).run(None, {"x": f(2, 3)}), BAD, "x.*got 3, expected 2", E),
    "scalar for matrix": (lambda m: session(m).run(None, {"x": np.float32(1)}), BAD, "x.*rank 2, found rank 0", None),
    "unknown input": (lambda m: session(m).run(None, {"x": X, "z": X}), BAD, "'z'.*'x'", E),
    "missing input": (lambda m: session(m).run(None, {}), MISSING, "x.*missing", VE),
    "one of two missing": (lambda m: session(m, TWO).run(None, {"a": f(3)}), MISSING, r"\['b'\].*missing.*\['a'\]", VE),
    "None for a tensor": (lambda m: session(m).run(None, {"x": None}), BAD, "'x'.*None", E),
    "a dict for a tensor": (lambda m: session(m).run(None, {"x": {}}), BAD, "'x'.*dict", E),
    "an object": (lambda m: session(m).run(None, {"x": object()}), BAD, "'x'.*object", E),
    "ragged lists": (lambda m: session(m).run(None, {"x": [[1.0], [1.0, 2.0]]}), BAD, "'x'.*list", E),
    "complex": (lambda m: session(m).run(None, {"x": f(3, 2, t=np.complex64)}), BAD, "x.*complex64.*float", E),
    "dates": (lambda m: session(m).run(None, {"x": np.zeros((3, 2), "M8[s]")}), BAD, "'x'.*datetime64", E),
    "masked": (lambda m: session(m).run(None, {"x": np.ma.masked_equal(X, 0)}), BAD, "'x'.*masked", None),
    "input names that are no str": (lambda m: session(m).run(None, {1: X}), T, "input_feed.*int", E),
    "feeds as a list": (lambda m: session(m).run(None, [X]), T, "input_feed.*list", None),
    "feeds as None": (lambda m: session(m).run(None, None), T, "input_feed.*NoneType|run", None),
    "a tensor for a sequence": (lambda m: session(m, identity("seq(float[N])")).run(None, {"x": f(3)}), BAD, "'x'.*seq.*ndarray", E),
    "wrong items of a sequence": (lambda m: session(m, identity("seq(float[N])")).run(None, {"x": [f(3, t=F64)]}), BAD, r"x\[0\].*float.*double", None),
    "overridable, wrong type": (lambda m: session(m, overridable()).run(None, {"x": f(2), "w": f(2, t=F64)}), BAD, "w.*double.*float", E),
    # Outputs and run options.
    "unknown output": (lambda m: session(m).run(["z"], {"x": X}), BAD, "z.*y", E),
    "output names as one str": (lambda m: session(m).run("y", {"x": X}), T, "output_names.*list", None),
    "output names of int": (lambda m: session(m).run([1], {"x": X}), T, "output_names.*int", T),
    "run options of another class": (lambda m: session(m).run(None, {"x": X}, m.SessionOptions()), T, "run_options.*SessionOptions", None),
    "deadline that is no number": (lambda m: with_run_config(m, "tenon.deadline_ms", "soon"), BAD, "deadline_ms.*soon.*integer", None),
    "run config key of int": (lambda m: m.RunOptions().add_run_config_entry(1, "x"), T, "add_run_config_entry", T),
    "run config never set": (lambda m: m.RunOptions().get_run_config_entry("k"), R, "k", R),
    "terminated": (lambda m: session(m).run(None, {"x": X}, terminated(m)), errors.Fail, "terminate", E),
    # Session options.
    "negative intra-op threads": (lambda m: session(m, intra_op_num_threads=-1), BAD, "intra_op_num_threads.*-1.*>= 0", None),
    "negative inter-op threads": (lambda m: session(m, inter_op_num_threads=-3), BAD, "inter_op_num_threads.*-3.*>= 0", None),
    "threads as text": (lambda m: session(m, intra_op_num_threads="2"), T, "", T),
    "log level": (lambda m: session(m, log_severity_level=7), BAD, "log_severity_level.*7", None),
    "optimization level": (lambda m: session(m, graph_optimization_level=17), VE, "17", None),
    "execution mode": (lambda m: session(m, execution_mode="fast"), T, "enumeration", T),
    "affinity": (lambda m: affinity(m, "none"), BAD, "affinit.*none", None),
    "affinity of processors that are not there": (lambda m: affinity(m, "100000"), BAD, "affinit", None),
    "profile directory": (lambda m: session(m, enable_profiling=True, profile_file_prefix="/no/such/dir/p"), errors.Error, "/no/such/dir", None),
    "directory of the saved model": (lambda m: session(m, optimized_model_filepath="/no/such/dir/m.onnx"), errors.Error, "/no/such/dir", E),
    "config value": (lambda m: configured(m, "session.disable_prepacking", "maybe"), BAD, "disable_prepacking.*maybe.*0 or 1", None),
    "config number": (lambda m: configured(m, "session.intra_op.spin_duration_us", "long"), BAD, "spin_duration_us.*long.*integer", None),
    "config level": (lambda m: configured(m, "session.graph_optimization_level", "most"), BAD, "graph_optimization_level.*most", None),
    "config mode": (lambda m: configured(m, "session.execution_mode", "both"), BAD, "execution_mode.*both", None),
    "ORT format": (lambda m: configured(m, "session.load_model_format", "ORT"), LATER, "load_model_format.*ORT", E),
    "config never set": (lambda m: m.SessionOptions().get_session_config_entry("k"), R, "k", R),
    "config key of None": (lambda m: m.SessionOptions().add_session_config_entry(None, "x"), T, "add_session_config_entry", None),
    "config key too long": (lambda m: m.SessionOptions().add_session_config_entry("k" * 2000, "x"), BAD, "1024.*2000", E),
    "config value too long": (lambda m: m.SessionOptions().add_session_config_entry("k", "x" * 20000), BAD, "'k'.*8192.*20000", E),
    "dimension override of text": (lambda m: m.SessionOptions().add_free_dimension_override_by_name("N", "3"), T, "add_free", T),
    "unknown provider option": (lambda m: m.SessionOptions().add_provider("NoProvider", {}), BAD, "NoProvider.*CPUExecutionProvider", R),
    "provider of int": (lambda m: m.SessionOptions().add_provider(3, {}), T, "add_provider", T),
    "no devices": (lambda m: m.SessionOptions().add_provider_for_devices([], {}), BAD, "one or more", E),
    "a policy that is a number": (lambda m: m.SessionOptions().set_provider_selection_policy(99), T, "OrtExecutionProviderDevicePolicy.*int", T),
    "custom operators": (lambda m: m.SessionOptions().register_custom_ops_library("/nope.so"), errors.NoSuchFile, "/nope.so", E),
    "an attribute that options lack": (lambda m: setattr(m.SessionOptions(), "threads", 1), A, "threads", A),
    # Sessions.
    "no file": (lambda m: session(m, "/no/model.onnx"), errors.NoSuchFile, "/no/model.onnx", E),
    "a directory": (lambda m: session(m, "/tmp"), errors.Error, "/tmp", E),
    "no model": (lambda m: session(m, b"abc"), errors.InvalidProtobuf, "", E),
    "no bytes": (lambda m: session(m, b""), errors.Error, "", E),
    "a model that is None": (lambda m: session(m, None), T, "NoneType", T),
    "a ModelProto": (lambda m: session(m, onnx.ModelProto()), T, "ModelProto", T),
    "options as a dict": (lambda m: m.InferenceSession(ADD, {"intra_op_num_threads": 1}), T, "sess_options.*dict", None),
    "providers as int": (lambda m: m.InferenceSession(ADD, providers=[3]), VE, "providers.*3", None),
    "pairs and options": (lambda m: m.InferenceSession(ADD, providers=[("CPUExecutionProvider", {})], provider_options=[{}]), VE, "string", None),
    "lengths of providers and options": (lambda m: m.InferenceSession(ADD, providers=["CPUExecutionProvider"], provider_options=[{}, {}]), VE, "length", None),
    "provider options of another kind": (lambda m: m.InferenceSession(ADD, providers=["CPUExecutionProvider"], provider_options=["x"]), VE, "dicts", None),
    "assignment that was not recorded": (lambda m: session(m).get_provider_graph_assignment_info(), errors.Fail, "record_ep_graph_assignment_info", E),
    "dynamic options as int": (lambda m: session(m).set_ep_dynamic_options(3), T, "dict.*int|set_ep", T),
    "initializer that is not there": (lambda m: initializer(m, "nope", f(2)), BAD, '"nope"', None),
    "initializer of another type": (lambda m: initializer(m, "w", f(2, t=F64)), BAD, "w.*double.*float", None),
    "initializer of another shape": (lambda m: initializer(m, "w", f(5)), BAD, "w.*5.*2", E),
    "lengths of external initializers": (lambda m: external(m, ["a", "b"], [value(f(2))]), BAD, "2 names and 1 values", R),
    "external initializers as str": (lambda m: m.SessionOptions().add_external_initializers("w", [1]), T, "add_external_initializers", T),
    "length of a file in memory": (lambda m: m.SessionOptions().add_external_initializers_from_files_in_memory(["f"], [b"abcd"], [3]), BAD, "'f'.*4.*3", None),
    "names of files in memory": (lambda m: m.SessionOptions().add_external_initializers_from_files_in_memory(["f"], [], []), BAD, "1 names, 0 buffers", R),
    # OrtValue and devices.
    "OrtValue of a list": (lambda m: V(m).ortvalue_from_numpy([1.0]), T, "ndarray.*list", None),
    "OrtValue of dates": (lambda m: V(m).ortvalue_from_numpy(np.zeros(2, "M8[s]")), BAD, "datetime64", R),
    "OrtValue of objects": (lambda m: V(m).ortvalue_from_numpy(np.array([1, "a"], object)), BAD, "str or bytes.*int at flat index 0", R),
    "OrtValue on a device": (lambda m: V(m).ortvalue_from_numpy(X, "cuda"), LATER, "cpu, found gpu", R),
    "OrtValue on an unknown device": (lambda m: V(m).ortvalue_from_numpy(X, "tpu"), BAD, "tpu.*expected one of cpu", E),
    "OrtValue of a number": (lambda m: V(m)(3), VE, "int|ortvalue", VE),
    "type number": (lambda m: V(m).ortvalue_from_numpy_with_onnx_type(X, 99), BAD, "99", R),
    "type of another size": (lambda m: V(m).ortvalue_from_numpy_with_onnx_type(X, onnx.TensorProto.INT8), BAD, "8 bits for int8.*float of 32", R),
    "type string": (lambda m: V(m).ortvalue_from_numpy_with_onnx_type(X, onnx.TensorProto.STRING), BAD, "string", R),
    "bits of a list": (lambda m: V(m).ortvalue_from_numpy_with_onnx_type([1], 1), T, "ndarray", T),
    "negative dimension": (lambda m: V(m).ortvalue_from_shape_and_type([-1], F32), BAD, r">= 0, found \[-1\]", R),
    "too big": (lambda m: V(m).ortvalue_from_shape_and_type([2**40, 2**40], F32), BAD, "overflow", R),
    "float dimension": (lambda m: V(m).ortvalue_from_shape_and_type([2.5], F32), T, "2.5|shape", T),
    "shape that is a number": (lambda m: V(m).ortvalue_from_shape_and_type(2, F32), T, "sequence", T),
    "unknown element type": (lambda m: V(m).ortvalue_from_shape_and_type([2], "foo"), BAD, "'foo'", E),
    "update with fewer": (lambda m: V(m).ortvalue_from_numpy(X).update_inplace(f(1, 2)), BAD, "6 elements.*found 2", R),
    "update with a list": (lambda m: V(m).ortvalue_from_numpy(X).update_inplace([1]), T, "list|ndarray", T),
    "update with another type": (lambda m: V(m).ortvalue_from_numpy(X).update_inplace(f(3, 2, t=F64)), BAD, "float, found double", None),
    "update from another type": (lambda m: V(m).ortvalue_from_numpy(X).update_inplace(V(m).ortvalue_from_numpy(f(3, 2, t=I64))), BAD, "float, found int64", R),
    "copy to fewer": (lambda m: m.copy_tensors([V(m).ortvalue_from_numpy(X)], []), BAD, "0 and 1", R),
    "DLPack of a number": (lambda m: V(m).from_dlpack(3), T, "int", T),
    "DLPack of strides": (lambda m: V(m).from_dlpack(X[:, :1]), BAD, "contiguous", R),
    "DLPack of strings": (lambda m: V(m).from_dlpack(np.array(["a"])), BufferError, "", BufferError),
    "not a sparse value": (lambda m: V(m).ortvalue_from_numpy(X).as_sparse_tensor(), BAD, "sparse.*tensor\\(float\\)", R),
    "device name of None": (lambda m: m.OrtDevice.make(None, 0), T, "NoneType", T),
    "device id of text": (lambda m: m.OrtDevice.make("cpu", "0"), T, "", T),
    "OrtDevice of a number": (lambda m: m.OrtDevice(3), VE, "int|OrtDevice", VE),
    "memory of an unknown name": (lambda m: m.OrtMemoryInfo("Moon", m.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, m.OrtMemType.DEFAULT), BAD, "Moon", R),
    "arena key": (lambda m: m.OrtArenaCfg({"maximum": 1}), BAD, "maximum.*max_mem", R),
    "arena value": (lambda m: m.OrtArenaCfg({"max_mem": "x"}), BAD, "max_mem.*'x'", R),
    "allocator of another device": (lambda m: m.create_and_register_allocator(gpu_memory(m), m.OrtArenaCfg({})), LATER, "Cuda", R),
    "allocator of another provider": (lambda m: m.create_and_register_allocator_v2("Moon", gpu_memory(m), {}, m.OrtArenaCfg({})), LATER, "Moon", R),
    # Binding.
    "bind an unknown input": (lambda m: bound(m, ("bind_cpu_input", "z", X)), BAD, "'z' is no input.*'x'", R),
    "bind an unknown output": (lambda m: bound(m, ("bind_cpu_input", "x", X), ("bind_output", "z")), BAD, "'z' is no output.*'y'", R),
    "bind a list": (lambda m: bound(m, ("bind_cpu_input", "x", [1.0])), BAD, "'x'.*list", R),
    "bind the wrong type": (lambda m: bound(m, ("bind_cpu_input", "x", f(3, 2, t=F64)), ("bind_output", "y")), BAD, "x.*double.*float", R),
    "bind the wrong shape": (lambda m: bound(m, ("bind_cpu_input", "x", f(2, 3)), ("bind_output", "y")), BAD, "x.*got 3, expected 2", R),
    "bind no output": (lambda m: bound(m, ("bind_cpu_input", "x", X)), BAD, "at least one", R),
    "bind no input": (lambda m: bound(m, ("bind_output", "y")), BAD, "Missing.*x", R),
    "bind a buffer of another type": (lambda m: bound(m, ("bind_cpu_input", "x", X), ("bind_ortvalue_output", "y", value(f(3, 2, t=F64)))), BAD, "'y'.*float.*double", R),
    "bind a buffer of another shape": (lambda m: bound(m, ("bind_cpu_input", "x", X), ("bind_ortvalue_output", "y", value(f(2, 2)))), BAD, r"y.*\[2,2\].*\[3,2\]", R),
    "bind a pointer without a type": (lambda m: bound(m, ("bind_output", "y", "cpu", 0, None, [3, 2], X.ctypes.data)), VE, "element_type", VE),
    "bind a pointer of an unknown type": (lambda m: bound(m, ("bind_input", "x", "cpu", 0, "foo", [3, 2], X.ctypes.data)), BAD, "'x'.*'foo'", R),
    "bind a pointer to strings": (lambda m: bound(m, ("bind_input", "x", "cpu", 0, np.str_, [3, 2], X.ctypes.data)), BAD, "'x'.*string", R),
    "bind a null pointer": (lambda m: bound(m, ("bind_input", "x", "cpu", 0, F32, [3, 2], 0)), BAD, "'x'.*found 0", None),
    "bind an odd pointer": (lambda m: bound(m, ("bind_input", "x", "cpu", 0, F32, [1, 2], X.ctypes.data + 1)), BAD, "'x'.*aligned to 4", None),
    "bind a negative shape": (lambda m: bound(m, ("bind_input", "x", "cpu", 0, F32, [-3, 2], X.ctypes.data)), BAD, r"'x'.*\[-3,2\]", R),
    "bind on a device": (lambda m: bound(m, ("bind_input", "x", "cuda", 0, F32, [3, 2], X.ctypes.data)), LATER, "'x'.*gpu", R),
    "bind an array for a value": (lambda m: bound(m, ("bind_ortvalue_input", "x", X)), T, "OrtValue, found ndarray", None),
    "bind None for a value": (lambda m: bound(m, ("bind_ortvalue_output", "y", None)), T, "OrtValue, found NoneType", None),
    "bind a read-only output": (lambda m: bound(m, ("bind_ortvalue_output", "y", value(readonly()))), BAD, "'y'.*read-only", None),
    "another session's binding": (lambda m: session(m).run_with_iobinding(session(m).io_binding()), VE, "this session|session that created", VE),
    "a binding that is None": (lambda m: session(m).run_with_iobinding(None), T, "NoneType", None),
    # Values and callbacks.
    "values that are arrays": (lambda m: session(m).run_with_ort_values(None, {"x": X}), T, "'x'.*ndarray", None),
    "value of the wrong type": (lambda m: session(m).run_with_ort_values(None, {"x": value(f(3, 2, t=F64))(m)}), BAD, "x.*double.*float", E),
    "values missing": (lambda m: session(m).run_with_ort_values(None, {}), MISSING, "x", VE),
    "vector lengths": (lambda m: vectors(m, ["x", "z"], [X], ["y"]), BAD, "2 names and 1 feeds", E),
    "vector devices": (lambda m: vectors(m, ["x"], [X], ["y"], 0), BAD, "1 outputs, found 0", None),
    "no vector outputs": (lambda m: vectors(m, ["x"], [X], []), BAD, "at least one", E),
    "callback that is None": (lambda m: session(m).run_async(None, {"x": X}, None, None), T, "callback.*NoneType", None),
    "callback that is a number": (lambda m: session(m).run_async(None, {"x": X}, 3, None), T, "callback.*int|run_async", T),
    "async without feeds": (lambda m: session(m).run_async(None, {}, print, None), MISSING, "x", VE),
    "log callback that is a number": (lambda m: m.set_default_logger_callback(3), BAD, "callable.*int", R),
    "log severity": (lambda m: m.set_default_logger_severity(9), BAD, "9", R),
    "seed of text": (lambda m: m.set_seed("x"), T, "", T),
    "negative global threads": (lambda m: m.set_global_thread_pool_sizes(-1, 0), BAD, "intra_op_num_threads.*-1", None),
    "provider library": (lambda m: m.register_execution_provider_library("x", "/nope.so"), errors.NoSuchFile, "/nope.so", E),
    "library that was not registered": (lambda m: m.unregister_execution_provider_library("x"), errors.Fail, '"x"', E),
    # Sparse tensors, adapters, compiler.
    "sparse indices": (lambda m: coo(m, [3, 4], f(2), [1]), BAD, "2 linear indices.*found 1", R),
    "sparse index outside": (lambda m: coo(m, [3, 4], f(2), [1, 12]), BAD, "0 to 11, found 12", None),
    "sparse coordinate outside": (lambda m: coo(m, [3, 4], f(2), [[0, 1], [3, 0]]), BAD, "found 3 in dimension 0", None),
    "sparse values as a list": (lambda m: coo(m, [3, 4], [1.0, 2.0], [1, 2]), T, "ndarray.*list|sparse", T),
    "sparse on a device": (lambda m: coo(m, [3, 4], f(2), [1, 2], "cuda"), LATER, "gpu", R),
    "CSR rows": (lambda m: csr(m, [2, 3], f(3), [0, 1, 2], [0, 3]), BAD, "3 outer indices.*found 2", R),
    "CSR columns": (lambda m: csr(m, [2, 3], f(3), [0, 1], [0, 1, 3]), BAD, "3 inner indices.*found 2", R),
    "CSR of three dimensions": (lambda m: csr(m, [2, 3, 1], f(3), [0, 1, 2], [0, 1, 3]), BAD, "2 dimensions, found 3", R),
    "view of another format": (lambda m: coo(m, [3, 4], f(2), [1, 2]).as_csrc_view(), BAD, "CSRC", R),
    "to a GPU": (lambda m: coo(m, [3, 4], f(2), [1, 2]).to_cuda(m.OrtDevice.make("cuda", 0)), LATER, "GPU", R),
    "adapter that is not there": (lambda m: m.AdapterFormat.read_adapter("/no/adapter"), errors.NoSuchFile, "/no/adapter", R),
    "adapter that is none": (lambda m: m.AdapterFormat.read_adapter(__file__), BAD, "TORT", R),
    "adapter directory": (lambda m: m.AdapterFormat().export_adapter("/no/dir/a"), errors.Fail, "/no/dir/a", R),
    "adapter parameter": (lambda m: m.AdapterFormat().set_parameters({"w": 3}), BAD, "'w'.*int", None),
    "LoRA file that is not there": (lambda m: m.LoraAdapter().Load("/no/adapter"), errors.NoSuchFile, "/no/adapter", R),
    "active adapter of None": (lambda m: m.RunOptions().add_active_adapter(None), T, "add_active_adapter", None),
    "compile nothing": (lambda m: m.ModelCompiler(m.SessionOptions(), b""), VE, "", VE),
    "compile a file that is not there": (lambda m: m.ModelCompiler(m.SessionOptions(), "/no/m.onnx").compile_to_bytes(), BAD, "/no/m.onnx", E),
    "compile a number": (lambda m: m.ModelCompiler(m.SessionOptions(), 3), T, "int", T),
    "compile without options": (lambda m: m.ModelCompiler(None, ADD), T, "", T),
    "compile to two places": (lambda m: m.ModelCompiler(m.SessionOptions(), ADD, external_initializers_file_path="f", get_initializer_location_func=print), VE, "both", VE),
}


def terminated(lib):
    options = lib.RunOptions()
    options.terminate = True
    return options


def affinity(lib, text):
    options = lib.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op_thread_affinities", text)
    return lib.InferenceSession(ADD, options)


def initializer(lib, name, array):
    kept = lib.OrtValue.ortvalue_from_numpy(array)
    options = lib.SessionOptions()
    options.add_initializer(name, kept)
    return session_with(lib, options).run(None, {"x": X})


def session_with(lib, options):
    options.log_severity_level = 4
    return lib.InferenceSession(ADD, options)


def gpu_memory(lib):
    return lib.OrtMemoryInfo("Cuda", lib.OrtAllocatorType.ORT_DEVICE_ALLOCATOR, 0, lib.OrtMemType.DEFAULT)


def readonly():
    a = np.zeros((3, 2), F32)
    a.flags.writeable = False
    return a


def test_there_are_enough():
    assert len(CASES) >= 100


@pytest.mark.parametrize("name", CASES)
def test_misuse(name):
    call, cls, pattern, _ = CASES[name]
    with pytest.raises(cls, match=f"(?s){pattern}") as caught:
        call(tenon)
    assert isinstance(caught.value, (errors.Error, TypeError, ValueError, AttributeError, BufferError, RuntimeError))


@pytest.mark.parametrize("name", [n for n in CASES if CASES[n][3] is not None])
def test_onnxruntime_raises_what_ours_is(name):
    """Its class, by name or as a built-in, is a base of ours."""
    theirs = pytest.importorskip("onnxruntime")
    call, _, _, base = CASES[name]
    with pytest.raises(base) as caught:
        call(theirs)
    with pytest.raises(Exception) as ours:
        call(tenon)
    if base is not Exception:
        assert isinstance(ours.value, base), (type(ours.value), caught.value)
