"""``numa=off`` for kernels that cannot live with the host's virtual NUMA: those below 2.6.37 (guest.md 6.1).

Odd: distributions have mended older ones without another number; what the number says counts, as the manual has it.
"""

from __future__ import annotations

import re

from waagent.guest.profile import Guest
from waagent.model.failure import SystemFailure
from waagent.system.apply import apply
from waagent.system.port import System

RELEASE = "/proc/sys/kernel/osrelease"
COMMAND_LINE = "/proc/cmdline"
FIRST_FIXED = (2, 6, 37)
"""The first kernel that may be left alone with the host's virtual NUMA."""


def spare_old_kernel(system: System, guest: Guest) -> None:
    """Give an old kernel ``numa=off``, once in the life of the machine; it takes effect at the next boot (guest.md 6.1).

    Whoever takes it out again is not overruled. What goes wrong is a warning: the machine runs, only slower.
    """
    text = (system.files.read_if_there(RELEASE, 4096) or b"").decode("ascii", "replace").strip()
    version = release(text)
    if version is None or version >= FIRST_FIXED:
        system.log.verbose(f"numa=off is not needed with the kernel {text or 'of this system'}")
        return
    words = (system.files.read_if_there(COMMAND_LINE, 65536) or b"").decode("ascii", "replace").split()
    if any(word.startswith("numa=") for word in words):
        system.log.verbose(f"the kernel {text} was told about NUMA already")
        return
    try:
        _add(system, guest, text)
    except SystemFailure as failure:
        system.log.warning(f"numa=off is needed with the kernel {text} and cannot be added: {failure.reason}")


def _add(system: System, guest: Guest, text: str) -> None:
    from waagent.kernel import observe, run  # nearly no machine needs them
    from waagent.kernel.purpose import NUMA

    facts = observe.observe(system, guest, NUMA.name)
    if facts.touched:
        system.log.info(f"numa=off was added for the kernel {text} before; it takes effect at a boot")
    elif apply(system, run.prepare(system, guest, NUMA)):
        system.log.info(f"numa=off was added for the kernel {text}; it takes effect at the next boot")


def release(text: str) -> tuple[int, int, int] | None:
    """The first three numbers of a kernel's release; None where it has no number at all."""
    numbers = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", text)
    return None if numbers is None else (int(numbers[1]), int(numbers[2] or 0), int(numbers[3] or 0))
