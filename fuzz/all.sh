#!/usr/bin/env bash
# Every target of fuzz/targets.py in turn, SECONDS_EACH seconds each (default 300); status 1 when any of them found something.
set -uo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-.venv/bin/python}"
seconds="${1:-300}"
failed=()
export PYTHONPATH="src:."
for name in $("$python" -c 'from fuzz.targets import TARGETS; print(*TARGETS)'); do
  mkdir -p "build/fuzz/$name"
  if nice -n 19 "$python" -m fuzz.run "$name" --seconds "$seconds" >"build/fuzz/$name/log" 2>&1; then
    echo "fuzz $name: $(grep -oE 'number_of_executed_units: [0-9]+' "build/fuzz/$name/log" | grep -oE '[0-9]+') inputs, nothing found"
  else
    failed+=("$name")
    echo "fuzz $name: FOUND, see build/fuzz/$name/log"
    tail -n 15 "build/fuzz/$name/log"
  fi
done
[ ${#failed[@]} -eq 0 ]
