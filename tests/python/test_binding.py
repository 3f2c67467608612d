"""IOBinding, runs on vectors of values, run_async, initializers from outside, adapters, the log callback."""
import os
import sys
import threading

import numpy as np
import onnx
import onnxruntime
import pytest
import tenon
from api_models import ADD, ENDLESS, TWO, identity, model, overridable
from onnx.external_data_helper import set_external_data
from tenon import errors
from tenon.capi import _pybind_state as C

V = tenon.OrtValue
X = np.arange(6, dtype=np.float32).reshape(3, 2)
Y = X + np.array([1, 2], np.float32)
# A cache as language models keep it: the new state is the old one with x added; y = 2 * old, read before or after.
CACHE = model("cache (float[4] x, float[4] past) => (float[4] present, float[4] y) { present = Add(past, x)  y = Add(past, past) }")


@pytest.fixture
def session():
    return tenon.InferenceSession(ADD)


@pytest.fixture(params=["tenon", "onnxruntime"])
def both(request):
    """The same steps on both libraries."""
    return {"tenon": tenon, "onnxruntime": onnxruntime}[request.param]


# ---- IOBinding ----

def test_the_same_calls_as_onnxruntime(both):
    session = both.InferenceSession(ADD)
    b = session.io_binding()
    b.bind_cpu_input("x", X)
    b.bind_output("y")
    b.synchronize_inputs()
    session.run_with_iobinding(b)
    b.synchronize_outputs()
    np.testing.assert_array_equal(b.copy_outputs_to_cpu()[0], Y)
    assert [v.shape() for v in b.get_outputs()] == [[3, 2]] and len(b.get_outputs_as_ortvaluevector()) == 1
    out = np.zeros((3, 2), np.float32)
    b.bind_input("x", "cpu", 0, np.float32, [3, 2], X.ctypes.data)
    b.bind_output("y", "cpu", 0, np.float32, (3, 2), out.ctypes.data)
    session.run_with_iobinding(b, both.RunOptions())
    np.testing.assert_array_equal(out, Y)
    value = both.OrtValue.ortvalue_from_numpy(np.zeros((3, 2), np.float32))
    b.bind_ortvalue_input("x", both.OrtValue.ortvalue_from_numpy(X * 2))
    b.bind_ortvalue_output("y", value)
    session.run_with_iobinding(b)
    np.testing.assert_array_equal(value.numpy(), X * 2 + [1, 2])
    assert b.get_outputs()[0].data_ptr() == value.data_ptr()
    b.clear_binding_outputs()
    b.clear_binding_inputs()
    assert b.get_outputs() == []


def test_bound_arrays_are_read_at_each_run(session):
    a = X.copy()
    b = session.io_binding()
    b.bind_cpu_input("x", a)
    b.bind_output("y")
    for k in range(3):
        a[:] = X * k
        session.run_with_iobinding(b)
        np.testing.assert_array_equal(b.copy_outputs_to_cpu()[0], X * k + [1, 2])


def test_outputs_of_earlier_runs_stay(session):
    """onnxruntime writes them anew, and refuses another shape."""
    b = session.io_binding()
    b.bind_output("y")
    b.bind_cpu_input("x", X)
    session.run_with_iobinding(b)
    first = b.get_outputs()[0].numpy()
    b.bind_cpu_input("x", X[:1] * 5)
    session.run_with_iobinding(b)
    np.testing.assert_array_equal(first, Y)
    assert b.get_outputs()[0].shape() == [1, 2]


@pytest.mark.parametrize("array", [np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X[::-1][::-1], X.astype(">f4")])
def test_arrays_that_are_not_contiguous(session, array):
    b = session.io_binding()
    b.bind_cpu_input("x", array)
    b.bind_output("y")
    session.run_with_iobinding(b)
    np.testing.assert_array_equal(b.copy_outputs_to_cpu()[0], Y)


def test_one_buffer_as_input_and_output(both):
    """In place: every output is that of the old state, and the state moves on."""
    session = both.InferenceSession(CACHE)
    b = session.io_binding()
    state = both.OrtValue.ortvalue_from_numpy(np.zeros(4, np.float32))
    x = np.arange(4, dtype=np.float32)
    b.bind_cpu_input("x", x)
    b.bind_ortvalue_input("past", state)
    b.bind_output("y")
    if both is tenon:  # onnxruntime writes the state while y still reads it
        b.bind_ortvalue_output("present", state)
        for step in range(1, 5):
            session.run_with_iobinding(b)
            np.testing.assert_array_equal(state.numpy(), x * step)
            np.testing.assert_array_equal(b.get_outputs()[0].numpy(), 2 * x * (step - 1))


