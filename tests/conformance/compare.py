"""Whether a result is the expected one: structure, element type and shape exactly, values within a tolerance."""
import numpy as np

BF16_RTOL = 2.0**-6  # two units in the last place, as onnx.backend.test has it


class Different(Exception):
    """The result is not the expected one; the message says how."""


def check_value(want, got, rtol, atol, where="output"):
    """Raises Different."""
    if want is None or got is None:
        if want is not got:
            raise Different(f"{where}: {_kind(want)} expected, found {_kind(got)}")
    elif isinstance(want, (list, tuple)):
        if not isinstance(got, (list, tuple)) or len(got) != len(want):
            raise Different(f"{where}: a sequence of {len(want)} expected, found {_kind(got)}")
        for i, (a, b) in enumerate(zip(want, got)):
            check_value(a, b, rtol, atol, f"{where}[{i}]")
    elif isinstance(want, dict):
        if not isinstance(got, dict) or list(got) != list(want):
            raise Different(f"{where}: a map with keys {list(want)[:8]} expected, found {_kind(got)}")
        for k, v in want.items():
            check_value(np.asarray(v), np.asarray(got[k]).astype(np.asarray(v).dtype), rtol, atol, f"{where}[{k}]")
    else:
        check_tensor(np.asarray(want), got, rtol, atol, where)


def check_shape(want, got, where="output"):
    """Element type and shape only. Raises Different."""
    if not isinstance(got, np.ndarray):
        raise Different(f"{where}: a tensor expected, found {_kind(got)}")
    strings = want.dtype.kind in "OUS"
    if (got.dtype.kind != "O" if strings else got.dtype != want.dtype) or got.shape != want.shape:
        raise Different(f"{where}: {want.dtype}{list(want.shape)} expected, found {got.dtype}{list(got.shape)}")


def check_tensor(want, got, rtol, atol, where="output"):
    """Strings, integers and bool exactly; NaN equals NaN. Raises Different."""
    check_shape(want, got, where)
    if want.dtype.kind in "OUS":
        want = np.vectorize(_text, otypes=[object])(want) if want.size else want
        bad = want.astype(object) != got
    elif want.dtype.kind in "biu":
        bad = want != got
    else:
        if want.dtype.name == "bfloat16":
            rtol = max(rtol, BF16_RTOL)
        if want.dtype.kind == "V":  # ml_dtypes: float32 holds all of them
            want, got = want.astype(np.float32), got.astype(np.float32)
        with np.errstate(all="ignore"):
            bad = ~np.isclose(got, want, rtol, atol, equal_nan=True)
    if np.any(bad):
        i = tuple(int(k) for k in np.argwhere(bad)[0]) if want.ndim else ()
        raise Different(f"{where}: {int(np.count_nonzero(bad))} of {want.size} values differ, at {list(i)} {want[i]!r} expected, found {got[i]!r}")


def _text(v):
    return v.decode() if isinstance(v, bytes) else str(v)


def _kind(v):
    return f"{v.dtype}{list(v.shape)}" if isinstance(v, np.ndarray) else f"{type(v).__name__} of {len(v)}" if hasattr(v, "__len__") else repr(v)
