"""Samples of operators that move elements: expected values are numpy's own moves, compared exactly."""
import numpy as np
from sweep_data import ints, op, wide
from sweep_model import EMPTY, MISSING, Sample, element
from sweep_model import constant as tensor_of


@op("Identity")
def identity(g):
    if g.type(0).startswith("tensor("):
        x = g.array(0, g.shape())
        return Sample([x], [x], exact=True)
    x = g.value(g.type(0))
    return Sample([x], [EMPTY if x is None else x])


@op("Concat")
def concat(g):
    shape = list(g.shape(1, 4))
    written, axis = g.axis(len(shape)) if g.version >= 11 else (lambda a: (a, a))(g.int(0, len(shape) - 1))
    if g.version == 1 and len(shape) > 1 and g.flip(0.3):
        axis, attrs = 1, {}
    else:
        attrs = {"axis": written}
    parts = [g.array(0, [g.int(0, 3) if k == axis else d for k, d in enumerate(shape)]) for _ in range(g.int(1, 4))]
    return Sample(parts, [np.concatenate(parts, axis)], attrs, exact=True)


@op("Split")
def split(g):
    shape = list(g.shape(1, 4))
    written, axis = g.axis(len(shape)) if g.version >= 11 else (lambda a: (a, a))(g.int(0, len(shape) - 1))
    n = g.int(1, 4)
    even = g.flip()
    sizes = [2] * n if even else [g.int(0, 3) for _ in range(n)]
    attrs = {"axis": written}
    inputs = []
    if g.version >= 18 and even:
        attrs["num_outputs"] = n
        sizes = [2] * (n - 1) + [g.int(1, 2)]
    elif g.version >= 13:
        inputs = [] if even else [ints(*sizes)]
    elif not even:
        attrs["split"] = sizes
    shape[axis] = sum(sizes)
    x = g.array(0, shape)
    return Sample([x, *inputs], np.split(x, np.cumsum(sizes)[:-1], axis), attrs, exact=True)


@op("SplitToSequence")
def split_to_sequence(g):
    shape = list(g.shape(1, 3))
    written, axis = g.axis(len(shape))
    attrs = {"axis": written}
    kind = g.int(0, 2)
    if kind == 0:  # pieces of one
        attrs["keepdims"] = keep = g.int(0, 1)
        x = g.array(0, shape)
        parts = np.split(x, shape[axis], axis) if shape[axis] else []
        return Sample([x], [[p if keep else np.squeeze(p, axis) for p in parts]], attrs)
    if kind == 1:
        size = g.int(1, 3)
        x = g.array(0, shape)
        return Sample([x, np.array(size, g.dtype(1))], [np.split(x, range(size, shape[axis], size), axis) if shape[axis] else []], attrs)
    sizes = [g.int(1, 3) for _ in range(g.int(1, 3))]
    shape[axis] = sum(sizes)
    x = g.array(0, shape)
    return Sample([x, np.array(sizes, g.dtype(1))], [np.split(x, np.cumsum(sizes)[:-1], axis)], attrs)


@op("Slice")
def slice_(g):
    x = g.array(0, g.shape(1, 4))
    axes = sorted(g.rng.permutation(x.ndim)[:g.int(1, x.ndim)].tolist())
    start = [g.int(-7, 7) for _ in axes]
    end = [g.int(-7, 7) if g.flip(0.8) else np.iinfo(np.int32).max for _ in axes]
    step = [1 if g.version < 10 or g.flip() else g.pick(2, 3) if g.version < 11 or g.flip() else g.pick(-1, -2) for _ in axes]
    where = [slice(None)] * x.ndim
    for a, s, e, p in zip(axes, start, end, step):
        d = x.shape[a]
        s, e = (s + d if s < 0 else s), (e + d if e < 0 else e)
        if p > 0:
            where[a] = slice(min(max(s, 0), d), min(max(e, 0), d), p)
        else:
            s, e = min(max(s, 0), d - 1), min(max(e, -1), d - 1)
            where[a] = slice(s, None if e < 0 else e, p) if d else slice(0, 0)
    y = x[tuple(where)]
    named = axes != list(range(len(axes))) or g.flip()
    written = [a - x.ndim if g.version >= 11 and g.flip(0.3) else a for a in axes]
    if g.version < 10:
        return Sample([x], [y], {"starts": start, "ends": end} | ({"axes": written} if named else {}), exact=True)
    t = g.dtype(1)
    inputs = [x, np.array(start, t), np.array(end, t), np.array(written, t) if named else MISSING]
    if any(p != 1 for p in step) or g.flip(0.3):
        inputs.append(np.array(step, t))
    return Sample(inputs, [y], exact=True)


