"""Compares Tenon's type and shape inference with onnx.shape_inference and with what a run returns."""
import pathlib
import re

import numpy as np
import onnx
import tenon


def bare(model, symbolic):
    """A copy whose every top-level value is an output and which declares nothing about them; with `symbolic`, no dim of an input
    is given as a number. Returns (model, {symbol: (input, axis)})."""
    m = onnx.ModelProto()
    m.CopyFrom(model)
    g = m.graph
    names = [o for n in g.node for o in n.output if o]
    del g.value_info[:], g.output[:]
    g.output.extend(onnx.helper.make_empty_tensor_value_info(n) for n in names)
    symbols = {}
    weights = {i.name for i in g.initializer}
    for i in g.input:
        if i.name in weights or not i.type.HasField("tensor_type"):
            continue
        for k, d in enumerate(i.type.tensor_type.shape.dim):
            if symbolic:
                d.dim_param = f"dim_{i.name}_{k}"
            if d.dim_param:
                symbols.setdefault(d.dim_param, (i.name, k))
    return m, symbols


def tenon_session(m, folder):
    """(session, {output: TypeProto}): the types are those of the saved model, which tells an unknown rank from a scalar."""
    o = tenon.SessionOptions()
    o.graph_optimization_level = tenon.GraphOptimizationLevel.ORT_DISABLE_ALL
    o.intra_op_num_threads, o.log_severity_level = 1, 4
    o.optimized_model_filepath = str(pathlib.Path(folder) / "inferred.onnx")
    session = tenon.InferenceSession(m.SerializeToString(), o, providers=["CPUExecutionProvider"])
    saved = onnx.load(o.optimized_model_filepath, load_external_data=False)
    return session, {v.name: v.type for v in saved.graph.output}


def onnx_types(m):
    """{value: TypeProto} of strict inference with data propagation; empty where it fails."""
    try:
        inferred = onnx.shape_inference.infer_shapes(m, check_type=True, strict_mode=True, data_prop=True)
    except Exception:
        return {}
    return {v.name: v.type for v in [*inferred.graph.output, *inferred.graph.value_info] if v.HasField("type")}


def dims_of(t):
    """[int | symbol | None], None where the rank is not known."""
    if not t.HasField("tensor_type") or not t.tensor_type.HasField("shape"):
        return None
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in t.tensor_type.shape.dim]


def known(dims, value_of):
    """The dims as numbers where the feeds decide them: None for the others."""
    return None if dims is None else [evaluated(d, value_of) if isinstance(d, str) else d for d in dims]


def evaluated(text, value_of):
    """The value of a symbol or of an expression of such, None where it has another symbol. broadcast(a, b): onnx takes one of the
    two, which is a guess."""
    names = sorted(value_of, key=len, reverse=True)
    python = re.sub("|".join(map(re.escape, names)) or r"(?!)", lambda m: str(value_of[m[0]]), text)
    try:
        return eval(python, {"__builtins__": {}}, {"min": min, "max": max, "broadcast": lambda a, b: b if a == 1 else a})
    except (NameError, SyntaxError, ZeroDivisionError):
        return None


def judge(name, ours, theirs, value, value_of):
    """Lines about one result: Tenon's type, onnx's (or None), what the run gave, the values of the inputs' symbols."""
    if not isinstance(value, np.ndarray):
        return []
    mine, found = known(dims_of(ours), value_of), list(value.shape)
    if mine is not None and (len(mine) != len(found) or any(a is not None and a != b for a, b in zip(mine, found))):
        return [f"{name}: {found} at run time, inferred {dims_of(ours)}"]
    if theirs is None:
        return []
    other = known(dims_of(theirs), value_of)
    if other is None or len(other) != len(found) or any(a is not None and a != b for a, b in zip(other, found)):
        return []  # onnx knows nothing, or is wrong
    if theirs.tensor_type.elem_type not in (0, ours.tensor_type.elem_type):
        return [f"{name}: element type {ours.tensor_type.elem_type}, onnx has {theirs.tensor_type.elem_type}"]
    if mine is None or any(a is None and b is not None for a, b in zip(mine, other)):
        return [f"{name}: inferred {dims_of(ours)}, onnx has {dims_of(theirs)}"]
    return []


def check(model, data_sets, symbolic, folder):
    """Lines about what is wrong with the inference of a model."""
    m, symbols = bare(model, symbolic)
    try:
        session, ours = tenon_session(m, folder)
    except Exception as e:
        return [f"does not load: {e}"]
    theirs, lines = onnx_types(m), []
    names = [i.name for i in session.get_inputs()]
    for inputs, _ in data_sets:
        feeds = inputs if isinstance(inputs, dict) else dict(zip(names, inputs))
        value_of = {s: feeds[i].shape[k] for s, (i, k) in symbols.items() if i in feeds}
        try:
            results = session.run(None, feeds)
        except Exception as e:
            return [*lines, f"does not run: {e}"]
        for o, value in zip(session.get_outputs(), results):
            lines += judge(o.name, ours[o.name], theirs.get(o.name), value, value_of)
    return lines
