"""Samples of ai.onnx.ml, as plain loops."""
import numpy as np
from sweep_data import op, wide
from sweep_model import Sample, element
from onnx import helper


@op("ArrayFeatureExtractor")
def array_feature_extractor(g):
    x = g.array(0, g.shape(1, 3, zero=0))
    at = np.array(g.rng.integers(0, x.shape[-1], g.int(1, 4)), np.int64)
    y = x[..., at]
    return Sample([x, at], [y.reshape(1, -1) if x.ndim == 1 else y], exact=True)


@op("Binarizer")
def binarizer(g):
    x = g.array(0, g.shape(1, 2))
    return Sample([x], [(wide(x) > 1).astype(x.dtype)], {"threshold": 1.0})


@op("CastMap")
def cast_map(g):
    source, target = g.types["T1"], g.dtype("T2")
    strings = "string" in source
    keys = sorted({g.int(0, 5) for _ in range(3)})
    m = {k: (str(k + 1) if strings else float(k) + 0.5) for k in keys}
    width = g.int(6, 8)
    sparse = g.flip()
    cast_to = {"float32": "TO_FLOAT", "int64": "TO_INT64", "object": "TO_STRING"}[target.name]
    convert = (lambda v: np.array([str(v)], object)[0]) if target == object else (lambda v: target.type(float(v)))
    empty = "" if target == object else 0
    row = np.full(width if sparse else len(keys), empty, target)
    for p, k in enumerate(keys):
        row[k if sparse else p] = convert(m[k])
    return Sample([m], [row.reshape(1, -1)], {"cast_to": cast_to, "map_form": "SPARSE" if sparse else "DENSE"} | ({"max_map": width} if sparse else {}))


@op("CategoryMapper")
def category_mapper(g):
    tie_labels(g)
    names, numbers = ["a", "b", "ü"], [3, 1, 2]
    attrs = {"cats_strings": names, "cats_int64s": numbers, "default_int64": -7, "default_string": "none"}
    shape = g.shape(1, 2)
    if g.types["T1"] == "tensor(string)":
        x = np.array(g.rng.choice([*names, "other"], shape), object)
        y = np.array([dict(zip(names, numbers)).get(v, -7) for v in x.flat], np.int64).reshape(shape)
    else:
        x = np.array(g.rng.choice([*numbers, 9], shape), np.int64)
        y = np.array([dict(zip(numbers, names)).get(int(v), "none") for v in x.flat], object).reshape(shape)
    return Sample([x], [y], attrs)


def tie_labels(g):
    """Strings to int64 and back, where the op has only these."""
    other = {"tensor(string)": "tensor(int64)", "tensor(int64)": "tensor(string)"}
    if g.varied == "T2":
        g.types["T1"] = other[g.types["T2"]]
    else:
        g.types["T2"] = other[g.types["T1"]]


@op("LabelEncoder")
def label_encoder(g):
    shape = g.shape(1, 2)
    if g.version == 1:
        tie_labels(g)
        names = ["a", "b", "ü"]
        if g.types["T1"] == "tensor(string)":
            x = np.array(g.rng.choice([*names, "other"], shape), object)
            return Sample([x], [np.array([names.index(v) if v in names else -7 for v in x.flat], np.int64).reshape(shape)], {"classes_strings": names, "default_int64": -7})
        x = np.array(g.rng.integers(0, 5, shape), np.int64)
        y = np.array([names[v] if v < 3 else "none" for v in x.flat], object).reshape(shape)
        return Sample([x], [y], {"classes_strings": names, "default_string": "none"})
    suffix = {"string": "strings", "int64": "int64s", "float": "floats"}
    t1, t2 = (g.types[v][7:-1] for v in ("T1", "T2"))
    pool = {"string": ["a", "b", "ü"], "other": [1, 2, 4]}
    keys = pool["string"] if t1 == "string" else pool["other"]
    values = ["x", "yy", "z"] if t2 == "string" else [5, 6, 7]
    default = "none" if t2 == "string" else -7
    x = np.array(g.rng.choice([*keys, "q" if t1 == "string" else 3], shape), object).astype(g.dtype("T1"))
    y = np.array([dict(zip(keys, values)).get(v if t1 == "string" else int(v), default) for v in x.flat], object).reshape(shape).astype(g.dtype("T2"))
    if g.version >= 4 and (t1 not in suffix or t2 not in suffix or g.flip()):
        attrs = {"keys_tensor": helper.make_tensor("k", element(g.types["T1"]), [3], keys),
                 "values_tensor": helper.make_tensor("v", element(g.types["T2"]), [3], values),
                 "default_tensor": helper.make_tensor("d", element(g.types["T2"]), [1], [default])}
    else:
        cast = {"string": str, "int64": int, "float": float}
        attrs = {f"keys_{suffix[t1]}": [cast[t1](k) for k in keys], f"values_{suffix[t2]}": [cast[t2](v) for v in values],
                 {"string": "default_string", "int64": "default_int64", "float": "default_float"}[t2]: cast[t2](default)}
    return Sample([x], [y], attrs)


