#!/usr/bin/env python3
"""The screens of `make demo`: a digits classifier, a transformer block at four optimisation levels, its profile, the block over
two providers, and an application from PyPI that reads a page.

    demo.py [--step 1|2|3|4|5]

Needs numpy, onnx and tenon, and for the last screen what scripts/bootstrap_applications.sh installs; writes its files into
build/demo.
"""
import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import onnx

import tenon

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "digits"))
import classify  # noqa: E402
from classify import can_print, progress, styled  # noqa: E402

BLOCK = ROOT / "examples" / "transformer_block" / "transformer_block_new.onnx"
OUT = ROOT / "build" / "demo"
LEVELS = {0: "ORT_DISABLE_ALL", 1: "ORT_ENABLE_BASIC", 2: "ORT_ENABLE_EXTENDED", 99: "ORT_ENABLE_ALL"}
SHAPES = ((1, 16), (4, 32), (2, 7), (8, 64))


def screen(number, title):
    line = ("─" if can_print("─") else "-") * 76
    print(f"\n{styled(line, 'dim')}\n{styled(f'{number}. {title}', 'bold')}\n{styled(line, 'dim')}")


def table(head, rows, left=1):
    """Prints rows of strings under a head; the first `left` columns are left-aligned."""
    widths = [max(len(str(r[i])) for r in [head, *rows]) for i in range(len(head))]

    def line(cells):
        return "  " + "  ".join(str(c).ljust(w) if i < left else str(c).rjust(w) for i, (c, w) in enumerate(zip(cells, widths)))

    print(styled(line(head), "dim"))
    for row in rows:
        print(line(row))


def count_nodes(graph):
    """Nodes of a graph, with those of its subgraphs."""
    subgraphs = (g for n in graph.node for a in n.attribute for g in ([a.g] if a.HasField("g") else a.graphs))
    return len(graph.node) + sum(map(count_nodes, subgraphs))


def session_at(level, **options):
    so = tenon.SessionOptions()
    so.graph_optimization_level = getattr(tenon.GraphOptimizationLevel, LEVELS[level])
    so.log_severity_level = 3  # saving an optimised model warns that it fits this machine only
    for key, value in options.items():
        setattr(so, key, value)
    return tenon.InferenceSession(str(BLOCK), so, providers=["CPUExecutionProvider"])


def difference(got, want):
    return float(np.abs(got - want).max())


def step_digits():
    screen(1, "A digits classifier, trained for real, on images that it has never seen")
    return classify.show()


def step_levels(runs=15):
    """The transformer block at each level, the shape changing from run to run."""
    screen(2, "A transformer block (d 256, 8 heads, exported by torch) at four levels")
    print("  Batch and sequence length change from run to run; the sessions are made once.\n")
    rng = np.random.default_rng(0)
    feeds = [rng.standard_normal((*s, 256), dtype=np.float32) for s in SHAPES]
    with np.load(BLOCK.with_suffix(".npz")) as stored:
        torch_pairs = [(stored[f"{i}.in.input"], stored[f"{i}.out.output"]) for i in range(3)]
    nodes, sessions = {"model": count_nodes(onnx.load(str(BLOCK), load_external_data=False).graph)}, {}
    for level in LEVELS:
        saved = OUT / f"transformer_block.level{level}.onnx"
        saved.unlink(missing_ok=True)
        sessions[level] = session_at(level, optimized_model_filepath=str(saved))
        nodes[level] = count_nodes(onnx.load(str(saved), load_external_data=False).graph)
    wanted = [sessions[0].run(None, {"input": x})[0] for x in feeds]
    ms, worst = collections.defaultdict(list), collections.Counter()
    for _ in progress(list(range(runs)), "running"):
        for level, session in sessions.items():
            for i, x in enumerate(feeds):
                start = time.perf_counter()
                y = session.run(None, {"input": x})[0]
                ms[level, i].append(1e3 * (time.perf_counter() - start))
                worst[level] = max(worst[level], difference(y, wanted[i]))
    rows = []
    for level, name in LEVELS.items():
        times = [f"{np.median(ms[level, i]):.2f}" for i in range(len(feeds))]
        rows.append([name, level, nodes[level], f"{worst[level]:.1e}" if level else "-", *times])
    print(f"  The model file has {nodes['model']} nodes. Times are medians of {runs} runs, in ms, at batch x length.\n")
    table(["level", "", "nodes left", "max diff to level 0", *(f"{b}x{s}" for b, s in SHAPES)], rows)
    best = max(difference(sessions[99].run(None, {"input": x})[0], y) for x, y in torch_pairs)
    print(f"\n  Largest difference to what torch computed (3 inputs, level 99): {styled(f'{best:.1e}', 'bold')}")
    return max(best, *worst.values())


