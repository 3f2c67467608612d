"""Samples of casts and of quantised operators."""
import ml_dtypes
import numpy as np
from sweep_data import limits, op, wide
from sweep_model import MISSING, Sample, element, is_float

POWERS = np.array([0.5, 1, 2, 4])


def convertible(g, source, target):
    """Values of the source type that the target type holds, for floats after rounding."""
    shape = g.shape()
    if "e8m0" in target.name or "e8m0" in source.name:
        if source == object:
            return np.array(g.rng.choice(["0.5", "1", "2", "4"], shape), object)
        v = g.rng.choice(POWERS if is_float(source) and (is_float(target) or target == object) else POWERS[1:], shape)
        if target.kind == "V" and "int2" in target.name or source.kind == "V" and "int2" in source.name:
            v = np.ones(shape)
        return np.asarray(v, np.float64).astype(source)
    if source == object:
        low, high = limits(target.name) if target not in (bool, object) else (0, 9)
        if target == bool:
            return np.array(g.rng.choice(["0", "1"], shape), object)
        a = np.empty(shape, object)
        a.flat = [str(v) for v in g.rng.integers(int(np.ceil(low)), int(high) + 1, a.size)]
        return a
    if target == object:
        if is_float(source):
            return np.asarray(g.rng.integers(-2, 2, shape) + 0.5, np.float64).astype(source)
        return g.array("T1", shape)
    low, high = limits(target.name) if target != bool else (-4, 4)
    x = g.array("T1", shape, low, high)
    return x


def cast_formula(x, target):
    if target == bool:
        return np.array([float(v) != 0 for v in x.flat], bool).reshape(x.shape) if x.dtype == object else wide(x).astype(np.float64) != 0
    if target == object:
        a = np.empty(x.shape, object)
        a.flat = [("1" if v else "0") if x.dtype == bool else str(float(v)) if is_float(x.dtype) else str(int(v)) for v in x.flat]
        return a
    if x.dtype == object:
        return np.array([float(v) for v in x.flat], np.float64).reshape(x.shape).astype(target)
    w = wide(x)
    return (np.trunc(w) if is_float(x.dtype) and not is_float(target) else w).astype(np.float64).astype(target)


@op("Cast", "CastLike")
def cast(g):
    source, target = g.dtype("T1"), g.dtype("T2")
    x = convertible(g, source, target)
    y = cast_formula(x, target)
    if target == object and is_float(source):
        y = np.array([v.removesuffix(".0") for v in y.flat], object).reshape(y.shape)
    attrs = {"saturate": g.int(0, 1)} if g.attr("saturate") and g.flip() else {}
    if g.schema.name == "CastLike":
        return Sample([x, g.array("T2", g.shape())], [y], attrs, exact=True)
    to = element(g.types["T2"])
    if g.version == 1:
        from onnx import TensorProto
        return Sample([x], [y], {"to": TensorProto.DataType.Name(to)}, exact=True)
    return Sample([x], [y], attrs | {"to": to}, exact=True)


def quant_limits(dtype):
    d = np.dtype(dtype)
    i = np.iinfo(d) if d.kind in "iu" else ml_dtypes.iinfo(d)
    return int(i.min), int(i.max)