@op("DictVectorizer")
def dict_vectorizer(g):
    if g.varied == "T2":
        key = "int64" if "string" in g.types["T2"] else "string"
        g.types["T1"] = f"map({key}, {g.types['T2']})"
    g.types["T1"] = g.types["T1"].replace(", ", ",")
    key, value = g.types["T1"][4:-1].split(",")
    value = value if value.startswith("tensor(") else f"tensor({value})"
    g.types["T2"] = value
    vocabulary = ["a", "b", "ü", "d"] if key == "string" else [4, 7, 9, 1]
    keys = [k for k in vocabulary if g.flip(0.6)] or vocabulary[:1]
    m = {k: ("w" if "string" in value else float(i) + 0.5 if value in ("tensor(float)", "tensor(double)") else i + 1) for i, k in enumerate(keys)}
    y = np.array([m.get(k, "" if "string" in value else 0) for k in vocabulary], object).astype(g.dtype("T2"))
    return Sample([m], [y.reshape(1, -1)], {"string_vocabulary" if key == "string" else "int64_vocabulary": vocabulary}, types=[g.types["T1"]])


@op("FeatureVectorizer")
def feature_vectorizer(g):
    n = g.int(1, 3)
    widths = [g.int(1, 3) for _ in range(g.int(1, 3))]
    parts = [g.array(0, (n, w)) for w in widths]
    return Sample(parts, [np.concatenate([wide(p).astype(np.float64) for p in parts], 1)], {"inputdimensions": widths})


@op("Imputer")
def imputer(g):
    n, f = g.int(1, 3), g.int(1, 3)
    x = g.array(0, (n, f), step=1)
    many = g.flip()
    values = [7.0, 8.0, 9.0][:f] if many else [7.0]
    y = np.where(x == 2, np.array(values) if many else values[0], wide(x))
    if x.dtype.kind == "f":
        return Sample([x], [y], {"imputed_value_floats": values, "replaced_value_float": 2.0})
    return Sample([x], [y], {"imputed_value_int64s": [int(v) for v in values], "replaced_value_int64": 2})


@op("Normalizer")
def normalizer(g):
    x = g.array(0, (g.int(1, 3), g.int(1, 4)), 1, 4)
    kind = g.pick("MAX", "L1", "L2")
    w = wide(x).astype(np.float64)
    by = {"MAX": w.max(1, keepdims=True), "L1": np.abs(w).sum(1, keepdims=True), "L2": np.sqrt((w * w).sum(1, keepdims=True))}[kind]
    return Sample([x], [w / by], {"norm": kind})


@op("OneHotEncoder")
def one_hot_encoder(g):
    strings = g.dtype(0) == object
    cats = ["a", "b", "ü"] if strings else [1, 2, 5]
    shape = g.shape(1, 2, zero=0)
    x = np.array(g.rng.choice([*cats, "q" if strings else 3], shape), object).astype(g.dtype(0))
    y = np.stack([x == c for c in cats], -1).astype(np.float32)
    return Sample([x], [y], {"cats_strings" if strings else "cats_int64s": cats, "zeros": 1})


@op("Scaler")
def scaler(g):
    n, f = g.int(1, 3), g.int(1, 3)
    x = g.array(0, (n, f))
    many = g.flip()
    scale, offset = ([0.5, 2.0, 4.0][:f], [1.0, -1.0, 0.0][:f]) if many else ([2.0], [1.0])
    return Sample([x], [(wide(x).astype(np.float64) - offset) * scale], {"scale": scale, "offset": offset})


def transformed(scores, kind):
    if kind == "LOGISTIC":
        return 1 / (1 + np.exp(-scores))
    if kind.startswith("SOFTMAX"):
        e = np.exp(scores - scores.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)
    return scores


