#!/usr/bin/env python3
"""Prints the slowest object files of a build folder, from its .ninja_log."""
import pathlib
import sys

build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release")
count = int(sys.argv[2]) if len(sys.argv) > 2 else 10
seconds = {}
for line in (build / ".ninja_log").read_text().splitlines():
    fields = line.split("\t")
    if len(fields) == 5 and fields[3].endswith(".o"):
        # The same object may have been built several times; the slowest is the one that no cache answered.
        took = (int(fields[1]) - int(fields[0])) / 1000
        seconds[fields[3]] = max(took, seconds.get(fields[3], 0))
for path, took in sorted(seconds.items(), key=lambda item: -item[1])[:count]:
    print(f"{took:7.1f} s  {path}")
print(f"{sum(seconds.values()):7.1f} s  in all {len(seconds)} objects")
