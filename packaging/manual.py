"""Prints the manual page waagent(1) in roff, as the agent itself has it. Standard library only."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from waagent.cli.manual import page

if __name__ == "__main__":
    sys.stdout.write(page())
