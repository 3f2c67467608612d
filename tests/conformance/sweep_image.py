"""Samples of operators on images: whole factors and nearest by plain moves, the rest from the backend cases."""
import numpy as np
from sweep_data import op, wide
from sweep_model import MISSING, Sample
from sweep_seeds import cases, seeded


@op("Upsample")
def upsample(g):
    x = g.array(0, (g.int(1, 2), g.int(1, 2), g.int(1, 4), g.int(1, 4)))
    h, w = g.int(1, 3), g.int(1, 3)
    y = x.repeat(h, 2).repeat(w, 3)
    if g.version == 1:
        return Sample([x], [y], {"height_scale": float(h), "width_scale": float(w)}, exact=True)
    scales = [1.0, 1.0, float(h), float(w)]
    if g.version < 9:
        return Sample([x], [y], {"scales": scales}, exact=True)
    return Sample([x, np.array(scales, np.float32)], [y], {} if g.flip() else {"mode": "nearest"}, exact=True)


@op("Resize")
def resize(g):
    """By whole factors, for the types that cannot be interpolated and for opset 10; the backend cases are the base of the rest."""
    d = g.dtype(0)
    if g.version > 10 and d.kind not in "cbO" and g.flip(0.8):
        return seeded(g, reals=True)
    x = g.array(0, (g.int(1, 2), g.int(1, 2), g.int(1, 4), g.int(1, 4)))
    h, w = g.int(1, 3), g.int(1, 3)
    if g.version == 10:
        linear = g.flip() and d.kind == "f"
        y = x.repeat(h, 2).repeat(w, 3)
        if linear:
            y = interpolated(interpolated(wide(x), 2, h), 3, w)
        return Sample([x, np.array([1, 1, h, w], np.float32)], [y], {"mode": "linear"} if linear else {}, exact=not linear)
    attrs = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    roi = np.zeros(0, np.float32).astype(g.dtype(1)) if g.version < 13 else MISSING
    y = x.repeat(h, 2).repeat(w, 3)
    if g.flip():
        return Sample([x, roi, np.array([1, 1, h, w], np.float32)], [y], attrs, exact=True)
    scales = np.zeros(0, np.float32) if g.version < 13 else MISSING
    return Sample([x, roi, scales, np.array(y.shape, np.int64)], [y], attrs, exact=True)


def interpolated(x, axis, factor):
    """Opset 10: output i lies at i / factor of the input."""
    at = np.minimum(np.arange(x.shape[axis] * factor) / factor, x.shape[axis] - 1)
    low = np.floor(at).astype(int)
    part = (at - low).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    return x.take(low, axis) * (1 - part) + x.take(np.minimum(low + 1, x.shape[axis] - 1), axis) * part


@op("GridSample")
def grid_sample(g):
    """Nearest, for the types that cannot be interpolated; the backend cases are the base of the rest."""
    d = g.dtype(0)
    if d.kind not in "cbO":
        s = seeded(g, [c for c in cases()["", "GridSample"] if g.version >= 20 or c.data_sets[0][0][0].ndim == 4], reals=True)
        if g.version < 20 and "mode" in s.attrs:
            s.attrs["mode"] = {"linear": "bilinear", "cubic": "bicubic"}.get(s.attrs["mode"], s.attrs["mode"])
        return s
    h, w = g.int(1, 4), g.int(1, 4)
    x = g.array(0, (g.int(1, 2), g.int(1, 2), h, w))
    rows, cols = g.rng.integers(-1, h + 1, (x.shape[0], 2, 3)), g.rng.integers(-1, w + 1, (x.shape[0], 2, 3))
    grid = np.stack([(2 * cols + 1) / w - 1, (2 * rows + 1) / h - 1], -1)  # centres of pixels, some outside
    y = np.full((x.shape[0], x.shape[1], 2, 3), "" if d == object else np.zeros((), d), d)
    for n, i, j in np.ndindex(x.shape[0], 2, 3):
        if 0 <= rows[n, i, j] < h and 0 <= cols[n, i, j] < w:
            y[n, :, i, j] = x[n, :, rows[n, i, j], cols[n, i, j]]
    return Sample([x, grid.astype(g.dtype(1))], [y], {"mode": "nearest"}, exact=True)


@op("MaxRoiPool")
def max_roi_pool(g):
    x = g.array(0, (g.int(1, 2), g.int(1, 2), g.int(3, 6), g.int(3, 6)))
    ph, pw = g.int(1, 3), g.int(1, 3)
    h, w = x.shape[2:]
    rois = []
    for _ in range(g.int(1, 3)):
        x1, y1 = g.int(0, w - 1), g.int(0, h - 1)
        rois.append([g.int(0, x.shape[0] - 1), x1, y1, g.int(x1, w - 1), g.int(y1, h - 1)])
    y = np.zeros((len(rois), x.shape[1], ph, pw))
    for r, (n, x1, y1, x2, y2) in enumerate(rois):
        rh, rw = y2 - y1 + 1, x2 - x1 + 1
        for i, j in np.ndindex(ph, pw):
            t, b = y1 + i * rh // ph, y1 + -(-(i + 1) * rh // ph)
            l, e = x1 + j * rw // pw, x1 + -(-(j + 1) * rw // pw)
            y[r, :, i, j] = wide(x)[n, :, t:b, l:e].max((1, 2))
    return Sample([x, np.array(rois, np.float64).astype(x.dtype)], [y], {"pooled_shape": [ph, pw]}, exact=True)
