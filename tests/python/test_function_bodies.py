"""Operators with kernels of their own that ONNX defines by a function body: both forms give the same on random inputs."""
import itertools

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto as T, helper

import tenon as ort

NUMPY = {T.FLOAT: np.float32, T.DOUBLE: np.float64, T.FLOAT16: np.float16, T.BFLOAT16: ml_dtypes.bfloat16, T.INT64: np.int64, T.INT32: np.int32}
BOUND = {T.FLOAT: 2e-5, T.DOUBLE: 1e-11, T.FLOAT16: 8e-3, T.BFLOAT16: 6e-2}
FLOATS = (T.FLOAT, T.FLOAT16, T.BFLOAT16)
rng = np.random.default_rng(7)


def real(t, *shape, low=-1.0, high=1.0):
    return t, rng.uniform(low, high, shape).astype(NUMPY[t])


def whole(values, t=T.INT64):
    return t, np.array(values, NUMPY[t])


def model_of(node, inputs, outputs, functions, opset, domain):
    def value(name, t, array):
        return helper.make_tensor_value_info(name, t, array.shape)

    infos = [value(name, *inputs[name]) for name in node.input if name]
    graph = helper.make_graph([node], "g", infos, [helper.make_empty_tensor_value_info(n) for n in outputs])
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("body", 1)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, functions=functions, opset_imports=imports, ir_version=13)


def body_of(node, inputs, opset, domain):
    """The schema's function for this node as a function of the model."""
    schema = onnx.defs.get_schema(node.op_type, opset if not domain else 1, domain)
    if schema.has_context_dependent_function:
        types = [helper.make_tensor_type_proto(inputs[n][0], inputs[n][1].shape).SerializeToString() if n else b"" for n in node.input]
        function = onnx.FunctionProto.FromString(schema.get_context_dependent_function(node.SerializeToString(), types))
    else:
        function = onnx.FunctionProto()
        function.CopyFrom(schema.function_body)
    function.domain, function.name = "body", node.op_type
    del function.output[len(node.output):]
    del function.opset_import[:]
    function.opset_import.append(helper.make_opsetid("", opset))
    return function


def check(op, inputs, outputs=("y",), opset=28, domain="", loosest=0.0, **attributes):
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    while names and not names[-1]:
        names.pop()
    named = {n: x for n, x in zip(names, inputs) if x is not None}
    node = helper.make_node(op, names, list(outputs), domain=domain, **attributes)
    body = body_of(node, named, opset, domain)
    call = helper.make_node(op, names + [""] * (len(body.input) - len(names)), list(outputs), domain="body",
                            **{k: v for k, v in attributes.items() if not isinstance(v, onnx.GraphProto)})
    feeds = {n: x[1] for n, x in named.items()}
    results = []
    for n, functions in ((node, []), (call, [body])):
        session = ort.InferenceSession(model_of(n, named, outputs, functions, opset, domain).SerializeToString())
        results.append(session.run(None, feeds))
    t = next((x[0] for x in named.values() if x[0] in BOUND), T.FLOAT)
    for own, body in zip(*results):
        own, body = np.asarray(own), np.asarray(body)
        assert own.dtype == body.dtype and own.shape == body.shape
        if own.dtype.kind in "biuU":
            assert np.array_equal(own, body)
        else:
            bound = max(loosest, BOUND[t], BOUND[helper.np_dtype_to_tensor_dtype(own.dtype)])
            np.testing.assert_allclose(own.astype(np.float64), body.astype(np.float64), rtol=bound, atol=bound)


@pytest.mark.parametrize("t", FLOATS + (T.DOUBLE,))
def test_swiglu(t):
    check("SwiGLU", [real(t, 3, 50, low=-6, high=6), real(t, 3, 50)], alpha=1.0)
    check("SwiGLU", [real(t, 7, low=-6, high=6), real(t, 7)], alpha=1.5)


@pytest.mark.parametrize("op", ["HannWindow", "HammingWindow", "BlackmanWindow"])
def test_windows(op):
    for size, periodic, t in itertools.product((2, 9, 64), (0, 1), (T.FLOAT, T.DOUBLE, T.FLOAT16)):
        check(op, [whole(size)], opset=17, periodic=periodic, output_datatype=t)


