#!/usr/bin/env bash
# Builds dist/waagent-<version>-1.<target>.noarch.rpm for each target of packaging/rpm/targets.toml, or for those that are named.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash packaging/setup-debian.sh rpm
exec .venv/bin/python packaging/rpm/build.py "$@"