@op("Transpose")
def transpose(g):
    x = g.array(0, g.shape())
    if g.flip(0.3):
        return Sample([x], [np.transpose(x)], exact=True)
    perm = g.rng.permutation(x.ndim).tolist()
    return Sample([x], [np.transpose(x, perm)], {"perm": perm} if perm else {}, exact=True)


@op("Reshape")
def reshape(g):
    shape = g.shape(0, 4, 4)
    x = g.array(0, shape)
    target = list(x.shape)
    g.rng.shuffle(target)
    if g.flip(0.3):
        target.insert(g.int(0, len(target)), 1)
    y = x.reshape(target)
    written = list(target)
    attrs = {}
    zero = 0 in written
    if g.attr("allowzero") and (zero or g.flip(0.3)):
        attrs["allowzero"] = 1
    elif zero:
        written = list(x.shape)
        y = x
        written = [0 if d == 0 else d for d in written]
    if written and x.size and g.flip():
        written[g.int(0, len(written) - 1)] = -1
    if g.version < 5:
        return Sample([x], [y], {"shape": written}, exact=True) if written else reshape(g)
    return Sample([x, np.array(written, np.int64)], [y], attrs, exact=True)


@op("Flatten")
def flatten(g):
    x = g.array(0, g.shape(1 if g.version < 9 else 0, 4))
    axis = g.int(0, x.ndim)
    written = axis - x.ndim if g.version >= 11 and axis < x.ndim and g.flip(0.3) else axis
    y = x.reshape(int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:])))
    return Sample([x], [y], {} if axis == 1 and g.flip() else {"axis": written}, exact=True)


def axes_operand(g, x, axes, name="axes"):
    """(inputs, attributes): axes as the version wants them."""
    if g.attr(name):
        return [x], {name: axes}
    return [x, np.array(axes, np.int64)], {}


@op("Squeeze")
def squeeze(g):
    shape = list(g.shape(0, 3))
    shape = [d if d != 1 else 2 for d in shape]
    axes = []
    for _ in range(g.int(1, 2)):
        shape.insert(g.int(0, len(shape)), 1)
    axes = [k for k, d in enumerate(shape) if d == 1]
    x = g.array(0, shape)
    if g.flip(0.3):
        return Sample([x], [np.squeeze(x)], exact=True)
    if len(axes) > 1 and g.flip():
        axes = axes[:1]
    inputs, attrs = axes_operand(g, x, [a - x.ndim if g.version >= 11 and g.flip(0.3) else a for a in axes])
    return Sample(inputs, [np.squeeze(x, tuple(axes))], attrs, exact=True)


@op("Unsqueeze")
def unsqueeze(g):
    x = g.array(0, g.shape(0, 3))
    n = g.int(1, 2)
    rank = x.ndim + n
    axes = sorted(g.rng.permutation(rank)[:n].tolist())
    written = [a - rank if g.version >= 11 and g.flip(0.3) else a for a in axes]
    if g.version >= 13 and g.flip(0.3):
        written = written[::-1]
    inputs, attrs = axes_operand(g, x, written)
    return Sample(inputs, [np.expand_dims(x, tuple(axes))], attrs, exact=True)


