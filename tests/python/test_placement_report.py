"""What load_report says about placement and memory, and get_provider_graph_assignment_info."""
import collections

import numpy as np
import pytest
import tenon
from api_models import model
from tenon.errors import Fail

DEVICE = "TestDeviceExecutionProvider"
CHAIN = model("""g (float[4,4] x) => (float[4,4] y) <float[4,4] w = {1,2,3,4, 5,6,7,8, 1,2,3,4, 5,6,7,8}> {
  [first] a = MatMul(x, w)
  [second] b = Sin(a)
  [third] c = Cos(b)
  [fourth] y = Add(c, x)
}""")


def session(providers, level=tenon.GraphOptimizationLevel.ORT_DISABLE_ALL, **config):
    so = tenon.SessionOptions()
    so.graph_optimization_level = level
    so.log_severity_level = 3
    for key, value in config.items():
        so.add_session_config_entry(key.replace("__", "."), value)
    return tenon.InferenceSession(CHAIN, so, providers=providers)


def by_name(report):
    return {n["node"]: n for n in report["placement"]["nodes"]}


def test_one_provider():
    placement = session(["CPUExecutionProvider"]).load_report()["placement"]
    assert placement["summary"] == "" and placement["copies"] == placement["refusals"] == [] and placement["uploaded_bytes"] == 0
    assert placement["providers"] == [{"provider": "CPUExecutionProvider", "nodes": 4, "groups": 0}]
    assert [(n["node"], n["op"], n["group"], n["why"], n["from"]) for n in placement["nodes"]] == [
        (name, op, None, "the only provider", [name]) for name, op in
        (("first", "MatMul"), ("second", "Sin"), ("third", "Cos"), ("fourth", "Add"))]


@pytest.mark.parametrize("fuse", ["0", "1"])
def test_two_providers(fuse):
    s = session([(DEVICE, {"ops": "MatMul,Cos,Add", "fuse": fuse}), "CPUExecutionProvider"])
    placement = s.load_report()["placement"]
    nodes = by_name(s.load_report())
    assert {k: n["provider"] for k, n in nodes.items()} == {"first": DEVICE, "second": "CPUExecutionProvider", "third": DEVICE, "fourth": DEVICE}
    assert nodes["second"]["group"] is None and nodes["second"]["why"].startswith(f"left by {DEVICE}: ")
    assert [(r["node"], r["op"], r["provider"]) for r in placement["refusals"]] == [("second", "Sin", DEVICE)]
    assert placement["refusals"][0]["reason"] in nodes["second"]["why"] and placement["refusals"][0]["reason"]
    if fuse == "1":
        assert nodes["third"]["group"] == nodes["fourth"]["group"] != nodes["first"]["group"] and nodes["first"]["group"]
    else:
        assert nodes["third"]["group"] is None
    assert {p["provider"]: (p["nodes"], p["groups"]) for p in placement["providers"]} == {
        DEVICE: (3, 2 if fuse == "1" else 0), "CPUExecutionProvider": (1, 0)}
    assert placement["summary"].startswith(f"{DEVICE}: 3 of 4 nodes")
    # x goes there once; a comes back for Sin, b goes there for Cos, y comes back: 64 bytes each.
    assert sorted((c["value"], c["from"], c["to"], c["bytes"]) for c in placement["copies"]) == [
        ("a", DEVICE, "host", 64), ("b", "host", DEVICE, 64), ("x", "host", DEVICE, 64), ("y", DEVICE, "host", 64)]
    assert placement["uploaded_bytes"] == (64 if fuse == "0" else placement["uploaded_bytes"])
    x = np.eye(4, dtype=np.float32)
    assert np.allclose(s.run(None, {"x": x})[0], session(["CPUExecutionProvider"]).run(None, {"x": x})[0])


def test_pins():
    nodes = by_name(session([DEVICE, "CPUExecutionProvider"], tenon__place_nodes="third=CPUExecutionProvider").load_report())
    assert nodes["third"]["provider"] == "CPUExecutionProvider" and nodes["third"]["why"] == "tenon.place_nodes names it"
    assert nodes["first"]["why"] == "claimed"


def test_instances_have_keys():
    report = session([(DEVICE, {"ops": "Sin", "device_id": "0"}), (DEVICE, {"device_id": "1"}), "CPUExecutionProvider"]).load_report()
    assert {k: n["provider"] for k, n in by_name(report).items()} == {"first": f"{DEVICE}:1", "second": DEVICE, "third": f"{DEVICE}:1", "fourth": f"{DEVICE}:1"}


def test_faults_are_reasons():
    report = session([(DEVICE, {"fault": "compile"}), "CPUExecutionProvider"]).load_report()
    assert {n["provider"] for n in report["placement"]["nodes"]} == {"CPUExecutionProvider"}
    assert all("could not be compiled: " in r["reason"] for r in report["placement"]["refusals"]) and len(report["placement"]["refusals"]) == 4


def test_memory_of_the_plan():
    memory = session(["CPUExecutionProvider"]).load_report()["memory"]
    assert (memory["steps"], memory["values"], memory["unsized"], memory["bytes"]) == (4, 4, 0, 4 * 64)
    assert (memory["constants"], memory["constant_bytes"]) == (1, 64)
    # Sin and Cos may write over what they read, y has memory of its own: two blocks at a time.
    assert memory["peak_bytes"] == 128 and memory["in_place"] == 2


def test_assignment_info():
    with pytest.raises(Fail, match="session.record_ep_graph_assignment_info"):
        session([DEVICE, "CPUExecutionProvider"]).get_provider_graph_assignment_info()
    subgraphs = session([(DEVICE, {"ops": "MatMul,Cos,Add"}), "CPUExecutionProvider"],
                        session__record_ep_graph_assignment_info="1").get_provider_graph_assignment_info()
    got = collections.defaultdict(list)
    for s in subgraphs:
        got[s.ep_name].append([(n.name, n.domain, n.op_type) for n in s.get_nodes()])
    assert got == {DEVICE: [[("first", "", "MatMul")], [("third", "", "Cos"), ("fourth", "", "Add")]], "CPUExecutionProvider": [[("second", "", "Sin")]]}


def test_a_large_graph_is_described_when_asked():
    """100,000 nodes: loading does not get slower by the report, which itself stays near-linear."""
    import time

    import onnx
    h = onnx.helper
    count = 100_000
    nodes = [h.make_node("Neg", [f"v{i}" if i else "x"], [f"v{i + 1}"], name=f"n{i}") for i in range(count)]
    g = h.make_graph(nodes, "chain", [h.make_tensor_value_info("x", 1, [1])], [h.make_tensor_value_info(f"v{count}", 1, [1])])
    big = h.make_model(g, opset_imports=[h.make_opsetid("", 17)], ir_version=8).SerializeToString()
    so = tenon.SessionOptions()
    so.graph_optimization_level = tenon.GraphOptimizationLevel.ORT_DISABLE_ALL
    so.log_severity_level = 3
    s = tenon.InferenceSession(big, so, providers=[(DEVICE, {"ops": "Sin"}), "CPUExecutionProvider"])
    start = time.process_time()
    placement = s.load_report()["placement"]
    assert time.process_time() - start < 20
    assert len(placement["nodes"]) == len(placement["refusals"]) == count and placement["nodes"][-1]["node"] == f"n{count - 1}"
