#!/usr/bin/env python3
"""Measures parallel mode (ORT_PARALLEL, two lanes) against one thread, against loops split over two threads, and against onnxruntime's own
parallel mode: all sessions in one process, their runs alternating, so that each sees the same machine.

    parallel.py [--only branches_96_16,...] [--seconds 4] [--rate-seconds 4] [--json FILE]

branches_D_B  four branches of six MatMul + Tanh, [B, D] by [D, D]: too small to split below about D = 128
towers        four branches of convolutions, 16 channels, 28 x 28
chain         twelve layers in a row: nothing to run side by side
others        models of tests/models
Ratios are taken from medians; before its turn every session has 5 ms in which threads of the others stop to spin. `idle` is the processor
time of a run when a session of two threads is asked 50 times a second, divided by that of a session of one thread asked as often: what the
second thread's waiting costs. `needed` is that of runs which follow each other, with warm caches.
"""
import argparse
import importlib
import json
import pathlib
import resource
import statistics
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ("detection_faster_rcnn_old17", "cnn_densenet_new18", "bert_gelutanh_new24", "tv_swin_old17")
HZ = 50
GOALS = "goals: >= 1.6 over one thread and >= 1.1 over two on branches, >= 0.95 elsewhere; idle <= 1.5"


def branches(side, batch, count=4, layers=6):
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(1)
    nodes, weights, ends = [], [], []
    for b in range(count):
        name = "x"
        for k in range(layers):
            w = f"w{b}_{k}"
            weights.append(numpy_helper.from_array(rng.standard_normal((side, side), dtype=np.float32) / np.float32(side) ** 0.5, w))
            nodes.append(helper.make_node("MatMul", [name, w], [f"m{b}_{k}"]))
            name = f"t{b}_{k}"
            nodes.append(helper.make_node("Tanh", [f"m{b}_{k}"], [name]))
        ends.append(name)
    nodes.append(helper.make_node("Concat", ends, ["y"], axis=1))
    graph = helper.make_graph(nodes, "branches", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, side])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, side * count])], weights)
    return graph, {"x": rng.standard_normal((batch, side), dtype=np.float32)}


def towers(count=4, layers=3, channels=16, side=28):
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(2)
    nodes, weights, ends = [], [], []
    for b in range(count):
        name = "x"
        for k in range(layers):
            w = f"w{b}_{k}"
            weights.append(numpy_helper.from_array(rng.standard_normal((channels, channels, 3, 3), dtype=np.float32) / 12, w))
            nodes.append(helper.make_node("Conv", [name, w], [f"c{b}_{k}"], pads=[1, 1, 1, 1]))
            name = f"t{b}_{k}"
            nodes.append(helper.make_node("Relu", [f"c{b}_{k}"], [name]))
        ends.append(name)
    nodes.append(helper.make_node("Concat", ends, ["y"], axis=1))
    shape = [1, channels, side, side]
    graph = helper.make_graph(nodes, "towers", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels * count, side, side])], weights)
    return graph, {"x": rng.standard_normal(shape, dtype=np.float32)}


def cases(folder):
    """[(name, path, feeds)]"""
    from onnx import helper, save

    made = {f"branches_{d}_{b}": branches(d, b) for d, b in ((64, 8), (96, 16), (128, 32), (192, 48))}
    made["towers"] = towers()
    made["chain"] = branches(128, 32, count=1, layers=12)
    out = []
    for name, (graph, feeds) in made.items():
        path = pathlib.Path(folder) / f"{name}.onnx"
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        out.append((name, path, feeds))
    for name in MODELS:
        with np.load(ROOT / "tests" / "models" / f"{name}.npz") as stored:
            feeds = {k.split(".", 2)[2]: stored[k] for k in stored.files if k.startswith("0.in.")}
        out.append((name, ROOT / "tests" / "models" / f"{name}.onnx", feeds))
    return out


def make_session(module, path, intra, inter):
    so = module.SessionOptions()
    so.intra_op_num_threads, so.inter_op_num_threads, so.log_severity_level = intra, inter, 4
    if inter > 1:
        so.execution_mode = module.ExecutionMode.ORT_PARALLEL
    return module.InferenceSession(str(path), so, providers=["CPUExecutionProvider"])


