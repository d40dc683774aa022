"""The driver on Red Hat's systems and those made from it: packages that images carry below /opt (guest.md 6.6).

The firmware's version comes by the key-value daemon, which has to run. Odd: it comes in one of two packages, and the driver's
own package replaces both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from waagent.guest.profile import Guest
from waagent.rdma.stage import INSTALL, PACKAGES, Stage
from waagent.system.action import Plan, Run
from waagent.system.port import System

DAEMONS = ("hypervkvpd", "hv_kvp_daemon")
DAEMON_PACKAGES = ("hypervkvpd", "microsoft-hyper-v")
DRIVER_PACKAGE = "microsoft-hyper-v-rdma"
MODULE_PACKAGE = f"kmod-{DRIVER_PACKAGE}"
COLLECTION = "msft-rdma-drivers"
"""The package that puts the others below /opt."""


@dataclass(frozen=True)
class Facts:
    """``installed`` has names with versions, as rpm prints them. ``files``: packages for this release on the disk."""

    firmware: str
    place: str
    daemon: bool = True
    installed: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    prepared: bool = False
    loaded: bool = False

    @property
    def number(self) -> str:
        """The part of the firmware's version that names of packages have."""
        return self.firmware.partition(".")[0]

    def has(self, name: str) -> bool:
        return any(one == name for one, _ in self.installed)


def observe(system: System, guest: Guest, firmware: str, loaded: bool, *, daemon: bool, prepared: bool) -> Facts:
    installed = []
    for name in (*DAEMON_PACKAGES, DRIVER_PACKAGE, MODULE_PACKAGE, COLLECTION):
        found = system.commands.run(("rpm", "-q", name), ok=None)
        if found.exit_code == 0:
            installed.append((name, found.stdout.strip()))
    place = f"{PACKAGES}/rhel{release(system, guest)}"
    return Facts(firmware, place, daemon, tuple(installed), system.files.glob(f"{place}/*.rpm"), prepared, loaded)


def release(system: System, guest: Guest) -> str:
    """Major and minor number in one, as in ``73``; os-release of some systems says the first only."""
    found = re.match(r"(\d+)\.(\d+)", guest.version)
    if found is None:
        text = (system.files.read_if_there("/etc/redhat-release", 4096) or b"").decode("utf-8", "replace")
        found = re.search(r"release (\d+)\.(\d+)", text)
    return found[1] + found[2] if found else guest.version.replace(".", "")


def plan(facts: Facts) -> Stage:
    if not facts.daemon:
        return _without_daemon(facts)
    fits = re.compile(rf"-(?:\d+\.){{3,}}{re.escape(facts.number)}-")
    if any(name == DRIVER_PACKAGE and fits.search(full) for name, full in facts.installed):
        return Stage(f"{DRIVER_PACKAGE} fits the firmware {facts.firmware}")
    if not facts.prepared:
        verb = "reinstall" if facts.has(COLLECTION) else "install"
        return Stage("the newest packages of drivers are fetched", _refreshed(verb), again=True, installs=True)
    files = {name: _newest(facts, name) for name in (MODULE_PACKAGE, DRIVER_PACKAGE)}
    missing = [name for name, path in files.items() if path is None]
    if missing:
        return Stage(f"no {missing[0]} for firmware {facts.firmware} is in {facts.place}", failed=True)
    steps = [_erased(name) for name in DAEMON_PACKAGES if facts.has(name)]
    for name, path in files.items():
        steps += [_erased(name)] if facts.has(name) else []
        steps.append(Run(("yum", "-y", "install", str(path)), timeout=INSTALL, why="have a driver that fits the firmware"))
    return Stage(
        f"the driver for firmware {facts.firmware} is installed", tuple(steps), load=True, old=facts.loaded, installs=True
    )


def _without_daemon(facts: Facts) -> Stage:
    there = [name for name in DAEMON_PACKAGES if facts.has(name)]
    if there:
        return Stage(f"{there[0]} is installed, and its daemon does not run", failed=True)
    name = DAEMON_PACKAGES[0]
    install = Run(("yum", "-y", "install", name), timeout=INSTALL, why="learn the firmware's version from the host")
    return Stage(f"{name} is installed", (install,), reboot=True, installs=True)


def _refreshed(verb: str) -> Plan:
    why = "see the newest packages"
    return (
        Run(("yum", "clean", "all"), timeout=300.0, why=why),
        Run(("yum", "-y", "updateinfo"), timeout=600.0, optional=True, why=why),
        Run(("yum", "-y", verb, COLLECTION), timeout=INSTALL, optional=True, why=why),
    )


def _newest(facts: Facts, package: str) -> str | None:
    """The package of the last day for this firmware; days are in the names."""
    fits = re.compile(rf"{package}-(?:\d+\.)+{re.escape(facts.number)}-(\d{{8}})\.x86_64\.rpm")
    named = [(match[1], path) for path in facts.files if (match := fits.fullmatch(path.rpartition("/")[2]))]
    return max(named)[1] if named else None


def _erased(name: str) -> Run:
    return Run(("rpm", "-e", "--nodeps", name), timeout=INSTALL, why="make room for the driver's own packages")
