#!/usr/bin/env python3
"""Measures the memory of Tenon against onnxruntime, each figure in a fresh process, in resident memory.

    memory.py [--only peak,sessions,batch,growth,bound] [--zoo FOLDER] [--json FILE]

peak      largest resident memory of: import, create a session, three runs (bert_base, resnet50); the model file's pages that are mapped count
sessions  what 50 sessions of one model (24 MB of weights) take, as a multiple of the weights; from a file and from bytes
batch     what stays of a run with a batch of 20,000 after 60 runs with a batch of 4, as a share of what that run took
growth    resident memory after 20,000 runs, and after 2,000 sessions made and destroyed, minus that after the first 10 %
bound     of every model of FOLDER (default tests/models): the memory of its intermediate results for each shape signature, against the most
          bytes that are alive at one step; no plan in the same order takes less
"""
import argparse
import gc
import importlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "models"))
import make_models  # noqa: E402

OURS, THEIRS = "tenon", "onnxruntime"
SIDE, LAYERS = 1024, 6
GOALS = {"peak": 1.0, "sessions": 1.15, "batch": 0.15, "bound": 1.10}


def memory(key="VmRSS"):
    """Bytes of this process: VmRSS now, VmHWM the largest so far."""
    for line in open("/proc/self/status"):
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def make_session(module, model):
    so = module.SessionOptions()
    so.intra_op_num_threads, so.inter_op_num_threads, so.log_severity_level = 1, 1, 4
    return module.InferenceSession(model, so, providers=["CPUExecutionProvider"])