@op("Expand")
def expand(g):
    shape = g.shape()
    x = g.array(0, g.broadcast(shape))
    target = list(shape)
    y = np.broadcast_to(x, target)
    written = [1 if g.flip(0.2) and len(target) - k <= x.ndim and x.shape[k - len(target)] == d else d for k, d in enumerate(target)]
    return Sample([x, np.array(written, np.int64)], [y.copy()], exact=True)


@op("Tile")
def tile(g):
    if g.version == 1:
        x = g.array(0, g.shape(1, 3))
        n, axis = g.int(1, 3), g.int(0, x.ndim - 1)
        return Sample([x, np.array(n, x.dtype), np.array(axis, x.dtype)], [np.concatenate([x] * n, axis)], exact=True)
    x = g.array(0, g.shape(0, 4, 3))
    n = [g.int(0 if g.flip(0.2) else 1, 3) for _ in x.shape]
    return Sample([x, np.array(n, np.int64)], [np.tile(x, n) if n else x], exact=True)


@op("Pad")
def pad(g):
    mode = g.pick("constant", "reflect", "edge", "wrap" if g.version >= 19 else "constant")
    x = g.array(0, g.shape(1, 4, 4, zero=0.08 if mode == "constant" else 0))
    most = (lambda d: d - 1) if mode == "reflect" else (lambda d: d) if mode == "wrap" else (lambda d: 2)
    pads = [(g.int(0, min(2, most(d))), g.int(0, min(2, most(d)))) for d in x.shape]
    negative = g.flip(0.25) and mode == "constant"
    if negative:
        pads = [(g.int(-1, 1) if d > 2 else 0, g.int(-1, 1) if d > 2 else 0) for d in x.shape]
    value = g.array(0, ())
    has_value = mode == "constant" and g.flip()
    fill = value if has_value else np.array("", object) if x.dtype == object else np.zeros((), x.dtype)
    cropped = x[tuple(slice(max(0, -a), d - max(0, -b)) for (a, b), d in zip(pads, x.shape))]
    grown = [(max(a, 0), max(b, 0)) for a, b in pads]
    if mode == "constant":
        y = np.full([d + a + b for (a, b), d in zip(grown, cropped.shape)], fill, x.dtype)
        y[tuple(slice(a, a + d) for (a, _), d in zip(grown, cropped.shape))] = cropped
    else:
        at = [np.pad(np.arange(d), p, mode) for p, d in zip(grown, cropped.shape)]
        y = cropped[np.ix_(*at)]
    attrs = {} if mode == "constant" and g.flip() else {"mode": mode}
    flat = [a for a, _ in pads] + [b for _, b in pads]
    if g.version < 11:
        return Sample([x], [y], attrs | {"paddings" if g.version == 1 else "pads": flat} | ({"value": float(wide(value))} if has_value else {}), exact=True)
    inputs = [x, np.array(flat, np.int64), value if has_value else MISSING]
    if g.version >= 18 and g.flip(0.4):
        axes = sorted(g.rng.permutation(x.ndim)[:g.int(1, x.ndim)].tolist())
        if all(k in axes or p == (0, 0) for k, p in enumerate(pads)):
            inputs[1] = ints(*[pads[a][0] for a in axes], *[pads[a][1] for a in axes])
            inputs.append(np.array([a - x.ndim if g.flip(0.3) else a for a in axes], g.dtype(3)))
    return Sample(inputs, [y], attrs, exact=True)


def indices(g, i, shape, dim, negative):
    return np.array(g.rng.integers(-dim if negative else 0, max(dim, 1), shape), g.dtype(i)).reshape(shape)


@op("Gather")
def gather(g):
    x = g.array(0, g.shape(1, 4, zero=0))
    written, axis = g.axis(x.ndim) if g.version >= 11 else (lambda a: (a, a))(g.int(0, x.ndim - 1))
    i = indices(g, 1, g.shape(0, 3), x.shape[axis], g.version >= 11)
    return Sample([x, i], [np.take(x, i.astype(np.int64), axis)], {} if axis == 0 and g.flip() else {"axis": written}, exact=True)


