"""What the tests of an install from source share: a machine with the sources of the agent and nothing else of it, and its tree.

The tree is told by kind, mode, owner and content, so that "as it was before" means all of that. Compiled modules, and what a
running system writes for itself, are passed over: insserv's notes are in another order each time.
"""

import shlex
import shutil
from pathlib import Path

from fabriclab.guests.adapter import Adapter
from fabriclab.scenario.lab import Lab
from scenarios import labs
from scenarios.systemd_labs import do
from waagent.guest.families.debian import DEBIAN
from waagent.install.placement import place

PROGRAM = "/usr/bin/python3 -B /srv/waagent"
PASSED_OVER = ("/proc", "/run", "/tmp", "/var/tmp", "/var/log", "/var/lib/systemd", "/dev", "/sys", "/root/.cache")
_CONTENT = (
    "/etc",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local",
    "/usr/lib/systemd",
    "/usr/lib/udev",
    "/usr/share/man",
    "/opt",
    "/srv",
)


def adapter(layer: Path, *packages: str, **more: str) -> Adapter:
    """Modules where the interpreter finds them, and the program outside of every path. `more`: other fields of the adapter."""
    modules = layer / "usr/lib/python3/dist-packages/waagent"
    shutil.copytree(labs.PROJECT / "src/waagent", modules, ignore=shutil.ignore_patterns("__pycache__"))
    (layer / "srv").mkdir()
    (layer / "srv/waagent").write_text(place(DEBIAN, systemd=True).files[0].content)
    return Adapter("source", layer / "adapter.toml", copy=".", command=("true",), unit="", packages=packages, **more)


def tree(lab: Lab) -> dict[str, str]:
    """Path -> kind, mode, owner and where a link goes, and the checksum of files in the places that matter here."""
    pruned = " -o ".join(["-name __pycache__", "-name '.depend.*'", *(f"-path {path}" for path in PASSED_OVER)])
    names = do(lab, f"find / -xdev \\( {pruned} \\) -prune -o -printf '%p\\t%y %m %U:%G %l\\n'", timeout=120)
    found = dict(line.split("\t", 1) for line in names.splitlines() if "\t" in line)
    roots = " ".join(shlex.quote(root) for root in _CONTENT)
    sums = do(
        lab,
        f"find {roots} -xdev \\( -name __pycache__ -o -name '.depend.*' \\) -prune -o -type f -exec sha256sum {{}} +",
        timeout=120,
    )
    for line in sums.splitlines():
        digest, _, path = line.partition("  ")
        found[path] = f"{found.get(path, '')} {digest}"
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """Path -> what it was and what it is, of all that differ. A directory's own times are not looked at."""
    return {
        path: (before.get(path), after.get(path)) for path in sorted({*before, *after}) if before.get(path) != after.get(path)
    }
