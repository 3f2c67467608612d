#!/usr/bin/env python3
"""Makes the benchmark models, with random weights of sane scale, in a cache folder: the same bytes every time.

    make_models.py [--out build/bench-models] [--only bert_base,resnet50,...] [--force]

The graphs are written node by node the way PyTorch's TorchScript exporter writes these networks at opset 17 in eval mode: linear layers on
sequences as MatMul + Add, attention spelled out, GELU as Div > Erf > Add > Mul > Mul, the heads' reshapes fed by Shape > Gather > Unsqueeze >
Concat chains, batch norm folded into Conv, ReLU6 as Clip. Each function takes the sizes, so that tests can make small ones.
"""
import argparse
import pathlib
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_OUT = ROOT / "build" / "bench-models"
VERSION = "1"  # raise it when a model changes: cached files of another version are made again


class Writer:
    """Collects nodes and weights in the order of the graph; every method returns the name of the value it makes."""

    def __init__(self, name):
        self.name, self.nodes, self.weights, self.count = name, [], [], 0
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))

    def op(self, kind, *inputs, out=None, **attributes):
        self.count += 1
        out = out or f"/{kind}_{self.count}_output_0"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], f"/{kind}_{self.count}", **attributes))
        return out

    def constant(self, value, dtype=np.int64):
        """A Constant node, as the exporter writes literals."""
        self.count += 1
        out = f"/Constant_{self.count}_output_0"
        self.nodes.append(helper.make_node("Constant", [], [out], f"/Constant_{self.count}", value=numpy_helper.from_array(np.asarray(value, dtype))))
        return out

    def weight(self, name, array):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def normal(self, name, shape, scale):
        values = self.rng.standard_normal(shape, dtype=np.float32)
        values *= np.float32(scale)
        return self.weight(name, values)

    def model(self, inputs, outputs):
        """inputs, outputs: (name, element type, dims) each."""
        infos = [[helper.make_tensor_value_info(*v) for v in vs] for vs in (inputs, outputs)]
        graph = helper.make_graph(self.nodes, self.name, *infos, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tenon bench/models")
        helper.set_model_props(model, {"version": VERSION})
        return model


def bert_layer(w, x, mask, p, d, heads):
    """One post-norm encoder layer on x [batch, seq, d] with an additive mask [batch, 1, 1, seq]."""

    def linear(v, name, n_in, n_out):
        y = w.op("MatMul", v, w.normal(f"{p}.{name}.weight_t", (n_in, n_out), n_in**-0.5))
        return w.op("Add", w.normal(f"{p}.{name}.bias", n_out, 0.02), y)

    def norm(v, name):
        scale = w.weight(f"{p}.{name}.weight", 1 + 0.1 * w.rng.standard_normal(d))
        return w.op("LayerNormalization", v, scale, w.normal(f"{p}.{name}.bias", d, 0.02), axis=-1, epsilon=1e-12)

    def sizes(v, *tail):
        """[batch, seq, *tail] as a shape computed from v."""
        parts = []
        for axis in (0, 1):
            size = w.op("Gather", w.op("Shape", v), w.constant(axis), axis=0)
            parts.append(w.op("Unsqueeze", size, w.constant([0])))
        return w.op("Concat", *parts, *(w.constant([t]) for t in tail), axis=0)

    def split(v):
        return w.op("Reshape", v, sizes(v, heads, d // heads))

    q, k, v = (linear(x, f"attention.self.{n}", d, d) for n in ("query", "key", "value"))
    k = w.op("Transpose", split(k), perm=[0, 2, 3, 1])
    v = w.op("Transpose", split(v), perm=[0, 2, 1, 3])
    q = w.op("Transpose", split(q), perm=[0, 2, 1, 3])
    scores = w.op("Div", w.op("MatMul", q, k), w.constant((d // heads) ** 0.5, np.float32))
    context = w.op("MatMul", w.op("Softmax", w.op("Add", scores, mask), axis=-1), v)
    context = w.op("Transpose", context, perm=[0, 2, 1, 3])
    context = w.op("Reshape", context, sizes(context, d))
    x = norm(w.op("Add", linear(context, "attention.output.dense", d, d), x), "attention.output.LayerNorm")
    h = linear(x, "intermediate.dense", d, 4 * d)
    erf = w.op("Erf", w.op("Div", h, w.constant(2**0.5, np.float32)))
    gelu = w.op("Mul", w.op("Mul", h, w.op("Add", erf, w.constant(1, np.float32))), w.constant(0.5, np.float32))
    return norm(w.op("Add", linear(gelu, "output.dense", 4 * d, d), x), "output.LayerNorm")


def bert(name="bert_base", layers=12, d=768, heads=12, vocabulary=30522, positions=512):
    """input_ids, attention_mask, token_type_ids int64 [batch, seq] -> last_hidden_state [batch, seq, d], pooler_output [batch, d]."""
    w = Writer(name)
    half = w.op("Unsqueeze", "attention_mask", w.constant([1]))
    mask = w.op("Cast", w.op("Unsqueeze", half, w.constant([2])), to=TensorProto.FLOAT)
    mask = w.op("Mul", w.op("Sub", w.constant(1, np.float32), mask), w.constant(np.finfo(np.float32).min, np.float32))
    seq = w.op("Gather", w.op("Shape", "input_ids"), w.constant(1), axis=0)
    ids = w.constant(np.arange(positions)[None])
    ids = w.op("Slice", ids, w.constant([0]), w.op("Unsqueeze", seq, w.constant([0])), w.constant([1]), w.constant([1]))
    x = w.op("Gather", w.normal("embeddings.word_embeddings.weight", (vocabulary, d), 0.5), "input_ids")
    x = w.op("Add", x, w.op("Gather", w.normal("embeddings.token_type_embeddings.weight", (2, d), 0.5), "token_type_ids"))
    x = w.op("Add", x, w.op("Gather", w.normal("embeddings.position_embeddings.weight", (positions, d), 0.5), ids))
    scale = w.weight("embeddings.LayerNorm.weight", 1 + 0.1 * w.rng.standard_normal(d))
    x = w.op("LayerNormalization", x, scale, w.normal("embeddings.LayerNorm.bias", d, 0.02), axis=-1, epsilon=1e-12)
    for i in range(layers):
        x = bert_layer(w, x, mask, f"encoder.layer.{i}", d, heads)
    w.nodes[-1].output[0] = x = "last_hidden_state"
    first = w.op("Gather", x, w.constant(0), axis=1)
    pooled = w.op("Gemm", first, w.normal("pooler.dense.weight", (d, d), d**-0.5), w.normal("pooler.dense.bias", d, 0.02), transB=1)
    w.op("Tanh", pooled, out="pooler_output")
    inputs = [(n, TensorProto.INT64, ["batch", "seq"]) for n in ("input_ids", "attention_mask", "token_type_ids")]
    return w.model(inputs, [("last_hidden_state", TensorProto.FLOAT, ["batch", "seq", d]), ("pooler_output", TensorProto.FLOAT, ["batch", d])])


def convolution(w, x, name, n_in, n_out, k, stride=1, group=1, gain=1.0):
    """Conv with bias (a folded batch norm), "same" padding; the weight's scale keeps the variance after a ReLU times gain^2."""
    fan = n_in // group * k * k
    weight = w.normal(f"{name}.weight", (n_out, n_in // group, k, k), gain * (2 / fan) ** 0.5)
    return w.op("Conv", x, weight, w.normal(f"{name}.bias", n_out, 0.05), dilations=[1, 1], group=group, kernel_shape=[k, k], pads=[k // 2] * 4, strides=[stride] * 2)


def classifier(w, x, n_in, classes):
    flat = w.op("Flatten", w.op("GlobalAveragePool", x), axis=1)
    w.op("Gemm", flat, w.normal("fc.weight", (classes, n_in), n_in**-0.5), w.normal("fc.bias", classes, 0.02), out="output", alpha=1.0, beta=1.0, transB=1)
    return w.model([("input", TensorProto.FLOAT, ["batch", 3, "height", "width"])], [("output", TensorProto.FLOAT, ["batch", classes])])


def resnet(name="resnet50", blocks=(3, 4, 6, 3), width=64, classes=1000):
    """Bottleneck ResNet: input [batch, 3, height, width] -> output [batch, classes]; 224x224 for ResNet-50."""
    w = Writer(name)
    x = w.op("Relu", convolution(w, "input", "conv1", 3, width, 7, 2))
    x = w.op("MaxPool", x, ceil_mode=0, dilations=[1, 1], kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
    n_in = width
    for stage, depth in enumerate(blocks):
        mid = width << stage
        for i in range(depth):
            p, stride = f"layer{stage + 1}.{i}", 2 if stage and i == 0 else 1
            y = w.op("Relu", convolution(w, x, f"{p}.conv1", n_in, mid, 1))
            y = w.op("Relu", convolution(w, y, f"{p}.conv2", mid, mid, 3, stride))
            y = convolution(w, y, f"{p}.conv3", mid, 4 * mid, 1, gain=0.4)
            if i == 0:
                x = convolution(w, x, f"{p}.downsample.0", n_in, 4 * mid, 1, stride, gain=0.7)
            x, n_in = w.op("Relu", w.op("Add", y, x)), 4 * mid
    return classifier(w, x, n_in, classes)


MOBILENET_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_v2(name="mobilenet_v2", rows=MOBILENET_V2, stem=32, last=1280, classes=1000):
    """Inverted residuals, rows of (expansion, channels, repeats, stride): input [batch, 3, height, width] -> output [batch, classes]."""
    w = Writer(name)

    def relu6(v):
        return w.op("Clip", v, w.constant(0, np.float32), w.constant(6, np.float32))

    x, n_in = relu6(convolution(w, "input", "features.0.0", 3, stem, 3, 2)), stem
    at = 0
    for expansion, n_out, repeats, stride in rows:
        for i in range(repeats):
            at += 1
            p, y, hidden, step = f"features.{at}.conv", x, n_in * expansion, stride if i == 0 else 1
            if expansion != 1:
                y = relu6(convolution(w, y, f"{p}.0.0", n_in, hidden, 1))
            y = relu6(convolution(w, y, f"{p}.1.0", hidden, hidden, 3, step, group=hidden))
            y = convolution(w, y, f"{p}.2", hidden, n_out, 1, gain=0.7)
            x, n_in = (w.op("Add", x, y) if step == 1 and n_in == n_out else y), n_out
    return classifier(w, relu6(convolution(w, x, "features.last", n_in, last, 1)), last, classes)


def matmul(n):
    """a [m, n] times a constant [n, n] -> y [m, n]."""
    w = Writer(f"matmul_{n}")
    w.op("MatMul", "a", w.normal("b", (n, n), n**-0.5), out="y")
    return w.model([("a", TensorProto.FLOAT, ["m", n])], [("y", TensorProto.FLOAT, ["m", n])])


def tiny(name="tiny_50", nodes=50):
    """A chain with branches of cheap elementwise nodes on x [16] -> y [16]: what is measured is the cost per node, not the arithmetic."""
    w = Writer(name)
    x, other, made = "x", "x", 0
    unary = ("Sigmoid", "Relu", "Tanh", "Neg", "Abs", "Tanh")
    while made < nodes - 1:
        step = made % 7
        if step == 2:
            other, made = w.op(unary[made % len(unary)], x), made + 1  # a branch that a later node joins
        elif step == 5:
            x, made = w.op("Add" if made % 2 else "Mul", x, other), made + 1
        elif step == 0:
            x, made = w.op("Mul", x, w.normal(f"scale.{made}", 16, 1.0)), made + 1
        elif step == 3:
            x, made = w.op("Add", x, w.normal(f"shift.{made}", 16, 0.5)), made + 1
        else:
            x, made = w.op(unary[made % len(unary)], x), made + 1
    w.op("Add", x, other, out="y")
    return w.model([("x", TensorProto.FLOAT, [16])], [("y", TensorProto.FLOAT, [16])])


MODELS = {
    "bert_base": bert,
    "resnet50": resnet,
    "mobilenet_v2": mobilenet_v2,
    "matmul_512": lambda: matmul(512),
    "matmul_1024": lambda: matmul(1024),
    "tiny_50": tiny,
}


def feeds(name, batch=1, seq=128, image=224, seed=0, vocabulary=30522):
    """Inputs of the benchmark for a model: the shapes that the figures of the project speak of."""
    rng = np.random.default_rng(seed)
    if name.startswith("bert"):
        mask = np.ones((batch, seq), np.int64)
        return {"input_ids": rng.integers(0, vocabulary, (batch, seq)), "attention_mask": mask, "token_type_ids": np.zeros((batch, seq), np.int64)}
    if name.startswith("matmul"):
        n = int(name.split("_")[1])
        return {"a": rng.standard_normal((n, n), dtype=np.float32)}
    if name.startswith("tiny"):
        return {"x": rng.standard_normal(16, dtype=np.float32)}
    return {"input": rng.standard_normal((batch, 3, image, image), dtype=np.float32)}


def is_current(path):
    """Whether a cached file was made by this version of the script (a marker beside it says so)."""
    marker = path.with_suffix(".version")
    return path.exists() and marker.exists() and marker.read_text() == VERSION


def make(name, out=DEFAULT_OUT, force=False):
    """Path of a model in the cache; makes it first where it is missing or old."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.onnx"
    if force or not is_current(path):
        partial = path.with_suffix(".partial")
        partial.write_bytes(MODELS[name]().SerializeToString())
        partial.rename(path)
        path.with_suffix(".version").write_text(VERSION)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=DEFAULT_OUT)
    parser.add_argument("--only", default=",".join(MODELS), help="names, comma separated")
    parser.add_argument("--force", action="store_true", help="make them again")
    a = parser.parse_args()
    for name in a.only.split(","):
        path = make(name, a.out, a.force)
        nodes = len(onnx.load(str(path), load_external_data=False).graph.node)
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB  {nodes} nodes")


if __name__ == "__main__":
    main()
