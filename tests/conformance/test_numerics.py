"""The rules of docs/numerics.md: NaN and infinities, ties, integers at the ends of their range, rounding."""
import numpy as np
import pytest
import tenon
from compare import check_tensor
from onnx import helper
from tenon import backend

NAN, INF = np.nan, np.inf
FLOATS = [np.float32, np.float64, np.float16]


def run(op, *inputs, outputs=1, version=None, **attrs):
    node = helper.make_node(op, [f"x{i}" for i in range(len(inputs))], [f"y{j}" for j in range(outputs)], **attrs)
    got = backend.run_node(node, [np.asarray(x) for x in inputs], **({"opset_version": version} if version else {}))
    return got[0] if outputs == 1 else got


def same(got, want):
    check_tensor(np.asarray(want).astype(got.dtype), got, 0, 0)


@pytest.mark.parametrize("t", FLOATS)
def test_nan_wins(t):
    a, b = np.array([NAN, 1, INF, -INF, NAN], t), np.array([1, NAN, 2, 2, NAN], t)
    same(run("Max", a, b), [NAN, NAN, INF, 2, NAN])
    same(run("Min", a, b), [NAN, NAN, 2, -INF, NAN])
    x = np.array([1, NAN, 2, NAN], t)
    for op in ("ReduceMax", "ReduceMin", "ReduceSum"):
        same(run(op, x), [NAN])
    same(run("ArgMax", x, keepdims=0), 1)
    same(run("ArgMin", x, keepdims=0), 1)
    same(run("MaxPool", x.reshape(1, 1, 4), kernel_shape=[2]), [[[NAN, NAN, NAN]]])
    same(run("Clip", np.array([NAN, 1, 5], t), t(0), t(2)), [NAN, 1, 2])
    same(run("Relu", np.array([NAN, -1], t)), [NAN, 0])
    same(run("Softmax", np.array([[NAN, 1], [INF, 1], [-INF, -INF]], t)), [[NAN, NAN]] * 3)


@pytest.mark.parametrize("t", FLOATS)
def test_order_of_nan_and_ties(t):
    """NaN is the largest number for TopK and Unique; equal values keep their order."""
    x = np.array([1, NAN, 3, INF, -INF], t)
    values, at = run("TopK", x, np.int64([5]), outputs=2)
    same(values, [NAN, INF, 3, 1, -INF])
    same(at, [1, 3, 2, 0, 4])
    same(run("TopK", x, np.int64([5]), outputs=2, largest=0)[1], [4, 0, 2, 3, 1])
    same(run("Unique", np.array([NAN, 1, NAN, 0], t)), [0, 1, NAN])
    tie = np.array([2, 1, 2, 1], t)
    same(run("TopK", tie, np.int64([2]), outputs=2)[1], [0, 2])
    same(run("ArgMax", tie, keepdims=0), 0)
    same(run("ArgMax", tie, keepdims=0, select_last_index=1), 2)
    same(run("ArgMin", tie, keepdims=0, select_last_index=1), 3)


@pytest.mark.parametrize("t", FLOATS)
def test_empty_sets_and_bounds(t):
    none = np.zeros(0, t)
    same(run("ReduceMax", none), [-INF])
    same(run("ReduceMin", none), [INF])
    same(run("ReduceSum", none), [0])
    same(run("ReduceProd", none), [1])
    same(run("ReduceMean", none), [NAN])
    same(run("Clip", np.array([1, 5], t), t(3), t(2)), [2, 2])


@pytest.mark.parametrize("t", FLOATS)
def test_half_even(t):
    same(run("Round", np.array([0.5, 1.5, 2.5, -0.5, -1.5], t)), [0, 2, 2, -0.0, -2])


def test_quantisation_rounds_half_even_and_saturates():
    same(run("QuantizeLinear", np.float32([0.5, 1.5, 2.5, INF, -INF]), np.float32(1), np.uint8(1)), np.uint8([1, 3, 3, 255, 0]))


@pytest.mark.parametrize("t", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64])
def test_integers_wrap(t):
    i = np.iinfo(t)
    one = np.ones(1, t)
    same(run("Add", np.array([i.max], t), one), np.array([i.min], t))
    same(run("Sub", np.array([i.min], t), one), np.array([i.max], t))
    same(run("Mul", np.array([i.max], t), np.array([2], t)), (np.array([i.max], t) * np.array([2], t)))
    if i.min < 0:
        low, minus = np.array([i.min], t), np.array([-1], t)
        same(run("Neg", low), low)
        same(run("Abs", low), low)
        same(run("Div", low, minus), low)
        same(run("Mod", low, minus), np.zeros(1, t))
        same(run("Div", np.array([-7], t), np.array([2], t)), np.array([-3], t))
        same(run("Mod", np.array([-7], t), np.array([2], t)), np.array([1], t))
        same(run("Mod", np.array([-7], t), np.array([2], t), fmod=1), np.array([-1], t))
    for op in ("Div", "Mod"):
        with pytest.raises(tenon.errors.InvalidArgument, match="division by zero"):
            run(op, one, np.zeros(1, t))


def test_integer_sums_wrap():
    top = np.int32([2**31 - 1, 1])
    same(run("ReduceSum", top), np.int32([-(2**31)]))
    same(run("CumSum", top, np.int64(0)), np.int32([2**31 - 1, -(2**31)]))
    same(run("MatMul", np.int32([[2**31 - 1]]), np.int32([[2]])), np.int32([[-2]]))


def test_shifts_beyond_the_width():
    same(run("BitShift", np.uint8([1, 255]), np.uint8([8, 9]), direction="LEFT"), np.uint8([0, 0]))
    same(run("BitShift", np.uint64([1]), np.uint64([64]), direction="RIGHT"), np.uint64([0]))


def test_casts():
    """Integers wrap, floats lose their fraction; beyond the range any value of the type, but no error."""
    same(run("Cast", np.int32([300, -1]), to=2), np.uint8([44, 255]))
    same(run("Cast", np.float32([300.75, -1.5]), to=7), np.int64([300, -1]))
    assert run("Cast", np.float32([NAN, INF, -INF, 1e20]), to=6).dtype == np.int32
    same(run("Cast", np.float32([NAN, INF]), to=17).astype(np.float32), np.float32([NAN, 448]))


def two_classes(version, strings=False):
    """Probabilities [0.9, 0.1] as two trees' weights, one per class: class 0, the first label, is the more likely one."""
    labels = {"classlabels_strings": ["first", "second"]} if strings else {"classlabels_int64s": [5, 9]}
    node = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml", nodes_treeids=[0], nodes_nodeids=[0], nodes_featureids=[0],
        nodes_values=[0.0], nodes_modes=["LEAF"], nodes_truenodeids=[0], nodes_falsenodeids=[0], class_treeids=[0, 0], class_nodeids=[0, 0],
        class_ids=[0, 1], class_weights=[0.9, 0.1], **labels)
    return backend.run_node(node, [np.zeros((1, 1), np.float32)], opset_version=version)


@pytest.mark.parametrize("version", [1, 3])
def test_label_of_two_classes_is_that_of_the_higher_score(version):
    assert two_classes(version).label.tolist() == [5]
    assert two_classes(version, strings=True).label.tolist() == ["first"]
