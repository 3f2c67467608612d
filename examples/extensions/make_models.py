"""Writes the models of docs/add-a-provider.md and docs/custom-ops.md beside itself."""
import pathlib

import onnx

HERE = pathlib.Path(__file__).resolve().parent
MODELS = {
    "chain.onnx": 'chain (float[n] x) => (float[n] y) { a = Neg(x)  b = Abs(a)  c = Relu(b)  y = Neg(c) }',
    "scale_shift.onnx": "scale_shift (float[n] x) => (float[n] y) { s = com.example.Scale <factor = 3.0> (x)  y = com.example.Shift(s) }",
}

for name, text in MODELS.items():
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17, "com.example" : 1]>\n' + text)
    (HERE / name).write_bytes(model.SerializeToString())
