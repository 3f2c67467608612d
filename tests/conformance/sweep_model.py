"""One-node models of the sweep: element types, samples, how one is run and judged."""
import dataclasses
import re
import warnings

import numpy as np
import onnx
import tenon
from compare import Different, check_shape, check_value
from onnx import TensorProto, helper

SCHEMAS = [s for s in onnx.defs.get_all_schemas_with_history()
           if s.domain in ("", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")]
# Relative and absolute error allowed for computed floats, by the type of the result; two units in the last place and
# more where it is short.
TOLERANCE = {"float64": (1e-9, 1e-9), "float32": (5e-5, 2e-5), "float16": (4e-3, 2e-3), "bfloat16": (3e-2, 2e-2), "complex64": (5e-5, 2e-5),
             "complex128": (1e-9, 1e-9)}
SHORT_FLOAT = (0.26, 0.26)


def element(type_string):
    """Number of TensorProto.DataType: element("tensor(float)") is 1."""
    return TensorProto.DataType.Value(re.fullmatch(r"tensor\((\w+)\)", type_string)[1].upper())


def numpy_type(type_string):
    return np.dtype(helper.tensor_dtype_to_np_dtype(element(type_string)))


def type_proto(type_string, shape=None):
    """TypeProto of "tensor(float)", "seq(...)", "optional(...)", "map(int64,...)"."""
    head, _, rest = type_string.partition("(")
    inner = rest[:-1]
    if head == "tensor":
        return helper.make_tensor_type_proto(element(type_string), shape)
    if head == "seq":
        return helper.make_sequence_type_proto(type_proto(inner))
    if head == "optional":
        return helper.make_optional_type_proto(type_proto(inner))
    key, _, value = inner.partition(",")
    value = value.strip()
    return helper.make_map_type_proto(element(f"tensor({key})"), type_proto(value if "(" in value else f"tensor({value})"))


@dataclasses.dataclass
class Sample:
    """One model with its feeds and what it must give."""
    inputs: list              # arrays, lists, dicts, None for an empty optional; MISSING where an input is left out
    want: list                # expected outputs; None for one that is not looked at
    attrs: dict = dataclasses.field(default_factory=dict)
    exact: bool = False       # a move or an integer result: no tolerance
    check: object = None      # function(outputs) that raises Different, for random results; then `want` gives type and shape only
    loose: float = 1.0        # factor on the tolerance, for long sums
    single: bool = False      # expected values were computed in float32
    unit: int = 0             # what an integer result of rounded reals may be off
    types: list | None = None  # types of the inputs where arrays do not tell
    captured: list = dataclasses.field(default_factory=list)  # (value, type string) of captured0, captured1, ... for bodies


MISSING = object()


class NoOracle(Exception):
    """Nothing to compare with."""


def wide(x):
    """The array in the type that the formulas compute in: float64 or complex128 for floats, the same for the rest."""
    if x.dtype.kind == "c":
        return x.astype(np.complex128)
    return x.astype(np.float64) if is_float(x.dtype) else x


def is_float(dtype):
    return dtype.kind == "f" or (dtype.kind == "V" and "int" not in dtype.name)


def output_type(schema, types, j):
    """Type string of output j under the assignment {type variable: type string}."""
    formal = schema.outputs[min(j, len(schema.outputs) - 1)]
    return types.get(formal.type_str, formal.type_str)


def input_type(schema, types, i):
    formal = schema.inputs[min(i, len(schema.inputs) - 1)]
    return types.get(formal.type_str, formal.type_str)


def build(schema, types, sample, rng):
    """(model, feeds). Inputs are graph inputs with all, some or none of their dims given, or initializers."""
    node_inputs, graph_inputs, initializers, feeds = [], [], [], {}
    for i, value in enumerate(sample.inputs):
        if value is MISSING:
            node_inputs.append("")
            continue
        name = f"x{i}"
        node_inputs.append(name)
        given = sample.types[i] if sample.types and sample.types[i] else input_type(schema, types, i)
        tensor = given.startswith("tensor(")
        if tensor and i > 0 and rng.random() < 0.3:
            initializers.append(constant(name, value, element(given)))
            continue
        shape = None
        if tensor and rng.random() < 0.8:
            shape = [f"{name}_{k}" if rng.random() < 0.3 else d for k, d in enumerate(value.shape)]
        graph_inputs.append(helper.make_value_info(name, type_proto(given, shape)))
        feeds[name] = value
    for k, (value, given) in enumerate(sample.captured):
        graph_inputs.append(helper.make_value_info(f"captured{k}", type_proto(given)))
        feeds[f"captured{k}"] = value
    while node_inputs and not node_inputs[-1]:
        node_inputs.pop()
    optional = [o.option == onnx.defs.OpSchema.FormalParameterOption.Optional for o in schema.outputs]
    outputs = [f"y{j}" if w is not None or not optional[min(j, len(optional) - 1)] else "" for j, w in enumerate(sample.want)]
    node = helper.make_node(schema.name, node_inputs, outputs, domain=schema.domain, **sample.attrs)
    graph = helper.make_graph([node], "sweep", graph_inputs, [helper.make_empty_tensor_value_info(o) for o in outputs if o], initializers)
    imports = [helper.make_opsetid(schema.domain, schema.since_version)]
    if schema.domain:
        imports.append(helper.make_opsetid("", 21))
    return helper.make_model(graph, opset_imports=imports, ir_version=10 if schema.since_version < 23 else onnx.IR_VERSION), feeds


def constant(name, value, elem):
    if elem == TensorProto.STRING:
        return helper.make_tensor(name, elem, value.shape, [str(v).encode() for v in value.flat])
    if elem in (TensorProto.COMPLEX64, TensorProto.COMPLEX128) or np.dtype(value.dtype).kind != "V":
        return onnx.numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
    t = onnx.numpy_helper.from_array(value, name)
    t.data_type = elem
    return t


def run_sample(schema, types, sample, rng):
    """Raises Different where the result is wrong and tenon's exceptions where the model is refused."""
    model, feeds = build(schema, types, sample, rng)
    options = tenon.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.graph_optimization_level = tenon.GraphOptimizationLevel.ORT_ENABLE_ALL if rng.random() < 0.5 else tenon.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = tenon.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    got = session.run(None, feeds)
    asked = [int(o.name[1:]) for o in model.graph.output]
    if len(got) != len(asked):
        raise Different(f"{len(asked)} outputs expected, found {len(got)}")
    for j, value in zip(asked, got):
        want = sample.want[j]
        if want is not None:
            judge(want, value, output_type(schema, types, j), sample, f"output {j}")
    if sample.check:
        sample.check(got)


def judge(want, got, type_string, sample, where):
    """Compares one output. Floats are expected in float64 and rounded to the type of the output here."""
    if want is EMPTY:
        return check_value(None, got, 0, 0, where)
    if isinstance(want, np.generic):
        want = np.asarray(want)
    if not isinstance(want, np.ndarray) or not type_string.startswith("tensor("):
        return check_value(want, got, 5e-5, 2e-5, where)
    dtype = numpy_type(type_string)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cut = np.trunc(want) if want.dtype.kind == "f" and dtype.kind in "iu" else want
        rounded = cut if cut.dtype == dtype else cut.astype(dtype)
    if sample.check:
        return check_shape(rounded, got, where)
    if sample.unit and dtype.kind in "iu":
        return check_value(rounded.astype(np.float64), got.astype(np.float64), 0, sample.unit, where)
    if sample.exact or not (is_float(dtype) or dtype.kind == "c"):
        return check_value(rounded, got, 0, 0, where)
    short = [dtype] + [np.dtype(np.float32)] * sample.single + [v.dtype for v in sample.inputs if isinstance(v, np.ndarray) and (is_float(v.dtype) or v.dtype.kind == "c")]
    rtol, atol = max(TOLERANCE.get(d.name, SHORT_FLOAT) for d in short)
    check_shape(rounded, got, where)
    kind = np.complex128 if dtype.kind == "c" else np.float64
    check_value(rounded.astype(kind), got.astype(kind), rtol * sample.loose, atol * sample.loose, where)


EMPTY = object()  # an expected empty optional
