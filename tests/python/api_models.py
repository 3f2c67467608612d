"""Small models for the tests of the Python package and the command, written in ONNX's text form."""
import onnx

HEAD = '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>'


def model(text, head=HEAD, check=True):
    """Bytes of a model; `text` is the graph in ONNX's text form."""
    m = onnx.parser.parse_model(f"{head}\n{text}")
    if check:
        onnx.checker.check_model(m)
    return m.SerializeToString()


def identity(value_type, opset=23):
    """A model y = Identity(x) for any type that ONNX's text form can spell: "float[N,2]", "seq(tensor(float))"."""
    return model(f"g ({value_type} x) => ({value_type} y) {{ y = Identity(x) }}", f'<ir_version: 11, opset_import: ["" : {opset}]>')


ADD = model("add (float[N,2] x) => (float[N,2] y) <float[2] w = {1, 2}> { y = Add(x, w) }")
TWO = model("two (float[N] a, float[N] b) => (float[N] sum, float[N] difference) { sum = Add(a, b)  difference = Sub(a, b) }")
# Runs for hours unless it is ended.
ENDLESS = model("""endless (float[4] x) => (float[4] y) {
  n = Constant<value = int64 {1000000000000}>()
  go = Constant<value = bool {1}>()
  y = Loop (n, go, x) <body = body (int64 i, bool c, float[4] state) => (bool again, float[4] next) {
    again = Identity(c)
    next = Sin(state)
  }>
}""")


def overridable():
    """y = x + w, where w is an input with a default of [10, 10]."""
    h = onnx.helper
    floats = [h.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [2]) for n in "xwy"]
    w = h.make_tensor("w", onnx.TensorProto.FLOAT, [2], [10.0, 10.0])
    g = h.make_graph([h.make_node("Add", ["x", "w"], ["y"])], "overridable", floats[:2], floats[2:], [w])
    m = h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(m)
    return m.SerializeToString()


def python_op(function):
    """A session of one node, a float[4] operator that calls `function`."""
    import tenon

    options = tenon.SessionOptions()
    options.add_custom_op(tenon.CustomOp(function, "py", "Op", deterministic=False))
    return tenon.InferenceSession(model("g (float[4] x) => (float[4] y) { y = py.Op(x) }",
                                        '<ir_version: 8, opset_import: ["" : 17, "py" : 1]>', check=False), options)
