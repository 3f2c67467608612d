#!/usr/bin/env python3
"""Runs every command of README.md and docs/*.md and every script and program under examples/.

A fenced ```sh, ```python or ```cpp block is run (C++ is compiled and run when it has a main, else only parsed) unless the
line above it is <!-- no-run: reason -->. A Python example is left out when one of its first lines is "# no-run: reason".
Blocks start in the root of the tree, with .venv/bin on the PATH.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = os.environ.get("TENON_PYTHON", str(ROOT / ".venv/bin/python"))
BLOCK = re.compile(r"^(?P<above>[^\n]*)\n```(?P<kind>sh|python|cpp)\n(?P<body>.*?)^```", re.M | re.S)
TIMEOUT_S = 600
CXX = ["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/include"]


def environment():
    env = dict(os.environ)
    env["PATH"] = f"{ROOT}/.venv/bin:{pathlib.Path(PYTHON).parent}:{ROOT}/build/release/bin:{env['PATH']}"
    env["PYTHONPATH"] = f"{ROOT}/build/release/python"
    env["LD_LIBRARY_PATH"] = f"{ROOT}/build/release/lib"
    return env


def cpp_command(source, folder):
    if "int main" not in source.read_text():
        return [*CXX, "-fsyntax-only", str(source)]
    program = pathlib.Path(folder) / "program"
    build = " ".join([*CXX, str(source), "-o", str(program), f"-L{ROOT}/build/release/lib", "-ltenon"])
    return ["bash", "-c", f"{build} && {program}"]


def run(name, command, stdin=None):
    start = time.monotonic()
    try:
        done = subprocess.run(command, input=stdin, cwd=ROOT, env=environment(), text=True, timeout=TIMEOUT_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        code, output = 124, (expired.stdout or b"").decode(errors="replace")
    took = time.monotonic() - start
    print(f"  {'ok  ' if code == 0 else 'FAIL'} {name} ({took:.1f} s)", flush=True)
    if code != 0:
        print(output[-4000:], f"exit status {code}", sep="\n", flush=True)
    return code == 0


def blocks(page):
    text = page.read_text()
    for match in BLOCK.finditer("\n" + text):
        line = text.count("\n", 0, match.start("kind")) + 1
        yield f"{page.relative_to(ROOT)}:{line}", match["above"].strip(), match["kind"], match["body"]


def main():
    ran, skipped, failed = 0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
            for name, above, kind, body in blocks(page) if page.exists() else []:
                if above.startswith(("<!-- no-run", "<!-- file:", "<!-- in ", "<!-- follow")):  # the latter: follow_docs.py
                    skipped += 1
                    continue
                if kind == "sh":
                    good = run(name, ["bash", "-euo", "pipefail", "-c", body])
                elif kind == "python":
                    good = run(name, [PYTHON, "-"], stdin=body)
                else:
                    source = pathlib.Path(folder) / "block.cc"
                    source.write_text(body)
                    good = run(name, cpp_command(source, folder))
                ran += 1
                failed += [] if good else [name]
        for script in sorted((ROOT / "examples").rglob("*")):
            if script.suffix not in (".py", ".cc", ".sh"):
                continue
            name = str(script.relative_to(ROOT))
            if re.search(r"^(#|//) no-run", "\n".join(script.read_text().splitlines()[:8]), re.M):
                skipped += 1
                continue
            command = {".py": [PYTHON, str(script)], ".sh": ["bash", str(script)]}.get(script.suffix)
            ran += 1
            failed += [] if run(name, command or cpp_command(script, folder)) else [name]
    print(f"docs and examples: {ran} ran, {skipped} marked no-run, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
