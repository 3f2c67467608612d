"""The op table against onnx.defs: versions, ports, attributes, defaults, types; differences are printed."""
import json

import onnx
import pytest

import tenon

KINDS = {onnx.defs.OpSchema.AttrType.INT: "int", onnx.defs.OpSchema.AttrType.FLOAT: "float",
         onnx.defs.OpSchema.AttrType.STRING: "string", onnx.defs.OpSchema.AttrType.TENSOR: "tensor",
         onnx.defs.OpSchema.AttrType.GRAPH: "graph", onnx.defs.OpSchema.AttrType.INTS: "ints",
         onnx.defs.OpSchema.AttrType.FLOATS: "floats", onnx.defs.OpSchema.AttrType.STRINGS: "strings",
         onnx.defs.OpSchema.AttrType.TYPE_PROTO: "type", onnx.defs.OpSchema.AttrType.SPARSE_TENSOR: "sparse_tensor",
         onnx.defs.OpSchema.AttrType.TENSORS: "tensors"}
ROWS = json.loads(tenon.op_table_json())
SCHEMAS = {(s.domain, s.name, s.since_version): s for s in onnx.defs.get_all_schemas_with_history()}
# onnxruntime keeps these in the ONNX domain; its saved models have the first two (test_contrib_table.py has the others).
ORT_ONLY = {("LayerNormalization", 1), ("SimplifiedLayerNormalization", 1)} | {
    (name, 1) for name in ("Affine", "Crop", "DynamicSlice", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh")}
OURS = [r for r in ROWS if r["domain"] in ("", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")]


def differences(row, schema):
    out = []
    for side, ports, formal in (("input", row["inputs"], schema.inputs), ("output", row["outputs"], schema.outputs)):
        if len(ports) != len(formal):
            out.append(f"{len(ports)} {side}s, onnx has {len(formal)}")
            continue
        for p, f in zip(ports, formal):
            if p["name"] != f.name:
                out.append(f"{side} {p['name']}, onnx calls it {f.name}")
            use = {"Single": "single", "Optional": "optional", "Variadic": "variadic"}[f.option.name]
            if p["use"] != use:
                out.append(f"{side} {f.name} is {p['use']}, onnx: {use}")
            want = {t for t in f.types if t.startswith("tensor(")}
            have = {t for t in p["types"] if t.startswith("tensor(")}
            if want != have:
                out.append(f"{side} {f.name} types: missing {sorted(want - have)}, extra {sorted(have - want)}")
    have, want = {a["name"]: a for a in row["attributes"]}, schema.attributes
    if set(have) != set(want):
        out.append(f"attributes: missing {sorted(set(want) - set(have))}, extra {sorted(set(have) - set(want))}")
    for name in set(have) & set(want):
        a, w = have[name], want[name]
        if a["kind"] != KINDS[w.type]:
            out.append(f"attribute {name} is {a['kind']}, onnx: {KINDS[w.type]}")
        if a["required"] != w.required:
            out.append(f"attribute {name} required {a['required']}, onnx: {w.required}")
        default = onnx.helper.get_attribute_value(w.default_value) if w.default_value.name else None
        if isinstance(default, bytes):
            default = default.decode()
        if isinstance(default, (int, float, str)) and (
                a.get("default") is None or (a["default"] != default and abs(a["default"] - default) > 1e-6 * abs(default))):
            out.append(f"attribute {name} default {a.get('default')}, onnx: {default}")
    return out


@pytest.mark.parametrize("row", OURS, ids=lambda r: f"{r['domain']}:{r['name']}:{r['since']}")
def test_row(row):
    schema = SCHEMAS.get((row["domain"], row["name"], row["since"]))
    if (row["name"], row["since"]) in ORT_ONLY:
        return
    assert schema is not None, "onnx has no such version"
    assert differences(row, schema) == []


def test_nothing_is_missing():
    """Every op of onnx is there, in every version."""
    have = {(r["domain"], r["name"], r["since"]) for r in OURS}
    assert sorted(k for k in SCHEMAS if k not in have) == []
