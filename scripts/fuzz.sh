#!/usr/bin/env bash
# Fuzzes the loader (ASan + UBSan) for FUZZ_SECONDS, starting from made seeds and every small committed model.
# --slice: a fixed number of runs from a fixed seed, a fixed list of inputs and an empty corpus (`make test`). The first
# thousands of runs repeat exactly; after that libFuzzer's choices drift from one run to the next.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -e tests/fuzz/loader_fuzz.cc ]; then
  echo "fuzz: tests/fuzz/loader_fuzz.cc is missing" >&2
  exit 1
fi
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "${JOBS:-$(nproc)}"
corpus=build/fuzz/corpus
slice=
if [ "${1:-}" = --slice ]; then
  slice=1
  corpus=build/fuzz/slice
  rm -rf "$corpus"
fi
mkdir -p "$corpus" build/fuzz/seeds
if [ ! -d build/fuzz/made ]; then  # needs onnx; a minute of fuzzing without it is still worth something
  "${TENON_PYTHON:-.venv/bin/python}" tests/fuzz/make_corpus.py build/fuzz/made 2>/dev/null || echo "fuzz: no made seeds" >&2
fi
find tests examples -name '*.onnx' -size -64k -exec cp -u {} build/fuzz/seeds/ \;
seeds=(build/fuzz/seeds)
[ -d build/fuzz/made ] && seeds+=(build/fuzz/made)
options=("${seeds[@]}" -max_total_time="${FUZZ_SECONDS:-60}")
if [ "$slice" ]; then  # a folder is read in the file system's order, a list as it stands
  find "${seeds[@]}" -type f | LC_ALL=C sort | paste -sd, >build/fuzz/seeds.list
  options=(-seed_inputs=@build/fuzz/seeds.list -seed=1 -runs="${FUZZ_RUNS:-250000}" -max_total_time="${FUZZ_SECONDS:-80}")
fi
echo "fuzz: from $(find "${seeds[@]}" -type f | wc -l) seeds"
log=build/fuzz/last.log
if build/fuzz/bin/loader_fuzz "$corpus" "${options[@]}" -max_len=65536 -dict=tests/fuzz/onnx.dict \
  -timeout=10 -rss_limit_mb=2048 -artifact_prefix=build/fuzz/ -print_final_stats=1 >"$log" 2>&1; then
  grep -E '^(Done|stat::(number_of_executed_units|peak_rss_mb))' "$log"
else
  tail -n 60 "$log" >&2
  echo "fuzz: the input that failed is under build/fuzz/ (crash-*, timeout-*, oom-*)" >&2
  exit 1
fi
