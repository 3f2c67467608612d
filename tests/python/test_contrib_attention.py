"""The attention family of com.microsoft on random one-node models, against onnxruntime."""
import numpy as np
import onnx
import onnxruntime
import pytest
from test_contrib_ops import F, model, run, some

import tenon

CASES = []


def case(op, seeds=4, outputs=1, tolerance=2e-5):
    def add(make):
        CASES.extend(pytest.param(op, make, seed, outputs, tolerance, id=f"{op}-{make.__name__}-{seed}")
                     for seed in range(seeds))
        return make
    return add


@pytest.mark.parametrize("op,make,seed,outputs,tolerance", CASES)
def test_agrees(op, make, seed, outputs, tolerance):
    inputs, attrs = make(np.random.RandomState(seed))
    blob = model(op, inputs, outputs, "com.microsoft", False, attrs)
    if outputs == 4:  # onnxruntime does not infer the type of qk
        proto = onnx.ModelProto.FromString(blob)
        proto.graph.output[3].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        blob = proto.SerializeToString()
    for a, b in zip(run(onnxruntime, blob, inputs), run(tenon, blob, inputs)):
        assert a.shape == b.shape and a.dtype == b.dtype
        if outputs == 4:  # closed by causality: its lowest number where ours is -inf
            a, b = np.maximum(a, -2e4), np.maximum(b, -2e4)
        bound = tolerance if a.dtype != np.float16 else max(tolerance, 4e-3)
        assert np.abs(a.astype(F) - b.astype(F)).max(initial=0) <= bound * max(1, np.abs(a).max(initial=0))


def ints(rng, high, *dims):
    return rng.randint(0, high, dims).astype(np.int32)


def floats(rng, *dims, kind=F):
    return rng.randn(*dims).astype(kind)


@case("EmbedLayerNormalization", seeds=8, outputs=3)
def embed(rng):
    batch, length, width = rng.randint(1, 4), rng.randint(1, 6), rng.randint(2, 20)
    segments = rng.rand() < 0.5
    mask = ints(rng, 2, batch, length) if rng.rand() < 0.5 else None
    ids = ints(rng, 8, some(rng, 1, batch), length) if rng.rand() < 0.5 else None
    return [ints(rng, 10, batch, length), ints(rng, 2, batch, length) if segments else None, floats(rng, 10, width),
            floats(rng, 8, width), floats(rng, 2, width) if segments else None, floats(rng, width), floats(rng, width),
            mask, ids], {}


def caches(rng, positions, half, kind=F):
    angles = rng.rand(positions, half) * 6
    return np.cos(angles).astype(kind), np.sin(angles).astype(kind)


@case("RotaryEmbedding", seeds=12)
def rotary(rng):
    batch, heads, length, half = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 6), some(rng, 4, 8)
    kind, partial, four = some(rng, F, np.float16), rng.rand() < 0.4, rng.rand() < 0.4
    size = 2 * half + (4 if partial else 0)
    x = floats(rng, *((batch, heads, length, size) if four else (batch, length, heads * size)), kind=kind)
    ids = rng.randint(0, 20, (batch, length)) if rng.rand() < 0.6 else np.array([rng.randint(0, 20 - length)])
    attrs = dict(num_heads=int(heads), rotary_embedding_dim=2 * half) if partial else {}
    return [x, ids.astype(np.int64), *caches(rng, 20, half, kind)], dict(interleaved=rng.randint(2), **attrs)


def masks(rng, batch, length, keys, ends=True):
    """A form of mask_index; every row sees key 0."""
    form = rng.randint(0 if ends else 1, 4)
    if form == 0:
        return rng.randint(1, keys + 1, batch).astype(np.int32)
    m = ints(rng, 2, *((batch, keys) if form == 1 else (batch, length, keys)))
    m[..., 0] = 1
    return m if form < 3 else None


def bias(rng, batch, heads, length, keys):
    return floats(rng, some(rng, 1, batch), some(rng, 1, heads), length, keys) if rng.rand() < 0.5 else None


@case("MultiHeadAttention", seeds=16)
def plain(rng):
    batch, heads, length, keys, size, width = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 6), \
        rng.randint(1, 9), 4, some(rng, 4, 6)
    causal = rng.rand() < 0.3
    keys = length if causal else keys
    return [floats(rng, batch, length, heads * size), floats(rng, batch, keys, heads * size),
            floats(rng, batch, keys, heads * width), floats(rng, heads * (2 * size + width)) if rng.rand() < 0.5 else None,
            masks(rng, batch, length, keys), bias(rng, batch, heads, length, keys)], \
        dict(num_heads=int(heads), unidirectional=int(causal), **({"scale": 0.3} if rng.rand() < 0.3 else {}))


