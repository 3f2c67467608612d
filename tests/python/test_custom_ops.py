"""Operators from Python functions and from a library: ports, attributes, shapes, errors, threads."""
import gc
import pathlib
import threading
import time
import weakref

import ml_dtypes
import numpy as np
import onnx
import pytest
import tenon
from onnx import TensorProto as T
from onnx import helper as h
from tenon import errors

LIBRARY = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "plugins" / "ops.so"


def model(nodes, inputs=(("x", T.FLOAT, ["n"]),), outputs=(("y", T.FLOAT, None),), initializers=()):
    graph = h.make_graph(nodes, "g", [h.make_tensor_value_info(*i) for i in inputs], [h.make_tensor_value_info(*o) for o in outputs],
                         [onnx.numpy_helper.from_array(a, n) for n, a in initializers])
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 17), h.make_opsetid("py", 1), h.make_opsetid("test.ops", 2)],
                        ir_version=9).SerializeToString()


def node(op, inputs, outputs, name="n", **attributes):
    return h.make_node(op.name if isinstance(op, tenon.CustomOp) else op, inputs, outputs, name=name,
                       domain=op.domain if isinstance(op, tenon.CustomOp) else "py", **attributes)


def session(model_bytes, *ops, options=None, **kwargs):
    options = options or tenon.SessionOptions()
    for op in ops:
        options.add_custom_op(op)
    return tenon.InferenceSession(model_bytes, options, **kwargs)


@tenon.custom_op("py")
def Scale(x, bias=None, *, factor=2.0, text="", times: int = 1):
    """x times a factor."""
    y = x * np.float32(factor) * times
    return y if bias is None else y + bias


@tenon.custom_op("py")
def Total(*xs):
    return sum(xs)


def test_a_function():
    assert Scale(3) == 6 and Scale.__doc__ == "x times a factor." and repr(Scale) == "CustomOp(py::Scale)"
    s = session(model([node(Scale, ["x"], ["a"], factor=3.0, times=2), node(Scale, ["a", "x"], ["b"]), node(Total, ["a", "b", "x"], ["y"])]),
                Scale, Total)
    np.testing.assert_array_equal(s.run(None, {"x": np.float32([1, 2])})[0], [20, 40])
    assert [n["op"] for n in s.load_report()["placement"]["nodes"]] == ["py.Scale", "py.Scale", "py.Total"]


def test_a_class_has_an_instance_per_node():
    made = []

    @tenon.custom_op("py", outputs=[tenon.Port("y", "float")])
    class Table:
        def __init__(self, *, shift: int, names: list[str], weights=[1.0, 2.0], constants):
            made.append((shift, names, weights, constants))
            self.table = constants[1] + shift

        def __call__(self, index, table):
            return self.table[index]

    table = np.float32([10, 20, 30])
    s = session(model([node(Table, ["x", "t"], ["y"], shift=5, names=["a", "b"])], [("x", T.INT64, ["n"])], initializers=[("t", table)]),
                Table)
    assert s.run(None, {"x": np.int64([2, 0])})[0].tolist() == [35, 15]
    (shift, names, weights, constants), = made
    assert (shift, names, weights) == (5, ["a", "b"], [1.0, 2.0]) and constants[0] is None and constants[1].tolist() == table.tolist()


def test_infer_and_its_shapes():
    seen = []

    def infer(x, times, *, axis):
        seen.append((x.dtype, x.shape, axis, times.ints()))
        count = times.ints()
        return ("float", (*x.shape[:1], None if count is None else x.shape[1] * count[0]))

    @tenon.custom_op("py", inputs=[tenon.Port("x", "float"), tenon.Port("times", "int64")], outputs=[tenon.Port("y", "float")],
                     infer=infer)
    def Tile(x, times, *, axis=1):
        return np.tile(x, (1, times[0]))

    s = session(model([node(Tile, ["x", "t"], ["y"])], [("x", T.FLOAT, ["batch", 3]), ("t", T.INT64, [1])]), Tile)
    assert s.get_outputs()[0].shape[0] == "batch" and seen[0] == ("float", ("batch", 3), 1, None)
    for times in (2, 3, 2):
        assert s.run(None, {"x": np.ones((2, 3), np.float32), "t": np.int64([times])})[0].shape == (2, 3 * times)
    assert ("float", (2, 3), 1, [3]) in seen