def step_profile(runs=10, top=10):
    """Profiles the block and prints the nodes that take most of the time."""
    screen(3, f"Its profile: {runs} runs at batch 8, length 64, level 99")
    session = session_at(99, enable_profiling=True, profile_file_prefix=str(OUT / "transformer_block"))
    x = np.random.default_rng(0).standard_normal((8, 64, 256), dtype=np.float32)
    for _ in range(runs):
        session.run(None, {"input": x})
    path = pathlib.Path(session.end_profiling()).resolve()
    events = [e for e in json.loads(path.read_text()) if e.get("cat") == "Node"]
    spent, op_of = collections.Counter(), {}
    for e in events:
        node = e["name"].removesuffix("_kernel_time")
        spent[node] += e["dur"]
        op_of[node] = e["args"]["op_name"]
    total, longest = sum(spent.values()), max(spent.values())
    block = "█" if can_print("█") else "#"
    rows = []
    for node, us in spent.most_common(top):
        short = node if len(node) <= 34 else "..." + node[-31:]
        rows.append([op_of[node], short, f"{us / runs:.0f}", f"{us / total:.1%}", (block * round(20 * us / longest)).ljust(20)])
    print()
    table(["operator", "node", "us per run", "share", ""], rows, left=2)
    print(f"\n  {len(spent)} nodes, {total / runs / 1000:.2f} ms per run in kernels. The trace, for https://ui.perfetto.dev:")
    print(f"  {styled(str(path), 'cyan')}")
    return path


def step_providers(top=12):
    """The block over a test device, which has an address space of its own, and the CPU."""
    screen(4, "The block over two providers: a device with memory of its own, and the CPU")
    device = "TestDeviceExecutionProvider"
    so = tenon.SessionOptions()
    so.log_severity_level = 3  # the line about placement is printed below
    session = tenon.InferenceSession(str(BLOCK), so, providers=[
        (device, {"except": "LayerNormalization,Softmax,Reshape", "async": "1"}), "CPUExecutionProvider"])
    placement = session.load_report()["placement"]
    print(f"  {styled(placement['summary'], 'bold')}\n")
    per_provider = collections.defaultdict(collections.Counter)
    for node in placement["nodes"]:
        per_provider[node["provider"], node["group"] or "-"][node["op"]] += 1
    rows = [[provider.removesuffix("ExecutionProvider"), group, sum(ops.values()), ", ".join(f"{op} {n}" for op, n in ops.most_common())]
            for (provider, group), ops in per_provider.items()]
    table(["provider", "compiled group", "nodes", "operators"], [r[:3] + [r[3].ljust(40)] for r in rows], left=2)
    refused = collections.Counter((r["op"], r["reason"]) for r in placement["refusals"])
    print("\n  What the device refused, and its reasons:")
    for (op, reason), n in refused.most_common(top):
        print(f"    {n} {op}: {reason}")
    x = np.random.default_rng(0).standard_normal((4, 32, 256), dtype=np.float32)
    worst = difference(session.run(None, {"input": x})[0], session_at(99).run(None, {"input": x})[0])
    print(f"\n  {len(placement['copies'])} copies per run; largest difference to the CPU alone: {styled(f'{worst:.1e}', 'bold')}")
    print(f"  More: tenon explain {BLOCK.relative_to(ROOT)} --provider TestDevice:except=Softmax")
    return worst


def step_application():
    """rapidocr in an environment of its own, which has no onnxruntime; this Tenon is put in front of it."""
    screen(5, "An application that knows nothing of Tenon: rapidocr, from PyPI, reads a page")
    made = subprocess.run([ROOT / "scripts" / "bootstrap_applications.sh"], stdout=subprocess.PIPE, text=True, check=True)
    package = pathlib.Path(tenon.__file__).parent.parent
    lone = OUT / "tenon_only"  # this package without its neighbours in site-packages
    lone.mkdir(exist_ok=True)
    (lone / "tenon").unlink(missing_ok=True)
    (lone / "tenon").symlink_to(package / "tenon")
    program = [ROOT / made.stdout.strip(), ROOT / "examples" / "ocr" / "read_page.py", "--out", OUT]
    return subprocess.run(program, env={**os.environ, "PYTHONPATH": str(lone)}).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, choices=(1, 2, 3, 4, 5), help="only this screen")
    a = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("transformer_block_*.json"):
        os.remove(old)
    if a.step in (None, 1) and step_digits() < 0.98:
        sys.exit("the digits classifier is below 98 %")
    if a.step in (None, 2) and not step_levels() < 1e-4:
        sys.exit("the levels disagree with each other or with torch")
    if a.step in (None, 3):
        step_profile()
    if a.step in (None, 4) and not step_providers() < 1e-4:
        sys.exit("two providers compute something else than one")
    if a.step in (None, 5) and step_application():
        sys.exit("the application did not read its page")


if __name__ == "__main__":
    main()
