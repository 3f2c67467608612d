"""The benchmark's models, made small: valid, deterministic, the same results in onnxruntime and Tenon at changing sizes."""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import tenon

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "models"))
import make_models  # noqa: E402

SMALL = {
    "bert_small": (lambda: make_models.bert("bert_small", layers=2, d=64, heads=4, vocabulary=50, positions=40), [{"batch": 1, "seq": 8}, {"batch": 3, "seq": 40}, {"batch": 2, "seq": 1}]),
    "resnet_small": (lambda: make_models.resnet("resnet_small", blocks=(1, 2), width=8, classes=10), [{"batch": 1, "image": 32}, {"batch": 2, "image": 45}]),
    "mobilenet_small": (
        lambda: make_models.mobilenet_v2("mobilenet_small", rows=((1, 8, 1, 1), (6, 12, 2, 2)), stem=8, last=32, classes=10),
        [{"batch": 1, "image": 32}, {"batch": 2, "image": 37}],
    ),
    "matmul_64": (lambda: make_models.matmul(64), [{"seed": 1}, {"seed": 2}]),
    "tiny_50": (make_models.tiny, [{"seed": 1}, {"seed": 2}]),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_small_model(name):
    make, sizes = SMALL[name]
    model = make()
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    assert data == make().SerializeToString()
    sessions = [m.InferenceSession(data, providers=["CPUExecutionProvider"]) for m in (onnxruntime, tenon)]
    for options in sizes:
        feeds = make_models.feeds(name, vocabulary=50, **options)
        if "attention_mask" in feeds:
            feeds["attention_mask"][:, feeds["attention_mask"].shape[1] * 3 // 4 + 1 :] = 0
        theirs, ours = (s.run(None, feeds) for s in sessions)
        for want, got in zip(theirs, ours, strict=True):
            assert want.std() > 0.01 and np.abs(want).max() < 100, "the weights' scale is not sane"
            np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


def test_tiny_has_fifty_nodes_and_no_dead_ones():
    graph = make_models.tiny().graph
    used = {i for n in graph.node for i in n.input} | {"y"}
    assert len(graph.node) == 50 and all(n.output[0] in used for n in graph.node)
    assert {"Sigmoid", "Tanh", "Add", "Mul"} <= {n.op_type for n in graph.node}


def test_cache_is_kept_and_renewed(tmp_path, monkeypatch):
    path = make_models.make("tiny_50", tmp_path)
    made, stamp = path.read_bytes(), path.stat().st_mtime_ns
    assert make_models.make("tiny_50", tmp_path).stat().st_mtime_ns == stamp
    path.write_bytes(b"old")
    monkeypatch.setattr(make_models, "VERSION", "next")
    assert make_models.make("tiny_50", tmp_path).read_bytes() != b"old" and len(made) > 1000
