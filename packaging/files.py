"""What the agent's package puts where (guest.md 10): one list, from which a lab guest is laid and the Debian package is built.

It is that of the agent's own room `install`, so that a package and an install from source cannot differ.

Standard library only. Odd: places are written below /usr, never through the links /lib and /sbin of a merged system: a
directory `lib` in a layer would hide them. Documentation and manual pages are Debian's business (deb/debian), not in the list.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
MODULES = "usr/lib/python3/dist-packages"


@dataclass(frozen=True)
class Packaged:
    """One file: its place in the guest, its bytes and its mode; or a link, when `target` says to where."""

    place: str
    content: bytes = b""
    mode: int = 0o644
    target: str = ""


def data() -> Iterator[Packaged]:
    """All but the Python package: what the agent itself lays on Debian (`waagent -register-service`), below /usr."""
    sys.path.insert(0, str(PROJECT / "src"))
    try:
        from waagent.guest.families.debian import DEBIAN
        from waagent.install.placement import place
    finally:
        sys.path.pop(0)
    for file in place(DEBIAN, systemd=True, merged=True).files:
        yield Packaged(file.path.lstrip("/"), file.content.encode(), file.mode, file.target)


def modules() -> Iterator[Packaged]:
    """The Python package, as sources."""
    source = PROJECT / "src"
    for path in sorted((source / "waagent").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield Packaged(f"{MODULES}/{path.relative_to(source)}", path.read_bytes())
