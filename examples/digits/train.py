#!/usr/bin/env python3
# no-run: it would replace the committed model; tests/python/test_examples.py trains into a temporary folder instead
"""Trains the digits classifier of the demo and writes digits.onnx and heldout.npz next to this file.

    train.py [--epochs 60] [--out DIR]

The network is a small CNN in plain numpy: Conv 3x3 > Relu > MaxPool > Conv 3x3 > Relu > Flatten > Gemm > Softmax. The data are
scikit-learn's `load_digits` (1,797 images of 8x8 pixels, values 0..16; UCI "Optical Recognition of Handwritten Digits"); a fifth of
each class is held out, is never trained on and decides nothing here: the number of epochs is fixed. Same seed, same split.
Needs numpy, scikit-learn and onnx; takes about ten seconds.
"""
import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 20240
CHANNELS = (16, 32)


def load_split():
    """(train images [n, 8, 8] uint8, train labels, held-out images, held-out labels): every class split 4:1."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images, labels = data.images.astype(np.uint8), data.target.astype(np.int64)
    rng = np.random.default_rng(SEED)
    held = np.zeros(len(labels), bool)
    for digit in range(10):
        where = rng.permutation(np.flatnonzero(labels == digit))
        held[where[: len(where) // 5]] = True
    order = rng.permutation(np.flatnonzero(held))
    return images[~held], labels[~held], images[order], labels[order]


def windows(x):
    """3x3 neighbourhoods with one pixel of zero padding: [n, c, h, w] -> [n, h, w, c * 9]."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.ascontiguousarray(view.transpose(0, 2, 3, 1, 4, 5)).reshape(n, h, w, c * 9)


def scatter_windows(d, c):
    """The adjoint of `windows`: adds [n, h, w, c * 9] back into [n, c, h, w]."""
    n, h, w, _ = d.shape
    d = d.reshape(n, h, w, c, 3, 3)
    out = np.zeros((n, c, h + 2, w + 2), d.dtype)
    for i in range(3):
        for j in range(3):
            out[:, :, i : i + h, j : j + w] += d[..., i, j].transpose(0, 3, 1, 2)
    return out[:, :, 1:-1, 1:-1]


def conv(x, weight, bias):
    cols = windows(x)
    y = cols @ weight.reshape(len(weight), -1).T + bias
    return y.transpose(0, 3, 1, 2), cols


def conv_gradients(dy, cols, weight):
    """Gradients of a convolution by its input, weight and bias."""
    flat = dy.transpose(0, 2, 3, 1)
    rows = flat.reshape(-1, flat.shape[-1])
    dweight = (rows.T @ cols.reshape(len(rows), -1)).reshape(weight.shape)
    return scatter_windows(flat @ weight.reshape(len(weight), -1), weight.shape[1]), dweight, rows.sum(0)


def initial_weights(rng):
    c1, c2 = CHANNELS

    def he(*shape):
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)

    return {
        "conv1.weight": he(c1, 1, 3, 3), "conv1.bias": np.zeros(c1, np.float32),
        "conv2.weight": he(c2, c1, 3, 3), "conv2.bias": np.zeros(c2, np.float32),
        "linear.weight": he(10, c2 * 16) * np.float32(0.5), "linear.bias": np.zeros(10, np.float32),
    }  # fmt: skip