def test_one_address_as_input_and_output():
    session = tenon.InferenceSession(CACHE)
    b = session.io_binding()
    state = np.zeros(8, np.float32)
    b.bind_cpu_input("x", np.ones(4, np.float32))
    b.bind_input("past", "cpu", 0, np.float32, [4], state.ctypes.data)
    b.bind_output("present", "cpu", 0, np.float32, [4], state[2:].ctypes.data)  # overlaps
    b.bind_output("y")
    session.run_with_iobinding(b)
    assert state.tolist() == [0, 0, 1, 1, 1, 1, 0, 0]


def test_buffers_of_two_outputs_must_not_overlap():
    session = tenon.InferenceSession(TWO)
    b = session.io_binding()
    for name in "ab":
        b.bind_cpu_input(name, np.ones(4, np.float32))
    buffer = np.zeros(6, np.float32)
    b.bind_output("sum", "cpu", 0, np.float32, [4], buffer.ctypes.data)
    b.bind_output("difference", "cpu", 0, np.float32, [4], buffer[2:].ctypes.data)
    with pytest.raises(errors.InvalidArgument, match="sum.*overlap"):
        session.run_with_iobinding(b)


def test_order_of_outputs_is_that_of_binding():
    session = tenon.InferenceSession(TWO)
    b = session.io_binding()
    for name in "ab":
        b.bind_cpu_input(name, np.ones(4, np.float32))
    b.bind_output("difference")
    b.bind_output("sum")
    b.bind_output("difference")
    session.run_with_iobinding(b)
    assert [v.numpy()[0] for v in b.get_outputs()] == [0, 2]


def test_strings_and_sequences_are_bound():
    session = tenon.InferenceSession(identity("string[N]"))
    b = session.io_binding()
    b.bind_cpu_input("x", np.array(["a", "b"]))
    target = V.ortvalue_from_shape_and_type([2], str)
    b.bind_ortvalue_output("y", target)
    session.run_with_iobinding(b)
    assert target.numpy().tolist() == ["a", "b"]
    session = tenon.InferenceSession(identity("seq(float[N])"))
    b = session.io_binding()
    b.bind_ortvalue_input("x", V.from_python([X[0]], "seq(tensor(float))"))
    b.bind_output("y")
    session.run_with_iobinding(b)
    np.testing.assert_array_equal(b.copy_outputs_to_cpu()[0][0], X[0])


def test_a_binding_keeps_its_session_alive():
    b = tenon.InferenceSession(ADD).io_binding()
    b.bind_cpu_input("x", X)
    assert b._iobinding.get_outputs() is not None


# ---- vectors ----

def test_run_with_ortvaluevector(both):
    state = tenon.capi._pybind_state if both is tenon else onnxruntime.capi._pybind_state
    session = both.InferenceSession(TWO)
    feeds, fetches = state.OrtValueVector(), state.OrtValueVector()
    arrays = [np.full(3, k, np.float32) for k in (1, 2)]  # onnxruntime's vector does not keep them
    for a in arrays:
        feeds.push_back(both.OrtValue.ortvalue_from_numpy(a)._ortvalue)
    cpu = state.OrtDevice(state.OrtDevice.cpu(), state.OrtDevice.default_memory(), 0)
    session.run_with_ortvaluevector(both.RunOptions(), ["a", "b"], feeds, ["sum", "difference"], fetches, [cpu, cpu])
    assert [v.numpy().tolist() for v in fetches] == [[3, 3, 3], [-1, -1, -1]]


def test_run_with_ortvaluevector_into_given_tensors():
    session = tenon.InferenceSession(ADD)
    feeds, fetches = C.OrtValueVector(), C.OrtValueVector()
    out = np.zeros((3, 2), np.float32)
    feeds.push_back(V.ortvalue_from_numpy(X)._ortvalue)
    fetches.push_back(V.ortvalue_from_numpy(out)._ortvalue)
    session.run_with_ortvaluevector(None, ["x"], feeds, ["y"], fetches, [C.OrtDevice(0, 0, 0)])
    np.testing.assert_array_equal(out, Y)


# ---- run_async ----

def run_async(session, *args):
    done, got = threading.Event(), []

    def callback(results, user_data, error):
        got.append((results, user_data, error, threading.get_native_id()))
        done.set()
    session.run_async(*args[:2], callback, *args[2:])
    assert done.wait(30)
    return got[0]


