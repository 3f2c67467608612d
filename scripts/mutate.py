#!/usr/bin/env python3
"""Mutation check: change one token in a random place of kernels or validator, build, and see whether the tests notice.

Works in a copy under build/mutate, never in the tree itself. A mutant that does not compile, crashes, hangs or fails a
test is caught. Prints every survivor with its place; fails when fewer than --need of --count are caught.
A line whose mutation cannot change results (block sizes, cost estimates) may end in `// tuning`: it is left alone."""
import argparse
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLACES = ["src/kernels/**/*.cc", "src/onnx/validate*.cc", "src/onnx/wire.cc", "src/onnx/tensors.cc", "src/onnx/external_data.cc"]
# Pattern of one token, and what may stand there instead.
CHANGES = [
    (re.compile(r"(?<=\s)<(?=\s)"), "<="), (re.compile(r"(?<=\s)<=(?=\s)"), "<"), (re.compile(r"(?<=\s)>(?=\s)"), ">="),
    (re.compile(r"(?<=\s)>=(?=\s)"), ">"), (re.compile(r"(?<=\s)==(?=\s)"), "!="), (re.compile(r"(?<=\s)!=(?=\s)"), "=="),
    (re.compile(r"(?<=[\w)\]] )\+(?= [\w(])"), "-"), (re.compile(r"(?<=[\w)\]] )-(?= [\w(])"), "+"),
    (re.compile(r"(?<=[\s(\[])(\d+)(?=[\s;),\]])"), lambda m: str(int(m.group(1)) + 1)),
]
SKIP = re.compile(r"^\s*(//|#|\*|template|using|static_assert|constexpr \w+ k(Cost|Grain|Block|Tile))|// tuning|\bcost\b|alloc|prefetch|fail\(")


def sites(folder):
    found = []
    for pattern in PLACES:
        for path in sorted(glob.glob(os.path.join(folder, pattern), recursive=True)):
            if path.endswith("_test.cc"):
                continue
            with open(path) as f:
                lines = f.read().split("\n")
            for n, line in enumerate(lines):
                code = line.split("//")[0]
                if SKIP.search(line) or '"' in code:
                    continue
                for pattern_, new in CHANGES:
                    for m in pattern_.finditer(code):
                        text = new(m) if callable(new) else new
                        found.append((path, n, line[:m.start()] + text + line[m.end():]))
    return found


def run(command, folder, timeout):
    try:
        return subprocess.run(command, cwd=folder, timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
    except subprocess.TimeoutExpired:
        return None


def caught_by(tested):
    failed = re.search(r"^\[  FAILED  \] (\S+)", tested.stdout, re.MULTILINE)
    return "caught: " + (failed.group(1) if failed else f"dies ({tested.returncode})")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=30)
    ap.add_argument("--need", type=int, default=28)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--timeout", type=float, default=300, help="seconds for one run of the tests")
    a = ap.parse_args()
    copy = os.path.join(ROOT, "build", "mutate")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")
    for f in filter(None, files):
        target = os.path.join(copy, f)
        source = os.path.join(ROOT, f)
        if os.path.exists(source) and not (os.path.exists(target) and os.path.getmtime(target) >= os.path.getmtime(source)):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)
    build = ["cmake", "--build", "build/release", "-j", str(os.cpu_count()), "--target", "tenon_tests"]
    test = ["build/release/bin/tenon_tests", "--gtest_brief=1", "--gtest_fail_fast"]
    if not os.path.exists(os.path.join(copy, "build/release/build.ninja")):
        subprocess.run(["cmake", "--preset", "release", "-DTENON_BUILD_PYTHON=OFF"], cwd=copy, check=True, stdout=subprocess.DEVNULL)
    for command, timeout in (build, 3600), (test, a.timeout):
        clean = run(command, copy, timeout)
        if clean is None or clean.returncode:
            print("\n".join(clean.stdout.split("\n")[-20:]) if clean else "takes too long")
            sys.exit("the unchanged tree does not build or does not pass: nothing to compare with")
    all_sites = sites(copy)
    chosen = random.Random(a.seed).sample(all_sites, min(a.count, len(all_sites)))
    caught, survivors = 0, []
    for k, (path, n, text) in enumerate(chosen):
        with open(path) as f:
            original = f.read()
        lines = original.split("\n")
        before = lines[n]
        lines[n] = text
        start = time.time()
        try:
            with open(path, "w") as f:
                f.write("\n".join(lines))
            built = run(build, copy, 1200)
            if built is None or built.returncode:
                verdict = "caught: does not compile"
            else:
                tested = run(test, copy, a.timeout)
                verdict = "caught: hangs" if tested is None else caught_by(tested) if tested.returncode else "SURVIVED"
        finally:
            with open(path, "w") as f:
                f.write(original)
        place = f"{os.path.relpath(path, copy)}:{n + 1}"
        print(f"{k + 1:3}/{len(chosen)} {verdict:32} {place} ({time.time() - start:.0f} s)\n      {before.strip()}\n   -> {text.strip()}", flush=True)
        if verdict == "SURVIVED":
            survivors.append(place)
        else:
            caught += 1
    print(f"{caught} of {len(chosen)} changes caught, {a.need} needed; seed {a.seed}, {len(all_sites)} places to choose from")
    return caught < min(a.need, len(chosen))


if __name__ == "__main__":
    sys.exit(main())