def test_without_infer_the_run_finds_shapes():
    @tenon.custom_op("py")
    def Unique(x):
        return np.unique(x)

    s = session(model([node(Unique, ["x"], ["u"]), h.make_node("Neg", ["u"], ["y"])]), Unique)
    for x in ([1, 2, 1], [1], [3, 2, 1], []):
        np.testing.assert_array_equal(s.run(None, {"x": np.float32(x)})[0], -np.unique(x))


@pytest.mark.parametrize("onnx_type,array", [
    (T.STRING, np.array(["a", "bé"], object)), (T.BOOL, np.array([True, False])), (T.FLOAT16, np.float16([1, 2])),
    (T.BFLOAT16, np.array([1, 2], ml_dtypes.bfloat16)), (T.INT4, np.array([1, -2], ml_dtypes.int4)), (T.COMPLEX64, np.complex64([1j, 2]))])
def test_every_type_goes_in_and_out(onnx_type, array):
    @tenon.custom_op("py")
    def Reverse(x):
        assert x.dtype == array.dtype
        return x[::-1]

    s = session(model([node(Reverse, ["x"], ["y"])], [("x", onnx_type, [2])], [("y", onnx_type, None)]), Reverse)
    value = s.run_with_ort_values(None, {"x": tenon.OrtValue.ortvalue_from_numpy(array)})[0]
    assert value.numpy().tolist() == array[::-1].tolist()


def test_inputs_are_the_functions_own():
    kept = []

    @tenon.custom_op("py")
    def Keep(x):
        kept.append(x)
        x += 1
        return x

    s = session(model([node(Keep, ["x"], ["a"]), node(Keep, ["x"], ["b"], "m"), h.make_node("Add", ["a", "b"], ["y"])]), Keep,
                options=tenon.SessionOptions())
    x = np.float32([1, 2])
    for _ in range(3):
        np.testing.assert_array_equal(s.run(None, {"x": x})[0], [4, 6])
    del s
    gc.collect()
    assert x.tolist() == [1, 2] and all(k.tolist() == [2, 3] for k in kept)


def test_in_subgraphs_and_model_functions():
    body = h.make_graph([node(Scale, ["c"], ["c2"]), h.make_node("Identity", ["go"], ["go2"])], "body",
                        [h.make_tensor_value_info("i", T.INT64, []), h.make_tensor_value_info("go", T.BOOL, []),
                         h.make_tensor_value_info("c", T.FLOAT, None)],
                        [h.make_tensor_value_info("go2", T.BOOL, []), h.make_tensor_value_info("c2", T.FLOAT, None)])
    f = h.make_function("fn", "F", ["a"], ["b"], [node(Scale, ["a"], ["b"], factor=10.0)], [h.make_opsetid("", 17), h.make_opsetid("py", 1)])
    m = onnx.load_from_string(model([h.make_node("F", ["x"], ["u"], domain="fn"), h.make_node("Loop", ["times", "", "u"], ["y"], body=body)],
                                    [("x", T.FLOAT, ["n"]), ("times", T.INT64, [])]))
    m.functions.append(f)
    m.opset_import.append(h.make_opsetid("fn", 1))
    s = session(m.SerializeToString(), Scale)
    assert s.run(None, {"x": np.float32([1]), "times": np.int64(3)})[0].tolist() == [80]


