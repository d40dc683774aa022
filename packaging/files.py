"""What the agent's package puts where (guest.md 10): one list, from which a lab guest is laid and deb and rpm are built.

It is that of the agent's own room `install`, so that a package and an install from source cannot differ.

Standard library only. Odd: places are written below /usr, never through the links /lib and /sbin of a merged system: a
directory `lib` in a layer would hide them. Documentation and manual pages are Debian's business (deb/debian), not in the list.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SOURCES = PROJECT / "src"
if not SOURCES.is_dir():  # part of an installed lab: the agent is installed beside it
    SOURCES = Path(str(find_spec("waagent").submodule_search_locations[0])).parent
MODULES = "usr/lib/python3/dist-packages"


@dataclass(frozen=True)
class Packaged:
    """One file: its place in the guest, its bytes and its mode; or a link, to `target`. `keep`: it is the user's to edit."""

    place: str
    content: bytes = b""
    mode: int = 0o644
    target: str = ""
    keep: bool = False


def data(
    system: str = "debian", release: str = "12", *, python: str | None = None, manual: str | None = None, libraries: str = ""
) -> Iterator[Packaged]:
    """All but the Python package: what the agent itself lays on a system (`waagent -register-service`), below /usr.

    The rest as `place` has it.
    """
    sys.path.insert(0, str(SOURCES))
    try:
        from waagent.guest.detect import choose
        from waagent.guest.profile import Identity
        from waagent.install.placement import place
    finally:
        sys.path.pop(0)
    guest = choose(Identity(system, release))
    for file in place(guest, systemd=True, python=python, merged=True, manual=manual, libraries=libraries).files:
        yield Packaged(file.path.lstrip("/"), file.data(), file.mode, file.target, file.keep)


def modules(place: str = MODULES) -> Iterator[Packaged]:
    """The Python package, as sources; `place` is the interpreter's directory of packages."""
    for path in sorted((SOURCES / "waagent").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield Packaged(f"{place}/{path.relative_to(SOURCES)}", path.read_bytes())
