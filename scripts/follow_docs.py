#!/usr/bin/env python3
"""Follows the pages of docs/ that have a `<!-- follow -->` to the letter in a copy of the tree (build/follow): writes each block that stands under
`<!-- file: PATH -->`, replaces text where `<!-- in PATH after: LINE -->` or `<!-- in PATH before: LINE -->` says so,
then runs the blocks under `<!-- follow -->`."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COPY = os.path.join(ROOT, "build", "follow")
BLOCK = re.compile(r"<!-- (file: (?P<file>\S+)|in (?P<into>\S+) (?P<where>after|before): (?P<anchor>.+?)|follow) -->\n```\w*\n(?P<text>.*?)```", re.S)


def sync():
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")
    kept = set()
    for f in filter(None, files):
        source, target = os.path.join(ROOT, f), os.path.join(COPY, f)
        if not os.path.isfile(source) or f.startswith("tests/models/") or f.startswith("examples/") and "/extensions/" not in f:
            continue
        kept.add(os.path.normpath(target))
        with open(source, "rb") as s:
            data = s.read()
        old = None
        if os.path.isfile(target):
            with open(target, "rb") as t:
                old = t.read()
        if old != data:  # unchanged files keep their time: nothing is built again
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as t:
                t.write(data)
    for folder in ("src", "tests"):
        for d, _, names in os.walk(os.path.join(COPY, folder)):
            for n in names:
                if os.path.normpath(os.path.join(d, n)) not in kept:
                    os.remove(os.path.join(d, n))


def main():
    sync()
    commands = []
    pages = {}
    for page in sorted(p for p in os.listdir(os.path.join(ROOT, "docs")) if p.endswith(".md")):
        with open(os.path.join(ROOT, "docs", page)) as f:
            text = f.read()
        if "<!-- follow -->" in text:
            pages[page] = list(BLOCK.finditer(text))
        elif page.startswith("add-"):
            sys.exit(f"docs/{page}: nothing to follow")
    for page, found in pages.items():
        for m in found:
            if m["file"]:
                path = os.path.join(COPY, m["file"])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as f:
                    f.write(m["text"])
            elif m["into"]:
                path = os.path.join(COPY, m["into"])
                with open(path) as f:
                    lines = f.read().split("\n")
                at = next((i for i, line in enumerate(lines) if m["anchor"].strip() in line), None)
                if at is None:
                    sys.exit(f"docs/{page}: {m['into']} has no line with {m['anchor']!r}")
                lines[at + (m["where"] == "after"):at + (m["where"] == "after")] = m["text"].rstrip("\n").split("\n")
                with open(path, "w") as f:
                    f.write("\n".join(lines))
            else:
                commands.append((page, m["text"]))
    env = dict(os.environ, CCACHE_BASEDIR=COPY, CCACHE_NOHASHDIR="1")
    subprocess.run(["cmake", "--preset", "release", "-DTENON_BUILD_PYTHON=OFF"], cwd=COPY, check=True, stdout=subprocess.DEVNULL, env=env)
    for page, text in commands:
        print(f"==> docs/{page}", flush=True)
        if subprocess.run(["bash", "-eu", "-c", text], cwd=COPY, env=env).returncode:
            sys.exit(f"docs/{page}: following it failed")
    print(f"followed {len(pages)} pages")


if __name__ == "__main__":
    main()