@op("GatherElements")
def gather_elements(g):
    x = g.array(0, g.shape(1, 4, zero=0))
    written, axis = g.axis(x.ndim)
    shape = [g.int(0, 4) if k == axis else g.int(1, d) for k, d in enumerate(x.shape)]
    i = indices(g, 1, shape, x.shape[axis], True)
    part = x[tuple(slice(None) if k == axis else slice(0, d) for k, d in enumerate(shape))]
    return Sample([x, i], [np.take_along_axis(part, i.astype(np.int64), axis)], {"axis": written}, exact=True)


@op("GatherND")
def gather_nd(g):
    x = g.array(0, g.shape(1, 4, zero=0))
    b = g.int(0, x.ndim - 1) if g.attr("batch_dims") else 0
    depth = g.int(1, x.ndim - b)
    lead = x.shape[:b] + g.shape(0 if b else 1, 2)
    i = np.stack([g.rng.integers(-x.shape[b + k], x.shape[b + k], lead) for k in range(depth)], -1).astype(np.int64)
    y = np.empty(lead + x.shape[b + depth:], x.dtype)
    for at in np.ndindex(*lead):
        y[at] = x[at[:b] + tuple(i[at])]
    return Sample([x, i], [y], {"batch_dims": b} if b else {}, exact=True)


def accumulate(mode, old, new):
    if mode == "none":
        return new
    a, b = wide(np.asarray(old)), wide(np.asarray(new))
    if mode == "add":
        return a + b if a.dtype != bool else a | b
    if mode == "mul":
        return a * b if a.dtype != bool else a & b
    return (np.maximum if mode == "max" else np.minimum)(a, b)


def reduction(g, var):
    modes = ["none"] if not g.attr("reduction") or g.dtype(var) == object or g.dtype(var).kind == "c" else ["none", "add", "mul"] + (["max", "min"] if g.version >= 18 else [])
    return g.pick(*modes)


