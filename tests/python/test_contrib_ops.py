"""Operators of com.microsoft, com.microsoft.nchwc and onnxruntime's own of the ONNX domain on random one-node models,
against onnxruntime. The op table: test_contrib_table.py."""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto as T
from onnx import helper as h

import tenon

F = np.float32


class Raw:
    """A constant of a type that numpy has not."""

    def __init__(self, kind, dims, raw):
        self.kind, self.dims, self.raw = kind, dims, raw


def model(op, inputs, outputs, domain, constants, attrs):
    formal, initializers, names = [], [], []
    for i, v in enumerate(inputs):
        names.append("" if v is None else f"i{i}")
        if v is None:
            continue
        if isinstance(v, Raw):
            initializers.append(h.make_tensor(names[-1], v.kind, v.dims, v.raw, raw=True))
        elif constants and i > 0:
            initializers.append(onnx.numpy_helper.from_array(v, names[-1]))
        else:
            kind = T.STRING if v.dtype == object else h.np_dtype_to_tensor_dtype(v.dtype)
            formal.append(h.make_tensor_value_info(names[-1], kind, v.shape))
    node = h.make_node(op, names, [f"o{j}" for j in range(outputs)], domain=domain, **attrs)
    graph = h.make_graph([node], "g", formal, [onnx.ValueInfoProto(name=n) for n in node.output], initializers)
    imports = [h.make_opsetid("", 17 if domain else 9),  # onnxruntime has its ops of the ONNX domain up to opset 9
                h.make_opsetid("com.microsoft", 1), h.make_opsetid("com.microsoft.nchwc", 1)]
    return h.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()


def run(module, blob, inputs):
    options = module.SessionOptions()
    options.graph_optimization_level = module.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = module.InferenceSession(blob, options, providers=["CPUExecutionProvider"])
    wanted = {i.name for i in session.get_inputs()}
    return session.run(None, {f"i{i}": v for i, v in enumerate(inputs) if f"i{i}" in wanted})


CASES = []


def case(op, seeds=3, outputs=1, domain="com.microsoft", constants=False, tolerance=2e-5, **params):
    """A function (rng, **params) -> inputs, attrs: `seeds` models of it. tolerance: relative to the largest value;
    for integers the largest difference."""
    def add(make):
        for seed in range(seeds):
            for fixed in ((False, True) if constants == "both" else (constants,)):
                label = "-".join([op, make.__name__, str(seed)] + (["constants"] if fixed else []))
                CASES.append(pytest.param(op, make, seed, outputs, domain, fixed, tolerance, id=label))
        return make
    return add


@pytest.mark.parametrize("op,make,seed,outputs,domain,constants,tolerance", CASES)
def test_agrees(op, make, seed, outputs, domain, constants, tolerance):
    inputs, attrs = make(np.random.RandomState(seed))
    blob = model(op, inputs, outputs, domain, constants, attrs)
    want, got = run(onnxruntime, blob, inputs), run(tenon, blob, inputs)
    for a, b in zip(want, got):
        assert a.shape == b.shape and a.dtype == b.dtype
        if a.dtype == object or a.dtype == bool:
            assert (a == b).all()
        elif a.dtype.kind in "iu":
            assert np.abs(a.astype(np.int64) - b.astype(np.int64)).max(initial=0) <= (tolerance if tolerance >= 1 else 0)
        else:
            finite = np.isfinite(a)
            assert (np.isfinite(b) == finite).all() and (a[~finite] == b[~finite]).all()
            bound = tolerance if a.dtype != np.float16 else max(tolerance, 4e-3)
            assert np.abs(a - b)[finite].max(initial=0) <= bound * max(1, np.abs(a[finite]).max(initial=0))


def byte(rng, *dims):
    t = rng.choice([np.int8, np.uint8])
    return bytes_of(rng, t, *dims)


def bytes_of(rng, t, *dims):
    info = np.iinfo(t)
    return np.asarray(rng.randint(info.min, info.max + 1, dims), t)


def scale(rng, *dims):
    return np.asarray(rng.rand(*dims) * 0.05 + 0.01, F)


def some(rng, *values):
    return values[rng.randint(len(values))]