@case("MultiHeadAttention", seeds=4)
def heads_first(rng):
    batch, heads, length, keys, size = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 6), rng.randint(1, 9), 4
    return [floats(rng, batch, length, heads * size), floats(rng, batch, heads, keys, size),
            floats(rng, batch, heads, keys, size)], dict(num_heads=int(heads))


@case("MultiHeadAttention", seeds=10, outputs=3)
def cache(rng):
    batch, heads, length, past, size = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 6), rng.randint(0, 9), 4
    n, keys = heads * size, length + past
    old = [floats(rng, batch, heads, past, size) for _ in range(2)] if past else [None, None]
    return [floats(rng, batch, length, n), floats(rng, batch, length, n), floats(rng, batch, length, n),
            floats(rng, 3 * n) if rng.rand() < 0.5 else None, masks(rng, batch, length, keys, ends=False),
            bias(rng, batch, heads, length, keys), *old], dict(num_heads=int(heads), unidirectional=rng.randint(2))


@case("MultiHeadAttention", seeds=6, outputs=4)
def scores(rng):
    inputs, attrs = cache(rng)
    return inputs, attrs


@case("Attention", seeds=16, outputs=1)
def projected(rng):
    batch, heads, length, size, width, hidden = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 6), 4, some(rng, 4, 6), 10
    columns = heads * (2 * size + width)
    sizes = dict(qkv_hidden_sizes=[heads * size, heads * size, heads * width]) if width != size else {}
    return [floats(rng, batch, length, hidden), floats(rng, hidden, columns), floats(rng, columns),
            masks(rng, batch, length, length), None, bias(rng, batch, heads, length, length)], \
        dict(num_heads=int(heads), unidirectional=rng.randint(2), **sizes)


@case("Attention", seeds=8, outputs=2)
def projected_past(rng):
    batch, heads, length, past, size, hidden = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 6), rng.randint(0, 7), 4, 8
    n, keys = heads * size, past + length
    return [floats(rng, batch, length, hidden), floats(rng, hidden, 3 * n), floats(rng, 3 * n),
            masks(rng, batch, length, keys, ends=False), floats(rng, 2, batch, heads, past, size)], dict(num_heads=int(heads), unidirectional=1)


def grouped(rng, batch, length, total, past, packed=False, kind=F, sinks=False, with_bias=False, **attrs):
    kv, group, size = rng.randint(1, 3), rng.randint(1, 4), some(rng, 16, 32)
    heads = kv * group
    attrs = dict(num_heads=int(heads), kv_num_heads=int(kv), **attrs)
    new = [floats(rng, batch, length, n * size, kind=kind) for n in (heads, kv, kv)]
    if packed:
        new = [np.concatenate(new, -1), None, None]
    old = [floats(rng, batch, kv, past, size, kind=kind) for _ in range(2)] if past is not None else [None, None]
    ends = np.full(batch, total - 1) if length > 1 else rng.randint(0, total, batch)
    ends[rng.randint(batch)] = total - 1
    rotary = caches(rng, 32, size // 2, kind) if attrs.get("do_rotary") else (None, None)
    inputs = new + old + [ends.astype(np.int32), np.array([total], np.int32), *rotary, None,
                          floats(rng, some(rng, 1, batch), some(rng, 1, heads), length, total, kind=kind) if with_bias else None,
                          floats(rng, heads, kind=kind) if sinks else None]
    return inputs, attrs


def extras(rng):
    kind = some(rng, F, F, np.float16)
    return dict(do_rotary=rng.randint(2), rotary_interleaved=rng.randint(2), packed=rng.rand() < 0.3, kind=kind,
                local_window_size=some(rng, -1, 2, 3), softcap=some(rng, 0.0, 2.0), with_bias=rng.rand() < 0.3)


@case("GroupQueryAttention", seeds=16, outputs=3, tolerance=5e-5)
def prompt(rng):
    length = rng.randint(2, 9)
    return grouped(rng, rng.randint(1, 4), length, length, some(rng, None, 0, 12), **extras(rng))


@case("GroupQueryAttention", seeds=16, outputs=3, tolerance=5e-5)
def token(rng):
    past = rng.randint(1, 12)
    total = past + 1 if rng.rand() < 0.5 else rng.randint(2, past + 1) if past > 1 else 2
    return grouped(rng, rng.randint(1, 4), 1, total, past, **extras(rng))


@case("GroupQueryAttention", seeds=8, outputs=3, tolerance=5e-5)
def chunk(rng):
    past, length = rng.randint(1, 12), rng.randint(2, 5)
    return grouped(rng, 1, length, past + length, past, **extras(rng))


@case("GroupQueryAttention", seeds=6, outputs=3, tolerance=5e-5)
def sink(rng):
    past = rng.randint(1, 12)
    if rng.rand() < 0.5:
        return grouped(rng, 2, 1, past + 1, past, sinks=True)
    return grouped(rng, 2, past + 1, past + 1, None, smooth_softmax=1)


@case("MRotaryEmbedding", seeds=8)
def sections(rng):
    batch, heads, length, half = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 6), 8
    kind, four = some(rng, F, np.float16), rng.rand() < 0.4
    x = floats(rng, *((batch, heads, length, 2 * half) if four else (batch, length, heads * 2 * half)), kind=kind)
    return [x, rng.randint(0, 20, (3, batch, length)), *caches(rng, 20, half, kind)], \
        dict(num_heads=int(heads), interleaved=rng.randint(2), mrope_layout=rng.randint(2), mrope_section=[4, 2, 2])


