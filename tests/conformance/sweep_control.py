"""Samples of control flow, sequences, optionals, random numbers and strings."""
import numpy as np

from compare import Different
from onnx import helper
from sweep_data import op, wide
from sweep_model import EMPTY, MISSING, SCHEMAS, NoOracle, Sample, element, type_proto


def info(name, type_string):
    return helper.make_value_info(name, type_proto(type_string))


def pass_on(g, source, target, type_string):
    """A node target = source that the opset has for the type."""
    identity = [s for s in SCHEMAS if s.domain == "" and s.name == "Identity" and s.since_version <= g.version]
    allowed = max(identity, key=lambda s: s.since_version).type_constraints[0].allowed_type_strs
    if type_string in allowed:
        return [helper.make_node("Identity", [source], [target])]
    # Loop's types are all that bodies can have: once through a body that gives its argument back.
    again = helper.make_graph([helper.make_node("Identity", ["go_in"], ["go_on"])], "through",
                              [info("i_in", "tensor(int64)"), info("go_in", "tensor(bool)"), info("v_in", type_string)],
                              [info("go_on", "tensor(bool)"), info("v_in", type_string)])
    return [helper.make_node("Constant", [], [f"{target}_once"], value=helper.make_tensor("v", 7, [], [1])),
            helper.make_node("Loop", [f"{target}_once", "", source], [target], body=again)]


@op("If")
def if_(g):
    t = g.types["V"]
    a, b = (g.value(t) for _ in range(2))
    branches = {n: helper.make_graph(pass_on(g, s, f"{n}_y", t), n, [], [info(f"{n}_y", t)])
                for n, s in (("then_branch", "captured0"), ("else_branch", "captured1"))}
    cond = g.flip()
    y = a if cond else b
    return Sample([np.array(cond).reshape(g.pick((), (1,)))], [EMPTY if y is None else y], branches, captured=[(a, t), (b, t)], exact=True)


@op("Loop")
def loop(g):
    t = g.types["V"]
    x = g.value(t)
    trips = g.int(0, 3)
    scans = t.startswith("tensor(") and trips and g.flip()
    nodes = [helper.make_node("Identity", ["go"], ["go_out"]), *pass_on(g, "v", "v_out", t)]
    outputs = [info("go_out", "tensor(bool)"), info("v_out", t)]
    if scans:
        nodes += pass_on(g, "v", "scan", t)
        outputs.append(info("scan", t))
    body = helper.make_graph(nodes, "body", [info("i", "tensor(int64)"), info("go", "tensor(bool)"), info("v", t)], outputs)
    want = [EMPTY if x is None else x]
    if scans:
        want.append(np.stack([x] * trips))
    return Sample([np.array(trips), np.array(True), x], want, {"body": body}, types=[None, None, t], exact=True)


@op("Scan")
def scan(g):
    t = g.types["V"]
    n = g.int(1, 4)
    item = g.shape(0, 2, zero=0)
    old = g.version == 8
    batch = (g.int(1, 2),) if old else ()
    state = g.array(t, batch + item)
    xs = g.array(t, batch + (n, *item))
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["s_out"]), helper.make_node("Identity", ["s"], ["y"])], "body",
                             [info("s", t), info("x", t)], [info("s_out", t), info("y", t)])
    if old:
        y = np.concatenate([state[:, None], xs[:, :-1]], 1)
        return Sample([MISSING, state, xs], [xs[:, -1], y], {"body": body, "num_scan_inputs": 1}, types=[None, t, t], exact=True)
    backward = g.flip()
    order = xs[::-1] if backward else xs
    y = np.concatenate([state[None], order[:-1]])
    attrs = {"body": body, "num_scan_inputs": 1} | ({"scan_input_directions": [1]} if backward else {})
    fed = xs
    if g.flip(0.4):
        axis = g.int(0, len(item))
        fed = np.moveaxis(xs, 0, axis)
        attrs["scan_input_axes"] = [axis - xs.ndim if g.version >= 11 and g.flip(0.3) else axis]
    if g.flip(0.3):
        attrs["scan_output_directions"] = [1]
        y = y[::-1]
    return Sample([state, np.ascontiguousarray(fed)], [order[-1], y], attrs, types=[t, t], exact=True)


# ---- sequences ----

def tie(g, sequence="S", item="T"):
    """Makes the sequence's and the item's type variables agree."""
    if g.varied == item:
        g.types[sequence] = f"seq({g.types[item]})"
    else:
        g.types[item] = g.types[sequence][4:-1]
    return g.types[sequence], g.types[item]


def items_of(g, t, low=1):
    return [g.array(t, g.shape(0, 3)) for _ in range(g.int(low, 4))]


@op("SequenceConstruct")
def sequence_construct(g):
    _, t = tie(g)
    items = items_of(g, t)
    return Sample(items, [items], types=[t] * len(items))