@pytest.mark.parametrize("t", [T.FLOAT, T.INT32, T.FLOAT16])
def test_center_crop_pad(t):
    for shape, target in (((5, 4), (3, 7)), ((2, 9), (2, 4)), ((6, 6), (9, 1))):
        x = (t, rng.integers(-9, 9, shape).astype(NUMPY[t]))
        check("CenterCropPad", [x, whole(target)], opset=18)
        check("CenterCropPad", [x, whole(target[:1])], opset=18, axes=[-1])


@pytest.mark.parametrize("t", [T.FLOAT, T.DOUBLE, T.FLOAT16])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses(t, reduction):
    for shape, weighted, ignored in itertools.product(((4, 5), (2, 5, 3), (2, 5, 2, 3)), (False, True), (None, 2)):
        target = rng.integers(0, 5, (shape[0], *shape[2:]))
        inputs = [real(t, *shape), (T.INT64, target), real(t, 5, low=0.2) if weighted else None]
        attributes = {"reduction": reduction} | ({} if ignored is None else {"ignore_index": ignored})
        check("NegativeLogLikelihoodLoss", inputs, opset=22, **attributes)
        check("SoftmaxCrossEntropyLoss", inputs, opset=13, **attributes)
        check("SoftmaxCrossEntropyLoss", inputs, ("y", "log_prob"), opset=13, **attributes)


@pytest.mark.parametrize("t", FLOATS)
def test_causal_conv_with_state(t):
    for length, taps, bias, past, activation in itertools.product((1, 6), (1, 4), (False, True), (False, True), ("none", "silu")):
        check("CausalConvWithState", [real(t, 2, 3, length), real(t, 3, 1, taps), real(t, 3) if bias else None, real(t, 2, 3, taps - 1) if past else None],
              ("y", "state"), activation=activation)


@pytest.mark.parametrize("t", FLOATS)
@pytest.mark.parametrize("rule", ["linear", "gated", "delta", "gated_delta"])
def test_linear_attention(t, rule):
    for (q_heads, heads), past, per_key in itertools.product(((2, 2), (4, 2)), (False, True), (False, True)):
        width, out, length = 4, 3, 5
        decay = real(t, 2, length, heads * (width if per_key else 1), low=-1, high=0) if "gated" in rule else None
        beta = real(t, 2, length, heads, low=0) if "delta" in rule else None
        check("LinearAttention", [real(t, 2, length, q_heads * width), real(t, 2, length, heads * width, low=-0.5, high=0.5), real(t, 2, length, heads * out),
                                  real(t, 2, heads, width, out) if past else None, decay, beta],
              ("y", "state"), q_num_heads=q_heads, kv_num_heads=heads, update_rule=rule)


def modifier(t, op, operand, name):
    """A body x -> op(x, operand)."""
    shape = [None] * 4
    value = helper.make_tensor(name + "_c", t, [], [operand])
    return helper.make_graph([helper.make_node(op, [name + "_x", name + "_c"], [name + "_y"])], name, [helper.make_tensor_value_info(name + "_x", t, shape)],
                             [helper.make_tensor_value_info(name + "_y", t, shape)], [value])


@pytest.mark.parametrize("t", FLOATS + (T.DOUBLE,))
def test_flex_attention(t):
    inside = T.DOUBLE if t == T.DOUBLE else T.FLOAT
    for (q_heads, heads), attributes in itertools.product(((2, 2), (4, 2)), (
            {}, {"scale": 0.3}, {"score_mod": modifier(inside, "Mul", 0.5, "s")}, {"prob_mod": modifier(inside, "Max", 0.25, "p")},
            {"score_mod": modifier(inside, "Add", 1.0, "s"), "prob_mod": modifier(inside, "Mul", 2.0, "p")})):
        check("FlexAttention", [real(t, 2, q_heads, 3, 8), real(t, 2, heads, 5, 8), real(t, 2, heads, 5, 6)], domain="ai.onnx.preview",
              loosest=1e-6, **attributes)  # the body takes the scale's root in float
