"""Guests without root: the same program once more, as root of a user namespace (guests recipe, part A, rootless).

A caller with a range of user ids in /etc/subuid and /etc/subgid may be root there: users, network, mounts and overlays work.
What a user namespace never gets are block devices, and the machine's own root as a layer. So the guest stands on a Debian root
that is unpacked in the namespace, its provisioning medium is a directory that is mounted already, and it has no temporary disk.
"""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from fabriclab.guests import kernel

ENOUGH = 65535
"""Ids that a Debian root uses, up to nogroup."""
TOOLS = {"unshare": "util-linux", "newuidmap": "uidmap", "newgidmap": "uidmap", "mmdebstrap": "mmdebstrap"}
ENTER = ("unshare", "--user", "--map-root-user", "--map-auto", "--mount")
NOTICE = (
    "without root, the guest stands on a Debian root in a user namespace, its provisioning medium is a mounted directory "
    "instead of a drive, and it has no temporary disk"
)


def needed() -> bool:
    """Whether this process can make guests only by way of a user namespace."""
    return os.geteuid() != 0


def enter(arguments: list[str]) -> str:
    """Becomes `fabriclab ARGUMENTS` in a user namespace; comes back only with one sentence that says what is missing."""
    problem = missing(_user(), _text("/etc/subuid"), _text("/etc/subgid")) or _refused()
    if problem is None:
        print(f"fabriclab: {NOTICE}", file=sys.stderr, flush=True)
        _become([*ENTER, "--", sys.executable, "-m", "fabriclab.cli.main", *arguments])
    return problem


def missing(user: tuple[str, int], users: str, groups: str, search: str | None = None) -> str | None:
    """What this machine lacks, from the texts of /etc/subuid and /etc/subgid. `search`: where to look for programs."""
    name, number = user
    short = [place for place, text in (("/etc/subuid", users), ("/etc/subgid", groups)) if largest(text, name, number) < ENOUGH]
    if short:
        return f"A guest needs root, or a range of {ENOUGH} or more ids for {name} in {' and '.join(short)}."
    lacking = sorted({package for tool, package in TOOLS.items() if shutil.which(tool, path=search) is None})
    if lacking:
        return f"A guest needs root, or what these Debian packages bring: {', '.join(lacking)}."
    return None


def largest(text: str, name: str, number: int) -> int:
    """Size of the first range of a user, whose lines begin with name or number; 0 when there is none."""
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 3 and fields[0] in {name, str(number)} and fields[2].strip().isdigit():
            return int(fields[2])
    return 0


def caller() -> int:
    """The user id outside: whose files the roots of this namespace are."""
    return int(kernel.user_map()[1])


def _refused() -> str | None:
    """The kernel's own answer: user namespaces may be switched off."""
    done = subprocess.run([*ENTER, "--", "true"], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode == 0:
        return None
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return f"A guest needs root, or a user namespace, which this machine refuses ({last})."


def _become(command: list[str]) -> NoReturn:
    os.execvp(command[0], command)


def _user() -> tuple[str, int]:
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name, number
    except KeyError:
        return str(number), number


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
