#!/usr/bin/env python3
"""Writes small models as seeds for loader_fuzz: one per operator test of onnx, and the loader's special constructs.

Usage: make_corpus.py DIRECTORY
"""
import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

MAX_BYTES = 6000
ONNX = helper.make_opsetid("", 17)
node, graph = helper.make_node, helper.make_graph


def info(name, elem=TensorProto.FLOAT, dims=(2,)):
    return helper.make_tensor_value_info(name, elem, dims)


def model(nodes, inputs=None, outputs=None, initializers=(), functions=(), imports=(ONNX,), ir=10, **kwargs):
    made = graph(nodes, "g", inputs or [info("x")], outputs or [info("y")], initializer=list(initializers), **kwargs)
    proto = helper.make_model(made, opset_imports=list(imports), functions=list(functions))
    proto.ir_version = ir
    return proto


def control_flow():
    then_branch = graph([node("Neg", ["x"], ["t"])], "then", [], [info("t")])
    else_branch = graph([node("Add", ["x", "w"], ["e"])], "else", [], [info("e")])
    inputs = [info("x"), info("c", TensorProto.BOOL, ()), info("m", TensorProto.INT64, ())]
    weight = numpy_helper.from_array(np.float32([1, 2]), "w")
    choose = node("If", ["c"], ["y"], then_branch=then_branch, else_branch=else_branch)
    yield "if", model([choose], inputs, initializers=[weight])
    nested = graph([node("If", ["c"], ["n"], then_branch=then_branch, else_branch=else_branch)], "outer", [], [info("n")])
    yield "if_nested", model([node("If", ["c"], ["y"], then_branch=nested, else_branch=nested)], inputs, initializers=[weight])
    body = graph([node("Identity", ["ci"], ["co"]), node("Add", ["v", "x"], ["vo"]), node("Neg", ["vo"], ["s"])], "body",
                 [info("i", TensorProto.INT64, ()), info("ci", TensorProto.BOOL, ()), info("v")],
                 [info("co", TensorProto.BOOL, ()), info("vo"), info("s")])
    yield "loop", model([node("Loop", ["m", "c", "x"], ["y", "z"], body=body)], inputs)
    step = graph([node("Add", ["a", "b"], ["ao"]), node("Identity", ["ao"], ["bo"])], "step",
                 [info("a"), info("b")], [info("ao"), info("bo")])
    yield "scan", model([node("Scan", ["x", "xs"], ["y", "ys"], body=step, num_scan_inputs=1)],
                        [info("x"), info("xs", dims=(3, 2))])


def functions():
    imports = [ONNX, helper.make_opsetid("f", 1)]
    parameter = node("LeakyRelu", ["a"], ["b"])
    reference = parameter.attribute.add()
    reference.name, reference.ref_attr_name, reference.type = "alpha", "slope", 1
    leaf = helper.make_function("f", "Leaf", ["a"], ["b"], [parameter], imports, ["slope"])
    twice = helper.make_function("f", "Twice", ["a", "k"], ["c"], [
        node("Leaf", ["a"], ["t"], domain="f", slope=0.5), node("Leaf", ["t"], ["u"], domain="f"),
        node("Clip", ["u", "k"], ["c"])], imports)
    default = helper.make_function("f", "Default", ["a"], ["b"], [parameter], imports,
                                   attribute_protos=[helper.make_attribute("slope", 0.25)])
    calls = [node("Twice", ["x"], ["p"], domain="f"), node("Default", ["p"], ["y"], domain="f")]
    yield "functions", model(calls, functions=[leaf, twice, default], imports=imports)


def tensors():
    sparse = helper.make_sparse_tensor(numpy_helper.from_array(np.float32([3]), "w"),
                                       numpy_helper.from_array(np.int64([1]), ""), [2])
    yield "sparse", model([node("Add", ["x", "w"], ["y"])], sparse_initializer=[sparse])
    for elem in (t for name, t in TensorProto.DataType.items() if name not in ("UNDEFINED", "STRING")):
        raw = elem not in (TensorProto.COMPLEX64, TensorProto.COMPLEX128) and elem % 2 == 0
        try:
            values = [1, 0, 1] if not raw else None
            weight = (helper.make_tensor("w", elem, [3], values) if values
                      else helper.make_tensor("w", elem, [3], np.ones(24, np.uint8).tobytes()[:raw_bytes(elem)], raw=True))
        except (TypeError, ValueError, KeyError):
            continue
        yield f"tensor_{elem}", model([node("Neg", ["x"], ["y"])], outputs=[info("y"), info("w", elem, (3,))],
                                      initializers=[weight])
    strings = helper.make_tensor("w", TensorProto.STRING, [2], [b"a", b"b"])
    yield "strings", model([node("Neg", ["x"], ["y"])], initializers=[strings])
    far = numpy_helper.from_array(np.float32([1, 2]), "w")
    far.ClearField("raw_data")
    far.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "w.bin"), ("offset", "0"), ("length", "8")):
        far.external_data.add(key=key, value=value)
    yield "external", model([node("Add", ["x", "w"], ["y"])], initializers=[far])


def raw_bytes(elem):
    bits = {TensorProto.FLOAT: 32, TensorProto.INT32: 32, TensorProto.STRING: 0, TensorProto.FLOAT16: 16, TensorProto.UINT32: 32,
            TensorProto.BFLOAT16: 16, TensorProto.UINT16: 16, TensorProto.INT4: 4, TensorProto.INT2: 2}.get(elem, 8)
    return (3 * bits + 7) // 8


def types():
    number = helper.make_tensor_type_proto(TensorProto.INT64, ["n", None])
    kinds = [helper.make_sequence_type_proto(number), helper.make_optional_type_proto(number),
             helper.make_map_type_proto(TensorProto.STRING, number),
             helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, number)),
             helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, [3])]
    inputs = [helper.make_value_info(f"v{i}", kind) for i, kind in enumerate(kinds)]
    yield "types", model([node("Neg", ["x"], ["y"])], [info("x", dims=("batch", 0, -1)), *inputs])


def operators():
    from onnx.backend.test.case.node import collect_testcases
    seen = {}
    for case in collect_testcases(None):
        for used in case.model.graph.node:
            seen[used.op_type] = seen.get(used.op_type, 0) + 1
        if case.model.ByteSize() <= MAX_BYTES and seen[case.model.graph.node[0].op_type] <= 4:
            yield case.name, case.model


def main():
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for source in (control_flow, functions, tensors, types, operators):
        for name, proto in source():
            (target / f"{name}.onnx").write_bytes(proto.SerializeToString())
            count += 1
    print(f"{count} seeds in {target}")


if __name__ == "__main__":
    main()
