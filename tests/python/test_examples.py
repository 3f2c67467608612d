"""The scripts of examples/ do what they say: training, classification, the demo's screens."""
import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
import tenon

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits"
sys.path.insert(0, str(DIGITS))
import train  # noqa: E402


def run_script(path, *args):
    done = subprocess.run([sys.executable, str(path), *map(str, args)], capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_gradients_agree_with_finite_differences():
    """Backpropagation of every layer, in double precision, at a few random weights."""
    rng = np.random.default_rng(3)
    w = {k: v.astype(np.float64) + 0.01 * rng.standard_normal(v.shape) for k, v in train.initial_weights(rng).items()}
    x, labels = rng.random((6, 1, 8, 8)), rng.integers(0, 10, 6)
    _, g = train.gradients(w, x, labels)
    for name, value in w.items():
        for at in rng.integers(0, value.size, 4):
            losses = []
            for step in (1e-5, -1e-5):
                moved = value.copy()
                moved.flat[at] += step
                losses.append(train.gradients({**w, name: moved}, x, labels)[0])
            assert g[name].flat[at] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-3, abs=1e-6), name


def test_training_reproduces_the_split_and_learns(tmp_path):
    run_script(DIGITS / "train.py", "--epochs", 12, "--out", tmp_path)
    with np.load(tmp_path / "heldout.npz") as made, np.load(DIGITS / "heldout.npz") as kept:
        np.testing.assert_array_equal(made["images"], kept["images"])
        np.testing.assert_array_equal(made["labels"], kept["labels"])
    model = onnx.load(str(tmp_path / "digits.onnx"))
    props = {p.key: p.value for p in model.metadata_props}
    assert float(props["heldout_accuracy"]) > 0.96
    # The exported graph computes what the numpy network computed.
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    with np.load(DIGITS / "heldout.npz") as data:
        x = train.to_input(data["images"][:50])
    session = tenon.InferenceSession(str(tmp_path / "digits.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"image": x})[0], train.softmax(train.forward(weights, x)[0]), rtol=1e-4, atol=1e-6)


def test_committed_model_and_its_classifier():
    assert (DIGITS / "digits.onnx").stat().st_size <= 300_000
    text = run_script(DIGITS / "classify.py")
    stated = {p.key: p.value for p in onnx.load(str(DIGITS / "digits.onnx")).metadata_props}["heldout_accuracy"]
    accuracy = float(re.search(r"accuracy\s+([\d.]+)%", text).group(1)) / 100
    assert accuracy >= 0.98 and accuracy == pytest.approx(float(stated), abs=1e-4)
    assert len(re.findall(r"images per second\s+[\d,]+", text)) == 2 and "\x1b" not in text


def test_demo_shows_its_screens():
    text = run_script(ROOT / "examples" / "demo" / "demo.py")
    assert all(f"{i}. " in text for i in (1, 2, 3, 4, 5)) and "\x1b" not in text
    rows = re.findall(r"ORT_\w+\s+(\d+)\s+(\d+)\s+(\S+)((?:\s+[\d.]+){4})", text)
    assert [r[0] for r in rows] == ["0", "1", "2", "99"]
    nodes = [int(r[1]) for r in rows]
    assert nodes[0] > nodes[-1] > 0 and all(float(r[2]) < 1e-4 for r in rows[1:])
    trace = pathlib.Path(next(line.strip() for line in text.splitlines() if line.strip().endswith(".json")))
    assert trace.parent == ROOT / "build" / "demo" and any(e.get("cat") == "Node" for e in json.loads(trace.read_text()))
    assert re.search(r"TestDeviceExecutionProvider: \d+ of \d+ nodes in \d+ groups, \d+ copies", text) and "What the device refused" in text
    assert "= Tenon" in text and "detection, direction, recognition." in text and float(re.search(r"([\d.]+)% of the drawn characters", text).group(1)) > 97
