#!/usr/bin/env bash
# Builds dist/waagent-<version>-linux-<cpu>.tar.xz, the agent with an interpreter of its own, and the image for systemd-sysext of each CPU.
# What is compiled stays below build/portable; deleting that compiles everything anew.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash packaging/setup-debian.sh portable
. packaging/epoch.sh
exec .venv/bin/python packaging/portable/build.py "$@"
