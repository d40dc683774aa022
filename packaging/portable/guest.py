"""Lays the portable archive into a guest of the lab, takes the root's Python away: `guest.py LAYER [FILE...]` (adapter.toml).

The layer is what unpacking the archive and `waagent -register-service` would give; each FILE of the root goes too. Odd:
that is done by overlayfs's own sign for it, a character device with number 0, which needs root; the root itself stays whole.
"""

from __future__ import annotations

import os
import platform
import stat
import subprocess
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import files
import lay
import versions

PROJECT = Path(__file__).resolve().parents[2]
PREFIX = "opt/waagent"
PYTHON = f"/{PREFIX}/bin/python"
TAKEN = ("usr/bin/python3", *(f"usr/bin/python3.{minor}" for minor in range(7, 16)), "usr/lib/python3")
"""Every name by which a program finds a Python of Debian's."""


def main() -> int:
    layer = Path(sys.argv[1])
    archive = PROJECT / f"dist/waagent-{versions.current()}-linux-{platform.machine()}.tar.xz"
    if not archive.is_file():
        print(f"{archive} is not there: build it with `make portable`", file=sys.stderr)
        return 1
    subprocess.run(["tar", "-xf", str(archive), "-C", str(layer)], check=True, timeout=100)
    lay.write(files.data(python=PYTHON), layer)
    for name in (*TAKEN, *sys.argv[2:]):
        (layer / name).parent.mkdir(parents=True, exist_ok=True)
        os.mknod(layer / name, stat.S_IFCHR, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
