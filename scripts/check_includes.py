#!/usr/bin/env python3
"""Checks that includes point one way between the rooms of src/, and that no file has grown too long.

A room may include what ALLOWED names for it and what those may include. Tests may include anything.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALLOWED = {
    "base": [],
    "extras": [],  # libraries of their own, loaded on first use; their headers are C interfaces
    "memory": ["base"],
    "kernels": ["base"],
    "graph": ["base"],
    "ops": ["kernels", "graph", "extras"],
    "onnx": ["graph", "ops"],  # operators are resolved while a model is read
    "passes": ["ops", "graph"],
    "ep": ["ops", "kernels", "memory", "graph"],
    "partition": ["ep", "passes"],
    "plan": ["ep", "ops", "memory"],
    "exec": ["plan", "ep"],
    "session": ["exec", "plan", "partition", "passes", "onnx"],
    "api": ["session"],
    "bindings": ["session"],
    "cli": ["session"],
    "include": [],
}
# Third-party and operating-system headers that belong to some rooms only.
CONFINED = [
    (re.compile(r"protozero/"), {"onnx"}),
    (re.compile(r"nanobind/|Python\.h"), {"bindings"}),
    (re.compile(r"CLI/"), {"cli"}),
    (re.compile(r"curl/"), {"ep"}),
    (re.compile(r"re2/|jpeglib\.h|png\.h|tiffio\.h|openjpeg|webp/"), {"extras"}),
    (re.compile(r"(sys/|pthread\.h|unistd\.h|fcntl\.h|dlfcn\.h|sched\.h)"), {"base", "memory", "cli", "bindings"}),
]
WARN_LINES, FAIL_LINES = 600, 1000
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def reach(room, seen=None):
    seen = set() if seen is None else seen
    for other in ALLOWED[room]:
        if other not in seen:
            seen.add(other)
            reach(other, seen)
    return seen


def room_of(path):
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "src" else parts[0]


def include_errors(path, room, reachable):
    for quote, target in INCLUDE.findall(path.read_text(errors="replace")):
        head = target.split("/")[0]
        if quote == "<":
            for pattern, rooms in CONFINED:
                if pattern.match(target) and room not in rooms:
                    yield f"<{target}> belongs to {', '.join(sorted(rooms))} only"
            if room == "include" and "/" in target:
                yield f"<{target}>: public headers include the standard library and tenon/ only"
        elif head == "tenon":
            continue
        elif room == "include":
            yield f'"{target}": public headers include the standard library and tenon/ only'
        elif head in ALLOWED:
            if head != room and head != "base" and head not in reachable:
                yield f'"{target}": {room} may include {", ".join(sorted(reachable | {"base"}))}'
        elif not (path.parent / target).exists():
            yield f'"{target}": start from src/ ("room/file.h") or include/ ("tenon/file.h")'


def main():
    errors, warnings = [], []
    unknown = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()} - set(ALLOWED) if (ROOT / "src").is_dir() else set()
    errors += [f"src/{name}: not a room that scripts/check_includes.py knows" for name in sorted(unknown)]
    for top in ("src", "include", "bindings", "cli"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".cc", ".h", ".inc") and not path.stem.endswith("_test") and room_of(path) in ALLOWED:
                room = room_of(path)
                errors += [f"{path.relative_to(ROOT)}: {e}" for e in include_errors(path, room, reach(room))]
    for top in ("src", "include", "bindings", "cli", "tests", "bench", "scripts", "examples"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".cc", ".h", ".inc", ".py", ".sh") and path.is_file():
                lines = path.read_text(errors="replace").count("\n")
                if lines > WARN_LINES:
                    message = f"{path.relative_to(ROOT)}: {lines} lines (at most {WARN_LINES}; {FAIL_LINES} fails)"
                    (errors if lines > FAIL_LINES else warnings).append(message)
    for line in warnings:
        print("warning:", line)
    for line in errors:
        print("error:", line)
    print(f"includes: {len(errors)} errors, {len(warnings)} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
