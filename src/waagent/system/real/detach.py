"""Start a program that outlives us: own session, standard streams on /dev/null (guest.md 8.2, ``-start``)."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from waagent.model.failure import CommandFailure


def start_detached(argv: Sequence[str]) -> int:
    """Start ``argv`` in a session of its own and return its pid at once. Errors: ``CommandFailure``."""
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
    except OSError as error:
        raise CommandFailure(f"cannot start {argv[0]}: {error.strerror}", argv=argv) from error
    child.returncode = 0  # it is not ours to wait for
    return child.pid
