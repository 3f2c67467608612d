"""tenon.placement=measured from outside: the report, `tenon explain`, and decisions kept in files between processes."""
import json

import numpy as np
import pytest
import tenon
from api_models import model
from test_cli import ROOT, data, good, refused, tenon_command

DEVICE = "TestDeviceExecutionProvider"
CPU = "CPUExecutionProvider"
CHAIN = model("""g (float[N,4] x) => (float[N,4] y) <float[4,4] w = {1,2,3,4, 5,6,7,8, 1,2,3,4, 5,6,7,8}> {
  [first] a = Sin(x)
  [second] b = MatMul(a, w)
  [third] y = Cos(b)
}""")
COSTS = "costs=MatMul:10us,*:50us,host_costs=MatMul:500us,*:1us,copy_cost=20:1000"
OPTIONS = {"costs": "MatMul:10us,*:50us", "host_costs": "MatMul:500us,*:1us", "copy_cost": "20:1000"}


@pytest.fixture
def chain(tmp_path):
    path = tmp_path / "chain.onnx"
    path.write_bytes(CHAIN)
    return path


def explain(path, *more, **config):
    entries = [x for k, v in {"placement": "measured", "placement_budget_ms": "600000", **config}.items() for x in ("--config", f"tenon.{k}={v}")]
    return ("explain", path, "--level", "1", "--provider", f"TestDevice:{COSTS}", *entries, *more)


def session(options, **config):
    so = tenon.SessionOptions()
    so.log_severity_level = 3
    for key, value in {"placement": "measured", "placement_budget_ms": "600000", **config}.items():
        so.add_session_config_entry(f"tenon.{key}", value)
    return tenon.InferenceSession(CHAIN, so, providers=[(DEVICE, options), CPU])


def test_load_report():
    s = session(OPTIONS)
    placement = s.load_report()["placement"]
    assert {n["op"]: n["provider"] for n in placement["nodes"]} == {"Sin": CPU, "MatMul": DEVICE, "Cos": CPU}
    m = placement["measured"]
    assert m["source"] == "measured" and m["chosen"] == "cut"
    times = {c["name"]: c["us"] for c in m["candidates"]}
    assert times["cut"] == pytest.approx(52.032) and times["priority"] == pytest.approx(150.032) and times[f"only {CPU}"] == pytest.approx(502)
    costs = {n["node"]: {c["provider"]: c["us"] for c in n["costs"]} for n in m["nodes"]}
    assert costs["second"] == {DEVICE: 10, CPU: 500} and costs["first"] == {DEVICE: 50, CPU: 1}
    assert {(x["from"], x["to"]) for x in m["links"]} == {(DEVICE, "host"), ("host", DEVICE)}
    x = np.ones((3, 4), np.float32)
    assert np.array_equal(s.run(None, {"x": x})[0], tenon.InferenceSession(CHAIN).run(None, {"x": x})[0])
    assert session(OPTIONS, placement="priority").load_report()["placement"]["measured"] is None


def test_explain_tells_it(chain, tmp_path):
    text = good(*explain(chain, "--nodes"))
    for fact in ("cut (measured)", "priority: 0.15 ms", f"only {CPU}: 0.502 ms", f"copy host -> {DEVICE}: 20 us + 1.000 ns per byte",
                 f"second on {DEVICE}: measured: 10.0 us here, 500.0 us on {CPU}, copies 40.0 us"):
        assert fact in text, (fact, text)
    page = tmp_path / "page.html"
    good(*explain(chain, "--html", page))
    assert "Measured (measured); used: cut." in page.read_text()


def test_decisions_are_kept_in_files(chain, tmp_path):
    folder = tmp_path / "made" / "here"
    read = lambda **config: data(*explain(chain, cache_dir=folder, **config))["placement"]  # noqa: E731
    first = read()
    files = list(folder.iterdir())
    assert first["measured"]["source"] == "measured" and len(files) == 1
    kept = files[0].read_text()
    second = read()
    assert second["measured"].pop("source") == f"cache file {files[0]}" and first["measured"].pop("source")
    assert second == first
    assert read(placement_dims="N:7")["measured"]["source"] == "measured" and len(list(folder.iterdir())) == 2
    for damage in (kept[:len(kept) // 2], "", "[1, 2]", kept.replace("MatMul", "Add"), "\0" * 100):
        files[0].write_text(damage)
        done = tenon_command(*explain(chain, "--json", "--log", "3", cache_dir=folder))
        assert done.returncode == 0 and json.loads(done.stdout)["placement"]["measured"]["source"] == "measured", damage
        assert files[0].read_text() == kept  # written again
    done = tenon_command("run", *explain(chain, cache_dir=folder)[1:])
    assert done.returncode == 0
    files[0].write_text("torn")
    assert "is no placement of this model" in tenon_command("run", *explain(chain, cache_dir=folder)[1:]).stderr


def test_wrong_options(chain, tmp_path):
    (tmp_path / "file").write_text("")
    for config, message in (({"placement": "best"}, "expected priority or measured"), ({"placement_dims": "M:3"}, "no dimension \"M\"; they have N"),
                            ({"placement_budget_ms": "-1"}, "expected 1 to"), ({"cache_dir": tmp_path / "file"}, "expected a directory")):
        assert message in refused(1, *explain(chain, **config))


@pytest.mark.parametrize("name", ["cnn_shufflenet_new18", "tv_swin_old17", "decoder_cache_gpt2_new18", "detection_faster_rcnn_old17"])
def test_models_in_real_time(name):
    """No simulation: whoever wins, the model is right and the report complete."""
    path = ROOT / "tests" / "models" / f"{name}.onnx"
    arrays = np.load(path.with_suffix(".npz"))
    so = tenon.SessionOptions()
    so.log_severity_level = 3
    so.add_session_config_entry("tenon.placement", "measured")
    so.add_session_config_entry("tenon.placement_budget_ms", "1500")
    s = tenon.InferenceSession(str(path), so, providers=[(DEVICE, {"share": "0.6", "seed": "3"}), CPU])
    m = s.load_report()["placement"]["measured"]
    assert m["chosen"] in {c["name"] for c in m["candidates"]} and any(c["us"] or c["note"] for c in m["candidates"])
    plain = tenon.InferenceSession(str(path), providers=[CPU])
    feeds = {i.name: arrays[f"0.in.{i.name}"] for i in s.get_inputs()}
    for a, b in zip(s.run(None, feeds), plain.run(None, feeds), strict=True):
        assert a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-4)
