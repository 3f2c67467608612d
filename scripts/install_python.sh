#!/usr/bin/env bash
# Installs package and command into .venv from build/release; does nothing when nothing was rebuilt since the last time.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -n "${TENON_PYTHON:-}" ]; then
  echo "install: TENON_PYTHON is set, nothing is installed"
  exit 0
fi
stamp=.venv/tenon-installed
if [ -e "$stamp" ]; then
  newer=$(find pyproject.toml bindings/python/tenon build/release/python build/release/bin/tenon -newer "$stamp" \
            -not -path '*/__pycache__*' -type f -print -quit 2>/dev/null)
  [ -n "$newer" ] || exit 0
fi
touch "$stamp.new"
.venv/bin/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall .
mv "$stamp.new" "$stamp"