@op("LinearRegressor")
def linear_regressor(g):
    n, f, t = g.int(1, 3), g.int(1, 3), g.int(1, 2)
    x = g.array(0, (n, f))
    c, b = g.array("tensor(float)", (t, f)), g.array("tensor(float)", (t,))
    kind = "NONE"
    return Sample([x], [wide(x).astype(np.float64) @ wide(c).T + wide(b)], {"coefficients": c.reshape(-1).tolist(), "intercepts": b.tolist(), "targets": t, "post_transform": kind})


@op("LinearClassifier")
def linear_classifier(g):
    strings = g.types["T2"] == "tensor(string)"
    n, f, classes = g.int(1, 3), g.int(1, 3), 3
    x = g.array(0, (n, f))
    c, b = g.array("tensor(float)", (classes, f)), g.distinct("tensor(float)", (classes,)) + np.float32(0.0625) * np.arange(classes, dtype=np.float32)
    scores = wide(x).astype(np.float64) @ wide(c).T + wide(b)
    if any(len(set(r)) < classes for r in scores.round(6).tolist()):
        return linear_classifier(g)
    kind = g.pick("NONE", "SOFTMAX", "LOGISTIC")
    labels = np.array(["a", "b", "ü"], object) if strings else np.array([4, 5, 6])
    return Sample([x], [labels[scores.argmax(1)], transformed(scores, kind)],
                  {"coefficients": c.reshape(-1).tolist(), "intercepts": b.tolist(), "post_transform": kind,
                   "classlabels_strings" if strings else "classlabels_ints": labels.tolist()})


def kernel(kind, a, b, gamma, coef, degree):
    dot = a @ b.T
    if kind == "LINEAR":
        return dot
    if kind == "POLY":
        return (gamma * dot + coef) ** degree
    if kind == "SIGMOID":
        return np.tanh(gamma * dot + coef)
    return np.exp(-gamma * ((a[:, None] - b[None]) ** 2).sum(-1))


@op("SVMRegressor")
def svm_regressor(g):
    n, f, v = g.int(1, 3), g.int(1, 3), g.int(1, 4)
    x = g.array(0, (n, f), -2, 2)
    vectors, coef = g.array("tensor(float)", (v, f), -2, 2), g.array("tensor(float)", (v,))
    kind = g.pick("LINEAR", "POLY", "RBF", "SIGMOID")
    y = kernel(kind, wide(x).astype(np.float64), wide(vectors), 0.5, 0.25, 2) @ wide(coef) + 0.5
    return Sample([x], [y.reshape(-1, 1)], {"support_vectors": vectors.reshape(-1).tolist(), "coefficients": coef.tolist(), "n_supports": v,
                                             "kernel_type": kind, "kernel_params": [0.5, 0.25, 2.0], "rho": [0.5]}, loose=2)


@op("SVMClassifier")
def svm_classifier(g):
    """Two classes, one-against-one: class 1 wins where the decision is positive; its scores are -decision and decision."""
    strings = g.types["T2"] == "tensor(string)"
    n, f = g.int(1, 3), g.int(1, 3)
    x = g.array(0, (n, f), -2, 2)
    vectors = g.array("tensor(float)", (3, f), -2, 2)
    coef = np.array([-1.5, g.int(1, 8) / 8, g.int(1, 8) / 8], np.float32)  # as trained ones, of both signs
    kind = g.pick("LINEAR", "POLY", "RBF")
    d = kernel(kind, wide(x).astype(np.float64), wide(vectors), 0.5, 0.25, 2) @ wide(coef) + 0.4375
    if (np.abs(d) < 1e-3).any():
        return svm_classifier(g)
    labels = np.array(["a", "b"], object) if strings else np.array([4, 9])
    attrs = {"support_vectors": vectors.reshape(-1).tolist(), "coefficients": coef.tolist(), "vectors_per_class": [1, 2], "kernel_type": kind,
             "kernel_params": [0.5, 0.25, 2.0], "rho": [0.4375], "classlabels_strings" if strings else "classlabels_ints": labels.tolist()}
    return Sample([x], [labels[(d < 0).astype(int)], None], attrs, loose=2)


# ---- trees ----

