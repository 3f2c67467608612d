"""Samples of elementwise, logical, reduction and cumulative operators, with plain formulas."""
import math

import numpy as np
from sweep_data import op, wide
from sweep_model import MISSING, Sample, is_float

erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def f32(v):
    return float(np.float32(v))


UNARY = {
    "Abs": np.abs, "Acos": np.arccos, "Acosh": np.arccosh, "Asin": np.arcsin, "Asinh": np.arcsinh, "Atan": np.arctan, "Atanh": np.arctanh,
    "Ceil": np.ceil, "Cos": np.cos, "Cosh": np.cosh, "Exp": np.exp, "Floor": np.floor, "Log": np.log, "Neg": np.negative,
    "Reciprocal": lambda x: 1 / x, "Relu": lambda x: np.maximum(x, 0), "Round": np.round, "Sigmoid": sigmoid, "Sign": np.sign,
    "Sin": np.sin, "Sinh": np.sinh, "Softplus": lambda x: np.log1p(np.exp(x)), "Softsign": lambda x: x / (1 + np.abs(x)), "Sqrt": np.sqrt,
    "Tan": np.tan, "Tanh": np.tanh, "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "Mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "Erf": lambda x: erf(x) if x.size else x, "Not": np.logical_not, "BitwiseNot": np.invert,
}
DOMAINS = {"Acos": (-1, 1), "Asin": (-1, 1), "Atanh": (-0.75, 0.75), "Acosh": (1, 4), "Log": (0.125, 4), "Reciprocal": (0.25, 4), "Sqrt": (0, 4)}


@op(*UNARY)
def unary(g):
    name = g.schema.name
    x = g.array(0, g.shape(), *DOMAINS.get(name, (None, None)))
    if name == "Erf" and not is_float(x.dtype):
        x = g.array(0, x.shape, -2, 2)
        return Sample([x], [np.zeros_like(x)])  # towards zero, as casts go
    with np.errstate(all="ignore"):
        y = UNARY[name](wide(x))
    return Sample([x], [y], consumed(g))


def consumed(g):
    return {"consumed_inputs": [0]} if g.attr("consumed_inputs") and g.flip() else {}


PARAMETERS = {  # name: (attributes with their defaults, formula)
    "Elu": ({"alpha": 1.0}, lambda x, alpha: np.where(x < 0, alpha * np.expm1(x), x)),
    "Celu": ({"alpha": 1.0}, lambda x, alpha: np.maximum(0, x) + np.minimum(0, alpha * np.expm1(x / alpha))),
    "LeakyRelu": ({"alpha": 0.01}, lambda x, alpha: np.where(x < 0, alpha * x, x)),
    "ThresholdedRelu": ({"alpha": 1.0}, lambda x, alpha: np.where(x > alpha, x, 0)),
    "HardSigmoid": ({"alpha": 0.2, "beta": 0.5}, lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1)),
    "Shrink": ({"bias": 0.0, "lambd": 0.5}, lambda x, bias, lambd: np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0))),
    "Swish": ({"alpha": 1.0}, lambda x, alpha: x * sigmoid(alpha * x)),
}


@op(*PARAMETERS)
def parametric(g):
    defaults, formula = PARAMETERS[g.schema.name]
    attrs = {k: f32(g.pick(0.5, 1.5, 0.75)) for k in defaults if g.flip()}
    x = g.array(0, g.shape())
    if g.schema.name == "Shrink" and not is_float(x.dtype):
        attrs = {k: float(round(v + 0.5)) for k, v in attrs.items()}
    y = formula(wide(x) if is_float(x.dtype) else x.astype(np.int64), **{k: attrs.get(k, f32(v)) for k, v in defaults.items()})
    return Sample([x], [y], attrs | consumed(g))


@op("Selu")
def selu(g):
    old = g.version == 1
    attrs = {k: f32(g.pick(0.5, 1.5)) for k in ("alpha", "gamma") if g.flip()}
    alpha = attrs.get("alpha", f32(1.6732 if old else 1.67326319217681884765625))
    gamma = attrs.get("gamma", f32(1.0507 if old else 1.05070102214813232421875))
    x = g.array(0, g.shape())
    w = wide(x)
    return Sample([x], [gamma * np.where(w > 0, w, alpha * np.expm1(w))], attrs | consumed(g))


