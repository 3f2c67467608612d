"""Gradient against central differences, for every operator that it passes."""
import numpy as np
import onnx
import pytest
from onnx import TensorProto as T, helper, parser

import tenon as ort
from tenon.errors import Error

TRAINING = "ai.onnx.preview.training"


def build(text, xs, inputs, y="y", zs=(), names=None, opset=17):
    """A graph of double values `inputs` with the nodes of `text`, and a Gradient at `names` (default: at the values themselves)."""
    body = parser.parse_graph(f"g ({', '.join(inputs)}) => (y) {{ {text} }}")
    for info, value in zip(body.input, inputs.values()):
        info.CopyFrom(helper.make_tensor_value_info(info.name, T.DOUBLE, value.shape))
    operands = list(names or [*xs, *zs])
    body.node.append(helper.make_node("Gradient", operands, ["d" + x for x in xs], domain=TRAINING, xs=xs, y=y, **({"zs": zs} if zs else {})))
    body.output.extend(helper.make_empty_tensor_value_info("d" + x) for x in xs)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(TRAINING, 1)], ir_version=8)


def run(model, inputs, level=None):
    options = ort.SessionOptions()
    if level is not None:
        options.graph_optimization_level = level
    return ort.InferenceSession(model.SerializeToString(), options).run(None, inputs)


def check(text, shapes, xs=None, low=0.3, high=1.2, opset=17):
    rng = np.random.default_rng(3)
    inputs = {k: rng.uniform(low, high, s) for k, s in shapes.items()}
    xs = list(xs or inputs)
    zs = [k for k in inputs if k not in xs]
    model = build(text, xs, inputs, zs=zs, opset=opset)
    for level in (ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL):
        _, *gradients = run(model, inputs, level)
        for x, got in zip(xs, gradients):
            assert got.shape == inputs[x].shape
            for at in np.ndindex(*inputs[x].shape):
                ends = []
                for step in (1e-5, -1e-5):
                    moved = {k: v.copy() for k, v in inputs.items()}
                    moved[x][at] += step
                    ends.append(run(model, moved, level)[0].sum())
                assert abs((ends[0] - ends[1]) / 2e-5 - got[at]) < 1e-5 * (1 + abs(got[at])), (text, x, at)


@pytest.mark.parametrize("op", ["Abs", "Cos", "Erf", "Exp", "Identity", "Log", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sin", "Softplus", "Sqrt", "Tanh", "Transpose"])
def test_unary(op):
    check(f"y = {op}(x)", {"x": (2, 3)})


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Pow"])
@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((2, 3), (3,)), ((1, 3), (2, 1)), ((), (2, 2))])
def test_binary(op, shapes):
    check(f"y = {op}(a, b)", {"a": shapes[0], "b": shapes[1]})


@pytest.mark.parametrize("text, shapes", [
    ("y = MatMul(a, b)", {"a": (2, 3), "b": (3, 2)}),
    ("y = MatMul(a, b)", {"a": (2, 2, 3), "b": (3, 2)}),
    ("y = Gemm<alpha=0.5, beta=2.0>(a, b, c)", {"a": (2, 3), "b": (3, 2), "c": (2,)}),
    ("y = Gemm<transA=1, transB=1>(a, b)", {"a": (3, 2), "b": (2, 3)}),
    ("p = Softmax<axis=1>(x) y = Mul(p, w)", {"x": (2, 3), "w": (2, 3)}),
    ("p = LogSoftmax<axis=0>(x) y = Mul(p, w)", {"x": (2, 3), "w": (2, 3)}),
    ("s = ReduceMean<axes=[1], keepdims=0>(x) y = Mul(s, s)", {"x": (2, 3)}),
    ("a = Constant<value_ints=[0]>() s = ReduceSum<keepdims=0>(x, a) y = Exp(s)", {"x": (2, 3)}),
    ("s = ReduceSum(x) y = Mul(s, s)", {"x": (2, 3)}),
    ("t = Constant<value_ints=[3, 2]>() r = Reshape(x, t) y = Mul(r, w)", {"x": (2, 3), "w": (3, 2)}),
    ("f = Flatten<axis=1>(x) y = Mul(f, f)", {"x": (2, 1, 3)}),
    ("t = Transpose<perm=[2, 0, 1]>(x) y = Mul(t, w)", {"x": (2, 3, 1), "w": (1, 2, 3)}),
    ("a = Constant<value_ints=[0]>() u = Unsqueeze(x, a) s = Squeeze(u, a) y = Mul(s, s)", {"x": (2,)}),
    ("h = Constant<value=double {0.7}>() c = Less(x, h) y = Where(c, x, w)", {"x": (2, 3), "w": (1, 3)}),
    ("f = Cast<to=11>(x) y = Mul(f, f)", {"x": (2,)}),
    ("h = MatMul(x, w) a = Add(h, b) r = Tanh(a) l = MatMul(r, v) s = Sigmoid(l) y = ReduceMean(s)", {"x": (2, 3), "w": (3, 4), "b": (4,), "v": (4, 1)}),
])
def test_larger(text, shapes):
    check(text, shapes)


def test_only_some_values_vary():
    check("y = Mul(a, b)", {"a": (2,), "b": (2,)}, xs=["a"])


def test_at_other_values_and_of_an_intermediate_one():
    inputs = {"a": np.array([2.0]), "b": np.array([3.0]), "p": np.array([5.0]), "q": np.array([7.0])}
    model = build("h = Mul(a, b) y = Mul(h, a)", ["a", "b"], inputs, names=["p", "q"])
    _, da, db = run(model, inputs)
    assert da[0] == 2 * 5 * 7 and db[0] == 25
    model = build("h = Mul(a, b) y = Mul(h, a)", ["h"], inputs, zs=["a"])
    assert run(model, inputs)[1][0] == 2


def test_second_derivative():
    inputs = {"x": np.array([2.0])}
    model = build("s = Mul(x, x) y = Mul(s, x)", ["x"], inputs)
    model.graph.node[-1].output[0] = "first"
    model.graph.node.append(helper.make_node("Gradient", ["x"], ["dx"], domain=TRAINING, xs=["x"], y="first"))
    assert run(model, inputs)[1][0] == 12


def test_refusal():
    inputs = {"x": np.array([2.0])}
    with pytest.raises(Error, match=r"Gradient passes node .* \(Ceil\), expected one of Abs, Add"):
        run(build("m = Ceil(x) y = Neg(m)", ["x"], inputs), inputs)


def test_names_that_do_not_exist():
    inputs = {"x": np.array([2.0])}
    with pytest.raises(Error, match='attribute y names "z", which the graph does not have'):
        run(build("y = Neg(x)", ["x"], inputs, y="z"), inputs)
    model = build("y = Neg(x)", ["x"], inputs)
    model.graph.node[-1].input.append("x")
    with pytest.raises(Error, match="2 inputs, expected 1 as attributes xs and zs name"):
        run(model, inputs)
