"""Tenon's inference: never less precise than onnx's strict inference with data propagation, never contradicted by a run."""
import json
import pathlib

import numpy as np
import onnx
import pytest
from backend_suite import read_expected
from forked import forked_map
from infer_check import check
from onnx_cases import load_cases

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("symbolic", [False, True], ids=["declared dims", "symbols"])
def test_backend_cases(symbolic, tmp_path):
    expected = read_expected()
    cases = [c for c in load_cases() if c.kind != "real" and c.name not in expected]
    found = forked_map(lambda c: check(c.model, c.data_sets, symbolic, tmp_path), cases)
    bad = [f"{c.name}: {lines[:2]}" for c, lines in zip(cases, found) if lines]
    assert not bad, "\n".join(bad)


def rows():
    index = json.loads((ROOT / "tests" / "models" / "index.json").read_text())
    return [r for r in index if r["folder"] == "tests/models" and not r.get("expect_error")]


@pytest.mark.parametrize("row", rows(), ids=lambda r: r["name"])
def test_models(row, tmp_path):
    path = ROOT / row["folder"] / f"{row['name']}.onnx"
    sets = {}
    with np.load(path.with_suffix(".npz")) as stored:
        for key in stored.files:
            i, kind, name = key.split(".", 2)
            if kind == "in":
                sets.setdefault(i, {})[name] = stored[key]
    lines = check(onnx.load(path), [(feeds, None) for feeds in sets.values()], False, tmp_path)
    assert not lines, "\n".join(lines[:5])
