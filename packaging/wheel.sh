#!/usr/bin/env bash
# Builds dist/waagent-<version>.tar.gz and from it dist/waagent-<version>-py3-none-any.whl, the same bytes each time.
set -euo pipefail
cd "$(dirname "$0")/.."

. packaging/epoch.sh
version=$(.venv/bin/python packaging/versions.py python)
mkdir -p build dist
# the builder's own version is written into the wheel: pyproject.toml pins it, and the build takes no other
if ! .venv/bin/python -m build --no-isolation --outdir dist . >build/wheel.log 2>&1; then
  tail -n 20 build/wheel.log >&2
  echo "the wheel could not be built; the whole log is in build/wheel.log" >&2
  exit 1
fi
.venv/bin/python packaging/describe.py "dist/waagent-$version.tar.gz" "dist/waagent-$version-py3-none-any.whl" >/dev/null
echo "dist/waagent-$version.tar.gz"
echo "dist/waagent-$version-py3-none-any.whl"
