"""The driver on SUSE's enterprise systems: a package for each flavour of the kernel, pinned to the firmware (guest.md 6.6).

From 15 on the kernel has what is needed. Odd: other packages of the same name would be older or newer than the firmware, so
that the right one is locked against updates.
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.guest.profile import Guest, order
from waagent.rdma.stage import DRIVER, INSTALL, PACKAGES, Stage
from waagent.system.action import Plan, Run
from waagent.system.port import System

NO_UPDATE = 106
"""What zypper says when some repository could not be refreshed."""
NOTHING_FOUND = 104


@dataclass(frozen=True)
class Facts:
    """``versions`` are those that repositories offer, ``installed`` the one there is, ``files`` the packages on the disk."""

    release: str
    firmware: str
    flavour: str
    versions: tuple[str, ...] = ()
    installed: str | None = None
    files: tuple[str, ...] = ()
    loaded: bool = False

    @property
    def package(self) -> str:
        return f"msft-rdma-kmp-{self.flavour}"


def observe(system: System, guest: Guest, firmware: str, kernel: str, loaded: bool) -> Facts:
    facts = Facts(guest.version, firmware, "azure" if kernel.endswith("-azure") else "default", loaded=loaded)
    if not needs_driver(guest.version):
        return facts
    listed = system.commands.run(("zypper", "-n", "se", "-s", facts.package), ok=(0, NOTHING_FOUND, NO_UPDATE), timeout=300.0)
    rows = [[cell.strip() for cell in line.split("|")] for line in listed.stdout.splitlines() if "|" in line]
    ours = [row for row in rows if len(row) >= 4 and row[1] == facts.package]
    return Facts(
        facts.release,
        firmware,
        facts.flavour,
        tuple(row[3] for row in ours),
        next((row[3] for row in ours if row[0].startswith("i")), None),
        system.files.glob(f"{PACKAGES}/*.rpm"),
        loaded,
    )


def needs_driver(release: str) -> bool:
    return order("11") < order(release) < order("15")


def plan(facts: Facts) -> Stage:
    if not needs_driver(facts.release):
        return Stage(f"no driver is needed on release {facts.release}" if order(facts.release) >= order("15") else
                     f"there is no driver for release {facts.release}")  # fmt: skip
    package, fitting = facts.package, [version for version in facts.versions if facts.firmware in version]
    if facts.installed in fitting:
        return Stage(f"{package} {facts.installed} fits the firmware")
    lock = Run(("zypper", "addlock", package), why="keep the driver that fits the firmware")
    if fitting:
        install = Run(("zypper", "-n", "in", f"{package}-{fitting[0]}"), timeout=INSTALL, why="have a driver that fits")
        actions = (*_removed(facts), install, lock)
        return Stage(f"{package} {fitting[0]} is installed", actions, load=True, old=facts.loaded, installs=True)
    for path in facts.files:
        name = path.rpartition("/")[2]
        if package in name and facts.firmware in name and not name.endswith(".src.rpm"):
            argv = ("zypper", "-n", "--no-refresh", "in", path)
            install = Run(argv, ok=(0, NO_UPDATE), timeout=INSTALL, why="have a driver that fits")
            actions = (*_removed(facts), install, lock)
            return Stage(f"{name} is installed", actions, load=True, old=facts.loaded, installs=True)
    return Stage(f"no {package} for firmware {facts.firmware} is to be had", failed=True)


def _removed(facts: Facts) -> Plan:
    """Another version goes first."""
    if facts.installed is None:
        return ()
    return (
        Run(("zypper", "removelock", facts.package), why="be able to remove the driver there is"),
        Run(("zypper", "-n", "rm", facts.package), timeout=INSTALL, why=f"make room for another {DRIVER}"),
    )
