#!/usr/bin/env bash
# make demo: install what is missing, build, install into .venv, then show it on real models.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/bootstrap.sh
make --no-print-directory build
scripts/install_python.sh
exec "${TENON_PYTHON:-.venv/bin/python}" examples/demo/demo.py "$@"