@op("SequenceEmpty")
def sequence_empty(g):
    return Sample([], [[]], {"dtype": element(g.types["S"][4:-1])})


@op("SequenceLength")
def sequence_length(g):
    items = items_of(g, g.types["S"][4:-1], 0)
    return Sample([items], [np.array(len(items))])


@op("SequenceAt", "SequenceErase", "SequenceInsert")
def sequence_edit(g):
    name = g.schema.name
    _, t = tie(g) if name != "SequenceErase" else (None, g.types["S"][4:-1])
    items = items_of(g, t)
    n = len(items)
    if name == "SequenceInsert":
        new = g.array(t, g.shape(0, 3))
        if g.flip(0.3):
            return Sample([items, new], [[*items, new]])
        at = g.int(-n, n)
        want = list(items)
        want.insert(at if at >= 0 else n + at, new)
        return Sample([items, new, np.array(at, g.dtype(2))], [want])
    at = g.int(-n, n - 1)
    position = np.array(at, g.dtype(1))
    if name == "SequenceAt":
        return Sample([items, position], [items[at]], exact=True)
    if g.flip(0.3):
        return Sample([items], [items[:-1]])
    want = list(items)
    del want[at]
    return Sample([items, position], [want])


@op("ConcatFromSequence")
def concat_from_sequence(g):
    _, t = tie(g)
    shape = g.shape(1, 3)
    if g.flip(0.4):
        items = [g.array(t, shape) for _ in range(g.int(1, 3))]
        axis = g.int(0, len(shape))
        return Sample([items], [np.stack(items, axis)], {"axis": axis - len(shape) - 1 if g.flip(0.3) else axis, "new_axis": 1}, exact=True)
    written, axis = g.axis(len(shape))
    items = [g.array(t, [g.int(0, 3) if k == axis else d for k, d in enumerate(shape)]) for _ in range(g.int(1, 3))]
    return Sample([items], [np.concatenate(items, axis)], {"axis": written}, exact=True)


@op("SequenceMap")
def sequence_map(g):
    t = g.types["S"][4:-1]
    g.types["V"] = f"seq({t})"
    items = items_of(g, t)
    extra = g.array(t, g.shape(0, 2)) if g.flip() else None
    inputs = [info("x", t)] + ([info("e", t)] if extra is not None else [])
    nodes = [helper.make_node("Identity", ["x"], ["y"])] + ([helper.make_node("Identity", ["e"], ["z"])] if extra is not None else [])
    outputs = [info("y", t)] + ([info("z", t)] if extra is not None else [])
    body = helper.make_graph(nodes, "body", inputs, outputs)
    want = [items] + ([[extra] * len(items)] if extra is not None else [])
    return Sample([items] + ([extra] if extra is not None else []), want, {"body": body}, types=[f"seq({t})", t])


@op("Optional")
def optional(g):
    if g.varied == "O":
        g.types["V"] = g.types["O"][len("optional("):-1]
    else:
        g.types["O"] = f"optional({g.types['V']})"
    v = g.types["V"]
    if g.flip(0.3):
        return Sample([], [EMPTY], {"type": type_proto(v)})
    x = g.value(v)
    return Sample([x], [x])


@op("OptionalGetElement", "OptionalHasElement")
def optional_get(g):
    o = g.types["O"]
    inner = o[len("optional("):-1] if o.startswith("optional(") else o
    if g.schema.name == "OptionalHasElement":
        if g.version >= 18 and g.flip(0.2):
            return Sample([], [np.array(False)])
        x = g.value(o)
        return Sample([x], [np.array(x is not None)])
    if g.varied == "V":
        inner = g.types["V"]
        g.types["O"] = f"optional({inner})"
    g.types["V"] = inner
    x = g.value(inner)
    return Sample([x], [x], types=[g.types["O"]])


# ---- random numbers: what holds for any of them ----

def uniform(low, high):
    def check(outputs):
        y = outputs[0].astype(np.float64)
        if y.size and not (low - 0.05 <= y.min() and y.max() <= high + 0.05):
            raise Different(f"values from {y.min()} to {y.max()}, expected {low} to {high}")
        if y.size > 8 and len(np.unique(y)) < 3:
            raise Different("the values are not random")
    return check


@op("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike")
def random_fill(g):
    shape = g.shape(0, 3)
    out = g.schema.outputs[0].type_str
    attrs = {"seed": 7.0} if g.flip() else {}
    normal = "Normal" in g.schema.name
    low, high = (1.0 - 30, 1.0 + 30) if normal else (-2.0, 3.0)
    attrs |= {"mean": 1.0, "scale": 2.0} if normal else {"low": low, "high": high}
    attrs["dtype"] = element(g.types[out])
    want = [np.zeros(shape, g.dtype(out))]
    if g.schema.name.endswith("Like"):
        return Sample([g.array(0, shape)], want, attrs, check=uniform(low, high))
    return Sample([], want, attrs | {"shape": list(shape)}, check=uniform(low, high)) if shape else random_fill(g)