@op("Gelu")
def gelu(g):
    x = g.array(0, g.shape())
    w = wide(x)
    if g.flip():
        return Sample([x], [0.5 * w * (1 + np.tanh(math.sqrt(2 / math.pi) * (w + 0.044715 * w**3)))], {"approximate": "tanh"})
    return Sample([x], [0.5 * w * (1 + (erf(w / math.sqrt(2)) if w.size else w))])


@op("IsNaN", "IsInf")
def is_special(g):
    x = g.array(0, g.shape(1, 3))
    w = wide(x).copy()
    with np.errstate(all="ignore"):
        for v in (np.nan, np.inf, -np.inf):
            if x.size:
                w.flat[g.int(0, x.size - 1)] = v
        x = w.astype(x.dtype)
    w = wide(x)
    if g.schema.name == "IsNaN":
        return Sample([x], [np.isnan(w)])
    attrs = {k: g.int(0, 1) for k in ("detect_negative", "detect_positive") if g.flip()}
    return Sample([x], [(np.isposinf(w) & bool(attrs.get("detect_positive", 1))) | (np.isneginf(w) & bool(attrs.get("detect_negative", 1)))], attrs)


def operands(g, low=None, high=None, second=None):
    """Two operands in the broadcasting of the version, and the second one as it aligns with the first."""
    shape = g.shape()
    lo2, hi2 = second or (low, high)
    if g.attr("broadcast"):  # opsets 1 to 6: only the second one, at an axis
        a = g.array(0, shape, low, high)
        if not shape or g.flip(0.3):
            return a, (b := g.array(1, shape, lo2, hi2)), b, {}
        first = g.int(0, len(shape) - 1)
        last = g.int(first, len(shape))
        b = g.array(1, shape[first:last], lo2, hi2)
        attrs = {"broadcast": 1}
        if last != len(shape) or g.flip() or not b.shape:
            attrs["axis"] = first
        return a, b, b.reshape(b.shape + (1,) * (len(shape) - last)), attrs
    if g.version < 7 and g.schema.name in ("PRelu",):
        return g.array(0, shape, low, high), (b := g.array(1, shape, lo2, hi2)), b, {}
    a, b = g.array(0, g.broadcast(shape) if g.flip(0.3) else shape, low, high), g.array(1, g.broadcast(shape), lo2, hi2)
    return a, b, b, {}


def c_div(a, b):
    """Division towards zero, in the width of the type."""
    q = np.abs(a.astype(object)) // np.abs(b.astype(object))
    return (q * np.where((a < 0) != (b < 0), -1, 1)).astype(object)


def wrap(y, dtype):
    """Exact integers to a type, modulo its range."""
    return np.asarray(np.asarray(y, object) % (1 << 64), np.uint64).astype(dtype) if np.size(y) else np.asarray(y).astype(dtype)


BINARY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
          "BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or, "BitwiseXor": np.bitwise_xor, "Equal": np.equal, "Greater": np.greater,
          "Less": np.less, "GreaterOrEqual": np.greater_equal, "LessOrEqual": np.less_equal}


@op(*BINARY)
def binary(g):
    a, b, aligned, attrs = operands(g)
    if g.schema.name == "Equal" and a.dtype == object:
        return Sample([a, b], [np.asarray(a == b, bool)])
    y = BINARY[g.schema.name](wide(a), wide(aligned))
    return Sample([a, b], [y], attrs | consumed(g))


@op("Div")
def div(g):
    a, b, aligned, attrs = operands(g, second=(1, 4))
    y = wrap(c_div(a, aligned), a.dtype) if a.dtype.kind in "iu" else wide(a) / wide(aligned)
    return Sample([a, b], [y], attrs | consumed(g))


@op("Mod")
def mod(g):
    a, b, aligned, _ = operands(g, second=(1, 4))
    if a.dtype.kind in "iu" and g.flip():
        return Sample([a, b], [np.mod(a, aligned)])
    return Sample([a, b], [np.fmod(wide(a), wide(aligned))], {"fmod": 1})


@op("Pow")
def pow_(g):
    a, b, aligned, attrs = operands(g, 0.5 if is_float(g.dtype(0)) else 0, 3, second=(0, 3))
    y = wide(a).astype(np.float64) ** wide(aligned).astype(np.float64)
    return Sample([a, b], [y if is_float(a.dtype) else np.trunc(y)], attrs)