def test_run_async(both):
    results, data, error, thread = run_async(both.InferenceSession(ADD), None, {"x": X}, "mine")
    np.testing.assert_array_equal(results[0], Y)
    assert data == "mine" and error == "" and thread != threading.get_native_id()


@pytest.mark.parametrize("names, feed, words", [
    (None, {"x": X.astype(np.float64)}, "double.*float"), (None, {"x": X.reshape(2, 3)}, "invalid dimensions for input: x"),
    (["nope"], {"x": X}, "nope"),
])
def test_run_async_reports_errors_of_the_run(session, names, feed, words):
    results, data, error, _ = run_async(session, names, feed, 5)
    assert results == [] and data == 5
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(error)


def test_run_async_terminates(session):
    options = tenon.RunOptions()
    endless = tenon.InferenceSession(ENDLESS)
    threading.Timer(0.1, lambda: setattr(options, "terminate", True)).start()
    results, _, error, _ = run_async(endless, None, {"x": np.zeros(4, np.float32)}, None, options)
    assert results == [] and "cancelled" in error


def test_many_at_once():
    session = tenon.InferenceSession(ADD)
    done, got = threading.Semaphore(0), {}

    def callback(results, k, error):
        got[k] = results[0][0, 0]
        done.release()
    for k in range(200):
        session.run_async(["y"], {"x": np.full((1, 2), k, np.float32)}, callback, k)
    for _ in range(200):
        assert done.acquire(timeout=30)
    assert got == {k: k + 1 for k in range(200)}


def test_what_a_callback_raises_is_unraisable(session, monkeypatch):
    seen = threading.Event()
    monkeypatch.setattr(sys, "unraisablehook", lambda u: seen.set() if isinstance(u.exc_value, KeyError) else None)

    def callback(*_):
        raise KeyError("mine")
    session.run_async(None, {"x": X}, callback, None)
    assert seen.wait(30)


# ---- initializers ----

def external(tmp_path):
    """ADD with w in w.bin; the file is not written."""
    m = onnx.load_from_string(ADD)
    m.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.array([1, 2], np.float32), "w"))
    set_external_data(m.graph.initializer[0], "w.bin", 0, 8)
    m.graph.initializer[0].ClearField("raw_data")
    return m.SerializeToString()


def test_add_initializer(both):
    w = both.OrtValue.ortvalue_from_numpy(np.array([5, 6], np.float32))
    options = both.SessionOptions()
    options.add_initializer("w", w)
    np.testing.assert_array_equal(both.InferenceSession(ADD, options).run(None, {"x": X})[0], X + [5, 6])


def test_add_external_initializers(both, tmp_path):
    w = both.OrtValue.ortvalue_from_numpy(np.array([5, 6], np.float32))
    options = both.SessionOptions()
    options.add_external_initializers(["w"], [w])
    np.testing.assert_array_equal(both.InferenceSession(external(tmp_path), options).run(None, {"x": X})[0], X + [5, 6])
    with pytest.raises(Exception, match="external"):
        both.InferenceSession(ADD, options)  # w is no external data there


def test_files_in_memory(both, tmp_path):
    options = both.SessionOptions()
    data = np.array([7, 8], np.float32).tobytes()
    options.add_external_initializers_from_files_in_memory(["w.bin"], [data], [len(data)])
    np.testing.assert_array_equal(both.InferenceSession(external(tmp_path), options).run(None, {"x": X})[0], X + [7, 8])


@pytest.mark.parametrize("w", [np.zeros(3, np.float32), np.zeros(2, np.float64)])
def test_external_initializers_of_another_type_are_refused(w, tmp_path):
    options = tenon.SessionOptions()
    options.add_external_initializers(["w"], [V.ortvalue_from_numpy(w)])
    with pytest.raises(errors.Fail, match='"w".*expected float of shape'):
        tenon.InferenceSession(external(tmp_path), options)


# ---- adapters ----

def test_adapter_files_cross_libraries(tmp_path):
    ours, theirs = tenon.AdapterFormat(), onnxruntime.AdapterFormat()
    arrays = {"w": np.array([5, 6], np.float32), "half": np.ones((2, 3), np.float16), "ids": np.arange(5), "one": np.array([2.5])}
    for a, lib in ((ours, tenon), (theirs, onnxruntime)):
        a.set_adapter_version(3)
        a.set_model_version(4)
        a.set_parameters({k: lib.OrtValue.ortvalue_from_numpy(v) for k, v in arrays.items()})
    ours.export_adapter(tmp_path / "ours")
    theirs.export_adapter(str(tmp_path / "theirs"))
    for reader in (tenon, onnxruntime):
        for name in ("ours", "theirs"):
            back = reader.AdapterFormat.read_adapter(str(tmp_path / name))
            assert (back.get_format_version(), back.get_adapter_version(), back.get_model_version()) == (1, 3, 4)
            assert {k: v.numpy().tolist() for k, v in back.get_parameters().items()} == {k: v.tolist() for k, v in arrays.items()}


