"""What the agent's package puts where (guest.md 10): one list, from which a lab guest is laid and the Debian package is built.

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
SERVICE = "walinuxagent.service"


@dataclass(frozen=True)
class Packaged:
    """One file: its place in the guest, its bytes and its mode; or a link, when `target` says to where."""

    place: str
    content: bytes = b""
    mode: int = 0o644
    target: str = ""


def data() -> Iterator[Packaged]:
    """All but the Python package."""
    here = PROJECT / "packaging"
    yield Packaged("usr/sbin/waagent", (here / "bin/waagent").read_bytes(), 0o755)
    yield Packaged("etc/waagent.conf", configuration().encode())
    yield Packaged("etc/logrotate.d/waagent.logrotate", (here / "logrotate/waagent.logrotate").read_bytes())
    yield Packaged(f"usr/lib/systemd/system/{SERVICE}", (here / "systemd" / SERVICE).read_bytes())
    # tools and people of other distributions say `systemctl restart waagent`
    yield Packaged("usr/lib/systemd/system/waagent.service", target=SERVICE)
    for rules in sorted((here / "udev").glob("*.rules")):
        yield Packaged(f"usr/lib/udev/rules.d/{rules.name}", rules.read_bytes())


def modules() -> Iterator[Packaged]:
    """The Python package, as sources."""
    source = PROJECT / "src"
    for path in sorted((source / "waagent").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            yield Packaged(f"{MODULES}/{path.relative_to(source)}", path.read_bytes())


def configuration() -> str:
    """The packaged waagent.conf, from the agent's own table of settings."""
    sys.path.insert(0, str(PROJECT / "src"))
    try:
        from waagent.config.render import sample
    finally:
        sys.path.pop(0)
    return sample()