@op("ScatterElements", "Scatter")
def scatter_elements(g):
    x = g.array(0, g.shape(1, 3, zero=0))
    written, axis = g.axis(x.ndim) if g.version >= 11 else (lambda a: (a, a))(g.int(0, x.ndim - 1))
    shape = [g.int(1, d) for d in x.shape]
    mode = reduction(g, 0)
    if mode == "none":
        per_line = [g.rng.permutation(x.shape[axis])[:shape[axis]] for _ in range(int(np.prod(shape)) // shape[axis])]
        i = np.moveaxis(np.array(per_line).reshape([d for k, d in enumerate(shape) if k != axis] + [shape[axis]]), -1, axis)
        i = np.where(g.rng.random(i.shape) < 0.3, i - x.shape[axis], i) if g.version >= 11 else i
        i = i.astype(g.dtype(1))
    else:
        i = indices(g, 1, shape, x.shape[axis], True)
    u = g.array(2, shape, 0, 2)
    y = wide(x).copy() if mode != "none" else x.copy()
    for at in np.ndindex(*shape):
        to = list(at)
        to[axis] = int(i[at])
        y[tuple(to)] = accumulate(mode, y[tuple(to)], u[at])
    attrs = {"axis": written} | ({"reduction": mode} if mode != "none" else {})
    return Sample([x, i, u], [y], attrs, exact=mode == "none")


@op("ScatterND")
def scatter_nd(g):
    x = g.array(0, g.shape(1, 3, zero=0))
    depth = g.int(1, x.ndim)
    mode = reduction(g, 0)
    n = g.int(1, 4)
    space = int(np.prod(x.shape[:depth]))
    flat = g.rng.permutation(space)[:n] if mode == "none" else g.rng.integers(0, space, n)
    i = np.stack(np.unravel_index(flat, x.shape[:depth]), -1).astype(np.int64)
    if g.flip(0.3) and g.version >= 13:
        i -= np.array(x.shape[:depth])
    u = g.array(2, (len(i),) + x.shape[depth:], 0, 2)
    y = wide(x).copy() if mode != "none" else x.copy()
    for k in range(len(i)):
        y[tuple(i[k])] = accumulate(mode, y[tuple(i[k])], u[k])
    return Sample([x, i, u], [y], {"reduction": mode} if mode != "none" else {}, exact=mode == "none")


@op("DepthToSpace", "SpaceToDepth")
def depth_space(g):
    b = g.int(1, 3)
    n, c, h, w = g.int(1, 2), g.int(1, 3), g.int(1, 3), g.int(1, 3)
    if g.schema.name == "SpaceToDepth":
        x = g.array(0, (n, c, h * b, w * b))
        y = x.reshape(n, c, h, b, w, b).transpose(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h, w)
        return Sample([x], [y], {"blocksize": b}, exact=True)
    x = g.array(0, (n, c * b * b, h, w))
    if g.attr("mode") and g.flip():
        y = x.reshape(n, c, b, b, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c, h * b, w * b)
        return Sample([x], [y], {"blocksize": b, "mode": "CRD"}, exact=True)
    y = x.reshape(n, b, b, c, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, c, h * b, w * b)
    return Sample([x], [y], {"blocksize": b}, exact=True)


@op("ReverseSequence")
def reverse_sequence(g):
    x = g.array(0, (g.int(1, 4), g.int(1, 4)) + g.shape(0, 2))
    time = g.int(0, 1)
    lengths = np.array(g.rng.integers(1, x.shape[time] + 1, x.shape[1 - time]), np.int64)
    y = x.copy()
    for b, n in enumerate(lengths):
        if time == 0:
            y[:n, b] = x[:n, b][::-1]
        else:
            y[b, :n] = x[b, :n][::-1]
    return Sample([x, lengths], [y], {"time_axis": time, "batch_axis": 1 - time} if time or g.flip() else {}, exact=True)


@op("Compress")
def compress(g):
    x = g.array(0, g.shape(1, 3))
    if g.flip():
        c = g.array(1, (g.int(0, x.size),))
        return Sample([x, c], [x.reshape(-1)[:len(c)][c]], exact=True)
    written, axis = g.axis(x.ndim) if g.version >= 11 else (lambda a: (a, a))(g.int(0, x.ndim - 1))
    c = g.array(1, (g.int(0, x.shape[axis]),))
    return Sample([x, c], [np.compress(c, x, axis)], {"axis": written}, exact=True)


@op("Trilu")
def trilu(g):
    x = g.array(0, g.shape(0, 1) + (g.int(0, 4), g.int(1, 4)))
    k = g.int(-5, 5) if g.flip() else None
    upper = g.int(0, 1)
    rows, cols = np.arange(x.shape[-2])[:, None], np.arange(x.shape[-1])
    keep = cols - rows >= (k or 0) if upper else cols - rows <= (k or 0)
    y = np.where(keep, x, np.array("", object) if x.dtype == object else np.zeros((), x.dtype)).astype(x.dtype)
    return Sample([x] + ([np.array(k, np.int64)] if k is not None else []), [y], {} if upper and g.flip() else {"upper": upper}, exact=True)


@op("OneHot")
def one_hot(g):
    depth = g.int(1, 5)
    i = g.array(0, g.shape(0, 3), 0 if g.dtype(0).kind == "u" or g.version < 11 else -depth, depth, step=1)
    values = g.array(2, (2,))
    axis = g.int(0, i.ndim)
    at = wide(i)
    at = np.where(at < 0, at + depth, at) if g.version >= 11 else at
    hot = np.expand_dims(at, axis) == np.arange(depth).reshape((-1,) + (1,) * (i.ndim - axis))
    d = np.array(depth, np.int64).astype(g.dtype(1)).reshape(g.pick((), (1,)))
    return Sample([i, d, values], [np.where(hot, values[1], values[0])], {} if axis == i.ndim and g.flip() else {"axis": g.pick(axis, axis - i.ndim - 1)}, exact=True)


@op("Shape", "Size")
def shape_size(g):
    x = g.array(0, g.shape())
    if g.schema.name == "Size":
        return Sample([x], [np.array(x.size, np.int64)])
    attrs = {k: g.int(-5, 5) for k in ("start", "end") if g.attr(k) and g.flip()}
    return Sample([x], [np.array(x.shape, np.int64)[attrs.get("start", 0):attrs.get("end")]], attrs)


@op("NonZero")
def non_zero(g):
    x = g.array(0, g.shape(1, 3))
    truth = np.array([v != "" for v in x.flat]).reshape(x.shape) if x.dtype == object else x != 0
    return Sample([x], [np.array(np.nonzero(truth), np.int64).reshape(x.ndim, -1)])


@op("Unique")
def unique(g):
    axis = None if g.flip() else 0
    x = g.array(0, g.shape(1, 2, 4, zero=0), step=1)
    ordered = g.int(0, 1)
    rows = x.reshape(-1).tolist() if axis is None else [tuple(np.reshape(r, -1).tolist()) for r in x]
    first, counts = {}, {}
    for k, r in enumerate(rows):
        first.setdefault(r, k)
        counts[r] = counts.get(r, 0) + 1
    keys = sorted(first, key=lambda r: tuple((v.real, v.imag) for v in np.ravel(r)) if x.dtype.kind == "c" else r) if ordered else list(first)
    at = np.array([first[k] for k in keys], np.int64)
    y = x.reshape(-1)[at] if axis is None else x[at]
    inverse = np.array([keys.index(r) for r in rows], np.int64)
    attrs = ({"axis": g.pick(0, -x.ndim)} if axis is not None else {}) | ({} if ordered and g.flip() else {"sorted": ordered})
    return Sample([x], [y, at, inverse, np.array([counts[k] for k in keys], np.int64)], attrs, exact=True)


@op("TopK")
def top_k(g):
    x = g.distinct(0, g.shape(1, 3, 4, zero=0))
    written, axis = g.axis(x.ndim) if g.version >= 11 else (lambda a: (a, a))(g.int(0, x.ndim - 1))
    k = g.int(0 if g.version >= 10 else 1, x.shape[axis])
    attrs = {"axis": written}
    largest = 1
    if g.attr("largest") and g.flip():
        attrs["largest"] = largest = 0
    w = wide(x).astype(np.float64)
    order = np.argsort(-w if largest else w, axis, kind="stable").take(range(k), axis)
    y = np.take_along_axis(x, order, axis)
    if g.version < 10:
        return Sample([x], [y, order.astype(np.int64)], attrs | {"k": k}, exact=True)
    return Sample([x, ints(k)], [y, order.astype(np.int64)], attrs, exact=True)


@op("Range")
def range_(g):
    t = g.dtype(0)
    start, delta = g.int(0, 3), g.int(1, 3)
    limit = start + g.int(-1, 6) * delta
    if t.kind != "u" and g.flip():
        delta, limit = -delta, start - g.int(-1, 6) * delta
    limit = max(limit, 0) if t.kind == "u" else limit
    n = max(int(np.ceil((limit - start) / delta)), 0)
    make = lambda v: np.array(v, np.float64).astype(t)
    return Sample([make(start), make(limit), make(delta)], [np.arange(n, dtype=np.float64) * delta + start])


@op("EyeLike")
def eye_like(g):
    x = g.array(0, (g.int(0, 4), g.int(1, 4)))
    k = g.int(-3, 3)
    return Sample([x], [np.eye(*x.shape, k)], {"dtype": element(g.types["T2"])} | ({"k": k} if k or g.flip() else {}))


@op("Constant")
def constant(g):
    kinds = [k for k in ("value_float", "value_int", "value_floats", "value_ints", "value_string", "value_strings") if g.attr(k)]
    x = g.array("T", g.shape())
    if kinds and g.flip(0.3):
        kind = g.pick(*kinds)
        value = {"value_float": 1.5, "value_int": 7, "value_floats": [1.5, 2.5], "value_ints": [3, 4], "value_string": "ab", "value_strings": ["a", "ü"]}[kind]
        dtype = np.float32 if "float" in kind else np.int64 if "int" in kind else object
        s = Sample([], [np.array(value, dtype)], {kind: value}, exact=True)
        if np.dtype(dtype) == x.dtype:
            return s
    return Sample([], [x], {"value": tensor_of("v", x, element(g.types["T"]))}, exact=True)


@op("ConstantOfShape")
def constant_of_shape(g):
    shape = g.shape(0, 3)
    v = g.array("T2", (1,))
    if v.dtype == np.float32 and g.flip():
        return Sample([np.array(shape, np.int64)], [np.zeros(shape, np.float32)], exact=True)
    return Sample([np.array(shape, np.int64)], [np.full(shape, v[0], v.dtype)], {"value": tensor_of("v", v, element(g.types["T2"]))}, exact=True)


@op("TensorScatter")
def tensor_scatter(g):
    axis = g.int(1, 2)
    shape = (g.int(1, 3), g.int(1, 3), g.int(3, 5), g.int(1, 3)) if axis == 2 else (g.int(1, 3), g.int(3, 5), g.int(1, 3))
    x = g.array(0, shape)
    n = g.int(1, 3)
    u = g.array(1, [n if k == axis else d for k, d in enumerate(shape)])
    mode = g.pick("linear", "circular")
    at = np.array(g.rng.integers(0, shape[axis] - n + 1 if mode == "linear" else shape[axis], shape[0]), np.int64)
    y = x.copy()
    for b in range(shape[0]):
        for k in range(n):
            to = (int(at[b]) + k) % shape[axis]
            y[(b,) + (slice(None),) * (axis - 1) + (to,)] = u[(b,) + (slice(None),) * (axis - 1) + (k,)]
    return Sample([x, u, at], [y], {"axis": axis - len(shape), "mode": mode}, exact=True)


@op("CenterCropPad")
def center_crop_pad(g):
    x = g.array(0, g.shape(1, 3, zero=0))
    axes = sorted(g.rng.permutation(x.ndim)[:g.int(1, x.ndim)].tolist())
    target = [g.int(1, 6) for _ in axes]
    y = x
    for a, t in zip(axes, target):
        d = y.shape[a]
        if t < d:
            y = y.take(range((d - t) // 2, (d - t) // 2 + t), a)
        elif t > d:
            out = np.full([t if k == a else e for k, e in enumerate(y.shape)], "" if x.dtype == object else np.zeros((), x.dtype), x.dtype)
            out[tuple(slice((t - d) // 2, (t - d) // 2 + d) if k == a else slice(None) for k in range(y.ndim))] = y
            y = out
    attrs = {} if len(axes) == x.ndim and g.flip() else {"axes": [a - x.ndim if g.flip(0.3) else a for a in axes]}
    return Sample([x, np.array(target, g.dtype(1))], [y], attrs, exact=True)


@op("BitCast")
def bit_cast(g):
    other = {"T1": "T2", "T2": "T1"}[g.varied]
    same = [t for t in sorted(g.schema.type_constraints[0].allowed_type_strs) if bits(g.dtype(t)) == bits(g.dtype(g.varied))]
    g.types[other] = g.pick(*same)
    source, target = g.dtype("T1"), g.dtype("T2")
    x = g.array(0, g.shape(0, 3))
    if bits(source) >= 8:
        y = x.view(target)
    else:
        mask = (1 << bits(source)) - 1
        raw = x.view(np.uint8) & mask if source.name.startswith("float") else x.astype(np.int64).astype(np.uint8) & mask
        y = raw.view(target) if target.name.startswith("float") else np.where(
            (raw > mask // 2) & (not target.name.startswith("u")), raw.astype(np.int64) - mask - 1, raw.astype(np.int64)).astype(target)
    return Sample([x], [y], {"to": element(g.types["T2"])}, exact=True)


def bits(dtype):
    name = dtype.name
    return {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "float4_e2m1fn": 4}.get(name, dtype.itemsize * 8)