def test_folded_only_when_deterministic():
    calls = []

    def count(x):
        calls.append(1)
        return x + len(calls)

    for deterministic in (True, False):
        calls.clear()
        op = tenon.CustomOp(count, "py", "Count", deterministic=deterministic, infer=lambda x: (x.dtype, x.shape))
        s = session(model([node(op, ["w"], ["a"]), h.make_node("Add", ["x", "a"], ["y"])], initializers=[("w", np.float32([1]))]), op)
        assert len(calls) == deterministic
        results = [s.run(None, {"x": np.float32([0])})[0][0] for _ in range(3)]
        assert results == ([2, 2, 2] if deterministic else [2, 3, 4])


def raising(error):
    @tenon.custom_op("py", "Raise")
    def op(x):
        if callable(error):
            return error(x)
        raise error

    return session(model([node(op, ["x"], ["y"], "culprit")]), op)


@pytest.mark.parametrize("error,kind,text", [
    (ValueError("not this"), errors.Fail, r"node culprit \(Raise\): ValueError: not this \(test_custom_ops.py:\d+\)"),
    (errors.InvalidArgument("wrong"), errors.InvalidArgument, r"node culprit \(Raise\): wrong"),
    (NotImplementedError("later"), errors.NotImplemented, "later"),
    (lambda x: None, errors.Error, "result 0 of the function is None"),
    (lambda x: (), errors.Error, "returned 0 results, expected 1"),
    (lambda x: x.astype(np.int32), errors.Error, "is a tensor of int32, expected float"),
    (lambda x: object(), errors.Error, "result 0"),
])
def test_errors_name_the_node(error, kind, text):
    s = raising(error)
    for _ in range(2):
        with pytest.raises(kind, match=text):
            s.run(None, {"x": np.float32([1])})


def test_errors_of_infer_and_make():
    @tenon.custom_op("py", infer=lambda x: 1 / 0)
    def Bad(x):
        return x

    with pytest.raises(errors.Error, match=r'node "n" \(Bad\): ZeroDivisionError'):
        session(model([node(Bad, ["x"], ["y"])]), Bad)
    for found, text in (("bool", "expected float"), ("float", None)):
        op = tenon.CustomOp(lambda x: x, "py", "Odd", infer=lambda x, found=found: (found, [-1] if text is None else x.shape))
        with pytest.raises(errors.Error, match=text or "expected a size >= 0, found -1"):
            session(model([node(op, ["x"], ["y"])]), op)

    @tenon.custom_op("py")
    class Picky:
        def __init__(self, *, mode="a"):
            if mode != "a":
                raise ValueError(f"mode {mode}")

        def __call__(self, x):
            return x

    with pytest.raises(errors.Error, match=r"node n \(Picky\): ValueError: mode b"):
        session(model([node(Picky, ["x"], ["y"], mode="b")]), Picky)


def test_bad_registrations():
    options = tenon.SessionOptions()
    options.add_custom_op(Scale)
    with pytest.raises(errors.InvalidArgument, match="py::Scale: it is registered twice"):
        options.add_custom_op(Scale)
    with pytest.raises(errors.InvalidArgument, match="ai.onnx::Relu: Tenon has an operator of this name"):
        options.add_custom_op(tenon.CustomOp(lambda x: x, "", "Relu"))
    with pytest.raises(errors.InvalidArgument, match="element type follows from no input"):
        options.add_custom_op(tenon.CustomOp(lambda: 1, "py", "Nothing"))
    with pytest.raises(errors.InvalidArgument, match="port 'x': .*no_type"):
        options.add_custom_op(tenon.CustomOp(lambda x: x, "py", "A", inputs=[tenon.Port("x", "no_type")]))
    with pytest.raises(TypeError, match="expected what tenon.custom_op makes, found function"):
        options.add_custom_op(lambda x: x)
    with pytest.raises(TypeError, match="parameter 'y': an input has no default but None"):
        tenon.custom_op("py")(lambda x, y=3: x)
    with pytest.raises(TypeError, match="parameter 'k': an attribute needs a default or an annotation"):
        tenon.custom_op("py")(lambda x, *, k: x)
    with pytest.raises(TypeError, match="attribute 'k': expected int"):
        tenon.custom_op("py")(lambda x, *, k={}: x)
    with pytest.raises(errors.Error, match='attribute "factr".*did you mean "factor"'):
        session(model([node(Scale, ["x"], ["y"], factr=1.0)]), Scale)
    with pytest.raises(errors.Error, match="nothing is known of domain"):
        session(model([node(Scale, ["x"], ["y"])]))


