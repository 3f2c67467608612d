#!/usr/bin/env bash
# Makes build/applications, a Python environment with the applications of requirements/applications.txt, and prints its interpreter.
# Asks nothing of the network when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
env=build/applications
stamp=$env/requirements-$(sha256sum requirements/applications.txt | cut -c1-16)
if [ ! -e "$stamp" ]; then
  "${TENON_PYTHON:-.venv/bin/python}" -m venv "$env"
  "$env/bin/python" -m pip install -q --disable-pip-version-check --no-deps -r requirements/applications.txt >&2
  rm -f "$env"/requirements-*
  touch "$stamp"
fi
echo "$env/bin/python"
