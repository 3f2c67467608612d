"""What may be fed to a run, what comes out, and what is refused with which message."""
import collections
import gc
import threading
import tracemalloc
import types
import weakref

import ml_dtypes
import numpy as np
import onnx
import pytest
import tenon
from api_models import ADD, TWO, identity, model
from tenon.errors import InvalidArgument


def echo(value_type, value, **kwargs):
    return tenon.InferenceSession(identity(value_type), **kwargs).run(None, {"x": value})[0]


@pytest.fixture(scope="module")
def add():
    return tenon.InferenceSession(ADD)


NUMBERS = {
    "float": np.float32, "double": np.float64, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "int8": np.int8, "int16": np.int16,
    "int32": np.int32, "int64": np.int64, "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64, "bool": np.bool_,
    "complex64": np.complex64, "complex128": np.complex128, "float8e4m3fn": ml_dtypes.float8_e4m3fn, "float8e5m2": ml_dtypes.float8_e5m2,
    "float8e4m3fnuz": ml_dtypes.float8_e4m3fnuz, "float8e5m2fnuz": ml_dtypes.float8_e5m2fnuz, "int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4,
    "float4e2m1": ml_dtypes.float4_e2m1fn,
}


@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 1, 5)], ids=str)
@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_every_number_type_goes_in_and_out(name, shape):
    dims = "" if shape == () else "[" + ",".join("NMK"[:len(shape)]) + "]"
    want = (np.arange(np.prod(shape, dtype=int)) % 7 - (0 if name.startswith(("u", "b")) else 3)).reshape(shape).astype(NUMBERS[name])
    got = echo(name + dims, want)
    assert isinstance(got, np.ndarray) and got.dtype == want.dtype and got.shape == shape and got.tobytes() == want.tobytes()
    assert got.flags.writeable and got.flags.c_contiguous


@pytest.mark.parametrize("value", [
    np.array(["a", "größer", "日本", ""]), np.array(["a", "größer", "日本", ""], dtype=object), ["a", "größer", "日本", ""],
    np.array(["a", "größer", "日本", ""], dtype=np.dtypes.StringDType()), ("a", "größer".encode(), "日本", ""),
], ids=["U", "object", "list", "StringDType", "tuple with bytes"])
def test_strings(value):
    got = echo("string[N]", value)
    assert got.dtype == object and got.tolist() == ["a", "größer", "日本", ""] and all(type(s) is str for s in got)


def test_bytes_arrays_are_strings():
    assert echo("string[N]", np.array([b"ab", b"c"])).tolist() == ["ab", "c"]
    assert echo("string", "alone").shape == () and echo("string", b"alone").item() == "alone"


def test_bytes_that_are_no_utf8_survive():
    got = echo("string[N]", np.array([b"\xff\xfe", "ok"], dtype=object))
    assert got[0].encode("utf-8", "surrogateescape") == b"\xff\xfe"
    assert echo("string[N]", got).tolist() == got.tolist()


@pytest.mark.parametrize("value", [[1, None], np.array(["a", 3], dtype=object)], ids=str)
def test_things_that_are_no_string(value):
    with pytest.raises(InvalidArgument, match="input 'x'.*str or bytes.*(int|NoneType) at flat index"):
        echo("string[N]", value)


@pytest.mark.parametrize("value", [[[1, 2], [3, 4]], ((1.0, 2.0), (3.0, 4.0)), [np.array([1, 2]), np.array([3, 4])], [[True, 2], [3.0, 4]]])
def test_nested_lists(add, value):
    got = add.run(None, {"x": value})[0]
    np.testing.assert_array_equal(got, np.array([[2, 4], [4, 6]], np.float32))
    assert got.dtype == np.float32


def test_scalars():
    for value in (3, 3.0, np.float32(3), np.array(3, np.float32)):
        got = echo("float", value)
        assert got.shape == () and got.dtype == np.float32 and got == 3
    assert echo("int64", 5).dtype == np.int64 and echo("bool", True).dtype == np.bool_
    assert echo("float16[N]", [1, 2.5]).dtype == np.float16 and echo("bfloat16[N]", [1, 2.5]).tolist() == [1, 2.5]


