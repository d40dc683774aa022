"""For what the kernel is given options at boot (guest.md 6.1, 6.4)."""

from __future__ import annotations

from dataclasses import dataclass

from waagent.guest.bootloader import Options


@dataclass(frozen=True)
class Purpose:
    """``name`` stands in the names of the files that keep what was there before; ``loader`` is for FreeBSD's loader."""

    name: str
    options: Options
    loader: Options
    why: str


NUMA = Purpose("numa", ("numa=off",), (), "have an old kernel leave the host's virtual NUMA alone")

_ARM = ("aarch64", "arm64")


def serial_console(machine: str) -> Purpose:
    """The first serial port as a console. ``machine`` is what ``uname -m`` says: on ARM the port has another name."""
    port = "ttyAMA0" if machine in _ARM else "ttyS0"
    return Purpose(
        "serialconsole",
        # no early console on ARM: it would have to know the address of the port
        (f"console={port}",) if machine in _ARM else (f"console={port}", f"earlyprintk={port}"),
        (
            "boot_multicons=YES",
            "boot_serial=YES",
            "comconsole_speed=115200",
            "console=comconsole,vidconsole",
        ),
        "have the kernel's boot messages on the first serial port",
    )