def test_damaged_adapter_files(tmp_path):
    a = tenon.AdapterFormat()
    a.set_parameters({"w": V.ortvalue_from_numpy(np.arange(40, dtype=np.float32))})
    a.export_adapter(tmp_path / "a")
    good = (tmp_path / "a").read_bytes()
    rng = np.random.default_rng(0)
    for k in range(300):
        bad = bytearray(good[:rng.integers(len(good))] if k % 2 else good)
        for _ in range(k % 5 if k % 2 else 1 + k % 5):
            if bad:
                bad[rng.integers(min(len(bad), 120))] = rng.integers(256)
        (tmp_path / "b").write_bytes(bad)
        try:
            tenon.AdapterFormat.read_adapter(tmp_path / "b")
        except errors.Error:
            pass


def test_lora_adapter(both, tmp_path):
    a = tenon.AdapterFormat()
    a.set_parameters({"w": V.ortvalue_from_numpy(np.array([5, 5], np.float32))})
    a.export_adapter(tmp_path / "a")
    adapter = both.LoraAdapter()
    adapter.Load(str(tmp_path / "a"))
    options = both.RunOptions()
    options.add_active_adapter(adapter)
    session = both.InferenceSession(overridable())
    zero = np.zeros(2, np.float32)
    assert session.run(None, {"x": zero}, options)[0].tolist() == [5, 5]
    assert session.run(None, {"x": zero, "w": zero}, options)[0].tolist() == [5, 5]
    assert session.run(None, {"x": zero})[0].tolist() == [10, 10]
    with pytest.raises(Exception, match="w"):
        both.InferenceSession(ADD).run(None, {"x": X}, options)


# ---- compiler ----