def make_layers(path):
    """x [b, 1024] through six linear layers with tanh between: 24 MB of weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(1)
    nodes, weights, name = [], [], "x"
    for k in range(LAYERS):
        weights.append(numpy_helper.from_array(rng.standard_normal((SIDE, SIDE), dtype=np.float32) / 32, f"w{k}"))
        nodes.append(helper.make_node("MatMul", [name, f"w{k}"], [f"m{k}"]))
        nodes.append(helper.make_node("Tanh", [f"m{k}"], [f"t{k}"]))
        name = f"t{k}"
    infos = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, ["b", SIDE])] for n in ("x", name)]
    model = helper.make_model(helper.make_graph(nodes, "layers", *infos, weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def feed(batch):
    return {"x": np.full((batch, SIDE), 0.5, np.float32)}


# Each of these runs in a process of its own and returns a dict of numbers.


def measure_peak(module, path):
    path = pathlib.Path(path)
    session = make_session(module, str(path))
    feeds = make_models.feeds(path.stem)
    for _ in range(3):
        session.run(None, feeds)
    return {"peak": memory("VmHWM"), "after": memory()}


def measure_sessions(module, path, model=None):
    model = model or str(path)
    first = make_session(module, model)  # what a library takes once
    first.run(None, feed(2))
    del first
    gc.collect()
    before = memory()
    many = [make_session(module, model) for _ in range(50)]
    for s in many:
        s.run(None, feed(2))
    return {"times": (memory() - before) / (LAYERS * SIDE * SIDE * 4)}


def measure_sessions_from_bytes(module, path):
    return measure_sessions(module, path, pathlib.Path(path).read_bytes())


def measure_batch(module, path):
    session = make_session(module, str(path))
    for _ in range(3):
        session.run(None, feed(4))
    before = memory()
    large = feed(20000)
    held = large["x"].nbytes
    for _ in range(2):
        session.run(None, large)
    peak = memory("VmHWM") - before - 2 * held  # the feed and the result are the caller's
    del large
    for _ in range(60):
        session.run(None, feed(4))
    gc.collect()
    return {"took": peak, "stays": memory() - before}


def measure_growth(module, path):
    result = {}
    small = pathlib.Path(path).with_name("tiny.onnx")
    small.write_bytes(make_models.tiny().SerializeToString())
    session = make_session(module, str(small))
    feeds = {i.name: np.full([d if isinstance(d, int) else 1 for d in i.shape], 0.5, np.float32) for i in session.get_inputs()}
    for name, count, work in (
        ("runs", 20000, lambda: session.run(None, feeds)),
        ("sessions", 2000, lambda: make_session(module, str(small)).run(None, feeds)),
    ):
        for k in range(count):
            if k == count // 10:
                before = memory()
            work()
        result[name] = memory() - before
    return result


def load_sets(path):
    sets = {}
    with np.load(path.with_suffix(".npz")) as stored:
        for key in stored.files:
            i, kind, name = key.split(".", 2)
            if kind == "in":
                sets.setdefault(int(i), {})[name] = stored[key]
    return [sets[i] for i in sorted(sets)]


def measure_bound(module, folder):
    """{model: [[segments, bytes, bound], ...]}; a model that does not load or run here is left out."""
    result = {}
    for path in sorted(pathlib.Path(folder).glob("*.onnx")):
        try:
            session = make_session(module, str(path))
            for feeds in load_sets(path):
                session.run(None, feeds)
        except Exception:  # noqa: BLE001
            continue
        found = re.findall(r"^signature: (\d+) segments, (\d+) bytes, at most (\d+) alive$", session.plan_text(), re.M)
        result[path.stem] = [[int(x) for x in row] for row in found]
    return result


def fresh(what, module, path):
    command = [sys.executable, __file__, "--measure", what, module, str(path)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])


MB = 1 << 20


def report_peak(folder, zoo):
    rows = []
    for name in ("bert_base", "resnet50"):
        path = make_models.make(name)
        ours, theirs = (fresh("peak", m, path) for m in (OURS, THEIRS))
        ratio = ours["peak"] / theirs["peak"]
        rows.append({"what": f"peak of {name}", "ours_mb": ours["peak"] / MB, "theirs_mb": theirs["peak"] / MB, "ratio": ratio, "met": ratio <= GOALS["peak"]})
        print(f"peak      {name:12} {ours['peak'] / MB:7.0f} MB   onnxruntime {theirs['peak'] / MB:7.0f} MB   ratio {ratio:.2f}   (aim <= {GOALS['peak']})", flush=True)
    return rows


def report_sessions(folder, zoo):
    rows = []
    for what, name in (("sessions", "a file"), ("sessions_from_bytes", "bytes")):
        ours, theirs = (fresh(what, m, folder / "layers.onnx")["times"] for m in (OURS, THEIRS))
        rows.append({"what": f"50 sessions from {name}", "ours": ours, "theirs": theirs, "met": ours <= GOALS["sessions"]})
        print(f"sessions  50 from {name:7} {ours:6.2f} x weights   onnxruntime {theirs:6.2f} x   (aim <= {GOALS['sessions']})", flush=True)
    return rows


def report_batch(folder, zoo):
    rows = []
    for module in (OURS, THEIRS):
        found = fresh("batch", module, folder / "layers.onnx")
        share = max(0.0, found["stays"] / max(found["took"], 1))
        rows.append({"what": f"stays of a large batch, {module}", "share": share, **found, "met": module == THEIRS or share <= GOALS["batch"]})
        print(f"batch     {module:12} took {found['took'] / MB:6.0f} MB, {found['stays'] / MB:6.0f} MB stay: {share:.0%}   (aim <= {GOALS['batch']:.0%})", flush=True)
    return rows


def report_growth(folder, zoo):
    rows = []
    for module in (OURS, THEIRS):
        found = fresh("growth", module, folder / "layers.onnx")
        met = module == THEIRS or max(found.values()) < MB
        rows.append({"what": f"growth, {module}", **found, "met": met})
        print(f"growth    {module:12} {found['runs'] / 1024:+.0f} kB over 18,000 runs, {found['sessions'] / 1024:+.0f} kB over 1,800 sessions   (aim 0)", flush=True)
    return rows


def report_bound(folder, zoo):
    found = fresh("bound", OURS, zoo)
    ratios = sorted(((b / a, name, n) for name, rows in found.items() for n, b, a in rows if a), reverse=True)
    if not ratios:
        raise SystemExit(f"{zoo}: no model could be run")
    within = sum(r <= GOALS["bound"] for r, *_ in ratios)
    print(f"bound     {len(found)} models, {len(ratios)} signatures: {within} within {GOALS['bound']:.2f} of the bound; median {np.median([r for r, *_ in ratios]):.3f}; the worst:")
    for ratio, name, n in ratios[:10]:
        print(f"            {ratio:.3f}  {name} ({n} segments)")
    return [{"what": "memory of intermediate results against what is alive", "worst": ratios[:10], "within": within, "of": len(ratios), "met": within == len(ratios)}]


REPORTS = {"peak": report_peak, "sessions": report_sessions, "batch": report_batch, "growth": report_growth, "bound": report_bound}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(REPORTS))
    parser.add_argument("--zoo", type=pathlib.Path, default=ROOT / "tests" / "models")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "MODULE", "PATH"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        what, module, path = args.measure
        print(json.dumps(globals()["measure_" + what](importlib.import_module(module), path)))
        return 0
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make_layers(folder / "layers.onnx")
        for name in args.only.split(","):
            if name not in REPORTS:
                parser.error(f"--only: {name} found, expected some of {', '.join(REPORTS)}")
            rows += REPORTS[name](folder, args.zoo)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    missed = [r["what"] for r in rows if not r["met"]]
    print("all aims are met" if not missed else "missed: " + "; ".join(missed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
