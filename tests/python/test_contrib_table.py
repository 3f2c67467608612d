"""The op table against onnxruntime's schemas: com.microsoft, com.microsoft.nchwc and its own operators of the ONNX domain."""
import json

import onnx
import pytest
from onnx import helper as h
from onnxruntime.capi import onnxruntime_pybind11_state as state

import tenon

LEGACY = {"Affine", "Crop", "DynamicSlice", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh"}
# Written and read by sessions only; the ports are any tensors.
OWN_FORM = {("com.microsoft", "EPContext")}
ROWS = [r for r in json.loads(tenon.op_table_json())
        if (r["domain"] in ("com.microsoft", "com.microsoft.nchwc") and (r["domain"], r["name"]) not in OWN_FORM) or (r["domain"] == "" and r["name"] in LEGACY)]
KINDS = {"INT": "int", "FLOAT": "float", "STRING": "string", "INTS": "ints", "FLOATS": "floats", "STRINGS": "strings",
         "TENSOR": "tensor", "GRAPH": "graph"}

# What our rows say otherwise, and why.
DIFFERENCES = {
    # Types that onnxruntime's schema names and whose kernels it has nowhere, or none on the CPU.
    ("GatherBlockQuantized", "data"): "no float4 and float8 data",
    ("GatherBlockQuantized", "zero_points"): "no float4 and float8 data",
    ("GridSample", "X"): "floats only, in and out",
    ("GridSample", "Grid"): "floats only",
    # Types that come for free.
    ("SparseToDenseMatMul", "A"): "the table prints types of dense tensors only",
    ("ExpandDims", "X"): "bfloat16 too", ("ExpandDims", "Y"): "bfloat16 too",
    ("BiasGelu", "A"): "double too", ("BiasGelu", "B"): "double too", ("BiasGelu", "C"): "double too",
    ("GroupQueryAttention", "past_key"): "no 8-bit cache", ("GroupQueryAttention", "past_value"): "no 8-bit cache",
    ("GroupQueryAttention", "present_key"): "no 8-bit cache", ("GroupQueryAttention", "present_value"): "no 8-bit cache",
    ("FastGelu", "X"): "double too", ("FastGelu", "bias"): "double too", ("FastGelu", "Y"): "double too",
}
SCHEMAS = {}
for s in state.get_all_operator_schema():
    SCHEMAS.setdefault((s.domain, s.name), []).append(s)


def types_of(schema, port):
    allowed = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}.get(port.typeStr, [port.typeStr])
    return {t.replace("tensor(", "").replace("sparse_", "").rstrip(")") for t in allowed}


def differences(row, schema):
    out = []
    for side, ports, formal in (("input", row["inputs"], schema.inputs), ("output", row["outputs"], schema.outputs)):
        if [p["name"] for p in ports] != [f.name for f in formal]:
            out.append(f"{side}s {[p['name'] for p in ports]}, onnxruntime has {[f.name for f in formal]}")
            continue
        for p, f in zip(ports, formal):
            use = ("single", "optional", "variadic")[int(f.option)]
            if p["use"] != use:
                out.append(f"{side} {f.name} is {p['use']}, onnxruntime: {use}")
            have = {t[t.index("(") + 1:-1] for t in p["types"]}
            if have != types_of(schema, f) and (row["name"], f.name) not in DIFFERENCES:
                out.append(f"{side} {f.name}: missing {types_of(schema, f) - have}, extra {have - types_of(schema, f)}")
    have, want = {a["name"]: a for a in row["attributes"]}, schema.attributes
    if set(have) != set(want):
        out.append(f"attributes: missing {sorted(set(want) - set(have))}, extra {sorted(set(have) - set(want))}")
    for name in set(have) & set(want):
        a, w = have[name], want[name]
        if a["kind"] != KINDS[str(w.type).split(".")[-1]] or a["required"] != w.required:
            out.append(f"attribute {name} is {a}, onnxruntime: {w.type} required {w.required}")
        proto = onnx.AttributeProto()
        proto.ParseFromString(w._default_value)
        default = h.get_attribute_value(proto) if proto.type else None
        default = default.decode() if isinstance(default, bytes) else default
        same = a.get("default") == default or (
            isinstance(default, float) and a.get("default") is not None and abs(a["default"] - default) <= 1e-6 * abs(default))
        if not same:
            out.append(f"attribute {name} default {a.get('default')}, onnxruntime: {default}")
    return out


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r['domain']}:{r['name']}:{r['since']}")
def test_row(row):
    schemas = [s for s in SCHEMAS.get((row["domain"], row["name"]), []) if s.since_version == row["since"]]
    assert schemas, "onnxruntime has no such schema"
    assert differences(row, schemas[0]) == []


def test_no_stale_difference():
    ports = {(r["name"], p["name"]) for r in ROWS for p in r["inputs"] + r["outputs"]}
    assert set(DIFFERENCES) <= ports
