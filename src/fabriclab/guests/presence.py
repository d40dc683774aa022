"""Labs that run on this machine now, found by their first processes: what `fabriclab shell` enters.

Nothing is written down anywhere, so nothing can be stale: the kernel's process table is asked. The fabric's first process is
called lab-fabric, and a guest's is a grandchild of it; both have number 1 in their own process namespace.
"""

import os
from dataclasses import dataclass
from pathlib import Path

FABRIC = "lab-fabric"

STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Lab:
    """Process numbers as this machine sees them. `guest` None: between a stop and a start."""

    lab: int
    fabric: int
    guest: int | None


def labs(proc: Path = Path("/proc")) -> tuple[Lab, ...]:
    parents: dict[int, int] = {}
    firsts: dict[int, str] = {}
    for path in proc.iterdir():
        if path.name.isdigit():
            status = _status(path)
            number = int(path.name)
            parents[number] = int(status.get("PPid", "0"))
            if status.get("NSpid", "").split()[1:][-1:] == ["1"]:
                firsts[number] = status.get("Name", "")
    found = []
    for fabric in sorted(number for number, name in firsts.items() if name == FABRIC):
        guests = [guest for guest in firsts if parents.get(parents.get(guest, 0)) == fabric]
        found.append(Lab(parents.get(parents[fabric], 0), fabric, min(guests, default=None)))
    return tuple(found)


def may_enter(process: int) -> bool:
    """Whether this user may: root may enter every lab, others only one that they run themselves."""
    try:
        _user_namespace(process)
    except PermissionError:
        return False
    return os.geteuid() == 0 or _user_namespace(process) != _user_namespace("self")


def entering(process: int, command: list[str], *, guest: bool) -> list[str]:
    """The command line that runs `command` inside the namespaces of `process`."""
    inside = ["--mount", "--net", "--pid", *(["--uts", "--ipc", "--root"] if guest else [])]
    if _user_namespace(process) != _user_namespace("self"):
        inside.append("--user")
    kept = [f"{name}={os.environ[name]}" for name in ("TERM", "LANG") if name in os.environ]
    environment = ["env", "--chdir=/", "-i", f"PATH={STANDARD_PATH}", "HOME=/root", *kept]
    return ["nsenter", "--target", str(process), *inside, "--", *environment, *command]


def _user_namespace(process: int | str) -> str:
    return os.readlink(f"/proc/{process}/ns/user")


def _status(path: Path) -> dict[str, str]:
    try:
        lines = (path / "status").read_text().splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