def medians(sessions, feeds, seconds):
    """Median microseconds per session; they take turns of some runs, starting with another session each time."""
    for s in sessions:
        for _ in range(12):  # lanes come after some runs
            s.run(None, feeds)
    times = [[] for _ in sessions]
    order = list(range(len(sessions)))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 9:
        for i in order:
            time.sleep(0.005)
            for k in range(12):
                t0 = time.perf_counter()
                sessions[i].run(None, feeds)
                if k > 1:  # the caches are this session's own again
                    times[i].append(time.perf_counter() - t0)
        order = order[1:] + order[:1]
    return [1e6 * statistics.median(t) for t in times]


def cpu_seconds():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def cpu_per_run(session, feeds, seconds, hz=0):
    """Processor microseconds of one run: at `hz` runs a second, or one after the other."""
    for _ in range(5):
        session.run(None, feeds)
    n, start, cpu = 0, time.perf_counter(), cpu_seconds()
    while time.perf_counter() - start < seconds:
        session.run(None, feeds)
        n += 1
        if hz:
            time.sleep(max(0.0, start + n / hz - time.perf_counter()))
    return 1e6 * (cpu_seconds() - cpu) / n


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="")
    ap.add_argument("--seconds", type=float, default=4, help="per model")
    ap.add_argument("--rate-seconds", type=float, default=4, help="per session of the 50 Hz part")
    ap.add_argument("--json")
    a = ap.parse_args()
    ours, theirs = importlib.import_module("tenon"), importlib.import_module("onnxruntime")
    names = ["one", "split", "lanes", "both", "ort one", "ort split", "ort lanes"]
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        todo = [c for c in cases(folder) if not a.only or c[0] in a.only.split(",")]
        print("microseconds; one = 1 thread, split = intra-op 2, lanes = parallel mode with inter-op 2 and intra-op 1, both = with intra-op 2")
        print(f"{'model':28}" + "".join(f"{n:>10}" for n in names) + f"{'both/one':>10}{'both/split':>11}{'ort':>6}{'ort lanes/ours':>15}")
        for name, path, feeds in todo:
            sessions = [make_session(m, path, intra, inter) for m in (ours, theirs) for intra, inter in ((1, 1), (2, 1), (1, 2), (2, 2))][:7]
            want = sessions[0].run(None, feeds)
            for s in sessions[1:4]:
                for _ in range(10):
                    for x, y in zip(s.run(None, feeds), want):
                        if x.tobytes() != y.tobytes():
                            sys.exit(f"{name}: other bits in another mode")
            us = dict(zip(names, medians(sessions, feeds, a.seconds)))
            rows[name] = us
            print(f"{name:28}" + "".join(f"{us[n]:10.1f}" for n in names) +
                  f"{us['one'] / us['both']:10.2f}{us['split'] / us['both']:11.2f}{us['ort one'] / us['ort lanes']:6.2f}{us['ort lanes'] / us['both']:15.2f}", flush=True)
        print(f"\nprocessor microseconds per run\n{'model':28}{'needed':>10}{'1 at 50 Hz':>12}{'2 at 50 Hz':>12}{'idle':>7}{'ort idle':>10}")
        for name, path, feeds in [c for c in todo if c[0] in ("branches_96_16", "branches_192_48", "bert_gelutanh_new24")]:
            idle = {}
            for module in (ours, theirs):
                needed = cpu_per_run(make_session(module, path, 1, 1), feeds, a.rate_seconds / 2)
                one, two = (cpu_per_run(make_session(module, path, threads, 1), feeds, a.rate_seconds, HZ) for threads in (1, 2))
                idle[module.__name__] = (needed, one, two, two / one)
            rows[name]["idle"] = idle
            needed, one, two, ratio = idle["tenon"]
            print(f"{name:28}{needed:10.1f}{one:12.1f}{two:12.1f}{ratio:7.2f}{idle['onnxruntime'][3]:10.2f}", flush=True)
    print(GOALS)
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