@op("BitShift")
def bit_shift(g):
    a, b, _, _ = operands(g, 0, 9, second=(0, 3))
    left = g.flip()
    y = np.left_shift(a, b.astype(a.dtype)) if left else np.right_shift(a, b.astype(a.dtype))
    return Sample([a, b], [y], {"direction": "LEFT" if left else "RIGHT"})


@op("PRelu")
def prelu(g):
    shape = g.shape(2, 4) if g.version < 7 else g.shape()
    x = g.array(0, shape)
    if g.version < 7:
        slope = g.array(1, (shape[1],) if g.flip() else (1,), 0.25, 2)
        aligned = slope.reshape((-1,) + (1,) * (len(shape) - 2))
    else:
        slope = aligned = g.array(1, g.broadcast(shape), 0.25, 2)
    y = np.where(wide(x) < 0, wide(x) * wide(aligned), wide(x))
    return Sample([x, slope], [y if is_float(x.dtype) else y.astype(x.dtype)], consumed(g))


@op("Max", "Min", "Sum", "Mean")
def variadic(g):
    shape = g.shape()
    items = [g.array(0, g.broadcast(shape) if g.version >= 8 else shape) for _ in range(g.int(1, 4))]
    w = [wide(i) for i in items]
    y = w[0]
    for i in w[1:]:
        y = {"Max": np.maximum, "Min": np.minimum}.get(g.schema.name, np.add)(y, i)
    return Sample(items, [y / len(items) if g.schema.name == "Mean" else y], consumed(g))


@op("Clip")
def clip(g):
    x = g.array(0, g.shape())
    low, high = sorted(g.int(0, 2) if x.dtype.kind == "u" else g.int(-2, 2) for _ in range(2))
    has_low, has_high = g.flip(0.7), g.flip(0.7)
    y = wide(x)
    y = np.maximum(y, low) if has_low else y
    y = np.minimum(y, high) if has_high else y
    if g.version < 11:
        attrs = ({"min": float(low)} if has_low else {}) | ({"max": float(high)} if has_high else {})
        return Sample([x], [y], attrs | consumed(g))
    bound = [np.asarray(v, np.float64).astype(x.dtype) if has else MISSING for v, has in ((low, has_low), (high, has_high))]
    return Sample([x, *bound], [y.astype(x.dtype) if x.dtype.kind in "iu" else y])


@op("Where")
def where(g):
    shape = g.shape()
    c, a, b = g.array(0, g.broadcast(shape)), g.array(1, shape), g.array(2, g.broadcast(shape))
    return Sample([c, a, b], [np.where(c, a, b)], exact=True)


# ---- reductions ----

def zeros_ok(name):
    return name in ("ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd")


def reduce_formula(name, w, axes, keep):
    k = {"axis": axes, "keepdims": keep}
    with np.errstate(all="ignore"):
        return {"ReduceSum": lambda: w.sum(**k), "ReduceMean": lambda: w.mean(**k), "ReduceProd": lambda: w.prod(**k),
                "ReduceMax": lambda: w.max(**k), "ReduceMin": lambda: w.min(**k), "ReduceL1": lambda: np.abs(w).sum(**k),
                "ReduceL2": lambda: np.sqrt(np.square(w.astype(np.float64)).sum(**k)), "ReduceSumSquare": lambda: np.square(w).sum(**k),
                "ReduceLogSum": lambda: np.log(w.sum(**k)), "ReduceLogSumExp": lambda: np.log(np.exp(w).sum(**k))}[name]()


@op("ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp")
def reduce(g):
    name = g.schema.name
    shape = g.shape(0 if g.version >= 18 else 1, 4, 4, zero=0.08 if zeros_ok(name) else 0)
    low = 0.5 if name in ("ReduceLogSum",) else None
    x = g.array(0, shape, low, 2 if name == "ReduceProd" else 3)
    rank = len(shape)
    axes = None if g.flip(0.3) or rank == 0 else sorted(g.rng.permutation(rank)[:g.int(1, rank)].tolist())
    negative = g.version >= 11
    written = None if axes is None else [a - rank if negative and g.flip(0.3) else a for a in axes]
    keep = g.int(0, 1)
    attrs = {"keepdims": keep} if g.flip() or not keep else {}
    inputs = [x]
    noop = False
    if g.attr("axes"):
        attrs |= {"axes": written} if axes is not None else {}
    else:
        if axes is not None:
            inputs.append(np.array(written, np.int64))
        elif g.flip():
            noop = g.flip()
            attrs["noop_with_empty_axes"] = int(noop)
            if g.flip():
                inputs.append(np.zeros(0, np.int64))
    w = wide(x)
    if w.dtype.kind in "iu" and name not in ("ReduceMax", "ReduceMin"):
        w = w.astype(np.int64)
    if w.dtype == bool:
        w = w.astype(np.int64)
    axis = tuple(axes) if axes is not None else () if noop else tuple(range(rank))
    y = np.asarray(reduce_formula(name, w, axis, bool(keep)))
    if not is_float(x.dtype) and y.dtype.kind == "f":
        y = np.trunc(y)
    return Sample(inputs, [y], attrs)


