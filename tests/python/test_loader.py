"""The loader through the Python API: what onnx.checker and onnxruntime refuse is refused; saved models are theirs too."""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
node = helper.make_node


def info(name, dims=(2,), elem=FLOAT):
    return helper.make_tensor_value_info(name, elem, dims)


def graph(nodes, inputs=None, outputs=None, initializers=(), name="g"):
    return helper.make_graph(nodes, name, inputs if inputs is not None else [info("x")], outputs or [info("y")],
                             initializer=list(initializers))


def model(nodes, inputs=None, outputs=None, initializers=(), opset=17, ir=8, functions=(), imports=None):
    made = helper.make_model(graph(nodes, inputs, outputs, initializers), functions=list(functions),
                             opset_imports=imports or [helper.make_opsetid("", opset)])
    made.ir_version = ir
    return made


def tensor(name, values):
    return numpy_helper.from_array(np.asarray(values, np.float32), name)


def error_of(proto):
    """The exception of tenon, or None."""
    data = proto if isinstance(proto, bytes) else proto.SerializeToString()
    try:
        tenon.InferenceSession(data)
    except Exception as e:  # any class: the tests look at it
        return e
    return None


NEG = node("Neg", ["x"], ["y"])
BRANCH = graph([node("Neg", ["x"], ["t"])], [], [info("t")])
CONDITION = [info("x"), info("c", (), BOOL)]


def branch_model(then_branch):
    return model([node("If", ["c"], ["y"], then_branch=then_branch, else_branch=BRANCH)], CONDITION)


def with_attribute(**changes):
    proto = model([node("LeakyRelu", ["x"], ["y"], alpha=0.5)])
    for key, value in changes.items():
        setattr(proto.graph.node[0].attribute[0], key, value)
    return proto


def function_model(body, **kwargs):
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    made = helper.make_function("f", "F", ["a"], ["b"], body, imports, **kwargs)
    return model([node("F", ["x"], ["y"], domain="f")], functions=[made], imports=imports)


