#!/usr/bin/env bash
# Installs what a fresh Debian 12 machine lacks: Debian packages, then .venv with pinned Python packages.
# Asks neither the network nor apt when nothing is missing. TENON_PYTHON=/path/to/python uses that one instead of .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build git make ccache lld
  clang-14 clang-format libclang-rt-14-dev
  libprotozero-dev libhwy-dev libfmt-dev nlohmann-json3-dev libcli11-dev libgtest-dev libbenchmark-dev zlib1g-dev
  libcurl4-openssl-dev libre2-dev
  libjpeg62-turbo-dev libpng-dev libwebp-dev libtiff-dev libopenjp2-7-dev
  python3 python3-venv python3-dev
)
missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$state" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "bootstrap: installing ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "bootstrap: need root or sudo to install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

if [ -n "${TENON_PYTHON:-}" ]; then
  exit 0
fi
stamp=.venv/requirements-$(sha256sum requirements/dev.txt | cut -c1-16)
if [ ! -e "$stamp" ]; then
  python=python3
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || python=/usr/bin/python3
  echo "bootstrap: making .venv with $("$python" --version)"
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -m pip install -q --disable-pip-version-check -r requirements/dev.txt
  rm -f .venv/requirements-*
  touch "$stamp"
fi
