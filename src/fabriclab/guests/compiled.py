"""An agent's modules compiled for the Python of another root, as its package's installation there would do.

Else the agent's first start would compile them, and what it writes would count as its changes. The root is not written to: the
modules travel through a file system of their own that is mounted in it for that one program.
"""

import os
import subprocess
from pathlib import Path

from fabriclab.guests.adapter import BadAdapter

PACKAGES = "usr/lib/python3/dist-packages"
_PROGRAM = """
mount -t tmpfs lab "$1/mnt" && exec chroot "$1" sh -c '
cd /mnt && tar -x && python3 -m compileall -q -s /mnt -p / . >&2 &&
find . -name "*.pyc" |
tar -c -T -'
"""


def is_needed(base: Path, layer: Path) -> bool:
    """Whether the layer brings modules, and the root's Python is another one than this machine's."""
    return (layer / PACKAGES).is_dir() and _interpreter(base) != _interpreter(Path("/"))


def compile_for(base: Path, layer: Path) -> None:
    """Raises BadAdapter with the compiler's last words."""
    packed = subprocess.run(["tar", "-c", "-C", str(layer), PACKAGES], capture_output=True, timeout=60, check=True).stdout
    command = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", _PROGRAM, "sh", str(base)]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(command, input=packed, capture_output=True, timeout=120, check=False, env=environment)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BadAdapter(f"the agent's modules are not for {_interpreter(base)} of {base.name}: {' '.join(said)}")
    subprocess.run(["tar", "-x", "-C", str(layer)], input=done.stdout, timeout=60, check=True)


def _interpreter(root: Path) -> str:
    path = root / "usr/bin/python3"
    return os.readlink(path).rpartition("/")[2] if path.is_symlink() else ""
