"""Samples made from the backend cases of an operator, for those that have no generator: their inputs in other types, at other versions."""
import functools
import warnings

import numpy as np
import onnx
from onnx import helper
from onnx_cases import load_cases
from onnx.reference import ReferenceEvaluator
from sweep_model import MISSING, NoOracle, Sample, element, input_type, is_float, numpy_type


@functools.cache
def cases():
    """{(domain, operator): [case]} of the node cases that hold one node."""
    found = {}
    for c in load_cases():
        nodes = c.model.graph.node
        if c.kind == "node" and len(nodes) == 1 and "_expanded" not in c.name:
            found.setdefault((nodes[0].domain, nodes[0].op_type), []).append(c)
    return found


def seeded(g, among=None, reals=False):
    """A sample from a case that fits the version; expected values are the case's own, or onnx.reference's where types changed.
    With `reals`, integers are computed on as reals and cut off at the end."""
    schema = g.schema
    among = cases().get((schema.domain, schema.name), []) if among is None else among
    usable = [c for c in among if fits(schema, c.model.graph.node[0])]
    if not usable:
        raise NoOracle("no backend case fits this version")
    why = ""
    for k in g.rng.permutation(len(usable))[:24]:
        try:
            return from_case(g, usable[k], reals)
        except NoOracle as e:
            why = str(e)
    raise NoOracle(why)


def fits(schema, node):
    return (len(node.input) <= schema.max_input and len(node.output) <= schema.max_output and len(node.input) >= schema.min_input and
            all(a.name in schema.attributes or (schema.name, a.name, a.s) in OLD_DEFAULTS for a in node.attribute))


# Attributes of newer versions whose value says what older ones do.
OLD_DEFAULTS = {("RoiAlign", "coordinate_transformation_mode", b"output_half_pixel")}


def from_case(g, c, reals):
    node = c.model.graph.node[0]
    given, expected = c.data_sets[0]
    values = dict(zip([i.name for i in c.model.graph.input], given))
    values |= {i.name: onnx.numpy_helper.to_array(i) for i in c.model.graph.initializer}
    inputs, changed = [], False
    for i, name in enumerate(node.input):
        if not name:  # an older version may want an empty tensor in its place
            required = g.schema.inputs[i].option == onnx.defs.OpSchema.FormalParameterOption.Single
            inputs.append(np.zeros(0, numpy_type(input_type(g.schema, g.types, i))) if required else MISSING)
            continue
        value = values[name]
        t = input_type(g.schema, g.types, i)
        if not isinstance(value, np.ndarray) or not t.startswith("tensor("):
            raise NoOracle("a case with a sequence")
        target = numpy_type(t)
        if value.dtype != target:
            value = converted(value, target)
            changed = True
        inputs.append(value)
    attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    attrs = {k: v.decode() if isinstance(v, bytes) else v for k, v in attrs.items()}
    if not changed:
        by_name = dict(zip([o.name for o in c.model.graph.output], expected))
        want = [by_name.get(o) for o in node.output]
    else:
        want = reference(c, node, inputs, reals)
    attrs = {k: v for k, v in attrs.items() if k in g.schema.attributes}
    bound = {g.schema.inputs[min(i, len(g.schema.inputs) - 1)].type_str for i, v in enumerate(inputs) if v is not MISSING}
    allowed = {c.type_param_str: c.allowed_type_strs for c in g.schema.type_constraints}
    for j, name in enumerate(node.output):
        var = g.schema.outputs[min(j, len(g.schema.outputs) - 1)].type_str
        if not name or var in bound or len(allowed.get(var, [var])) == 1:
            continue
        if "output_datatype" not in g.schema.attributes:
            raise NoOracle(f"no input of the case has type {var}")
        attrs["output_datatype"] = element(g.types[var])
        want[j] = want[j].astype(numpy_type(g.types[var]))
    return Sample(inputs, want, attrs, loose=4, single=True, unit=1)


def converted(value, target):
    if target == object or value.dtype == object:
        raise NoOracle(f"no case whose values make sense as {target}")
    if target == bool or value.dtype == bool:
        return (value > 0 if target == bool else value).astype(target)
    with np.errstate(all="ignore"):
        real = value.real.astype(np.float64)
        y = real if is_float(target) or target.kind == "c" else np.round(real)
        if target.kind == "u":
            y = np.abs(y)
        return y.astype(target) if is_float(target) or target.kind == "c" else y.astype(np.int64).astype(target)


def reference(c, node, inputs, reals):
    """onnx.reference on the values as float32 where the type is a shorter float."""
    feeds, infos = {}, []
    for name, value in zip(node.input, inputs):
        if value is MISSING or not name:
            continue
        short = is_float(value.dtype) and value.dtype.itemsize < 4
        v = value.astype(np.float32) if short or (reals and name == node.input[0] and value.dtype.kind in "iu") else value
        feeds[name] = v
        infos.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype) if v.dtype != object else element("tensor(string)"), v.shape))
    graph = helper.make_graph([node], "reference", infos, [helper.make_empty_tensor_value_info(o) for o in node.output if o])
    model = helper.make_model(graph, opset_imports=c.model.opset_import)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            got = iter(ReferenceEvaluator(model).run(None, feeds))
            want = [next(got) if o else None for o in node.output]
    except Exception as e:
        raise NoOracle(f"onnx.reference: {type(e).__name__}: {str(e)[:100]}") from e
    if any(isinstance(w, np.ndarray) and w.dtype.kind == "f" and not np.isfinite(w).all() for w in want):
        raise NoOracle("onnx.reference gives infinities")
    return want