def layout(g, x_shape):
    """(shape of scale, function that spreads it over x, attributes)."""
    kind = g.int(0, 2 if g.attr("block_size") else 1) if g.attr("axis") and x_shape else 0
    if kind == 0:
        return g.pick((), (1,)) if g.version >= 13 else (), lambda s: s.reshape(()), {}
    axis = g.int(0, len(x_shape) - 1)
    written = axis - len(x_shape) if g.flip(0.4) else axis
    if kind == 1:
        align = (-1,) + (1,) * (len(x_shape) - 1 - axis)
        return (x_shape[axis],), lambda s: s.reshape(align), {"axis": written}
    block = g.int(1, 3)
    blocks = -(-x_shape[axis] // block)
    shape = tuple(blocks if k == axis else d for k, d in enumerate(x_shape))
    return shape, lambda s: np.repeat(s, block, axis).take(range(x_shape[axis]), axis), {"axis": written, "block_size": block}


def scales(g, var, shape):
    return np.asarray(g.rng.choice([0.25, 0.5, 1.0], shape), np.float64).astype(g.dtype(var))


@op("QuantizeLinear")
def quantize(g):
    shape = g.shape(0, 3, zero=0.05)
    x = g.array(0, shape, step=0.125)
    s_shape, spread, attrs = layout(g, shape)
    s = scales(g, 1, s_shape)
    d = g.dtype(2)
    has_zero = g.flip(0.7)
    if is_float(d):
        z = np.zeros(s_shape, d)
        y = wide(x).astype(np.float64) / spread(wide(s))
        top = float(ml_dtypes.finfo(d).max)
        y = np.clip(y, -top, top).astype(d)
    else:
        low, high = quant_limits(d)
        z = g.array(2, s_shape, 0, 3) if has_zero else np.zeros(s_shape, d)
        y = np.clip(np.round(wide(x).astype(np.float64) / spread(wide(s))) + spread(z.astype(np.float64)), low, high).astype(d)
    if has_zero:
        return Sample([x, s, z], [y], attrs, exact=True)
    if g.attr("output_dtype") and (d != np.uint8 or g.flip()):
        return Sample([x, s], [y], attrs | {"output_dtype": element(g.type(2))}, exact=True)
    return Sample([x, s] + ([z] if d != np.uint8 else []), [y], attrs, exact=True)


@op("DequantizeLinear")
def dequantize(g):
    shape = g.shape(0, 3, zero=0.05)
    x = g.array(0, shape)
    s_shape, spread, attrs = layout(g, shape)
    s = scales(g, 1, s_shape)
    z = None
    if x.dtype != np.int32 and g.flip(0.7):
        z = np.zeros(s_shape, x.dtype) if is_float(x.dtype) else g.array(0, s_shape, 0, 3)
    y = wide(x).astype(np.float64) - (spread(wide(z).astype(np.float64)) if z is not None else 0)
    out = g.types.get(g.schema.outputs[0].type_str)
    if g.attr("output_dtype") and out:
        attrs["output_dtype"] = element(out)
    elif "e8m0" in s.dtype.name:
        attrs["output_dtype"] = element("tensor(float)")
    return Sample([x, s] + ([z] if z is not None else []), [y * spread(wide(s))], attrs)


@op("DynamicQuantizeLinear")
def dynamic_quantize(g):
    x = g.array(0, g.shape(0, 3, zero=0))
    high, low = max(np.float32(x.max()), np.float32(0)), min(np.float32(x.min()), np.float32(0))
    scale = np.float32((high - low) / np.float32(255)) if high != low else np.float32(1)
    zero = np.clip(np.round(-low / scale), 0, 255)
    if high == low:
        return dynamic_quantize(g)
    y = np.clip(np.round(x / scale) + zero, 0, 255)
    return Sample([x], [y.astype(np.uint8), np.array(scale, np.float32), np.array(zero, np.uint8)])


def zero_point(g, i, shape):
    return g.array(i, shape, 0, 3)


@op("MatMulInteger")
def matmul_integer(g):
    m, k, n = g.int(1, 4), g.int(1, 5), g.int(1, 4)
    batch = g.shape(0, 1, zero=0)
    a, b = g.array(0, batch + (m, k)), g.array(1, g.broadcast(batch) + (k, n) if not batch or g.flip() else (k, n))
    za, zb = zero_point(g, 2, ()), zero_point(g, 3, g.pick((), (n,)))
    use = g.int(0, 2)
    wa = a.astype(np.int64) - (int(za) if use else 0)
    wb = b.astype(np.int64) - (zb.astype(np.int64) if use == 2 else 0)
    return Sample([a, b] + [za, zb][:use], [np.matmul(wa, wb)])


@op("QLinearMatMul")
def qlinear_matmul(g):
    m, k, n = g.int(1, 4), g.int(1, 5), g.int(1, 4)
    a, b = g.array(0, (m, k)), g.array(3, (k, n))
    rows, columns = g.pick((), (m,)), g.pick((), (n,))
    sa, sb, sy = scales(g, 1, rows), scales(g, 4, columns), scales(g, 6, ())
    za, zb, zy = zero_point(g, 2, rows), zero_point(g, 5, columns), zero_point(g, 7, ())
    if is_float(a.dtype) or is_float(b.dtype) or is_float(zy.dtype):
        za, zb, zy = (np.zeros(z.shape, z.dtype) for z in (za, zb, zy))
    column = (lambda v: wide(v).astype(np.float64).reshape(-1, 1) if v.shape else float(v))
    wa, wb = wide(a).astype(np.float64) - column(za), wide(b).astype(np.float64) - wide(zb).astype(np.float64)
    y = np.matmul(wa * column(sa), wb * wide(sb)) / float(sy)
    if is_float(zy.dtype):
        top = float(ml_dtypes.finfo(zy.dtype).max)
        y = np.clip(y, -top, top).astype(zy.dtype)
    else:
        low, high = quant_limits(zy.dtype)
        y = np.clip(np.round(y) + float(zy), low, high).astype(zy.dtype)
    return Sample([a, sa, za, b, sb, zb, sy, zy], [y], exact=True)