def random_tree(g, tree, features, weights):
    """Complete tree of depth 2: attributes of its nodes, and a function row -> leaf id."""
    modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
    inner = [(g.int(0, features - 1), float(g.int(-3, 3)) + 0.5 * g.int(0, 1), g.pick(*modes)) for _ in range(3)]
    nodes = {"nodes_treeids": [tree] * 7, "nodes_nodeids": list(range(7)), "nodes_featureids": [i[0] for i in inner] + [0] * 4,
             "nodes_values": [i[1] for i in inner] + [0.0] * 4, "nodes_modes": [i[2] for i in inner] + ["LEAF"] * 4,
             "nodes_truenodeids": [1, 3, 5, 0, 0, 0, 0], "nodes_falsenodeids": [2, 4, 6, 0, 0, 0, 0]}

    def leaf(row):
        k = 0
        while k < 3:
            f, v, m = inner[k]
            x = row[f]
            yes = {"BRANCH_LEQ": x <= v, "BRANCH_LT": x < v, "BRANCH_GTE": x >= v, "BRANCH_GT": x > v, "BRANCH_EQ": x == v, "BRANCH_NEQ": x != v}[m]
            k = 2 * k + (1 if yes else 2)
        return k
    return nodes, leaf


@op("TreeEnsembleRegressor", "TreeEnsembleClassifier")
def tree_ensemble(g):
    classifier = g.schema.name.endswith("Classifier")
    n, f, out = g.int(1, 4), g.int(1, 3), 3 if classifier else g.int(1, 2)
    x = g.array(0, (n, f), step=0.5)
    attrs, total = {}, np.zeros((n, out))
    prefix = "class" if classifier else "target"
    for tree in range(g.int(1, 3)):
        nodes, leaf = random_tree(g, tree, f, out)
        weights = np.round(g.rng.random((4, out)) * 64) / 16 + tree / 64 + np.arange(out) / 128
        rows = {f"{prefix}_treeids": [tree] * 4 * out, f"{prefix}_nodeids": [k for k in range(3, 7) for _ in range(out)],
                f"{prefix}_ids": list(range(out)) * 4, f"{prefix}_weights": weights.reshape(-1).tolist()}
        for k, v in (nodes | rows).items():
            attrs[k] = attrs.get(k, []) + v
        for r in range(n):
            total[r] += weights[leaf(wide(x).astype(np.float64)[r]) - 3]
    if not classifier:
        attrs["n_targets"] = out
        if g.flip():
            attrs["base_values"] = [1.0] * out
            total = total + 1
        return Sample([x], [total], attrs)
    if any(len(set(r)) < out for r in total.round(6).tolist()):
        return tree_ensemble(g)
    strings = g.types["T2"] == "tensor(string)"
    labels = np.array(["a", "b", "ü"], object) if strings else np.array([7, 2, 5])
    attrs["classlabels_strings" if strings else "classlabels_int64s"] = labels.tolist()
    attrs["post_transform"] = kind = g.pick("NONE", "SOFTMAX", "LOGISTIC")
    return Sample([x], [labels[total.argmax(1)], transformed(total, kind)], attrs)


@op("TreeEnsemble")
def tree_ensemble_5(g):
    t = element(g.types["T"])
    n, f, targets = g.int(1, 4), g.int(1, 3), 2
    x = g.array(0, (n, f), step=0.5)
    splits = [(g.int(0, f - 1), float(g.int(-2, 2))) for _ in range(3)]
    weights = [0.5, 1.5, 2.5, 3.0]
    target_of = [0, 1, 0, 1]
    total = np.zeros((n, targets))
    for r, row in enumerate(wide(x)):
        k = 0 if row[splits[0][0]] <= splits[0][1] else 1
        s = splits[1 + k]
        leaf = 2 * k + (0 if row[s[0]] <= s[1] else 1)
        total[r, target_of[leaf]] += weights[leaf]
    make = lambda v: helper.make_tensor("t", t, [len(v)], v)
    return Sample([x], [total], {
        "tree_roots": [0], "nodes_featureids": [s[0] for s in splits], "nodes_splits": make([s[1] for s in splits]),
        "nodes_modes": helper.make_tensor("m", element("tensor(uint8)"), [3], [0, 0, 0]), "nodes_truenodeids": [1, 0, 2], "nodes_falsenodeids": [2, 1, 3],
        "nodes_trueleafs": [0, 1, 1], "nodes_falseleafs": [0, 1, 1], "leaf_targetids": target_of, "leaf_weights": make(weights), "n_targets": targets})


@op("ZipMap")
def zip_map(g):
    n = g.int(1, 3)
    x = g.array("tensor(float)", (n, 3))
    strings = "string" in g.types["T"]
    labels = ["a", "b", "ü"] if strings else [4, 5, 6]
    return Sample([x], [[dict(zip(labels, row)) for row in x.tolist()]], {"classlabels_strings" if strings else "classlabels_int64s": labels})
