"""Where roots and images are made: what a lab that was killed in the middle of it has left is gone, at once or with the next.

Programs that mount things run in namespaces of their own, which end with the lab: no mount and no process of theirs outlives
it. A half-made directory does, beside the place that it was made for, until somebody makes the same again.
"""

import shutil
import subprocess
from pathlib import Path

from fabriclab.guests import kernel

_APART = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--")


def run(command: list[str], timeout: float) -> "subprocess.CompletedProcess[str]":
    """Runs it to its end; it dies with this process. In a user namespace its mounts are nobody else's anyway."""
    apart = () if kernel.in_user_namespace() else _APART
    return subprocess.run(
        [*apart, *command],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        preexec_fn=kernel.die_with_parent,
        check=False,
    )


def sweep(place: Path) -> None:
    """Removes what others have left half made. Whoever calls it has the lock of this place."""
    for left in place.parent.glob(f".{place.name}.*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