@case("GatedAdd")
def gated_add(rng):
    dims, kind = some(rng, (3, 5), (2, 3, 7), (4,)), some(rng, F, np.float16)
    return [floats(rng, *dims, kind=kind), floats(rng, *dims, kind=kind), floats(rng, *dims[:-1], 1, kind=kind)], {}


@case("GatedRMSNorm", seeds=6)
def gated_norm(rng):
    width, kind = rng.randint(1, 300), some(rng, F, np.float16)
    dims = (2, 3, width * rng.randint(1, 4))
    return [floats(rng, *dims, kind=kind), floats(rng, width, kind=kind), floats(rng, *dims, kind=kind)], \
        dict(activation=some(rng, "silu", "swish", "sigmoid"))


@case("LinearAttentionGate", outputs=2)
def gates(rng):
    dims, kind = (2, rng.randint(1, 5), rng.randint(1, 5)), some(rng, F, np.float16)
    return [floats(rng, *dims, kind=kind) * 5, floats(rng, dims[2]), -rng.rand(dims[2]).astype(F), floats(rng, *dims, kind=kind)], {}


@case("LinearAttention", seeds=8, outputs=2, tolerance=1e-4)
def recurrence(rng):
    batch, length, heads, group, size, width = rng.randint(1, 3), rng.randint(1, 6), rng.randint(1, 3), rng.randint(1, 3), 4, 6
    rule = some(rng, "linear", "gated", "delta", "gated_delta")
    key = floats(rng, batch, length, heads, size)
    key = (key / np.linalg.norm(key, axis=-1, keepdims=True)).reshape(batch, length, -1)
    return [floats(rng, batch, length, heads * group * size), key, floats(rng, batch, length, heads * width),
            floats(rng, batch, heads, size, width) if rng.rand() < 0.5 else None,
            -rng.rand(batch, length, heads * some(rng, 1, size)).astype(F) if "gated" in rule else None,
            rng.rand(batch, length, some(rng, 1, heads)).astype(F) if "delta" in rule else None], \
        dict(q_num_heads=int(heads * group), kv_num_heads=int(heads), update_rule=rule)


@case("CausalConvWithState", seeds=6, outputs=2)
def causal_conv(rng):
    batch, channels, length, taps = rng.randint(1, 3), rng.randint(1, 5), rng.randint(1, 9), rng.randint(2, 5)
    return [floats(rng, batch, channels, length), floats(rng, channels, 1, taps),
            floats(rng, channels) if rng.rand() < 0.5 else None,
            floats(rng, batch, channels, taps - 1) if rng.rand() < 0.5 else None], dict(activation=some(rng, "none", "silu", "swish"))


def test_shared_cache():
    """past and present bound to one buffer of a larger capacity: the results are those of a growing cache."""
    rng = np.random.RandomState(0)
    for kind in (F, np.float16):
        inputs, attrs = grouped(rng, 2, 1, 9, 8, kind=kind, do_rotary=1)
        inputs[5][:] = [8, 5]
        want = run(onnxruntime, model("GroupQueryAttention", inputs, 3, "com.microsoft", False, attrs), inputs)
        for i in (3, 4):
            inputs[i] = np.concatenate([inputs[i], np.full_like(inputs[i], 7)], 2)
        blob = model("GroupQueryAttention", inputs, 3, "com.microsoft", False, attrs)
        session = tenon.InferenceSession(blob, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        binding.bind_output("o0")
        held = [tenon.OrtValue.ortvalue_from_numpy(inputs[i].copy()) for i in (3, 4)]
        for i, v in enumerate(inputs):
            if v is not None and i not in (3, 4):
                binding.bind_cpu_input(f"i{i}", v)
        for i in (3, 4):
            binding.bind_ortvalue_input(f"i{i}", held[i - 3])
            binding.bind_ortvalue_output(f"o{i - 2}", held[i - 3])
        session.run_with_iobinding(binding)
        bound = 4e-3 if kind == np.float16 else 2e-5
        assert np.abs(binding.get_outputs()[0].numpy().astype(F) - want[0].astype(F)).max() < bound * 4
        for i in (3, 4):
            got = held[i - 3].numpy()
            for b, n in enumerate((9, 6)):
                assert np.abs(got[b, :, :n].astype(F) - want[i - 2][b, :, :n].astype(F)).max() < bound * 4
