"""What a feed may be besides an array of the right type: lists, scalars, other byte orders, strings, other libraries' arrays."""
import numpy as np

from .errors import InvalidArgument


def as_array(value, dtype, expected, name):
    """`value` as an ndarray of native byte order. Arrays keep their element type, for the session to compare; numbers in
    lists take `dtype` (None: strings) where that keeps their values. `expected` and `name` are for messages."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InvalidArgument(f"input '{name}': expected {expected}, found a masked array; fill the masked places first")
    typed = isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__") or hasattr(value, "__dlpack__")
    try:
        if typed or dtype is not None:
            array = np.asarray(value)
        else:
            array = np.asarray(value, dtype=object)
    except (ValueError, TypeError, OverflowError) as e:
        raise InvalidArgument(f"input '{name}': expected {expected}, found a {type(value).__name__} that makes no array: {e}") from e
    if array.dtype.kind == "T":  # numpy's variable-width strings
        return array.astype(object)
    if array.dtype.kind in "SU":
        return array
    if array.dtype.kind == "O":
        if dtype is not None:
            raise InvalidArgument(f"input '{name}': expected {expected}, found {_found(value, array)}")
        return array
    if array.dtype.kind in "biufc":  # numpy's one object for the type: native byte order, no metadata
        canonical = np.dtype(array.dtype.type)
        if array.dtype is not canonical:
            array = array.view(canonical) if array.dtype.isnative else array.astype(canonical)
    if typed or dtype is None or array.dtype == dtype:
        return array
    return _convert(array, dtype, expected, name)


def _found(value, array):
    if array.size:
        return f"{type(value).__name__} of {type(array.flat[0]).__name__}"
    return f"an empty {type(value).__name__} of objects"


def _convert(array, dtype, expected, name):
    """Numbers of a list as `dtype`. A number that would change is an error; rounding to fewer bits of a float is not."""
    exact = _kind(dtype) in "biu"
    if exact and array.size and _kind(array.dtype) not in "biu":
        raise InvalidArgument(f"input '{name}': expected {expected}, found floating-point numbers")
    if _kind(array.dtype) == "c" and _kind(dtype) != "c":
        raise InvalidArgument(f"input '{name}': expected {expected}, found complex numbers")
    if _kind(dtype) == "b" and array.size and _kind(array.dtype) != "b":
        raise InvalidArgument(f"input '{name}': expected {expected}, found numbers that are no bool")
    converted = array.astype(dtype)
    if exact and not np.array_equal(converted.astype(array.dtype), array):
        raise InvalidArgument(f"input '{name}': expected {expected}, found numbers out of its range, {array.min()} to {array.max()}")
    return converted


def _kind(dtype):
    """numpy's letter for the kind of number; ml_dtypes says V for all of its own."""
    if dtype.kind != "V":
        return dtype.kind
    return "i" if dtype.name.startswith("int") else "u" if dtype.name.startswith("uint") else "f"
