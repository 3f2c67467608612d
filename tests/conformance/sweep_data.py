"""Random contents for the sweep: shapes with zeros and ones, values that every element type can hold."""
import functools

import ml_dtypes
import numpy as np
from sweep_model import input_type, numpy_type, wide

WORDS = ["", "a", "A b", "9", "-3", "ünï", "日本", "zz top", "nan", "1e3"]


@functools.cache
def limits(name):
    """Smallest and largest value used for an element type."""
    d = np.dtype(name)
    if d.kind in "iu":
        i = np.iinfo(d)
        return max(i.min, -9), min(i.max, 9)
    if d.kind == "V" and "int" in d.name:
        i = ml_dtypes.iinfo(d)
        return int(i.min), int(i.max)
    return (0.5, 4) if "e8m0" in d.name else (-4, 4)


class Gen:
    """Source of samples for one (schema, types): random numbers, shapes and values. `varied` is the type variable that the combination is
    about; a generator may change the types of the others to agree with it."""

    def __init__(self, schema, types, varied, rng):
        self.schema, self.types, self.varied, self.rng = schema, types, varied, rng
        self.version = schema.since_version

    # ---- types ----
    def type(self, i):
        """Type string of input i."""
        return input_type(self.schema, self.types, i)

    def dtype(self, var):
        """numpy type of a type variable, of an input by its number, or of a type string."""
        if isinstance(var, int):
            var = self.type(var)
        return numpy_type(self.types.get(var, var))

    def attr(self, name):
        return name in self.schema.attributes

    # ---- choices ----
    def flip(self, p=0.5):
        return self.rng.random() < p

    def int(self, low, high):
        """An integer in [low, high]."""
        return int(self.rng.integers(low, high + 1))

    def pick(self, *items):
        return items[self.int(0, len(items) - 1)]

    def shape(self, low=0, high=4, dim=5, zero=0.08):
        """Rank low to high, dims 1 to dim and now and then 0."""
        return tuple(0 if self.flip(zero) else self.int(1, dim) for _ in range(self.int(low, high)))

    def axis(self, rank):
        """(as written, as counted from the front)."""
        a = self.int(0, rank - 1)
        return (a - rank if self.flip(0.4) and self.negative_axes else a), a

    negative_axes = True

    def broadcast(self, shape):
        """A shape that broadcasts to `shape`."""
        s = [1 if self.flip(0.3) else d for d in shape]
        return tuple(s[self.int(0, len(s)):]) if self.flip(0.4) else tuple(s)

    # ---- values ----
    def array(self, var, shape, low=None, high=None, step=0.125):
        """Values in [low, high] that the type holds exactly, as far as it can."""
        d = self.dtype(var)
        if d == object:
            a = np.empty(shape, object)
            a.flat = [WORDS[k] for k in self.rng.integers(0, len(WORDS), a.size)]
            return a
        if d == bool:
            return np.asarray(self.rng.integers(0, 2, shape), bool)
        if d.kind == "c":
            return np.asarray((self.rng.integers(-32, 33, shape) + 1j * self.rng.integers(-32, 33, shape)) * step, d)
        lo, hi = limits(d.name)
        lo, hi = max(lo, low) if low is not None else lo, min(hi, high) if high is not None else hi
        if d.kind in "iu" or "int" in d.name:
            return np.asarray(self.rng.integers(int(np.ceil(lo)), int(np.floor(hi)) + 1, shape), np.int64).astype(d)
        return np.asarray(self.rng.integers(round(lo / step), round(hi / step) + 1, shape) * step, np.float64).astype(d)

    def distinct(self, var, shape):
        """Values without ties, as far as the type has so many."""
        d, n = self.dtype(var), int(np.prod(shape))
        if d == bool or d == object:
            return self.array(var, shape)
        values = self.rng.permutation(n)
        if d.kind in "iu":
            i = np.iinfo(d)
            values = values - (n // 2 if i.min < 0 else 0)
            return np.asarray(values % (int(i.max) + 1), d).reshape(shape) if n > i.max else np.asarray(values, d).reshape(shape)
        return np.asarray((values - n // 2) * (0.25 if n < 256 else 1 / 64), np.float64).astype(d).reshape(shape)

    def value(self, type_string, depth=0):
        """A value of any type: arrays, lists for sequences, None now and then for an optional."""
        head, _, rest = type_string.partition("(")
        inner = rest[:-1]
        if head == "tensor":
            return self.array(type_string, self.shape(0, 3))
        if head == "seq":
            return [self.value(inner, depth + 1) for _ in range(self.int(1, 3))]
        if head == "optional":
            return None if self.flip(0.25) else self.value(inner, depth + 1)
        raise NotImplementedError(type_string)


REGISTRY = {}


def op(*names):
    """Marks a generator of samples for operators: function(gen) that returns a Sample."""
    def mark(f):
        for n in names:
            REGISTRY[n] = f
        return f
    return mark


def ints(*values):
    return np.array(values, np.int64)


__all__ = ["Gen", "REGISTRY", "WORDS", "ints", "limits", "op", "wide"]