@op("ArgMax", "ArgMin")
def arg_reduce(g):
    x = g.array(0, g.shape(1, 4, 5, zero=0), step=0.5)
    written, axis = g.axis(x.ndim) if g.version >= 11 else (lambda a: (a, a))(g.int(0, x.ndim - 1))
    attrs = {} if g.flip(0.2) and axis == 0 else {"axis": written}
    keep = g.int(0, 1)
    attrs |= {} if keep and g.flip() else {"keepdims": keep}
    w = wide(x) if g.schema.name == "ArgMax" else -wide(x).astype(np.float64)
    if g.attr("select_last_index") and g.flip():
        attrs["select_last_index"] = 1
        y = x.shape[axis] - 1 - np.argmax(np.flip(w, axis), axis)
    else:
        y = np.argmax(w, axis)
    return Sample([x], [np.expand_dims(y, axis) if keep else np.asarray(y)], attrs)


@op("CumSum", "CumProd")
def cumulative(g):
    x = g.array(0, g.shape(1, 3), 1 if g.schema.name == "CumProd" else None, 2 if g.schema.name == "CumProd" else None)
    written, axis = g.axis(x.ndim)
    attrs = {k: 1 for k in ("exclusive", "reverse") if g.flip()}
    w = wide(x)
    w = w if w.dtype.kind == "f" else w.astype(np.int64)
    flipped = np.flip(w, axis) if "reverse" in attrs else w
    product = g.schema.name == "CumProd"
    y = np.cumprod(flipped, axis) if product else np.cumsum(flipped, axis)
    if "exclusive" in attrs and y.shape[axis]:
        y = np.roll(y, 1, axis)
        first = [slice(None)] * y.ndim
        first[axis] = 0
        y[tuple(first)] = 1 if product else 0
    y = np.flip(y, axis) if "reverse" in attrs else y
    return Sample([x, np.array(written, g.dtype(1))], [y], attrs)


@op("Softmax", "LogSoftmax", "Hardmax")
def softmax(g):
    x = g.array(0, g.shape(1, 4, zero=0.05))
    old = g.version < 13
    if old:
        axis = g.int(0, x.ndim) if g.version < 11 else g.int(0, x.ndim - 1)
        if axis == x.ndim and x.ndim > 1:
            axis = x.ndim - 1
        axis = min(axis, x.ndim - 1)
        attrs = {"axis": axis - x.ndim if g.version >= 11 and g.flip(0.3) else axis}
        w = wide(x).reshape(int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:])))
        dim = 1
    else:
        written, dim = g.axis(x.ndim)
        attrs = {"axis": written}
        w = wide(x)
    if x.size == 0:
        return Sample([x], [wide(x)], attrs)
    if g.schema.name == "Hardmax":
        y = np.zeros_like(w)
        np.put_along_axis(y, np.expand_dims(np.argmax(w, dim), dim), 1, dim)
    else:
        e = np.exp(w - w.max(dim, keepdims=True))
        y = e / e.sum(dim, keepdims=True)
        y = np.log(y) if g.schema.name == "LogSoftmax" else y
    return Sample([x], [y.reshape(x.shape)], attrs)


@op("Dropout")
def dropout(g):
    x = g.array(0, g.shape())
    attrs = {"ratio": 0.25} if g.attr("ratio") and g.flip() else {}
    if g.attr("is_test"):
        attrs["is_test"] = 1
    inputs = [x]
    if g.version >= 12 and g.flip():
        inputs.append(g.array(1, (), 0.25, 0.5))
        if g.flip():
            inputs.append(np.array(False))
    return Sample(inputs, [x], attrs | consumed(g), exact=True)
