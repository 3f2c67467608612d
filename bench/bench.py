#!/usr/bin/env python3
"""Compares Tenon with onnxruntime in one process, their runs alternating, so that both see the same machine at the same time.

    bench.py [--only bert_base,...] [--threads 1,2] [--seconds 6] [--start-repeats 7] [--json FILE] [--markdown]

ratio = time(onnxruntime) / time(tenon): above 1 Tenon is faster; it is taken from the medians, the minima stand beside them.
Every model's outputs are compared first: a fast wrong answer ends the benchmark. `start` is session creation plus the first run of
bert_base, each in a fresh process (the file is in the page cache), with the peak of its resident memory. Where
build/release/bin/tenon_bench exists, it is run too: it measures the cost per node of tiny_50 inside the C++ API.
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "models"))
import make_models  # noqa: E402

OURS, THEIRS = "tenon", "onnxruntime"
TOLERANCE = 2e-3  # of max |a-b| / (|b| + mean |b|); random networks amplify rounding, a wrong kernel is far beyond it
# The least ratios that the project has set itself (1 thread).
GOALS = {"matmul_512": 0.95, "matmul_1024": 0.95, "bert_base": 0.9, "resnet50": 0.7, "start": 1.0}
GOAL_US_PER_NODE = 0.1  # tiny_50 in the C++ API
FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")


def machine():
    """What the figures depend on: processor, its instruction sets, cores, load and versions."""
    info = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        info.setdefault(key.strip(), value.strip())
    present = set(info.get("flags", "").split())
    have = [f for f in FLAGS if f in present]
    return {
        "cpu": f"{info.get('model name', platform.machine())} (family {info.get('cpu family', '?')} model {info.get('model', '?')})",
        "isa": have,
        "class": "AMX" if "amx_tile" in have else "AVX-512" if "avx512f" in have else "AVX2" if "avx2" in have else "portable",
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }


def make_session(module, path, threads):
    so = module.SessionOptions()
    so.intra_op_num_threads, so.inter_op_num_threads, so.log_severity_level = threads, 1, 3
    return module.InferenceSession(str(path), so, providers=["CPUExecutionProvider"])


def relative_difference(got, want):
    return max(float((np.abs(a - b) / (np.abs(b) + np.abs(b).mean() + 1e-30)).max()) for a, b in zip(got, want, strict=True))


def timed(session, feeds):
    start = time.perf_counter()
    session.run(None, feeds)
    return time.perf_counter() - start


def interleaved(pair, feeds, seconds, threads):
    """Times of the two sessions, in turn; who goes first changes every round.

    With more than one thread each turn is a block of runs whose first is dropped, after a pause: idle workers of the one library
    spin for a while and would otherwise take the cores from the other."""
    for session in pair:
        for _ in range(3):
            session.run(None, feeds)
    once = max(sum(timed(s, feeds) for s in pair), 1e-6)
    block, pause = (1, 0.0) if threads == 1 else (int(np.clip(0.05 / once, 3, 50)), 0.02)
    rounds = int(np.clip(seconds / (once * block + 2 * pause), 7, 2000))
    times = ([], [])
    for i in range(rounds):
        for j in (0, 1) if i % 2 else (1, 0):
            if pause:
                time.sleep(pause)
            times[j].extend([timed(pair[j], feeds) for _ in range(block)][1 if pause else 0 :])
    return times


def compare_model(name, threads, seconds, modules):
    path, feeds = make_models.make(name), make_models.feeds(name)
    pair = [make_session(m, path, threads) for m in modules]
    error = relative_difference(*(s.run(None, feeds) for s in pair))
    ours, theirs = interleaved(pair, feeds, seconds, threads)
    row = {"model": name, "threads": threads, "runs": len(ours), "difference": error}
    for who, times in (("ours", ours), ("theirs", theirs)):
        row[who] = {"median_us": float(np.median(times)) * 1e6, "min_us": min(times) * 1e6}
    row["ratio"] = row["theirs"]["median_us"] / row["ours"]["median_us"]
    row["ratio_min"] = row["theirs"]["min_us"] / row["ours"]["min_us"]
    return row


def start_once(module_name, path):
    """In a fresh process: the times of creating a session and of its first run, and the peak of resident memory. Prints JSON."""
    import importlib

    module = importlib.import_module(module_name)
    feeds = make_models.feeds(path.stem)
    t0 = time.perf_counter()
    session = make_session(module, path, 1)
    t1 = time.perf_counter()
    session.run(None, feeds)
    t2 = time.perf_counter()
    # Not getrusage: its maximum survives exec and may be the parent's.
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    print(json.dumps({"create_s": t1 - t0, "first_run_s": t2 - t1, "total_s": t2 - t0, "peak_mb": peak / 1024}))


def compare_start(name, repeats):
    """Session creation plus first run, fresh processes, alternating; the first pair only warms the page cache."""
    path = make_models.make(name)
    results = {OURS: [], THEIRS: []}
    for i in range(repeats + 1):
        for who in (OURS, THEIRS) if i % 2 else (THEIRS, OURS):
            done = subprocess.run([sys.executable, __file__, "--start-once", who, str(path)], stdout=subprocess.PIPE, text=True, check=True)
            if i:
                results[who].append(json.loads(done.stdout.splitlines()[-1]))
    row = {"model": name, "repeats": repeats}
    for key, who in (("ours", OURS), ("theirs", THEIRS)):
        row[key] = {k: float(np.median([r[k] for r in results[who]])) for k in results[who][0]}
        row[key]["min_total_s"] = min(r["total_s"] for r in results[who])
    row["ratio"] = row["theirs"]["total_s"] / row["ours"]["total_s"]
    row["ratio_min"] = row["theirs"]["min_total_s"] / row["ours"]["min_total_s"]
    return row


def cpp_bench():
    """What the C++ benchmarks named *tiny_50* measured: [{name, us, us_per_node}]; None where tenon_bench was not built.

    One iteration of such a benchmark is one run of tiny_50.onnx, which it finds in the folder $TENON_BENCH_MODELS."""
    binary = ROOT / "build" / "release" / "bin" / "tenon_bench"
    if not binary.exists():
        return None
    env = {**os.environ, "TENON_BENCH_MODELS": str(make_models.make("tiny_50").parent)}
    command = [str(binary), "--benchmark_filter=tiny_50", "--benchmark_format=json"]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode or not done.stdout.strip():
        sys.exit(f"{binary} failed with status {done.returncode} or has no benchmark named tiny_50")
    scale = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}
    found = [(b["name"], b["real_time"] * scale[b["time_unit"]]) for b in json.loads(done.stdout)["benchmarks"]]
    return [{"name": name, "us": us, "us_per_node": us / 50} for name, us in found]


def verdict(name, threads, ratio):
    goal = GOALS.get(name)
    return "" if goal is None or threads != 1 else f"{'ok' if ratio >= goal else 'BELOW'} {goal:.2f}"


def time_text(us):
    return f"{us:.1f} us" if us < 1e3 else f"{us / 1e3:.2f} ms" if us < 1e6 else f"{us / 1e6:.2f} s"


def print_table(head, rows, markdown):
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    for n, row in enumerate([head, *rows]):
        cells = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print("| " + " | ".join(cells) + " |" if markdown else "  ".join(cells).rstrip(), flush=True)
        if n == 0 and markdown:
            print("|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|")


def print_report(report, markdown):
    m = report["machine"]
    print(f"\n{m['cpu']}, {m['cores']} cores, class {m['class']} ({' '.join(m['isa'])}); load {m['load']:.1f}; {m['date']}")
    print(f"tenon {m['tenon']}, onnxruntime {m['onnxruntime']}, numpy {m['numpy']}, Python {m['python']}\n")
    rows = []
    for r in report["models"]:
        both = [time_text(r[w][k]) for k in ("median_us", "min_us") for w in ("theirs", "ours")]
        rows.append([r["model"], str(r["threads"]), *both, f"{r['ratio']:.2f}", f"{r['ratio_min']:.2f}", verdict(r["model"], r["threads"], r["ratio"]), f"{r['difference']:.0e}"])
    if rows:
        print_table(["model", "threads", "ORT median", "ours", "ORT min", "ours", "ratio", "of minima", "goal", "difference"], rows, markdown)
    if "start" in report:
        s, rows = report["start"], []
        for label, who in (("onnxruntime", "theirs"), ("tenon", "ours")):
            v = s[who]
            rows.append([label, *(time_text(1e6 * v[k]) for k in ("create_s", "first_run_s", "total_s", "min_total_s")), f"{v['peak_mb']:.0f} MB"])
        print(f"\nstart of {s['model']}, {s['repeats']} fresh processes each: ratio {s['ratio']:.2f} (of minima {s['ratio_min']:.2f})  {verdict('start', 1, s['ratio'])}")
        print_table(["", "create", "first run", "both", "both, min", "peak memory"], rows, markdown)
    if report["cpp"] is None:
        print("\nC++ API, tiny_50: not measured, build/release/bin/tenon_bench is not built")
    for r in report["cpp"] or []:
        goal = f"{'ok' if r['us_per_node'] <= GOAL_US_PER_NODE else 'ABOVE'} {GOAL_US_PER_NODE}"
        print(f"\nC++ API, {r['name']}: {r['us']:.2f} us per run, {r['us_per_node']:.3f} us per node  {goal}")


def note(text):
    """What is being measured now, on a terminal only; an empty text erases it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(make_models.MODELS), help="models, comma separated; '' for none")
    parser.add_argument("--threads", default="1", help="thread counts, comma separated; default 1")
    parser.add_argument("--seconds", type=float, default=6, help="about this long per model and thread count")
    parser.add_argument("--start-repeats", type=int, default=7, help="fresh processes each for `start`; 0 leaves it out")
    parser.add_argument("--json", type=pathlib.Path, help="also write everything here; - for stdout")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--start-once", nargs=2, metavar=("MODULE", "MODEL"), help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.start_once:
        return start_once(a.start_once[0], pathlib.Path(a.start_once[1]))

    import onnxruntime
    import tenon

    report = {"machine": machine(), "models": []}
    report["machine"].update(tenon=tenon.__version__, onnxruntime=onnxruntime.__version__)
    names = [n for n in a.only.split(",") if n]
    for name in names:
        note(f"making {name}")
        make_models.make(name)
    if a.start_repeats:
        note("start of bert_base")
        report["start"] = compare_start("bert_base", a.start_repeats)
    for name in names:
        for threads in map(int, a.threads.split(",")):
            note(f"{name}, {threads} thread(s)")
            row = compare_model(name, threads, a.seconds, (tenon, onnxruntime))
            if not row["difference"] < TOLERANCE:
                sys.exit(f"{name}: outputs differ by {row['difference']:.1e} (relative), allowed {TOLERANCE:.0e}")
            report["models"].append(row)
    note("")
    report["cpp"] = cpp_bench()
    if a.json and str(a.json) == "-":
        print(json.dumps(report, indent=1))
        return None
    print_report(report, a.markdown)
    if a.json:
        a.json.write_text(json.dumps(report, indent=1) + "\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
