"""Samples of convolutions, pools, normalisations, products and recurrent layers, as plain loops over windows and steps."""
import itertools
import math

import numpy as np
from sweep_data import op, wide
from sweep_model import MISSING, Sample, is_float


def spatial(g, n):
    """Random geometry of n spatial dims: (kernel, strides, dilations, pads, attributes). Attributes at their default may be left out."""
    kernel = [g.int(1, 3) for _ in range(n)]
    strides = [g.int(1, 2) for _ in range(n)] if g.flip() else [1] * n
    dilations = [g.int(1, 2) for _ in range(n)] if g.attr("dilations") and g.flip(0.4) else [1] * n
    attrs = {}
    if strides != [1] * n or g.flip(0.2):
        attrs["strides"] = strides
    if dilations != [1] * n:
        attrs["dilations"] = dilations
    return kernel, strides, dilations, attrs


def same_pads(size, kernel, stride, dilation, lower):
    out = -(-size // stride)
    total = max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return (total - total // 2, total // 2) if lower else (total // 2, total - total // 2)


def choose_pads(g, sizes, kernel, strides, dilations, attrs, limit=None):
    """[(begin, end)] and the attribute that asks for them."""
    mode = g.pick("pads", "pads", "none", "SAME_UPPER", "SAME_LOWER", "VALID")
    if mode.startswith("SAME") and (dilations == [1] * len(sizes) or g.version >= 11):
        attrs["auto_pad"] = mode
        return [same_pads(s, k, st, d, mode == "SAME_LOWER") for s, k, st, d in zip(sizes, kernel, strides, dilations)]
    if mode == "VALID":
        attrs["auto_pad"] = "VALID"
        return [(0, 0)] * len(sizes)
    if mode == "none":
        return [(0, 0)] * len(sizes)
    pads = [(g.int(0, max(k // 2, 0)), g.int(0, k // 2)) if limit is None else (g.int(0, min(limit, k - 1)), g.int(0, min(limit, k - 1))) for k in kernel]
    attrs["pads"] = [a for a, _ in pads] + [b for _, b in pads]
    return pads


def windows(x, kernel, strides, dilations, pads, out, fill):
    """[N, C, *out, *kernel]: what each window sees; `fill` outside x."""
    n = len(kernel)
    index = []
    inside = np.ones((1,) * (2 * n), bool)
    for k in range(n):
        at = np.arange(out[k])[:, None] * strides[k] - pads[k][0] + np.arange(kernel[k])[None] * dilations[k]
        ok = (at >= 0) & (at < x.shape[2 + k])
        dims = [1] * (2 * n)
        dims[k], dims[n + k] = out[k], kernel[k]
        index.append(np.where(ok, at, 0).reshape(dims))
        inside = inside & ok.reshape(dims)
    if 0 in x.shape[2:]:
        return np.full(x.shape[:2] + tuple(out) + tuple(kernel), fill, x.dtype), np.broadcast_to(inside, tuple(out) + tuple(kernel))
    y = x[(slice(None), slice(None), *np.broadcast_arrays(*index))]
    return np.where(inside, y, fill), np.broadcast_to(inside, tuple(out) + tuple(kernel))


def out_sizes(sizes, kernel, strides, dilations, pads, ceil=False):
    out = []
    for s, k, st, d, (a, b) in zip(sizes, kernel, strides, dilations, pads):
        room = s + a + b - (k - 1) * d - 1
        o = (-(-room // st) if ceil else room // st) + 1
        if ceil and (o - 1) * st >= s + a:
            o -= 1
        out.append(o)
    return out


def convolve(x, w, strides, dilations, pads, groups):
    out = out_sizes(x.shape[2:], w.shape[2:], strides, dilations, pads)
    seen, _ = windows(x, w.shape[2:], strides, dilations, pads, out, x.dtype.type(0))
    n = w.ndim - 2
    per_in, per_out = x.shape[1] // groups, w.shape[0] // groups
    y = np.zeros((x.shape[0], w.shape[0], *out), x.dtype)
    for q in range(groups):
        a = seen[:, q * per_in:(q + 1) * per_in].reshape(x.shape[0], per_in, int(np.prod(out)), int(np.prod(w.shape[2:])))
        b = w[q * per_out:(q + 1) * per_out].reshape(per_out, per_in, -1)
        y[:, q * per_out:(q + 1) * per_out] = np.einsum("ncok,dck->ndo", a, b).reshape(x.shape[0], per_out, *out)
    return y


def conv_shapes(g):
    n = g.int(1, 3)
    kernel, strides, dilations, attrs = spatial(g, n)
    groups = g.int(1, 2)
    if groups > 1 or g.flip(0.2):
        attrs["group"] = groups
    sizes = [g.int((k - 1) * d + 1, 6) for k, d in zip(kernel, dilations)]
    pads = choose_pads(g, sizes, kernel, strides, dilations, attrs)
    if g.flip():
        attrs["kernel_shape"] = kernel
    c, m = groups * g.int(1, 3), groups * g.int(1, 3)
    return kernel, strides, dilations, attrs, groups, sizes, pads, c, m


@op("Conv")
def conv(g):
    kernel, strides, dilations, attrs, groups, sizes, pads, c, m = conv_shapes(g)
    x, w = g.array(0, (g.int(0 if g.flip(0.1) else 1, 2), c, *sizes)), g.array(1, (m, c // groups, *kernel))
    y = convolve(wide(x), wide(w), strides, dilations, pads, groups)
    if g.flip():
        b = g.array(2, (m,))
        return Sample([x, w, b], [y + wide(b).reshape((-1,) + (1,) * len(kernel))], attrs, loose=4)
    return Sample([x, w], [y], attrs, loose=4)


@op("ConvInteger")
def conv_integer(g):
    kernel, strides, dilations, attrs, groups, sizes, pads, c, m = conv_shapes(g)
    x, w = g.array(0, (g.int(1, 2), c, *sizes)), g.array(1, (m, c // groups, *kernel))
    use = g.int(0, 2)
    zx, zw = g.array(0, (), 0, 3), g.array(1, g.pick((), (m,)), 0, 3)
    a = x.astype(np.int64) - (int(zx) if use else 0)
    b = w.astype(np.int64) - (zw.astype(np.int64).reshape((-1,) + (1,) * (w.ndim - 1)) if use == 2 else 0)
    return Sample([x, w] + [zx, zw][:use], [convolve(a, b, strides, dilations, pads, groups)], attrs)


@op("QLinearConv")
def qlinear_conv(g):
    kernel, strides, dilations, attrs, groups, sizes, pads, c, m = conv_shapes(g)
    x, w = g.array(0, (g.int(1, 2), c, *sizes)), g.array(3, (m, c // groups, *kernel))
    zx, zw, zy = g.array(0, (), 0, 3), g.array(3, (), 0, 3), g.array(7, (), 0, 3)
    sx, sw, sy = np.float32(0.5), np.asarray(g.rng.choice([0.25, 0.5], g.pick((), (m,))), np.float32), np.float32(2)
    a, b = x.astype(np.int64) - int(zx), w.astype(np.int64) - int(zw)
    y = convolve(a, b, strides, dilations, pads, groups)
    inputs = [x, np.array(sx), zx, w, sw, np.full(sw.shape, zw) if sw.shape else zw, np.array(sy), zy]
    align = (-1,) + (1,) * len(kernel)
    if g.flip():
        bias = g.rng.integers(-9, 9, m).astype(np.int32)
        inputs.append(bias)
        y = y + bias.reshape(align)
    i = np.iinfo(zy.dtype)
    scaled = y * (float(sx) * sw.astype(np.float64).reshape(align if sw.shape else ()) / float(sy))
    return Sample(inputs, [np.clip(np.round(scaled) + int(zy), i.min, i.max).astype(zy.dtype)], attrs)


@op("ConvTranspose")
def conv_transpose(g):
    n = g.int(1, 3)
    kernel, strides, dilations, attrs = spatial(g, n)
    groups = g.int(1, 2)
    attrs["group"] = groups
    sizes = [g.int(1, 4) for _ in range(n)]
    extra = [g.int(0, max(s, d) - 1) for s, d in zip(strides, dilations)] if g.flip(0.4) else [0] * n
    pads = [(0, 0)] * n
    full = [(s - 1) * st + (k - 1) * d + 1 + e for s, st, k, d, e in zip(sizes, strides, kernel, dilations, extra)]
    if any(extra):
        attrs["output_padding"] = extra
    if g.flip():
        pads = [(g.int(0, (k - 1) // 2), g.int(0, (k - 1) // 2)) for k in kernel]
        attrs["pads"] = [a for a, _ in pads] + [b for _, b in pads]
    c, m = groups * g.int(1, 2), g.int(1, 2)
    x, w = g.array(0, (g.int(1, 2), c, *sizes)), g.array(1, (c, m, *kernel))
    y = np.zeros((x.shape[0], groups * m, *full))
    a, b = wide(x), wide(w)
    for at in np.ndindex(*sizes):
        for k in np.ndindex(*kernel):
            to = tuple(p * st + q * d for p, st, q, d in zip(at, strides, k, dilations))
            for ch in range(c):
                q = ch // (c // groups)
                y[(slice(None), slice(q * m, q * m + m)) + to] += a[(slice(None), ch) + at][:, None] * b[(ch, slice(None)) + k][None]
    y = y[(slice(None), slice(None)) + tuple(slice(p, f - q) for (p, q), f in zip(pads, full))]
    inputs = [x, w]
    if g.flip():
        bias = g.array(2, (groups * m,))
        inputs.append(bias)
        y = y + wide(bias).reshape((-1,) + (1,) * n)
    return Sample(inputs, [y], attrs, loose=4)


def pool_geometry(g, zero_sizes=False):
    n = g.int(1, 3)
    kernel, strides, dilations, attrs = spatial(g, n)
    sizes = [g.int((k - 1) * d + 1, 6) for k, d in zip(kernel, dilations)]
    pads = choose_pads(g, sizes, kernel, strides, dilations, attrs, limit=1)
    ceil = g.attr("ceil_mode") and "auto_pad" not in attrs and g.flip(0.4)
    if ceil:
        attrs["ceil_mode"] = 1
    attrs["kernel_shape"] = kernel
    if "auto_pad" in attrs and attrs["auto_pad"] == "VALID":
        out = out_sizes(sizes, kernel, strides, dilations, pads)
    else:
        out = out_sizes(sizes, kernel, strides, dilations, pads, ceil)
    return n, kernel, strides, dilations, attrs, sizes, pads, out


@op("MaxPool")
def max_pool(g):
    n, kernel, strides, dilations, attrs, sizes, pads, out = pool_geometry(g)
    x = g.distinct(0, (g.int(1, 2), g.int(1, 2), *sizes))
    w = wide(x).astype(np.float64)
    seen, _ = windows(w, kernel, strides, dilations, pads, out, -np.inf)
    flat = seen.reshape(*seen.shape[:2 + n], -1)
    y = flat.max(-1)
    if len(g.schema.outputs) < 2 or g.flip():
        return Sample([x], [y.astype(x.dtype)], attrs)
    column = g.flip()
    attrs["storage_order"] = int(column)
    place = np.arange(int(np.prod(sizes))).reshape(sizes, order="F" if column else "C")
    where, _ = windows(np.broadcast_to(place, x.shape).astype(np.int64), kernel, strides, dilations, pads, out, -1)
    best = np.argmax(flat, -1)
    at = np.take_along_axis(where.reshape(flat.shape), best[..., None], -1)[..., 0]
    plane = np.arange(x.shape[0] * x.shape[1]).reshape(x.shape[:2] + (1,) * n) * int(np.prod(sizes))
    return Sample([x], [y.astype(x.dtype), (at + plane).astype(np.int64)], attrs)


@op("AveragePool")
def average_pool(g):
    n, kernel, strides, dilations, attrs, sizes, pads, out = pool_geometry(g)
    x = g.array(0, (g.int(1, 2), g.int(1, 2), *sizes))
    include = g.attr("count_include_pad") and g.flip()
    if include:
        attrs["count_include_pad"] = 1
    seen, inside = windows(wide(x), kernel, strides, dilations, pads, out, 0.0)
    if include:  # what lies in the padding counts, what lies beyond it does not
        _, inside = windows(np.zeros((1, 1, *(s + a + b for s, (a, b) in zip(sizes, pads)))), kernel, strides, dilations, [(0, 0)] * n, out, 0.0)
    count = inside.reshape(*out, -1).sum(-1)
    with np.errstate(all="ignore"):
        return Sample([x], [seen.reshape(*seen.shape[:2 + n], -1).sum(-1) / count], attrs)


@op("LpPool")
def lp_pool(g):
    n, kernel, strides, dilations, attrs, sizes, pads, out = pool_geometry(g)
    p = g.int(1, 3)
    x = g.array(0, (g.int(1, 2), g.int(1, 2), *sizes), -2, 2)
    seen, _ = windows(wide(x), kernel, strides, dilations, pads, out, 0.0)
    attrs["p"] = float(p) if g.version == 1 else p
    return Sample([x], [(np.abs(seen.reshape(*seen.shape[:2 + n], -1)) ** p).sum(-1) ** (1 / p)], attrs)


@op("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(g):
    x = g.array(0, (g.int(1, 2), g.int(1, 3), *g.shape(1, 3, zero=0)), -2, 2)
    axes = tuple(range(2, x.ndim))
    if g.schema.name == "GlobalLpPool":
        p = g.int(1, 3)
        attrs = {} if p == 2 and g.flip() else {"p": float(p) if g.version == 1 else p}
        return Sample([x], [(np.abs(wide(x)) ** p).sum(axes, keepdims=True) ** (1 / p)], attrs)
    return Sample([x], [(np.mean if "Average" in g.schema.name else np.max)(wide(x), axes, keepdims=True)])


@op("BatchNormalization")
def batch_norm(g):
    x = g.array(0, (g.int(1, 3), c := g.int(1, 3), *g.shape(0 if g.version >= 7 else 2, 2, zero=0)))
    scale, bias = g.array(1, (c,), 0.5, 2), g.array(2, (c,))
    mean, var = g.array(3, (c,)), g.array(4, (c,), 0.5, 2)
    attrs = {"epsilon": 0.01} if g.flip() else {}
    eps = float(np.float32(attrs.get("epsilon", 1e-5)))
    align = (1, -1) + (1,) * (x.ndim - 2)
    if g.version < 7:
        attrs["is_test"] = 1
        attrs |= {"consumed_inputs": [0, 0, 0, 1, 1]} if g.version == 1 else {}
    w = [wide(v).reshape(align) for v in (scale, bias, mean, var)]
    y = (wide(x) - w[2]) / np.sqrt(w[3] + eps) * w[0] + w[1]
    if g.version >= 14 and g.flip(0.4):  # training: running values come out too
        axes = tuple(k for k in range(x.ndim) if k != 1)
        m, v = wide(x).mean(axes), wide(x).var(axes)
        mom = float(np.float32(0.75))
        y = (wide(x) - m.reshape(align)) / np.sqrt(v.reshape(align) + eps) * w[0] + w[1]
        return Sample([x, scale, bias, mean, var], [y, wide(mean) * mom + m * (1 - mom), wide(var) * mom + v * (1 - mom)],
                      attrs | {"training_mode": 1, "momentum": 0.75}, loose=4)
    return Sample([x, scale, bias, mean, var], [y], attrs, loose=4)


def normalized(w, axes, eps):
    return (w - w.mean(axes, keepdims=True)) / np.sqrt(w.var(axes, keepdims=True) + eps)


@op("InstanceNormalization")
def instance_norm(g):
    x = g.array(0, (g.int(1, 2), c := g.int(1, 3), *[g.int(2, 4) for _ in range(g.int(1, 3))]))
    scale, bias = g.array(1, (c,), 0.5, 2), g.array(2, (c,))
    align = (1, -1) + (1,) * (x.ndim - 2)
    attrs = {"epsilon": 0.0625} if g.flip() else {}
    y = normalized(wide(x), tuple(range(2, x.ndim)), attrs.get("epsilon", 1e-5)) * wide(scale).reshape(align) + wide(bias).reshape(align)
    return Sample([x, scale, bias], [y], attrs | ({"consumed_inputs": [0, 0, 0]} if g.version == 1 and g.flip() else {}), loose=8)


@op("GroupNormalization")
def group_norm(g):
    groups, per = g.int(1, 2), g.int(1, 3)
    x = g.array(0, (g.int(1, 2), groups * per, *[g.int(2, 4) for _ in range(g.int(1, 2))]))
    c = groups if g.version < 21 else groups * per
    scale, bias = g.array(1, (c,), 0.5, 2), g.array(2, (c,))
    y = normalized(wide(x).reshape(x.shape[0], groups, -1), (2,), 0.0625).reshape(x.shape)
    spread = (lambda v: np.repeat(v, per)) if g.version < 21 else (lambda v: v)
    align = (1, -1) + (1,) * (x.ndim - 2)
    return Sample([x, scale, bias], [y * spread(wide(scale)).reshape(align) + spread(wide(bias)).reshape(align)],
                  {"num_groups": groups, "epsilon": 0.0625}, loose=8)


@op("LayerNormalization", "RMSNormalization")
def layer_norm(g):
    x = g.array(0, tuple(g.int(2, 4) for _ in range(g.int(1, 4))))
    written, axis = g.axis(x.ndim)
    attrs = {"axis": written, "epsilon": 0.0625}
    axes = tuple(range(axis, x.ndim))
    w = wide(x)
    scale = g.array(1, x.shape[axis:], 0.5, 2)
    if g.schema.name == "RMSNormalization":
        return Sample([x, scale], [w / np.sqrt((w * w).mean(axes, keepdims=True) + 0.0625) * wide(scale)], attrs, loose=4)
    mean, inverse = w.mean(axes, keepdims=True), 1 / np.sqrt(w.var(axes, keepdims=True) + 0.0625)
    y = (w - mean) * inverse * wide(scale)
    inputs = [x, scale]
    if g.flip():
        bias = g.array(2, x.shape[axis:])
        inputs.append(bias)
        y = y + wide(bias)
    return Sample(inputs, [y, mean, inverse] if g.flip() and g.types.get("U") == "tensor(float)" else [y], attrs, loose=4)


@op("LpNormalization")
def lp_norm(g):
    x = g.array(0, g.shape(1, 3, zero=0))
    written, axis = g.axis(x.ndim)
    p = g.int(1, 2)
    w = wide(x)
    norm = np.abs(w).sum(axis, keepdims=True) if p == 1 else np.sqrt((w * w).sum(axis, keepdims=True))
    return Sample([x], [np.where(norm == 0, 0, w / np.where(norm == 0, 1, norm))], {"axis": written, "p": p})


@op("MeanVarianceNormalization")
def mean_variance_norm(g):
    x = g.array(0, (g.int(2, 3), g.int(1, 3), g.int(2, 4), g.int(2, 4)))
    axes = (0, 2, 3) if g.flip() else tuple(sorted(g.rng.permutation(4)[:g.int(2, 3)].tolist()))
    w = wide(x)
    if (w.var(axes) < 1e-3).any():
        return mean_variance_norm(g)
    attrs = {} if axes == (0, 2, 3) and g.flip() else {"axes": list(axes)}
    return Sample([x], [(w - w.mean(axes, keepdims=True)) / (w.std(axes, keepdims=True) + 1e-9)], attrs, loose=8)


@op("LRN")
def lrn(g):
    size = g.int(1, 4)
    x = g.array(0, (g.int(1, 2), g.int(1, 5), *g.shape(2, 2, 3, zero=0)))
    w = wide(x)
    sq = np.zeros_like(w)
    for c in range(w.shape[1]):
        low, high = max(0, c - (size - 1) // 2), min(w.shape[1], c + math.ceil((size - 1) / 2) + 1)
        sq[:, c] = (w[:, low:high] ** 2).sum(1)
    attrs = {"size": size}
    alpha, beta, bias = 1e-4, 0.75, 1.0
    if g.flip():
        attrs |= {"alpha": 0.5, "beta": 0.5, "bias": 2.0}
        alpha, beta, bias = 0.5, 0.5, 2.0
    return Sample([x], [w / (bias + alpha / size * sq) ** beta], attrs)


@op("MatMul")
def matmul(g):
    batch = g.shape(0, 2, 3)
    m, k, n = g.int(1, 4), 0 if g.flip(0.05) else g.int(1, 5), g.int(1, 4)
    a = g.array(0, (k,) if g.flip(0.2) else g.broadcast(batch) + (m, k))
    b = g.array(1, (k,) if g.flip(0.2) else g.broadcast(batch) + (k, n))
    w = [wide(v) if is_float(v.dtype) else v for v in (a, b)]
    return Sample([a, b], [np.matmul(*w)], loose=4)


@op("Gemm")
def gemm(g):
    m, k, n = g.int(1, 4), g.int(1, 5), g.int(1, 4)
    ta, tb = g.int(0, 1), g.int(0, 1)
    a, b = g.array(0, (k, m) if ta else (m, k)), g.array(1, (n, k) if tb else (k, n))
    attrs = {"transA": ta} if ta or g.flip(0.2) else {}
    attrs |= {"transB": tb} if tb else {}
    whole = not is_float(a.dtype)
    alpha, beta = (2.0, 1.0) if whole else (0.5, 2.0)
    if g.flip():
        attrs["alpha"] = alpha
    if g.flip():
        attrs["beta"] = beta
    y = attrs.get("alpha", 1.0) * (wide(a).astype(np.float64).T if ta else wide(a).astype(np.float64)) @ (wide(b).astype(np.float64).T if tb else wide(b).astype(np.float64))
    inputs = [a, b]
    if g.version < 11 or g.flip(0.7):
        c = g.array(2, g.pick((m, n), (n,), (m, 1), (1, n), ()) if g.version >= 7 else (m, n))
        if g.version < 7:
            c = g.array(2, g.pick((m, n), (n,)))
            attrs |= {"broadcast": 1} if c.ndim == 1 else {}
        inputs.append(c)
        y = y + attrs.get("beta", 1.0) * wide(c).astype(np.float64)
    return Sample(inputs, [y.astype(np.int64) if whole else y], attrs, loose=4)


@op("Einsum")
def einsum(g):
    sizes = {c: g.int(1, 3) for c in "ijklb"}
    equation = g.pick("ij,jk->ik", "ij->ji", "bij,bjk->bik", "ii->i", "ij,ij->", "i,j->ij", "ij, jk , kl->il", "...ij->...ji", "ij,jk", "ij->", "bij,bij->b")
    terms = equation.split("->")[0].replace(" ", "").split(",")
    if "ii" in equation:
        arrays = [g.array(0, (sizes["i"],) * 2, -2, 2)]
    else:
        arrays = [g.array(0, ((2,) if "..." in t else ()) + tuple(sizes[c] for c in t if c != "."), -2, 2) for t in terms]
    w = [wide(a) if is_float(a.dtype) else a.astype(np.int64) for a in arrays]
    return Sample(arrays, [np.asarray(np.einsum(equation.replace(" ", ""), *w))], {"equation": equation}, loose=2)


# ---- recurrent layers ----

ACTIVATIONS = {"Sigmoid": lambda x: 1 / (1 + np.exp(-x)), "Tanh": np.tanh, "Relu": lambda x: np.maximum(x, 0)}


@op("RNN", "GRU", "LSTM")
def recurrent(g):
    kind = g.schema.name
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
    direction = g.pick("forward", "reverse", "bidirectional")
    nd = 2 if direction == "bidirectional" else 1
    t, n, i, h = g.int(1, 4), g.int(1, 3), g.int(1, 3), g.int(1, 3)
    x = g.array(0, (t, n, i), -1, 1)
    w, r = g.array(1, (nd, gates * h, i), -1, 1), g.array(2, (nd, gates * h, h), -1, 1)
    b = g.array(3, (nd, 2 * gates * h), -1, 1) if g.flip() else None
    lengths = np.array(g.rng.integers(1, t + 1, n), np.int32) if g.flip(0.4) else None
    h0 = g.array(5, (nd, n, h), -1, 1) if g.flip(0.4) else None
    c0 = g.array(6, (nd, n, h), -1, 1) if kind == "LSTM" and h0 is not None else None
    attrs = {"hidden_size": h, "direction": direction}
    linear = 0
    if kind == "GRU" and g.attr("linear_before_reset") and g.flip():
        attrs["linear_before_reset"] = linear = 1
    sequence = not g.attr("output_sequence") or g.flip()
    if g.attr("output_sequence") and sequence:
        attrs["output_sequence"] = 1
    y = np.zeros((t, nd, n, h))
    last, last_c = np.zeros((nd, n, h)), np.zeros((nd, n, h))
    W, R, X = wide(w), wide(r), wide(x)
    B = wide(b) if b is not None else np.zeros((nd, 2 * gates * h))
    sig, tanh = ACTIVATIONS["Sigmoid"], np.tanh
    for d, s in itertools.product(range(nd), range(n)):
        hs = wide(h0)[d, s] if h0 is not None else np.zeros(h)
        cs = wide(c0)[d, s] if c0 is not None else np.zeros(h)
        steps = range(int(lengths[s]) if lengths is not None else t)
        backward = direction == "reverse" or d == 1
        bw, br = B[d, :gates * h], B[d, gates * h:]
        for k in (reversed(steps) if backward else steps):
            wx = W[d] @ X[k, s] + bw
            rh = R[d] @ hs + br
            if kind == "RNN":
                hs = tanh(wx + rh)
            elif kind == "LSTM":
                p = wx + rh
                ig, og, fg, cc = sig(p[:h]), sig(p[h:2 * h]), sig(p[2 * h:3 * h]), tanh(p[3 * h:])
                cs = fg * cs + ig * cc
                hs = og * tanh(cs)
            else:
                z, q = sig(wx[:h] + rh[:h]), sig(wx[h:2 * h] + rh[h:2 * h])
                inner = q * rh[2 * h:] if linear else R[d][2 * h:] @ (q * hs) + br[2 * h:]
                hs = (1 - z) * tanh(wx[2 * h:] + inner) + z * hs
            y[k, d, s] = hs
        last[d, s], last_c[d, s] = hs, cs
    inputs = [x, w, r, b if b is not None else MISSING, lengths if lengths is not None else MISSING, h0 if h0 is not None else MISSING]
    if c0 is not None:
        inputs.append(c0)
    return Sample(inputs, [y if sequence else None, last] + ([last_c] if kind == "LSTM" else []), attrs, loose=4)



