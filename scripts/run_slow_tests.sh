#!/usr/bin/env bash
# make test-slow: the C++ tests built by Clang, under ASan+UBSan and under TSan, with a longer soak (TENON_SOAK_SECONDS per way
# of running a session); every model of tests/models in each of these ways; a long fuzz run.
set -uo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
python=${TENON_PYTHON:-.venv/bin/python}
export TENON_SOAK_SECONDS=${TENON_SOAK_SECONDS:-30}
export TSAN_OPTIONS=die_after_fork=0  # tests fork on purpose, and go on with threads in the child
failed=()
scripts/bootstrap.sh || exit 1
for preset in clang asan tsan; do
  echo "==> $preset"
  start=$SECONDS
  if cmake --preset "$preset" >/dev/null && cmake --build "build/$preset" -j "$jobs" --target tenon_tests &&
    "build/$preset/bin/tenon_tests" --gtest_brief=1; then
    echo "==> $preset: ok, $((SECONDS - start)) s"
  else
    failed+=("$preset")
    echo "==> $preset: FAILED, $((SECONDS - start)) s"
  fi
done
echo "==> models in every way"
cmake --preset release >/dev/null && cmake --build build/release -j "$jobs" --target product &&
  PYTHONPATH="$PWD/build/release/python" "$python" tests/python/zoo_matrix.py || failed+=("models in every way")
FUZZ_SECONDS=${FUZZ_SECONDS:-600} scripts/fuzz.sh || failed+=("fuzz")
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