# What the reference checker refuses, onnxruntime too (but for two cases), and what the message must name.
REFUSED = {
    "undefined_input": (model([node("Add", ["x", "q"], ["y"])]), "q"),
    "undefined_output": (model([node("Neg", ["x"], ["z"])]), "y"),
    "defined_twice": (model([NEG, NEG]), "y"),
    "input_twice": (model([NEG], [info("x"), info("x")]), "x"),
    "initializer_twice": (model([NEG], initializers=[tensor("w", [1]), tensor("w", [1])]), "w"),
    "cycle": (model([node("Add", ["x", "b"], ["a"]), node("Abs", ["a"], ["b"]), node("Neg", ["a"], ["y"])]), "cycle"),
    "no_opset": (model([NEG], imports=[helper.make_opsetid("", 0)]), "opset 0"),
    "ir_version_15": (model([NEG], ir=15), "ir_version 15"),
    "unknown_op": (model([node("Negg", ["x"], ["y"])]), "did you mean \"Neg\""),
    "unknown_attribute": (model([node("LeakyRelu", ["x"], ["y"], alfa=1.0)]), "did you mean \"alpha\""),
    "attribute_kind": (model([node("LeakyRelu", ["x"], ["y"], alpha=1)]), "expected FLOAT"),
    "attribute_type": (with_attribute(type=0), "alpha"),
    "attribute_missing": (model([node("Concat", ["x", "x"], ["y"])]), "axis"),
    "too_many_inputs": (model([node("Neg", ["x", "x"], ["y"])]), "2 inputs, expected 1"),
    "too_few_inputs": (model([node("Add", ["x"], ["y"])]), "1 inputs, expected 2"),
    "empty_input": (model([node("Add", ["x", ""], ["y"])]), "missing"),
    "too_many_outputs": (model([node("Neg", ["x"], ["y", "z"])]), "2 outputs, expected 1"),
    "branch_reads_nothing": (branch_model(graph([node("Neg", ["zz"], ["t"])], [], [info("t")])), "zz"),
    "branch_returns_nothing": (branch_model(graph([NEG], [], [info("nope")])), "nope"),
    "branch_redefines": (branch_model(graph([node("Abs", ["c"], ["x"])], [], [info("x")])), "x"),
    "function_calls_itself": (function_model([node("F", ["a"], ["b"], domain="f")]), "circle"),
    "function_reads_nothing": (function_model([node("Neg", ["q"], ["b"])]), "q"),
    "function_defines_twice": (function_model([node("Neg", ["a"], ["b"]), node("Neg", ["a"], ["b"])]), "b"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_by_the_checker(name):
    proto, named = REFUSED[name]
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(proto)
    error = error_of(proto)
    assert error is not None
    assert named in str(error)


# What only onnxruntime refuses, when it loads the model.
REFUSED_BY_RUNTIME = {
    "mixed_types": (model([node("Add", ["x", "i"], ["y"])], [info("x"), info("i", elem=INT64)]), "int64"),
    "declared_type": (model([NEG], outputs=[info("y", elem=INT64)]), "int64"),
    "input_type": (model([NEG], [info("x", elem=99)]), "99"),
    "default_shape": (model([node("Add", ["x", "w"], ["y"])], [info("x"), info("w", (3,))], initializers=[tensor("w", [1, 2])]), "w"),
    "branch_inputs": (branch_model(graph([node("Neg", ["x"], ["t"])], [info("q")], [info("t")])), "1 inputs, expected 0"),
    "branch_outputs": (branch_model(graph([node("Neg", ["x"], ["t"])], [], [info("t"), info("t")])), "2 outputs, expected 1"),
    "opset_99": (model([NEG], opset=99), "opset 99"),
    "unknown_domain": (model([node("Foo", ["x"], ["y"], domain="a.b")], imports=[helper.make_opsetid("", 17), helper.make_opsetid("a.b", 1)]), "a.b"),
}


@pytest.mark.parametrize("name", REFUSED_BY_RUNTIME)
def test_refused_as_by_onnxruntime(name):
    proto, named = REFUSED_BY_RUNTIME[name]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    with pytest.raises(Exception):
        onnxruntime.InferenceSession(proto.SerializeToString(), options)
    error = error_of(proto)
    assert error is not None
    assert named in str(error)


# What the checker finds odd and onnxruntime loads.
ACCEPTED = {
    "unsorted": model([node("Neg", ["a"], ["y"]), node("Abs", ["x"], ["a"])]),
    "dims": model([NEG], [info("x", (-1, 0, "", "n"))], [info("y", (-1, 0, "", "n"))]),
    "unused_domain": model([NEG], imports=[helper.make_opsetid("", 17), helper.make_opsetid("zz", 99)]),
    "microsoft_not_imported": model([node("Gelu", ["x"], ["y"], domain="com.microsoft")]),
    "same_node_names": model([node("Neg", ["x"], ["a"], name="n"), node("Neg", ["a"], ["y"], name="n")]),
    "wrong_output_shape": model([NEG], outputs=[info("y", (3,))]),
    "ir_version_3": model([node("Add", ["x", "w"], ["y"])], [info("x"), info("w")], initializers=[tensor("w", [1, 2])], ir=3, opset=8),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name):
    assert error_of(ACCEPTED[name]) is None


def test_exception_classes():
    assert type(error_of(b"this is no model")).__name__ == "InvalidProtobuf"
    assert type(error_of(model([node("Negg", ["x"], ["y"])]))).__name__ == "InvalidGraph"
    with pytest.raises(Exception) as missing:
        tenon.InferenceSession("/no/such/model.onnx")
    assert type(missing.value).__name__ == "NoSuchFile"


def test_truncated_and_flipped_models_give_errors_or_sessions():
    weight = tensor("w", [1, 2])
    data = model([node("Add", ["x", "w"], ["a"]), node("If", ["c"], ["y"], then_branch=BRANCH, else_branch=BRANCH)], CONDITION,
                 initializers=[weight]).SerializeToString()
    assert error_of(data) is None
    for size in range(len(data)):
        assert error_of(data[:size]) is not None
    rng = np.random.default_rng(0)
    for _ in range(300):
        flipped = bytearray(data)
        flipped[rng.integers(len(data))] ^= 1 << rng.integers(8)
        error_of(bytes(flipped))


def run(module, source, feeds):
    return module.InferenceSession(source, providers=["CPUExecutionProvider"]).run(None, feeds)


@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"])
def test_saved_models_pass_the_checker_and_load_in_onnxruntime(tmp_path, level):
    inner = graph([node("Add", ["a", "w"], ["t"])], [], [info("t")])
    proto = model([node("Mul", ["x", "w"], ["a"]), node("If", ["c"], ["y"], then_branch=inner, else_branch=BRANCH)], CONDITION,
                  initializers=[tensor("w", [3, 4])])
    options = tenon.SessionOptions()
    options.graph_optimization_level = getattr(tenon.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(tmp_path / "saved.onnx")
    session = tenon.InferenceSession(proto.SerializeToString(), options)
    onnx.checker.check_model(onnx.load(tmp_path / "saved.onnx"))
    for chosen in (True, False):
        feeds = {"x": np.float32([1, -2]), "c": np.array(chosen)}
        expected = run(onnxruntime, proto.SerializeToString(), feeds)[0]
        np.testing.assert_array_equal(session.run(None, feeds)[0], expected)
        np.testing.assert_array_equal(run(onnxruntime, str(tmp_path / "saved.onnx"), feeds)[0], expected)
        np.testing.assert_array_equal(run(tenon, str(tmp_path / "saved.onnx"), feeds)[0], expected)


def test_external_data(tmp_path):
    proto = model([node("Add", ["x", "w"], ["y"])], initializers=[tensor("w", [3, 4])])
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    feeds = {"x": np.float32([1, 2])}
    np.testing.assert_array_equal(run(tenon, tmp_path / "m.onnx", feeds)[0], [4, 6])
    (tmp_path / "sub").mkdir()
    outside = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    outside.graph.initializer[0].external_data[0].value = "../w.bin"
    onnx.save(outside, tmp_path / "sub" / "m.onnx")
    with pytest.raises(Exception, match="outside"):
        tenon.InferenceSession(str(tmp_path / "sub" / "m.onnx"))
