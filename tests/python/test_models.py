"""Every model of tests/models at every optimisation level, with one and two threads, against the outputs of its framework.

One session runs all input sets of a model, so sizes change from run to run. Error measure: max |a-b| / (|b| + mean |b|)."""
import json
import pathlib

import numpy as np
import pytest
import tenon

ROOT = pathlib.Path(__file__).resolve().parents[2]
INDEX = json.loads((ROOT / "tests" / "models" / "index.json").read_text())
LEVELS = {0: "ORT_DISABLE_ALL", 1: "ORT_ENABLE_BASIC", 2: "ORT_ENABLE_EXTENDED", 99: "ORT_ENABLE_ALL"}
# What the refusal of an invalid model must name.
NAMED = {"bert_new26": "Attention", "sentence_encoder_new20": "embedding"}


def load_sets(row):
    """[(inputs, outputs)], each a dict by name."""
    sets = {}
    with np.load(ROOT / row["folder"] / f"{row['name']}.npz") as stored:
        for key in stored.files:
            i, kind, name = key.split(".", 2)
            sets.setdefault(int(i), ({}, {}))[kind == "out"][name] = stored[key]
    return [sets[i] for i in sorted(sets)]


def relative_error(want, got):
    """The largest error of one output; asserts what must be equal: type, shape, exact types, the places of NaN and infinity."""
    assert isinstance(got, np.ndarray) and got.dtype == want.dtype and got.shape == want.shape, f"{want.dtype}{want.shape} expected, found {got!r:.80}"
    if want.dtype.kind in "biu":
        assert np.array_equal(got, want), f"{int((got != want).sum())} of {want.size} values differ"
        return 0.0
    want, got = want.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    want, got = want[finite], got[finite]
    assert np.isfinite(got).all(), "NaN or infinity where a finite value was expected"
    if not want.size:
        return 0.0
    return float((np.abs(want - got) / (np.abs(want) + np.abs(want).mean() + 1e-30)).max())


def make_session(row, level, threads):
    so = tenon.SessionOptions()
    so.graph_optimization_level = getattr(tenon.GraphOptimizationLevel, LEVELS[level])
    so.intra_op_num_threads, so.inter_op_num_threads, so.log_severity_level = threads, 1, 4
    return tenon.InferenceSession(str(ROOT / row["folder"] / f"{row['name']}.onnx"), so, providers=["CPUExecutionProvider"])


def params(refused):
    return [pytest.param(r, id=r["name"]) for r in INDEX if bool(r.get("expect_error")) == refused]


def test_index_is_complete():
    """Each model file is listed and the reverse; the selection still holds the operators that it was made for."""
    here = {p.stem for p in (ROOT / "tests" / "models").glob("*.onnx")}
    assert here == {r["name"] for r in INDEX if r["folder"] == "tests/models"}
    assert len({op for r in INDEX for op in r["ops"]}) == 92
    assert len(INDEX) >= 25 and sum(bool(r.get("expect_error")) for r in INDEX) == 2


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("level", sorted(LEVELS))
@pytest.mark.parametrize("row", params(refused=False))
def test_model_matches_its_framework(row, level, threads):
    session = make_session(row, level, threads)
    sets = load_sets(row)
    assert sets and all(want for _, want in sets)
    for i, (feeds, want) in enumerate(sets):
        for name, got in zip(want, session.run(list(want), feeds), strict=True):
            error = relative_error(want[name], got)
            assert error <= row["tolerance"], f"set {i}, output {name}: relative error {error:.2e}, allowed {row['tolerance']:.0e}"


@pytest.mark.parametrize("row", params(refused=False))
def test_threads_and_repetition_do_not_change_results(row):
    """One, two and eight threads, first and later runs: the same bits."""
    sessions = [make_session(row, 99, threads) for threads in (1, 2, 8)]
    sets = load_sets(row)
    first = [sessions[0].run(None, feeds) for feeds, _ in sets]
    for session in sessions:
        for (feeds, _), want in zip(sets, first):
            for a, b in zip(session.run(None, feeds), want, strict=True):
                assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("level", [0, 99])
@pytest.mark.parametrize("row", params(refused=True))
def test_invalid_model_is_refused(row, level):
    """The message names what is wrong: the operator, or the value that is defined twice."""
    with pytest.raises(Exception) as caught:
        make_session(row, level, 1)
    assert type(caught.value).__name__ in ("Fail", "InvalidGraph"), repr(caught.value)
    assert NAMED[row["name"]] in str(caught.value)
