#!/usr/bin/env bash
# make test: everything that CI checks. Each step prints its name and time; the test runners' summaries come last.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${TENON_PYTHON:-.venv/bin/python}
failed=()

step() {  # step NAME COMMAND...: a failure is remembered, the rest still runs
  local name=$1 start=$SECONDS
  shift
  echo "==> $name"
  if "$@"; then
    echo "==> $name: ok, $((SECONDS - start)) s"
  else
    failed+=("$name")
    echo "==> $name: FAILED, $((SECONDS - start)) s"
  fi
}
runner() {  # a test runner: its own summary, which has the time, is the last thing printed
  echo "==> $1"
  "${@:2}" || failed+=("$1")
}
must() {  # like step, for what everything after it needs
  step "$@"
  [ ${#failed[@]} -eq 0 ] || exit 1
}

must "bootstrap" scripts/bootstrap.sh
must "build" make --no-print-directory build-all
must "python install" scripts/install_python.sh
step "includes" make --no-print-directory includes-check
step "format" make --no-print-directory format-check
step "loader fuzz" scripts/fuzz.sh --slice
step "examples and docs" make --no-print-directory docs-check
step "how-to pages" scripts/follow_docs.py
echo "==> slowest translation units of build/release"
scripts/slowest.py build/release
runner "C++ tests" build/release/bin/tenon_tests --gtest_brief=1
runner "Python and model tests" env PYTHONPATH="$PWD/build/release/python" "$python" -m pytest -q tests

if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
