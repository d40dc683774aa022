#!/usr/bin/env bash
# Builds dist/waagent-<version>-linux-<cpu>.tar.xz, the agent with an interpreter of its own, and the image for systemd-sysext of each CPU.
# What is compiled stays below build/portable; deleting that compiles everything anew.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash packaging/setup-debian.sh portable
# the time of the last commit, so that two builds of one state are the same; outside of a clone the time of the build
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
exec .venv/bin/python packaging/portable/build.py "$@"