def test_from_many_threads_and_lanes():
    options = tenon.SessionOptions()
    options.execution_mode = tenon.ExecutionMode.ORT_PARALLEL
    options.inter_op_num_threads = options.intra_op_num_threads = 4
    options.add_session_config_entry("tenon.parallel", "always")
    branches = [node(Scale, ["x"], [f"b{i}"], f"n{i}", factor=float(i)) for i in range(4)]
    s = session(model([*branches, node(Total, [f"b{i}" for i in range(4)], ["y"])]), Scale, Total, options=options)
    wrong = []

    def work(k):
        for i in range(40):
            x = np.full(1 + (i + k) % 5, k, np.float32)
            if s.run(None, {"x": x})[0].tolist() != (6 * x).tolist():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_placed_and_profiled(tmp_path):
    options = tenon.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "p")
    options.log_severity_level = 3
    s = session(model([node(Scale, ["x"], ["a"], "mine"), h.make_node("Neg", ["a"], ["y"])]), Scale, options=options,
                providers=[("TestDeviceExecutionProvider", {"ops": "Scale", "fuse": "0"}), "CPUExecutionProvider"])
    assert s.run(None, {"x": np.float32([1])})[0].tolist() == [-2]
    assert s.load_report()["placement"]["nodes"][0]["provider"] == "TestDeviceExecutionProvider"
    assert '"mine_kernel_time"' in pathlib.Path(s.end_profiling()).read_text()


def test_functions_are_let_go():
    def make():
        op = tenon.CustomOp(lambda x: x, "py", "Gone")
        session(model([node(op, ["x"], ["y"])]), op).run(None, {"x": np.float32([1])})
        return weakref.ref(op.function)

    gone = make()
    gc.collect()
    assert gone() is None


def test_a_run_ends_while_python_waits():
    started = threading.Event()

    @tenon.custom_op("py", deterministic=False)
    def Slow(x):
        started.set()
        time.sleep(0.2)
        return x

    s = session(model([node(Slow, ["x"], ["a"]), h.make_node("Neg", ["a"], ["y"])]), Slow)
    options = tenon.RunOptions()
    threading.Thread(target=lambda: (started.wait(), setattr(options, "terminate", True))).start()
    with pytest.raises(errors.Fail):
        s.run(None, {"x": np.float32([1])}, options)


@pytest.mark.skipif(not LIBRARY.exists(), reason="the libraries of tests/plugins are not built")
def test_a_library(tmp_path, monkeypatch):
    options = tenon.SessionOptions()
    options.register_custom_ops_library(LIBRARY)
    s = session(model([h.make_node("Scale", ["x"], ["a"], domain="test.ops", factor=4.0), node(Total, ["a", "x"], ["y"])]), Total,
                options=options)
    del options
    assert s.run(None, {"x": np.float32([1, 2])})[0].tolist() == [5, 10]
    monkeypatch.chdir(LIBRARY.parent)
    tenon.SessionOptions().register_custom_ops_library("ops.so")
    with pytest.raises(errors.NoSuchFile, match="no_such.so"):
        tenon.SessionOptions().register_custom_ops_library("no_such.so")
    (tmp_path / "x.so").write_text("text")
    with pytest.raises(errors.Fail, match="cannot be loaded"):
        tenon.SessionOptions().register_custom_ops_library(tmp_path / "x.so")
    with pytest.raises(errors.NotImplemented, match="RegisterCustomOps"):
        tenon.SessionOptions().register_custom_ops_library("ort.so")
    with pytest.raises(TypeError):
        tenon.SessionOptions().register_custom_ops_library(3)
