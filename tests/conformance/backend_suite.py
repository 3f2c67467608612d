"""Runs the backend cases on Tenon and compares with the list of expected failures.

    python tests/conformance/backend_suite.py [-k PART_OF_NAME] [--level N] [--ops] [--update]
"""
import argparse
import collections
import pathlib
import re
import sys

import numpy as np
import tenon
from compare import Different, check_shape, check_value
from forked import forked_map
from onnx_cases import load_cases

LEVELS = {0: tenon.GraphOptimizationLevel.ORT_DISABLE_ALL, 99: tenon.GraphOptimizationLevel.ORT_ENABLE_ALL}
EXPECTED = pathlib.Path(__file__).with_name("expected_failures.txt")
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "conformance.md"


def read_expected(path=EXPECTED):
    """{case: reason}. A line is the name of a case and why it fails; "name@99" fails at level 99 only."""
    lines = [line.split(None, 1) for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {name: reason.strip() for name, reason in lines}


def drop(names, path=EXPECTED):
    """Takes lines out of such a file."""
    kept = [line for line in path.read_text().splitlines() if line.startswith("#") or line.split(None, 1)[0] not in names]
    path.write_text("\n".join(kept) + "\n")


def run_case(case, level):
    """None, or what is wrong with the result."""
    try:
        options = tenon.SessionOptions()
        options.graph_optimization_level = LEVELS[level]
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        session = tenon.InferenceSession(case.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        names = [i.name for i in session.get_inputs()]
        for inputs, outputs in case.data_sets:
            feeds = dict(zip(names, inputs))
            check_results(case, feeds, outputs, session.run(None, feeds))
    except Different as e:
        return str(e)
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    return None


def check_results(case, feeds, outputs, got):
    """Raises Different. Where the results are random, what has to hold for any of them is checked instead of the values."""
    if len(got) != len(outputs):
        raise Different(f"{len(outputs)} outputs expected, found {len(got)}")
    if case.name.startswith("test_bernoulli"):
        check_shape(outputs[0], got[0])
        if not np.isin(got[0].astype(np.float64), (0, 1)).all():
            raise Different("output: a value that is neither 0 nor 1")
    elif case.name.startswith("test_training_dropout") and "zero_ratio" not in case.name:
        x, ratio = list(feeds.values())[0], float(list(feeds.values())[1]) if len(feeds) > 1 else 0.5
        for want, value in zip(outputs, got):
            check_shape(want, value)
        kept = got[1] if len(got) > 1 else got[0] != 0
        check_value(np.where(kept, x / np.float32(1 - ratio), np.float32(0)).astype(x.dtype), got[0], case.rtol, case.atol)
        if not 0 < kept.mean() < 1:
            raise Different("mask: all values are equal")
    else:
        for i, (want, value) in enumerate(zip(outputs, got)):
            check_value(want, value, case.rtol, case.atol, f"output {i}")


def run_suite(cases, levels=tuple(LEVELS)):
    """{(case name, level): None or what is wrong}."""
    work = [(case, level) for case in cases for level in levels]
    found = forked_map(lambda w: run_case(*w), work)
    return {(case.name, level): result for (case, level), result in zip(work, found)}


def totals(cases, results):
    """{kind and "all": [passed at every level that ran, cases]}."""
    table = {}
    for case in cases:
        ok = not any(results.get((case.name, level)) for level in LEVELS)
        for key in (case.kind, "all"):
            entry = table.setdefault(key, [0, 0])
            entry[0] += ok
            entry[1] += 1
    return table


def totals_table(table):
    """The totals as the page has them."""
    rows = [f"| {kind} | {count:,} | {ok:,} |" for kind, (ok, count) in sorted(table.items(), key=lambda kv: (kv[0] == "all", -kv[1][1]))]
    return "\n".join(["| cases | number | pass at levels 0 and 99 |", "|---|---|---|", *rows])


def write_block(name, text):
    """Puts `text` between <!-- NAME: ... --> and <!-- end --> of the page."""
    page, count = re.subn(rf"(<!-- {name}:[^\n]*-->\n).*?(\n<!-- end -->)", lambda m: m[1] + text + m[2], PAGE.read_text(), flags=re.S)
    assert count == 1, f"{PAGE} has {count} blocks named {name}"
    PAGE.write_text(page)


def surprises(results, expected):
    """Lines about cases that fail and are not in the list, and the reverse."""
    lines = []
    for (name, level), wrong in results.items():
        if wrong and not {name, f"{name}@{level}"} & set(expected):
            lines.append(f"{name}@{level} fails: {wrong[:300]}")
    return lines + [f"{name} passes, but {EXPECTED.name} lists it" for name in passing(results, expected)]


def passing(results, expected):
    """Listed cases that pass (or are not there) at a level that the list says they fail at."""
    return [k for k in expected if not all(results.get((k.split("@")[0], level)) for level in LEVELS if "@" not in k or k.endswith(f"@{level}"))]


def main():
    parser = argparse.ArgumentParser(description="The backend cases of the onnx package on Tenon.")
    parser.add_argument("-k", default="", help="only cases with this in their name")
    parser.add_argument("--level", type=int, choices=sorted(LEVELS), action="append")
    parser.add_argument("--ops", action="store_true", help="print a line per operator")
    parser.add_argument("--update", action="store_true", help=f"take cases that pass out of {EXPECTED.name}; write the totals into {PAGE.name}")
    a = parser.parse_args()
    cases = [c for c in load_cases() if a.k in c.name]
    results = run_suite(cases, a.level or tuple(LEVELS))
    for (name, level), wrong in results.items():
        if wrong:
            print(f"{name}@{level}: {wrong[:300]}")
    if a.ops:
        per_op = collections.defaultdict(list)
        for case in cases:
            per_op[case.op].append(case)
        for op, mine in sorted(per_op.items()):
            ok, count = totals(mine, results)["all"]
            print(f"{op:32} {ok:4} of {count:4}")
    table = totals(cases, results)
    for kind, (ok, count) in table.items():
        print(f"{kind:18} {ok:5,} of {count:5,} backend cases pass at every level")
    expected = {k: v for k, v in read_expected().items() if a.k in k}
    if a.update:
        drop(passing(results, expected))
        if not a.k and not a.level:
            write_block("backend", totals_table(table))
        expected = {k: v for k, v in read_expected().items() if a.k in k}
    lines = [] if a.level else surprises(results, expected)
    print(*lines, sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