@pytest.mark.parametrize("value_type, value, found", [
    ("int64[N]", [1.5], "floating-point"), ("uint8[N]", [256], "256"), ("uint8[N]", [-1], "-1"), ("int32[N]", [2**40], str(2**40)),
    ("bool[N]", [2], "no bool"), ("float[N]", [1j], "complex"), ("float[N]", [None], "NoneType"), ("float[N]", {"a": 1}, "dict"),
    ("float[N]", "text", "string"), ("int64[N]", [2**70], "list"), ("float[N,M]", [[1.0], [1.0, 2.0]], "no array"),
])
def test_lists_that_would_change_are_refused(value_type, value, found):
    with pytest.raises(InvalidArgument, match="(?s)x.*" + value_type.split("[")[0]) as caught:
        echo(value_type, value)
    assert found in str(caught.value)


def test_arrays_are_read_in_place(add):
    """A run on a large array allocates no second one in Python; the array can be changed and fed again."""
    x = np.zeros((1 << 20, 2), np.float32)
    add.run(None, {"x": x})
    tracemalloc.start()
    got = add.run(None, {"x": x})[0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20, f"{peak} bytes allocated by Python"
    assert got.base is not None and got[0].tolist() == [1, 2]
    x += 5
    assert add.run(None, {"x": x})[0][0].tolist() == [6, 7] and got[0].tolist() == [1, 2]


def test_a_fed_array_is_released(add):
    class Array(np.ndarray):
        pass
    x = np.zeros((4, 2), np.float32).view(Array)
    gone = weakref.ref(x)
    add.run(None, {"x": x})
    del x
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("make", [
    lambda a: a[::2], lambda a: a[::-1], lambda a: np.asfortranarray(a[:6]), lambda a: a.T.copy().T, lambda a: a[:, ::-1],
    lambda a: np.broadcast_to(a[0], (5, 2)), lambda a: np.frombuffer(b"\0" + a.tobytes(), np.uint8)[1:].view(np.float32).reshape(a.shape),
], ids=["step", "reversed", "fortran", "transposed", "mirrored", "broadcast", "misaligned"])
def test_strided_and_misaligned_arrays(add, make):
    x = make(np.arange(24, dtype=np.float32).reshape(12, 2))
    np.testing.assert_array_equal(add.run(None, {"x": x})[0], x + np.array([1, 2], np.float32))


def test_read_only_arrays(add):
    x = np.ones((3, 2), np.float32)
    x.flags.writeable = False
    assert add.run(None, {"x": x})[0].tolist() == [[2, 3]] * 3


@pytest.mark.parametrize("code", ["f4", "f8", "f2", "i2", "i4", "i8", "u2", "u4", "u8", "c8", "c16"])
def test_big_endian_arrays_are_converted(code):
    names = {"f4": "float", "f8": "double", "f2": "float16", "c8": "complex64", "c16": "complex128"}
    name = names.get(code) or {"i": "int", "u": "uint"}[code[0]] + str(8 * int(code[1]))
    want = np.arange(5).astype(code)
    got = echo(name + "[N]", want.astype(">" + code))
    assert got.dtype == want.dtype and got.tolist() == want.tolist()


def test_subclasses_and_other_arrays(add):
    class Foreign:
        def __array__(self, dtype=None, copy=None):
            return np.ones((1, 2), np.float32)
    for x in (np.matrix([[1, 1]], dtype=np.float32), Foreign(), np.ma.masked_array(np.ones((1, 2), np.float32))):
        assert add.run(None, {"x": x})[0].tolist() == [[2, 3]]
    with pytest.raises(InvalidArgument, match="input 'x'.*masked"):
        add.run(None, {"x": np.ma.masked_array(np.ones((1, 2), np.float32), mask=[[True, False]])})


def test_long_types_of_c():
    for code in ("l", "q", "i", "L", "Q", "I"):
        x = np.arange(3).astype(code)
        name = ("u" if x.dtype.kind == "u" else "") + f"int{8 * x.dtype.itemsize}[N]"
        assert echo(name, x).tolist() == [0, 1, 2]


@pytest.mark.parametrize("value, actual", [
    (np.zeros((1, 2)), "tensor(double)"), (np.zeros((1, 2), np.int64), "tensor(int64)"), (np.zeros((1, 2), ml_dtypes.bfloat16), "tensor(bfloat16)"),
    (np.array([["a", "b"]]), "tensor(string)"), (np.float64(1), "tensor(double)"),
], ids=["float64", "int64", "bfloat16", "strings", "numpy scalar"])
def test_arrays_of_another_type(add, value, actual):
    """The message names the input, what was expected and what was found."""
    with pytest.raises(InvalidArgument) as caught:
        add.run(None, {"x": value})
    for fact in (" x", "tensor(float)", actual):
        assert fact in str(caught.value)
    assert str(caught.value).startswith("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : ")


@pytest.mark.parametrize("value", [np.zeros(3, "M8[s]"), np.zeros(3, "i4,f4"), np.zeros(3, np.longdouble), np.zeros(3, object), object(), None],
                         ids=lambda v: str(getattr(v, "dtype", type(v).__name__)))
def test_types_without_an_onnx_type(add, value):
    with pytest.raises(InvalidArgument, match=r"input 'x': expected tensor\(float\), found"):
        add.run(None, {"x": value})


@pytest.mark.parametrize("x", [np.zeros(2, np.float32), np.zeros((1, 3), np.float32), np.zeros((1, 1, 2), np.float32)], ids=lambda x: str(x.shape))
def test_wrong_shapes_name_the_input(add, x):
    with pytest.raises(InvalidArgument, match=r"\bx\b") as caught:
        add.run(None, {"x": x})
    assert "2" in str(caught.value)
    assert add.run(None, {"x": [[0, 0]]})[0].tolist() == [[1, 2]], "the session is usable afterwards"


def test_missing_inputs_are_listed():
    session = tenon.InferenceSession(TWO)
    for error in (ValueError, InvalidArgument):  # ValueError is what onnxruntime raises
        with pytest.raises(error, match=r"Required inputs \(\['b'\]\).*\['a'\]"):
            session.run(None, {"a": [1.0]})
    with pytest.raises(InvalidArgument) as caught:
        session.run(None, {})
    assert caught.value.missing == ["a", "b"] and caught.value.given == []


def test_unknown_inputs_and_outputs():
    session = tenon.InferenceSession(TWO)
    feeds = {"a": [3.0], "b": [1.0]}
    with pytest.raises(InvalidArgument, match="Invalid input name.*c.*'a', 'b'"):
        session.run(None, {**feeds, "c": [1.0]})
    with pytest.raises(InvalidArgument, match="Invalid output name.*total.*sum.*difference"):
        session.run(["total"], feeds)


@pytest.mark.parametrize("names, want", [(None, [4, 2]), ([], [4, 2]), (["difference"], [2]), (("difference", "sum"), [2, 4]),
                                         (["sum", "sum"], [4, 4])])
def test_output_names(names, want):
    got = tenon.InferenceSession(TWO).run(names, {"a": [3.0], "b": [1.0]})
    assert isinstance(got, list) and [float(v[0]) for v in got] == want


@pytest.mark.parametrize("args", [("sum", {"a": [1.0]}), ([3], {}), (None, [1.0]), (None, {1: [1.0]}), (None, None), (None, {}, 5)], ids=str)
def test_wrong_arguments_are_type_errors(args):
    with pytest.raises(TypeError, match="output_names|input_feed|run_options"):
        tenon.InferenceSession(TWO).run(*args)


def test_mappings_that_are_no_dict():
    for feeds in (types.MappingProxyType({"a": [3.0], "b": [1.0]}), collections.ChainMap({"a": [3.0]}, {"b": [1.0]})):
        assert tenon.InferenceSession(TWO).run(["sum"], feeds)[0].tolist() == [4]


def test_outputs_outlive_the_session():
    session = tenon.InferenceSession(TWO)
    a = np.arange(100000, dtype=np.float32)
    outputs = session.run(None, {"a": a, "b": a})
    del session
    gc.collect()
    want = np.arange(100000, dtype=np.float32)
    del a
    assert np.array_equal(outputs[0], 2 * want) and not outputs[1].any()
    view = outputs[0][10:20]
    del outputs
    gc.collect()
    assert np.array_equal(view, 2 * want[10:20])


def test_outputs_belong_to_their_run(add):
    """Writing into one output changes neither another run's nor the weights."""
    first = add.run(None, {"x": [[1, 1]]})[0]
    first[:] = -100
    assert add.run(None, {"x": [[1, 1]]})[0].tolist() == [[2, 3]]
    x = np.ones(4, np.float32)
    got = echo("float[N]", x)
    got[:] = 7
    assert x.tolist() == [1, 1, 1, 1], "an output is no alias of a feed"


def test_a_constant_output_is_not_the_weight():
    session = tenon.InferenceSession(model("g (float[1] x) => (float[2] y) <float[2] w = {1, 2}> { y = Identity(w) }"))
    session.run(None, {"x": [0]})[0][:] = 9
    assert session.run(None, {"x": [0]})[0].tolist() == [1, 2]


@pytest.mark.parametrize("items", [[], [np.ones(2, np.float32), np.zeros((1, 3), np.float32)], ([1.0, 2.0],)], ids=["empty", "arrays", "lists"])
def test_sequences(items):
    got = echo("seq(float[])", items)
    assert isinstance(got, list) and len(got) == len(items)
    for g, w in zip(got, items):
        assert g.dtype == np.float32 and np.array_equal(g, np.asarray(w, np.float32))


def test_wrong_sequences():
    session = tenon.InferenceSession(identity("seq(float[])"))
    with pytest.raises(InvalidArgument, match=r"input 'x'.*seq\(tensor\(float\)\).*ndarray"):
        session.run(None, {"x": np.ones(3, np.float32)})
    with pytest.raises(InvalidArgument, match="x"):
        session.run(None, {"x": [np.ones(3, np.float32), np.ones(3, np.int64)]})


def test_optional():
    session = tenon.InferenceSession(identity("optional(float[N])"))
    assert session.run(None, {"x": [1, 2]})[0].tolist() == [1, 2]
    assert session.run(None, {"x": None})[0] is None


@pytest.mark.parametrize("keys", ["int64s", "strings"])
def test_maps_come_out_as_dicts(keys):
    session = tenon.InferenceSession(zipmap(keys))
    got = session.run(None, {"x": [[0.25, 0.75], [1, 0]]})[0]
    names = [1, 5] if keys == "int64s" else ["cat", "dog"]
    assert got == [dict(zip(names, [0.25, 0.75])), dict(zip(names, [1.0, 0.0]))]
    assert all(type(v) is float for d in got for v in d.values())
    key = "int64" if keys == "int64s" else "string"
    assert session.get_outputs()[0].type == f"seq(map({key},tensor(float)))" and session.get_outputs()[0].shape == []


def zipmap(keys):
    h, value_type = onnx.helper, onnx.TypeProto()
    value_type.sequence_type.elem_type.map_type.key_type = onnx.TensorProto.INT64 if keys == "int64s" else onnx.TensorProto.STRING
    value_type.sequence_type.elem_type.map_type.value_type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    labels = [1, 5] if keys == "int64s" else ["cat", "dog"]
    node = h.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", **{f"classlabels_{keys}": labels})
    g = h.make_graph([node], "zipmap", [h.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 2])], [h.make_value_info("y", value_type)])
    return h.make_model(g, opset_imports=[h.make_opsetid("", 17), h.make_opsetid("ai.onnx.ml", 3)], ir_version=8).SerializeToString()


def test_threads_share_a_session(add):
    """Eight threads run one session at once; each gets its own results."""
    errors = []

    def work(k):
        x = np.full((64, 2), k, np.float32)
        for _ in range(200):
            if not np.array_equal(add.run(None, {"x": x})[0], x + [1, 2]):
                errors.append(k)
    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