@op("Bernoulli")
def bernoulli(g):
    x = g.array(0, g.shape(), 0, 1)
    out = g.types["T2"]

    def check(outputs):
        y = np.asarray(outputs[0] == "1" if outputs[0].dtype == object else outputs[0]).astype(np.float64)
        if not np.array_equal(y[wide(x) == 1], y[wide(x) == 1] * 0 + 1) or y[wide(x) == 0].any() or not np.isin(y, (0, 1)).all():
            raise Different("a value that its probability excludes")
    return Sample([x], [np.zeros(x.shape, g.dtype(out))], {"dtype": element(out)} | ({"seed": 3.0} if g.flip() else {}), check=check)


@op("Multinomial")
def multinomial(g):
    n, classes, samples = g.int(1, 3), g.int(2, 4), g.int(1, 5)
    x = np.full((n, classes), -1000.0)
    only = g.rng.integers(0, classes, n)
    x[range(n), only] = 0
    y = np.repeat(only[:, None], samples, 1).astype(g.dtype("T2"))
    return Sample([x.astype(g.dtype(0))], [y], {"sample_size": samples, "dtype": element(g.types["T2"])}, exact=True)


# ---- strings ----

@op("StringConcat")
def string_concat(g):
    shape = g.shape()
    a, b = g.array(0, shape), g.array(1, g.broadcast(shape))
    return Sample([a, b], [np.asarray(a + b, object).reshape(np.broadcast(a, b).shape)])


@op("StringSplit")
def string_split(g):
    x = np.array(g.rng.choice(["a,b", "", "a,,b", " one  two ", "x", "日,本"], g.shape(0, 2)), object)
    delimiter = g.pick(None, ",")
    most = g.pick(None, 1)
    parts = [v.split(delimiter, -1 if most is None else most) for v in x.flat]
    width = max([len(p) for p in parts], default=0)
    y = np.full((x.size, width), "", object)
    for k, p in enumerate(parts):
        y[k, :len(p)] = p
    attrs = ({"delimiter": delimiter} if delimiter else {}) | ({"maxsplit": most} if most else {})
    return Sample([x], [y.reshape(*x.shape, width), np.array([len(p) for p in parts], np.int64).reshape(x.shape)], attrs)


@op("StringNormalizer")
def string_normalizer(g):
    words = g.rng.choice(["Monday", "tuesday", "ÜBER", "straße", "the", "日本"], g.int(1, 4)).tolist()
    case = g.pick("NONE", "LOWER", "UPPER")
    sensitive = g.int(0, 1)
    stop = ["the", "Monday"] if g.flip() else []
    fold = (lambda s: s) if sensitive else str.lower
    kept = [w for w in words if fold(w) not in {fold(s) for s in stop}]
    kept = [{"NONE": str, "LOWER": lambda s: "".join(c.lower() for c in s), "UPPER": lambda s: "".join(c.upper() if len(c.upper()) == 1 else c for c in s)}[case](w) for w in kept] or [""]
    two = g.flip(0.3)
    attrs = {"case_change_action": case, "is_case_sensitive": sensitive} | ({"stopwords": stop} if stop else {})
    shape = (lambda a: a.reshape(1, -1)) if two else (lambda a: a)
    return Sample([shape(np.array(words, object))], [shape(np.array(kept, object))], attrs)


@op("RegexFullMatch")
def regex_full_match(g):
    import re
    x = np.array(g.rng.choice(["www.google.com", "a1", "", "日本", "ab\n", "aaaa"], g.shape(0, 2)), object)
    pattern = g.pick(r"www\.[\w.-]+\.com", r"a+", r"[a-z]\d?", r".*", r"(a|b)*", r"日.")
    return Sample([x], [np.array([re.fullmatch(pattern, v) is not None for v in x.flat], bool).reshape(x.shape)], {"pattern": pattern})


@op("TfIdfVectorizer")
def tf_idf(g):
    """Counts of single words and of pairs of neighbours."""
    strings = g.dtype(0) == object
    words = ["a", "b", "ü"] if strings else [3, 5, 9]
    x = np.array(g.rng.choice(words, g.shape(1, 1, 6)), object).astype(g.dtype(0))
    singles, pairs = [words[0], words[2]], [(words[0], words[1]), (words[1], words[1])]
    items = x.tolist()
    y = [items.count(v) for v in singles] + [sum(p == q for q in zip(items, items[1:])) for p in pairs]
    pool = singles + [v for p in pairs for v in p]
    return Sample([x], [np.array(y, np.float32)], {
        "mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 0, "ngram_counts": [0, 2], "ngram_indexes": [0, 1, 2, 3],
        "pool_strings" if strings else "pool_int64s": pool})