def forward(w, x):
    """Logits [n, 10] for images [n, 1, 8, 8], and what the backward pass needs."""
    a1, cols1 = conv(x, w["conv1.weight"], w["conv1.bias"])
    r1 = np.maximum(a1, 0)
    n, c, h, _ = r1.shape
    quads = r1.reshape(n, c, h // 2, 2, h // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, h // 2, 4)
    best = quads.argmax(-1)[..., None]
    pooled = np.take_along_axis(quads, best, -1)[..., 0]
    a2, cols2 = conv(pooled, w["conv2.weight"], w["conv2.bias"])
    flat = np.maximum(a2, 0).reshape(n, -1)
    return flat @ w["linear.weight"].T + w["linear.bias"], (a1, cols1, best, a2, cols2, flat)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def gradients(w, x, labels, smoothing=0.05):
    """Mean cross-entropy (targets smoothed a little) and its gradients by every weight."""
    logits, (a1, cols1, best, a2, cols2, flat) = forward(w, x)
    p, n = softmax(logits), len(x)
    target = np.full_like(p, smoothing / 10)
    target[np.arange(n), labels] += 1 - smoothing
    dz = (p - target) / n
    g = {"linear.weight": dz.T @ flat, "linear.bias": dz.sum(0)}
    da2 = (dz @ w["linear.weight"]).reshape(a2.shape) * (a2 > 0)
    dpooled, g["conv2.weight"], g["conv2.bias"] = conv_gradients(da2, cols2, w["conv2.weight"])
    quads = np.zeros((*dpooled.shape, 4), dpooled.dtype)
    np.put_along_axis(quads, best, dpooled[..., None], -1)
    m, c, h, _ = dpooled.shape
    da1 = quads.reshape(m, c, h, h, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(a1.shape) * (a1 > 0)
    _, g["conv1.weight"], g["conv1.bias"] = conv_gradients(da1, cols1, w["conv1.weight"])
    return float(-(target * np.log(p + 1e-12)).sum(1).mean()), g


def shifted(x, rng):
    """Each image moved by -1, 0 or 1 pixel in each direction, zeros moving in."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dy, dx = rng.integers(0, 3, (2, len(x)))
    rows = dy[:, None] + np.arange(8)
    cols = dx[:, None] + np.arange(8)
    return padded[np.arange(len(x))[:, None, None], 0, rows[:, :, None], cols[:, None, :]][:, None]


def to_input(images):
    return images[:, None].astype(np.float32) / np.float32(16)


def train(images, labels, epochs, batch=64, rate=4e-3):
    """Adam with a cosine schedule; fixed number of epochs."""
    rng = np.random.default_rng(SEED)
    w, x = initial_weights(rng), to_input(images)
    mean = {k: np.zeros_like(v) for k, v in w.items()}
    square = {k: np.zeros_like(v) for k, v in w.items()}
    step, steps = 0, epochs * -(-len(x) // batch)
    for epoch in range(epochs):
        order, losses = rng.permutation(len(x)), []
        for start in range(0, len(x), batch):
            pick = order[start : start + batch]
            loss, g = gradients(w, shifted(x[pick], rng), labels[pick])
            losses.append(loss)
            now = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            step += 1
            for k in w:
                mean[k] = 0.9 * mean[k] + 0.1 * g[k]
                square[k] = 0.999 * square[k] + 0.001 * g[k] ** 2
                update = mean[k] / (1 - 0.9**step) / (np.sqrt(square[k] / (1 - 0.999**step)) + 1e-8)
                w[k] = (w[k] - now * (update + 1e-3 * w[k])).astype(np.float32)
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:3d}  loss {np.mean(losses):.4f}  train accuracy {accuracy(w, images, labels):.2%}", flush=True)
    return w


def accuracy(w, images, labels):
    return float((forward(w, to_input(images))[0].argmax(1) == labels).mean())


def to_onnx(w, note):
    """The trained network as a model: `image` float [batch, 1, 8, 8] in 0..1 -> `probability` float [batch, 10]; opset 17."""
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "conv1.weight", "conv1.bias"], ["conv1"], "conv1", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Relu", ["conv1"], ["relu1"], "relu1"),
        node("MaxPool", ["relu1"], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["pool", "conv2.weight", "conv2.bias"], ["conv2"], "conv2", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Relu", ["conv2"], ["relu2"], "relu2"),
        node("Flatten", ["relu2"], ["flat"], "flatten", axis=1),
        node("Gemm", ["flat", "linear.weight", "linear.bias"], ["logits"], "linear", transB=1),
        node("Softmax", ["logits"], ["probability"], "softmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes, "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(v, k) for k, v in w.items()],
        doc_string="Handwritten digits, 8x8 pixels, values 0..16 divided by 16.",
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tenon examples/digits/train.py")
    helper.set_model_props(model, {"dataset": "sklearn.datasets.load_digits", "classes": "0,1,2,3,4,5,6,7,8,9", "heldout_accuracy": note, "seed": str(SEED)})
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    a = parser.parse_args()
    images, labels, held_images, held_labels = load_split()
    w = train(images, labels, a.epochs)
    score = accuracy(w, held_images, held_labels)
    print(f"held-out accuracy {score:.2%} on {len(held_labels)} images")
    onnx.save(to_onnx(w, f"{score:.4f}"), a.out / "digits.onnx")
    np.savez_compressed(a.out / "heldout.npz", images=held_images, labels=held_labels.astype(np.uint8))
    print(f"wrote {a.out / 'digits.onnx'} and {a.out / 'heldout.npz'}")


if __name__ == "__main__":
    main()
