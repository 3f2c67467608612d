#!/usr/bin/env python3
"""Mutation check: change one token in a random place of kernels or validator, build, and see whether the tests notice.

Works in a copy under build/mutate, never in the tree itself. A mutant that does not compile, crashes, hangs or fails a
test is caught. The tests named like the mutant's file run first, then those of its room, then all; a failure must come
again when the test runs alone. A run hangs when it takes four times the processor time of all tests on the unchanged
tree, or more than twenty minutes. Prints every survivor with its place; fails when fewer than --need of --count are
caught.
What cannot change results is left alone: statements that end in `// tuning` (block sizes, choice of a fast path, spare
scratch), what SKIP names, and the single changes that the patterns of SAME describe."""
import argparse
import filecmp
import glob
import os
import random
import re
import resource
import shutil
import signal
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
# Lines left alone: constants that set sizes, estimates of cost (also where they go on in a next line, and the calls that
# take one), alignment, messages, and the first values of members, which the first use replaces.
SKIP = re.compile(r"^\s*(//|#|\*|template|using|static_assert|(static )?constexpr \w+ k[A-Z]\w* =|static_cast<double>\(|(int64_t|bool) \w+_ =)"
                  r"|\bcost_?\b|\bflops\b|isa == Isa::|par\.loop\(|alloc|alignas|prefetch|fail\(")
# (pattern, old, new): the change from old to new at the end of a match of the pattern gives the same result.
SAME = [
    # Loops over whole blocks: the loop for the rest takes the last one.
    (re.compile(r"for \(; \w+ \+ [\w *]+ $"), "<=", "<"),
    *((re.compile(r"for \(; \w+ \+ $"), str(n), str(n + 1), re.compile(r"\d+ (\* W )?<=")) for n in range(9)),
    # Loops over blocks of which the last may be short: one more, of size 0.
    (re.compile(r"for \([^;]*; (\w+) $"), "<", "<=", re.compile(r"< [^;&|]+; \w+ \+= ")),
    # A rest of size 0.
    (re.compile(r"^\s*if \((i|j|p) $"), "<", "<=", re.compile(r"< (n|k)\)")),
    # A masked access to all lanes of a vector, instead of a plain one.
    (re.compile(r"\bc $"), ">=", ">", re.compile(r">= W \?")),
]
# a < b ? a : b, and its relatives: equal operands.
LESSER = re.compile(r"([\w.\[\]]+(?: - \w+)?) [<>] ([\w.\[\]]+) \? (?:\1 : \2|\2 : \1)(?![\w.])")


def same(code, m, old, new):
    for pattern, a, b, *after in SAME:
        if (old, new) == (a, b) and pattern.search(code[:m.start()]) and all(x.match(code, m.start()) for x in after):
            return True
    return old in "<>" and new == old + "=" and any(s.start() < m.start() < s.end() and code[s.start():m.start()].count("?") == 0
                                                    for s in LESSER.finditer(code))


def sites(folder):
    found = []
    for pattern in PLACES:
        for path in sorted(glob.glob(os.path.join(folder, pattern), recursive=True)):
            if path.endswith("_test.cc"):
                continue
            with open(path) as f:
                lines = f.read().split("\n")
            marked = {n for n, line in enumerate(lines) if "// tuning" in line}
            for n in sorted(marked):  # the whole statement
                while n > 0 and not re.search(r"([;{}:]|^)\s*$", lines[n - 1].split("//")[0]):
                    n -= 1
                    marked.add(n)
            for n, line in enumerate(lines):
                code = line.split("//")[0]
                if n in marked or SKIP.search(line) or '"' in code:
                    continue
                for pattern_, new in CHANGES:
                    for m in pattern_.finditer(code):
                        text = new(m) if callable(new) else new
                        if same(code, m, m.group(), text):
                            continue
                        found.append((path, n, line[:m.start()] + text + line[m.end():]))
    return found


def run(command, folder, cpu_seconds=None):
    """The finished process; None when it took more processor time than `cpu_seconds` or, with such a limit, 20 minutes."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
    try:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=cpu_seconds and 1200, preexec_fn=cpu_seconds and limit)
    except subprocess.TimeoutExpired:
        return None
    return None if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL) else done


def nearest_first(path, folder):
    """Filters for the runs of one mutant: tests named like its file (gemm.cc: gemm*_test.cc), those of its room, all."""
    room, word = os.path.relpath(path, folder).split(os.sep)[1], re.split(r"[_.]", os.path.basename(path))[0]
    for pattern in (f"{word}*_test.cc", "*_test.cc"):
        suites = set()
        for test in glob.glob(os.path.join(folder, "src", room, "**", pattern), recursive=True):
            with open(test) as f:
                suites.update(re.findall(r"^TEST(?:_F)?\((\w+),", f.read(), re.MULTILINE))
        if suites:
            yield ":".join(f"{s}.*" for s in sorted(suites))
    yield "*"


def verdict_of(tested):
    if tested is None:
        return "caught: hangs"
    if tested.returncode == 0:
        return "SURVIVED"
    failed = re.search(r"^\[  FAILED  \] (\S+)", tested.stdout, re.MULTILINE)
    return "caught: " + (failed.group(1) if failed else f"dies ({tested.returncode})")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--count", type=int, default=30)
    ap.add_argument("--need", type=int, default=28)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    copy = os.path.join(ROOT, "build", "mutate")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")
    for f in filter(None, files):
        target = os.path.join(copy, f)
        source = os.path.join(ROOT, f)
        if os.path.exists(source) and not (os.path.exists(target) and filecmp.cmp(source, target, shallow=False)):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(source, target)  # with a new time: an interrupted run may have left a mutant behind
    build = ["cmake", "--build", "build/release", "-j", str(os.cpu_count()), "--target", "tenon_tests"]
    test = ["build/release/bin/tenon_tests", "--gtest_brief=1", "--gtest_fail_fast"]
    if not os.path.exists(os.path.join(copy, "build/release/build.ninja")):
        subprocess.run(["cmake", "--preset", "release", "-DTENON_BUILD_PYTHON=OFF"], cwd=copy, check=True, stdout=subprocess.DEVNULL)
    for command in (build, test):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        clean = run(command, copy)
        if clean is None or clean.returncode:
            print("\n".join(clean.stdout.split("\n")[-20:]) if clean else "takes too long")
            sys.exit("the unchanged tree does not build or does not pass: nothing to compare with")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = 4 * int(1 + after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
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
            built = run(build, copy)
            if built is None or built.returncode:
                verdict = "caught: does not compile"
            else:
                for tests in nearest_first(path, copy):
                    verdict = verdict_of(run([*test, f"--gtest_filter={tests}"], copy, cpu_seconds))
                    if verdict != "SURVIVED":
                        break
                failed = re.match(r"caught: (\S+\.\S+)$", verdict)
                if failed:  # a test that fails by chance has caught nothing
                    verdict = verdict_of(run([*test, f"--gtest_filter={failed.group(1)}"], copy, cpu_seconds))
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
