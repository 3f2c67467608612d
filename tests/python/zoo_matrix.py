#!/usr/bin/env python3
"""Runs models in every way that a session can run, at levels 0 and 99, and compares with the stored outputs of their frameworks.

    zoo_matrix.py [--dir FOLDER] [--group blocks,fam_hf,...] [--only SUBSTRING] [--config cpu,...] [--timeout 300] [-v]

cpu, threads2, threads8   1, 2 and 8 threads
parallel                  two lanes, always
device                    a test device that claims a random part of the nodes (drawn by the model's name), then the CPU
devices                   two of them, then the CPU
Threads and lanes must also give the bits of `cpu`. FOLDER (default tests/models) has NAME.onnx, NAME.npz and index.json or zoo.json.
Each model has a process of its own. The last lines count what passed and failed per way; a device that claimed nothing is counted apart.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEVELS = {0: "ORT_DISABLE_ALL", 99: "ORT_ENABLE_ALL"}
CONFIGS = ("cpu", "threads2", "threads8", "parallel", "device", "devices")
SAME_BITS = ("threads2", "threads8", "parallel")


def rows_of(folder):
    """The rows of a folder's index, each with its folder."""
    index = folder / "index.json"
    rows = json.loads((index if index.exists() else folder / "zoo.json").read_text())
    return [dict(r, folder=str(folder)) for r in rows if (folder / f"{r['name']}.onnx").exists() and not r.get("skip")]


def device(draw, i):
    options = {"device_id": i, "share": draw.choice((0.3, 0.6, 0.9)), "seed": draw.randrange(1 << 30), "peer": 1}
    options |= {k: draw.randrange(2) for k in ("fuse", "async", "host_shapes")}
    return "TestDeviceExecutionProvider", {k: str(v) for k, v in options.items()}


def make_session(row, config, level):
    import tenon

    so = tenon.SessionOptions()
    so.graph_optimization_level = getattr(tenon.GraphOptimizationLevel, LEVELS[level])
    so.intra_op_num_threads = {"threads2": 2, "threads8": 8}.get(config, 1)
    so.inter_op_num_threads, so.log_severity_level = 1, 4
    so.add_session_config_entry("tenon.verify", "1")
    if config == "parallel":
        so.execution_mode, so.inter_op_num_threads = tenon.ExecutionMode.ORT_PARALLEL, 2
        so.add_session_config_entry("tenon.parallel", "always")
    draw = random.Random(zlib.crc32(f"{row['name']} {config} {level}".encode()))
    devices = {"device": 1, "devices": 2}.get(config, 0)
    providers = [device(draw, i) for i in range(devices)] + ["CPUExecutionProvider"]
    return tenon.InferenceSession(str(ROOT / row["folder"] / f"{row['name']}.onnx"), so, providers=providers)


def check(row, config, level, want_bits=None):
    """Runs every set of a model some times over; its first outputs and the number of nodes on devices. Asserts what is right."""
    from test_models import load_sets, relative_error

    session = make_session(row, config, level)
    sets, first = load_sets(row), []
    assert sets
    for k in range(5 if config == "parallel" else 2):  # lanes come after three runs
        for i, (feeds, want) in enumerate(sets):
            got = session.run(list(want), feeds)
            for name, value in zip(want, got, strict=True):
                error = relative_error(want[name], value)
                assert error <= row["tolerance"], f"run {k}, set {i}, output {name}: relative error {error:.2e}, allowed {row['tolerance']:.0e}"
            if k == 0:
                first.append(got)
            expected = want_bits[i] if want_bits else first[i]
            assert all(a.tobytes() == b.tobytes() for a, b in zip(got, expected, strict=True)), f"run {k}, set {i}: other bits"
    placed = sum(n["provider"] != "CPUExecutionProvider" for n in session.load_report()["placement"]["nodes"]) if "device" in config else 0
    return first, placed


def refused(row, config, level):
    try:
        make_session(row, config, level)
    except Exception:
        return
    raise AssertionError("accepted, but must be refused")


def one_model(row, configs):
    """A line of JSON per way and level."""
    for level in LEVELS:
        bits = None
        for config in configs:
            result = {"config": config, "level": level, "placed": 0}
            try:
                if row.get("expect_error"):
                    refused(row, config, level)
                else:
                    first, result["placed"] = check(row, config, level, bits if config in SAME_BITS else None)
                    bits = first if config == "cpu" else bits
            except Exception as e:
                result["why"] = f"{type(e).__name__}: {e}".replace("\n", " ")[:300]
            print(json.dumps(result), flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--dir", type=pathlib.Path, default=ROOT / "tests" / "models")
    ap.add_argument("--group", default="", help="only these values of 'module' in zoo.json")
    ap.add_argument("--only", default="")
    ap.add_argument("--config", default=",".join(CONFIGS))
    ap.add_argument("--timeout", type=float, default=300)
    ap.add_argument("-v", action="store_true")
    ap.add_argument("--one", help=argparse.SUPPRESS)
    a = ap.parse_args()
    rows = {r["name"]: r for r in rows_of(a.dir.resolve()) if a.only in r["name"] and (not a.group or r.get("module") in a.group.split(","))}
    configs = [c for c in CONFIGS if c in a.config.split(",")]
    if a.one:
        return one_model(rows[a.one], configs)
    passed, failed, unplaced = ({(c, level): 0 for c in configs for level in LEVELS} for _ in range(3))
    for name in rows:
        try:
            done = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--one", name], stdout=subprocess.PIPE, text=True, timeout=a.timeout)
            lines, end = done.stdout.splitlines(), f"the process ended with {done.returncode}"
        except subprocess.TimeoutExpired as e:
            lines, end = (e.stdout or b"").decode().splitlines(), f"no end in {a.timeout:.0f} s"
        results = {(r["config"], r["level"]): r for r in map(json.loads, lines)}
        for way in passed:
            r = results.get(way, {"why": end, "placed": 0})
            (failed if "why" in r else passed)[way] += 1
            unplaced[way] += "why" not in r and "device" in way[0] and not r["placed"]
            if "why" in r:
                print(f"FAIL {name}, {way[0]}, level {way[1]}: {r['why']}", flush=True)
        if a.v:
            print(f"done {name}", flush=True)
    for (config, level), n in passed.items():
        note = f", {unplaced[config, level]} of them with nothing on a device" if unplaced[config, level] else ""
        print(f"{config:10} level {level:2}: {n} passed, {failed[config, level]} failed{note}")
    return 1 if sum(failed.values()) or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