# Weights of a few bits.
def nbits(rng, bits, kind=F):
    n, k, block = rng.randint(1, 40), rng.randint(1, 100), some(rng, 16, 32, 64)
    blocks = -(-k // block)
    a = rng.randn(*some(rng, (1, k), (3, k), (2, 11, k))).astype(kind)
    return n, k, block, blocks, a, bytes_of(rng, np.uint8, n, blocks, block * bits // 8), \
        (rng.rand(n * blocks) * 0.1).astype(kind)


for bits in (2, 4, 8):
    def symmetric(rng, bits=bits):
        n, k, block, blocks, a, b, scales = nbits(rng, bits)
        bias = rng.randn(n).astype(F) if rng.rand() < 0.5 else None
        return [a, b, scales, None, None, bias], dict(K=k, N=n, bits=bits, block_size=block)

    def packed_zeros(rng, bits=bits):
        n, k, block, blocks, a, b, scales = nbits(rng, bits)
        return [a, b, scales, bytes_of(rng, np.uint8, n * (-(-blocks * bits // 8)))], dict(K=k, N=n, bits=bits, block_size=block)

    case("MatMulNBits", seeds=6, constants="both")(symmetric)
    case("MatMulNBits", seeds=6, constants="both")(packed_zeros)


@case("MatMulNBits", seeds=4, constants="both")
def float_zeros(rng):
    n, k, block, blocks, a, b, scales = nbits(rng, 4)
    return [a, b, scales, rng.rand(n, blocks).astype(F) * 15], dict(K=k, N=n, bits=4, block_size=block)


@case("MatMulNBits", seeds=4, constants="both")
def groups(rng):
    n, k, block, blocks, a, b, scales = nbits(rng, 4)
    return [a, b, scales, None, rng.randint(0, blocks, k).astype(np.int32)], dict(K=k, N=n, bits=4, block_size=block)


@case("MatMulNBits", seeds=3, constants=True, tolerance=4e-3)
def half(rng):
    n, k, block, blocks, a, b, scales = nbits(rng, 4, np.float16)
    return [a, b, scales], dict(K=k, N=n, bits=4, block_size=block)


@case("MatMulNBits", seeds=2, constants=True, tolerance=3e-2)
def eight_bit_arithmetic(rng):  # onnxruntime rounds A to 8 bits, we never do
    n, k, block, blocks, a, b, scales = nbits(rng, 4)
    return [a, b, scales], dict(K=k, N=n, bits=4, block_size=block, accuracy_level=4)


@case("MatMulBnb4", seeds=6, constants="both")
def bnb4(rng):
    n, k, block = rng.randint(1, 30), 16 * rng.randint(1, 5), some(rng, 16, 32, 64)
    absmax = rng.rand(-(-n * k // block)).astype(F)
    return [rng.randn(some(rng, 1, 5, 20), k).astype(F), bytes_of(rng, np.uint8, n * k // 2), absmax], \
        dict(K=k, N=n, block_size=block, quant_type=rng.randint(2))


@case("MatMulFpQ4", seeds=4, constants=True)
def fpq4(rng):
    n, k, kind = rng.randint(1, 30), rng.randint(1, 100), some(rng, 0, 1)
    blocks, head = -(-k // 32), 4 + kind
    blob = bytes_of(rng, np.uint8, n * blocks, head + 16)
    blob[:, :4] = rng.rand(n * blocks, 1).astype(F).view(np.uint8)
    if kind:
        blob[:, 4] %= 16
    return [rng.randn(4, k).astype(F), blob.reshape(-1), np.array([k, n], np.int64)], dict(blk_quant_type=kind)


@case("GatherBlockQuantized", seeds=6)
def embedding(rng):
    bits, rows, block = some(rng, 2, 4, 8), rng.randint(1, 9), 16
    width = 16 * rng.randint(1, 5)
    blocks = width // block
    zeros = bytes_of(rng, np.uint8, rows, -(-blocks * bits // 8)) if rng.rand() < 0.5 else None
    return [bytes_of(rng, np.uint8, rows, width * bits // 8), rng.randint(-rows, rows, some(rng, (3,), (2, 2))),
            rng.rand(rows, blocks).astype(F), zeros], dict(bits=bits, block_size=block, gather_axis=0, quantize_axis=1)


@case("GatherBlockQuantized", seeds=4)
def four_bits(rng):
    axes = some(rng, (0, 1), (1, 0), (0, 2), (2, 1))
    dims = [4, 6, 8]
    dims[axes[1]] = 32
    scales = list(dims)
    scales[axes[1]] = 2
    kind = some(rng, T.UINT4, T.INT4)
    count = int(np.prod(dims))
    zeros = Raw(kind, scales, bytes_of(rng, np.uint8, int(np.prod(scales)) // 2).tobytes()) if rng.rand() < 0.5 else None
    return [Raw(kind, dims, bytes_of(rng, np.uint8, count // 2).tobytes()), rng.randint(0, 4, (3,)).astype(np.int32),
            rng.rand(*scales).astype(F), zeros], dict(block_size=16, gather_axis=axes[0], quantize_axis=axes[1])


# 8-bit products.
@case("DynamicQuantizeMatMul", seeds=4, constants="both", tolerance=1e-4)
def dynamic(rng):
    m, k, n = rng.randint(1, 9), rng.randint(1, 40), rng.randint(1, 40)
    per = (n,) if rng.rand() < 0.5 else (1,)
    t = some(rng, np.int8, np.uint8)
    return [rng.randn(2, m, k).astype(F), bytes_of(rng, t, k, n), scale(rng, *per),
            bytes_of(rng, t, *per) if rng.rand() < 0.5 else None, rng.randn(n).astype(F)], {}


@case("MatMulIntegerToFloat", seeds=4, constants="both")
def to_float(rng):
    m, k, n = rng.randint(1, 9), rng.randint(1, 40), rng.randint(1, 40)
    per = (n,) if rng.rand() < 0.5 else (1,)
    a, b = some(rng, (np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8))
    return [bytes_of(rng, a, 2, m, k), bytes_of(rng, b, k, n), scale(rng, 1), scale(rng, *per), bytes_of(rng, a, 1),
            bytes_of(rng, b, *per) if rng.rand() < 0.5 else None, rng.randn(n).astype(F)], {}


@case("MatMulInteger16")
def shorts(rng):
    m, k, n = rng.randint(1, 9, 3)
    return [rng.randint(-32768, 32768, (m, k)).astype(np.int16), rng.randint(-32768, 32768, (k, n)).astype(np.int16)], {}


@case("QGemm", seeds=8, constants="both", tolerance=1)
def qgemm(rng):
    m, k, n = rng.randint(1, 20, 3)
    ta, tb, per = rng.randint(2), rng.randint(2), rng.rand() < 0.5
    a, b = some(rng, (np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8))
    y = [np.asarray(scale(rng) * 30, F), bytes_of(rng, a)] if rng.rand() < 0.7 else []
    return [bytes_of(rng, a, *((k, m) if ta else (m, k))), scale(rng), bytes_of(rng, a),
            bytes_of(rng, b, *((n, k) if tb else (k, n))), scale(rng, *((n,) if per else ())),
            bytes_of(rng, b, *((n,) if per else ())),
            rng.randint(-1000, 1000, n).astype(np.int32) if rng.rand() < 0.5 else None] + y, \
        dict(transA=ta, transB=tb, alpha=float(rng.rand()))


@case("QAttention", seeds=8, constants=True, tolerance=1e-4)
def qattention(rng):
    batch, length, heads, size, hidden = rng.randint(1, 3), rng.randint(1, 7), rng.randint(1, 4), some(rng, 4, 8), 12
    n = 3 * heads * size
    t = some(rng, np.int8, np.uint8)
    form = rng.randint(4)
    mask = (None, rng.randint(1, length + 1, batch), np.concatenate([np.full(batch, length), rng.randint(0, length, batch)]),
            rng.randint(0, 2, (batch, length)))[form]
    if form == 3:
        mask[:, 0] = 1
    return [bytes_of(rng, np.uint8, batch, length, hidden), bytes_of(rng, t, hidden, n), rng.randn(n).astype(F),
            scale(rng, 1), scale(rng, 1), None if mask is None else mask.astype(np.int32), bytes_of(rng, np.uint8, 1),
            bytes_of(rng, t, 1)], dict(num_heads=heads, unidirectional=int(rng.rand() < 0.3))


@case("QAttention", seeds=3, outputs=2, constants=False, tolerance=1e-4)
def qattention_past(rng):
    batch, length, past, heads, size, hidden = rng.randint(1, 3), rng.randint(1, 4), rng.randint(0, 4), 2, 4, 8
    n = 3 * heads * size
    return [bytes_of(rng, np.uint8, batch, length, hidden), bytes_of(rng, np.uint8, hidden, n), rng.randn(n).astype(F),
            scale(rng, 1), scale(rng, 1), None, bytes_of(rng, np.uint8, 1), bytes_of(rng, np.uint8, 1),
            rng.randn(2, batch, heads, past, size).astype(F)], dict(num_heads=heads, unidirectional=1)


@case("QEmbedLayerNormalization", seeds=4, outputs=2, tolerance=1e-4)
def qembed(rng):
    batch, length, width, t = rng.randint(1, 3), rng.randint(1, 6), rng.randint(2, 20), np.uint8
    segments = rng.rand() < 0.5
    mask = rng.randint(0, 2, (batch, length)).astype(np.int32) if rng.rand() < 0.5 else None
    scales = [scale(rng) for _ in range(5)]
    zeros = [bytes_of(rng, t) for _ in range(5)]
    if not segments:
        scales[2] = zeros[2] = None
    return [rng.randint(0, 10, (batch, length)).astype(np.int32),
            rng.randint(0, 2, (batch, length)).astype(np.int32) if segments else None, bytes_of(rng, t, 10, width),
            bytes_of(rng, t, 8, width), bytes_of(rng, t, 2, width) if segments else None, bytes_of(rng, t, width),
            bytes_of(rng, t, width), mask, *scales, *zeros], {}


@case("DynamicQuantizeLSTM", seeds=4, outputs=3, constants=True, tolerance=3e-2)
def lstm(rng):  # onnxruntime rounds X and h to 8 bits, we never do
    length, batch, width, hidden, directions = rng.randint(1, 5), rng.randint(1, 4), 6, 5, rng.randint(1, 3)
    per = (directions, 4 * hidden) if rng.rand() < 0.5 else (directions,)
    t = some(rng, np.int8, np.uint8)
    small = lambda *d: (rng.rand(*d) * 0.008 + 0.002).astype(F)
    return [rng.randn(length, batch, width).astype(F), bytes_of(rng, t, directions, width, 4 * hidden),
            bytes_of(rng, t, directions, hidden, 4 * hidden), rng.randn(directions, 8 * hidden).astype(F), None, None, None,
            None, small(*per), np.full(per, 128 if t == np.uint8 else 0, t), small(*per),
            np.full(per, 128 if t == np.uint8 else 0, t)], \
        dict(hidden_size=hidden, direction="bidirectional" if directions == 2 else "forward")


# 8-bit elementwise ops and pools.
def pair(rng, t):
    return [scale(rng), bytes_of(rng, t)]


for name, limit in (("QLinearAdd", 1), ("QLinearMul", 1)):
    @case(name, seeds=4, tolerance=limit)
    def binary(rng):
        t, dims = some(rng, np.int8, np.uint8), some(rng, ((3, 5), (5,)), ((4, 1, 7), (4, 6, 1)))
        return [bytes_of(rng, t, *dims[0]), *pair(rng, t), bytes_of(rng, t, *dims[1]), *pair(rng, t), *pair(rng, t)], {}

for name in ("QLinearLeakyRelu", "QLinearSigmoid"):
    @case(name, seeds=4, tolerance=1)
    def unary(rng, name=name):
        t = some(rng, np.int8, np.uint8)
        return [bytes_of(rng, t, 3, 50), *pair(rng, t), np.asarray(scale(rng) / 8, F), bytes_of(rng, t)], dict(alpha=0.1) if name == "QLinearLeakyRelu" else {}


@case("QLinearSoftmax", seeds=6, tolerance=1)
def softmax(rng):
    t = some(rng, np.int8, np.uint8)
    return [bytes_of(rng, t, 3, 4, 10), *pair(rng, t), np.array(1 / 256, F), np.array(0 if t == np.uint8 else -128, t)], \
        dict(axis=int(rng.randint(-3, 3)), opset=some(rng, 11, 13))


@case("QLinearConcat", seeds=4, tolerance=1)
def concat(rng):
    t, axis = some(rng, np.int8, np.uint8), rng.randint(3)
    parts = []
    for _ in range(rng.randint(1, 4)):
        dims = [3, 4, 5]
        dims[axis] = rng.randint(1, 6)
        parts += [bytes_of(rng, t, *dims), *pair(rng, t)]
    return pair(rng, t) + parts, dict(axis=int(axis))


@case("QLinearWhere", seeds=4, tolerance=1)
def where(rng):
    t = some(rng, np.int8, np.uint8)
    return [rng.rand(3, 1, 5) < 0.5, bytes_of(rng, t, 4, 5), *pair(rng, t), bytes_of(rng, t, 3, 4, 1), *pair(rng, t),
            *pair(rng, t)], {}


def window(rng):
    attrs = dict(kernel_shape=[2, 3], strides=[int(s) for s in rng.randint(1, 3, 2)])
    if rng.rand() < 0.5:
        attrs["pads"] = [int(p) for p in rng.randint(0, 2, 4)]
    elif rng.rand() < 0.5:
        attrs["auto_pad"] = "SAME_UPPER"
    return attrs


def image(rng, t, last, channels=5):
    spatial = tuple(rng.randint(4, 9, 2))
    dims = (2, *spatial, channels) if last else (2, channels, *spatial)
    return rng.randn(*dims).astype(F) if t is F else bytes_of(rng, t, *dims)


@case("QLinearAveragePool", seeds=6, tolerance=1)
def average(rng):  # not both: onnxruntime counts the positions beyond the padding that ceil_mode adds, ONNX does not
    t, last = some(rng, np.int8, np.uint8), rng.randint(2)
    return [image(rng, t, last), *pair(rng, t), *pair(rng, t)], \
        dict(channels_last=last, **some(rng, dict(count_include_pad=1), dict(ceil_mode=1)), **window(rng))


@case("QLinearGlobalAveragePool", seeds=4, tolerance=1)
def global_average(rng):
    t, last = some(rng, np.int8, np.uint8), rng.randint(2)
    return [image(rng, t, last), *pair(rng, t), *pair(rng, t)], dict(channels_last=last)


@case("QLinearConv", seeds=6, constants="both", tolerance=1)
def conv(rng):
    last, groups, per = rng.randint(2), some(rng, 1, 2, 4), rng.rand() < 0.5
    t, w = some(rng, (np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8))
    filters = 4 * rng.randint(1, 3)
    zero = np.zeros(filters, w) if per else bytes_of(rng, w)
    return [image(rng, t, last, 4), *pair(rng, t), bytes_of(rng, w, filters, 4 // groups, 2, 3),
            scale(rng, filters) if per else scale(rng), zero, np.asarray(scale(rng) * 10, F), bytes_of(rng, t),
            rng.randint(-900, 900, filters).astype(np.int32) if rng.rand() < 0.5 else None], \
        dict(channels_last=last, group=groups, **window(rng))


@case("NhwcMaxPool", seeds=4)
def nhwc_max(rng):
    return [image(rng, some(rng, np.int8, np.uint8), True)], dict(**window(rng))


@case("QuantizeLinear", seeds=6)
def quantize(rng):
    t = some(rng, np.int8, np.uint8, np.int16, np.uint16)
    axis = rng.randint(2)
    per = (3, 7)[axis] if rng.rand() < 0.5 else None
    s, z = (scale(rng, per), bytes_of(rng, t, per)) if per else (scale(rng), bytes_of(rng, t))
    return [rng.randn(3, 7).astype(F) * 9, s, z], dict(axis=int(axis))


@case("DequantizeLinear", seeds=6)
def dequantize(rng):
    t = some(rng, np.int8, np.uint8, np.int16, np.uint16)
    axis = rng.randint(2)
    per = (3, 7)[axis] if rng.rand() < 0.5 else None
    s, z = (scale(rng, per), bytes_of(rng, t, per)) if per else (scale(rng), bytes_of(rng, t))
    return [bytes_of(rng, t, 3, 7), s, z], dict(axis=int(axis))


# Blocked channels. onnxruntime's block is 16 with AVX-512, else 8: 32 channels fit both.
def blocked(op, seeds=2, **more):
    return case(op, seeds=seeds, domain="com.microsoft.nchwc", **more)


for name in ("MaxPool", "AveragePool"):
    @blocked(name)
    def pool(rng):
        return [image(rng, F, False, 32)], window(rng)

for name in ("GlobalMaxPool", "GlobalAveragePool"):
    @blocked(name)
    def global_pool(rng):
        return [image(rng, F, False, 32)], {}


@blocked("ReorderInput", seeds=3)
def reorder_input(rng):
    last = rng.randint(2)
    return [image(rng, F, last, some(rng, 20, 32, 36))], dict(channels_last=last)


@blocked("ReorderOutput", seeds=3)
def reorder_output(rng):
    return [image(rng, F, False, 32)], dict(channels=int(some(rng, 28, 32)), channels_last=rng.randint(2))


@blocked("Conv", seeds=8, constants="both")
def blocked_conv(rng):
    channels, groups = some(rng, (3, 1), (32, 1), (32, 32), (32, 2))
    filters = 32
    w = rng.randn(filters, channels // groups, 2, 3).astype(F)
    attrs = dict(group=groups, **window(rng))
    if rng.rand() < 0.5:
        attrs["activation"] = "Relu"
    return [image(rng, F, False, channels), w, rng.randn(filters).astype(F) if rng.rand() < 0.5 else None], attrs


@blocked("Upsample", seeds=4)
def upsample(rng):
    mode, how = some(rng, ("nearest", "asymmetric"), ("linear", "half_pixel"), ("linear", "asymmetric"),
                     ("linear", "align_corners"))
    return [image(rng, F, False, 32)], dict(scales=[1, 1, *(int(s) for s in rng.randint(1, 4, 2))], mode=mode,
                                            coordinate_transformation_mode=how)


# The rest.
@case("CDist", seeds=4, tolerance=1e-4)
def cdist(rng):
    t = some(rng, F, np.float64)
    return [rng.randn(4, 19).astype(t), rng.randn(6, 19).astype(t)], dict(metric=some(rng, "euclidean", "sqeuclidean"))


@case("CropAndResize", seeds=6, tolerance=1e-4)
def crop_and_resize(rng):
    rois = (rng.rand(5, 4) * 1.4 - 0.2).astype(F)
    return [rng.randn(2, 3, 6, 7).astype(F), rois, rng.randint(0, 2, 5).astype(np.int32),
            rng.randint(1, 5, 2).astype(np.int32)], dict(mode=some(rng, "bilinear", "nearest"), extrapolation_value=0.5)


@case("ConvTransposeWithDynamicPads", seeds=4, constants="both")
def transposed(rng):
    return [rng.randn(1, 4, 5, 6).astype(F), rng.randn(4, 3, 3, 3).astype(F), rng.randint(0, 2, 4), rng.randn(3).astype(F)], \
        dict(strides=[2, 1])


@case("DynamicTimeWarping", seeds=4)
def warping(rng):
    return [rng.randint(0, 4, (1, rng.randint(1, 9), rng.randint(1, 9))).astype(F)], {}


@case("UnfoldTensor", seeds=4)
def unfold(rng):
    return [rng.randn(4, 6, 5).astype(F)], dict(dim=int(rng.randint(-3, 3)), size=rng.randint(1, 5), step=rng.randint(1, 4))


@case("ExpandDims", seeds=4)
def expand_dims(rng):
    return [rng.randn(4, 6).astype(F), np.array(rng.randint(-3, 3), np.int32)], {}


@case("GatherND", seeds=3)
def gather_nd(rng):
    t = some(rng, np.int32, np.int64)
    return [rng.randn(4, 6, 2).astype(F), np.stack([rng.randint(0, 4, (2, 3)), rng.randint(0, 6, (2, 3))], -1).astype(t)], {}


@case("GridSample", seeds=6, tolerance=1e-4)
def grid_sample(rng):
    return [rng.randn(2, 3, 5, 6).astype(F), (rng.rand(2, 4, 3, 2) * 2.6 - 1.3).astype(F)], \
        dict(mode=some(rng, "bilinear", "nearest", "bicubic"), padding_mode=some(rng, "zeros", "border", "reflection"),
             align_corners=rng.randint(2))


@case("Inverse", tolerance=1e-4)
def inverse(rng):
    return [(rng.randn(3, 4, 4) + 4 * np.eye(4)).astype(some(rng, F, np.float64))], {}


@case("MaxpoolWithMask", seeds=4)
def masked(rng):
    mask = (rng.rand(2, 1, 6, 7) < 0.8).astype(np.int32)
    mask[1] = mask[0]  # onnxruntime reads the first plane for all
    return [rng.randn(2, 3, 6, 7).astype(F), mask], dict(kernel_shape=[2, 3], strides=[1, 2], pads=[0, 1, 1, 0])


for kind in (np.int32, np.int64, np.uint32, np.uint64, F, np.float64, object):
    @case("MurmurHash3", seeds=2)
    def hashes(rng, kind=kind):
        x = np.array(["x" * i + "y" for i in range(9)], object) if kind is object else (rng.rand(9) * 999).astype(kind)
        return [x], dict(positive=rng.randint(2), seed=rng.randint(99))


@case("NGramRepeatBlock", seeds=4)
def ngrams(rng):
    return [rng.randint(0, 3, (2, 12)), rng.randn(2, 3).astype(F)], dict(ngram_size=rng.randint(1, 4))


@case("Pad", seeds=4)
def pad(rng):
    pads = rng.randint(0, 3, some(rng, (4,), (1, 4)))
    return [rng.randn(4, 5).astype(F), pads, np.array([7], F)], dict(mode=some(rng, "constant", "reflect", "edge", "wrap"))


@case("Range", seeds=4)
def ranges(rng):
    t = some(rng, F, np.float64, np.int16, np.int32, np.int64)
    return [np.array(rng.randint(-3, 3), t), np.array(rng.randint(3, 9), t)] + ([np.array(2, t)] if rng.rand() < 0.5 else []), {}


@case("SampleOp", seeds=1)
def sample_op(rng):
    return [rng.randn(4).astype(F)], {}


@case("TransposeMatMul", seeds=3)
def transpose_matmul(rng):
    return [rng.randn(2, 5, 4).astype(F), rng.randn(2, 6, 5).astype(F)], dict(transA=1, transB=1, alpha=0.5)


@case("Trilu", seeds=3)
def trilu(rng):
    return [rng.randn(2, 5, 4).astype(some(rng, F, np.float64)), np.array(rng.randint(-3, 4))], dict(upper=rng.randint(2))


@case("Unique", seeds=3, outputs=3)
def unique(rng):
    return [rng.randint(0, 5, 12).astype(F)], {}


@case("WordConvEmbedding", seeds=3)
def words(rng):
    word = np.zeros((3, 8), np.int32)
    for row in word:
        row[:rng.randint(1, 9)] = rng.randint(1, 9)
    return [word, rng.randn(3, 1, 2, 4).astype(F), rng.randn(3).astype(F), rng.randn(10, 4).astype(F)], {}


# The ONNX domain's.
def legacy(op, **more):
    return case(op, domain="", **more)


@legacy("Affine")
def affine(rng):
    return [rng.randn(9).astype(F)], dict(alpha=2.5, beta=-1.0)


@legacy("Scale")
def scaled(rng):
    return [rng.randn(9).astype(F)], dict(scale=2.5)


for name in ("ParametricSoftplus", "ScaledTanh"):
    @legacy(name)
    def two(rng):
        return [rng.randn(9).astype(F) * 4], dict(alpha=0.5, beta=1.5)


@legacy("ImageScaler")
def scaler(rng):
    return [rng.randn(2, 3, 4, 5).astype(F)], dict(scale=1.5, bias=[1.0, -2.0, 0.5])


@legacy("Crop", seeds=4)
def crop(rng):
    attrs = dict(border=[int(b) for b in rng.randint(0, 3, 4)])
    if rng.rand() < 0.5:
        attrs["scale"] = [3, 2]
    return [rng.randn(2, 3, 6, 7).astype(F)], attrs


@legacy("DynamicSlice", seeds=4, constants="both")
def dynamic_slice(rng):
    t = some(rng, np.int32, np.int64)
    axes = [np.array([2, 0], t)] if rng.rand() < 0.5 else []
    return [rng.randn(5, 6, 7).astype(F), rng.randint(-3, 3, 2).astype(t), rng.randint(3, 99, 2).astype(t)] + axes, {}