def test_model_compiler(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(ADD)
    compiler = tenon.ModelCompiler(tenon.SessionOptions(), str(path))
    data = compiler.compile_to_bytes()
    np.testing.assert_array_equal(onnxruntime.InferenceSession(data).run(None, {"x": X})[0], Y)
    compiler.compile_to_file()
    assert (tmp_path / "m_ctx.onnx").read_bytes() == data
    parts = []
    compiler.compile_to_stream(parts.append)
    assert b"".join(parts) == data
    external = tenon.ModelCompiler(tenon.SessionOptions(), ADD, external_initializers_file_path=tmp_path / "w.bin",
                                   external_initializers_size_threshold=1)
    external.compile_to_file(tmp_path / "e.onnx")
    assert (tmp_path / "w.bin").stat().st_size >= 8
    np.testing.assert_array_equal(tenon.InferenceSession(tmp_path / "e.onnx").run(None, {"x": X})[0], Y)
    flags = tenon.OrtCompileApiFlags
    with pytest.raises(errors.Fail, match="exists"):
        tenon.ModelCompiler(tenon.SessionOptions(), ADD, flags=flags.ERROR_IF_OUTPUT_FILE_EXISTS).compile_to_file(tmp_path / "e.onnx")
    with pytest.raises(errors.Fail, match="no nodes were compiled"):
        tenon.ModelCompiler(tenon.SessionOptions(), ADD, flags=flags.ERROR_IF_NO_NODES_COMPILED).compile_to_bytes()
    assert os.listdir(tmp_path).count(".compiled") == 0


DEVICE = "TestDeviceExecutionProvider"


def device_options(**options):
    session = tenon.SessionOptions()
    session.log_severity_level = 3
    session.add_provider(DEVICE, options)
    return session


def test_compiled_nodes(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(ADD)
    restore = device_options()
    restore.add_session_config_entry("session.disable_model_compile", "1")

    def check(model):
        session = tenon.InferenceSession(model, restore)
        assert [n["op"] for n in session.load_report()["placement"]["nodes"]] == ["com.microsoft.EPContext"]
        np.testing.assert_array_equal(session.run(None, {"x": X})[0], Y)

    embedded = tenon.ModelCompiler(device_options(), str(path), embed_compiled_data_into_model=True,
                                   flags=tenon.OrtCompileApiFlags.ERROR_IF_NO_NODES_COMPILED).compile_to_bytes()
    check(embedded)
    assert onnx.load_from_string(embedded).graph.node[0].op_type == "EPContext"
    compiler = tenon.ModelCompiler(device_options(), str(path))
    compiler.compile_to_file()
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m_ctx.onnx", f"m_ctx_{DEVICE}_0.bin"]
    check(str(tmp_path / "m_ctx.onnx"))
    with pytest.raises(errors.InvalidArgument, match="needs a place"):
        compiler.compile_to_bytes()
    written = {}
    compiler.set_ep_context_data_write_func(lambda name, data: written.update({name: data.read(0, data.size)}))
    data = compiler.compile_to_bytes()
    assert list(written) == [f"compiled_{DEVICE}_0.bin"] and len(os.listdir(tmp_path)) == 3
    (tmp_path / next(iter(written))).write_bytes(written.popitem()[1])
    (tmp_path / "again.onnx").write_bytes(data)
    check(str(tmp_path / "again.onnx"))
    compiler.clear_ep_context_data_write_func()
    (tmp_path / "out").mkdir()
    compiler.set_ep_context_binary_information(tmp_path / "out", "named")
    (tmp_path / "out" / "model.onnx").write_bytes(compiler.compile_to_bytes())
    assert sorted(os.listdir(tmp_path / "out")) == ["model.onnx", f"named_{DEVICE}_0.bin"]
    check(str(tmp_path / "out" / "model.onnx"))
    with pytest.raises(errors.InvalidArgument, match="no directory"):
        compiler.set_ep_context_binary_information(tmp_path / "nowhere", "named")
    with pytest.raises(errors.ModelRequiresCompilation, match="would have to compile 1 group"):
        tenon.InferenceSession(path, restore)
    with pytest.raises(errors.NotImplemented, match="it holds what"):
        tenon.InferenceSession(embedded)


def test_dynamic_options():
    session = tenon.InferenceSession(ADD, device_options())
    session.set_ep_dynamic_options({"delay_us": "1", "ep.dynamic.workload_type": "Efficient"})
    np.testing.assert_array_equal(session.run(None, {"x": X})[0], Y)
    with pytest.raises(errors.InvalidArgument, match="no provider of the session knows it; known: " + DEVICE + ": delay_us"):
        session.set_ep_dynamic_options({"delay": "1"})
    with pytest.raises(errors.InvalidArgument, match=DEVICE + ".*soon"):
        session.set_ep_dynamic_options({"delay_us": "soon"})
    with pytest.raises(TypeError, match="str to str"):
        session.set_ep_dynamic_options({"delay_us": 1})


# ---- log callback ----

def test_log_callback():
    lines = []
    tenon.set_default_logger_callback(lambda *line: lines.append(line))
    try:
        options = tenon.SessionOptions()
        options.logid = "mine"
        options.add_session_config_entry("session.intra_op_num_thread", "1")
        tenon.InferenceSession(ADD, options)
        severity, category, logid, location, message = lines[0]
        assert (severity, category, logid) == (2, "tenon", "mine") and "intra_op_num_thread" in message and isinstance(location, str)
        done = threading.Thread(target=tenon.InferenceSession, args=(ADD, options))
        done.start()
        done.join()
        assert len(lines) == 2
        tenon.set_default_logger_callback(None)
        quiet = tenon.SessionOptions()
        quiet.log_severity_level = 4
        tenon.InferenceSession(ADD, quiet)
        assert len(lines) == 2
    finally:
        tenon.set_default_logger_callback(None)


def test_a_log_callback_that_raises(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda u: seen.append(u.exc_value))

    def callback(*_):
        raise KeyError("mine")
    tenon.set_default_logger_callback(callback)
    try:
        options = tenon.SessionOptions()
        options.add_session_config_entry("no.such.key", "1")
        assert tenon.InferenceSession(ADD, options).run(None, {"x": X})[0].shape == (3, 2)
    finally:
        tenon.set_default_logger_callback(None)
    assert isinstance(seen[0], KeyError)


# ---- providers ----

def test_a_failed_set_providers_leaves_the_session_as_it_was(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(ADD)
    session = tenon.InferenceSession(path)
    path.unlink()
    with pytest.raises(errors.NoSuchFile):
        session.set_providers(["CPUExecutionProvider"], [{}])
    with pytest.raises(ValueError, match="dicts"):
        session.set_providers(["CPUExecutionProvider"], [3])
    assert session.get_providers() == ["CPUExecutionProvider"] and session.get_provider_options() == {"CPUExecutionProvider": {}}
    np.testing.assert_array_equal(session.run(None, {"x": X})[0], Y)
    path.write_bytes(ADD)
    session.set_providers(["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"x": X})[0], Y)
