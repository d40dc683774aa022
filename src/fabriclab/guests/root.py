"""Debian roots of their own for guests, made once by mmdebstrap and kept under .lab/roots.

A root is named by its suite and a digest of what is in it. It is made beside its place and renamed, so that a half-made one is
never used; two labs that want the same root at once wait for each other. Odd: bookworm comes with its security suite by itself,
other suites name the archive, and the mirror's unstable suites may be older than their own validity.
"""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fabriclab.guests import workshop

# What a guest needs to be provisioned at all: accounts, sudo, sshd, disks, network, and the stand-in for UDF.
PACKAGES = (
    "ca-certificates",
    "e2fsprogs",
    "eject",
    "fdisk",
    "fuseiso",
    "hostname",
    "ifupdown",
    "iproute2",
    "iptables",
    "isc-dhcp-client",
    "login",
    "netbase",
    "openssh-server",
    "openssl",
    "parted",
    "passwd",
    "procps",
    "python3",
    "sudo",
    "util-linux",
)

# What newer suites have in the place of it.
REPLACED = {"sid": {"isc-dhcp-client": "dhcpcd-base"}}


class RootUnavailable(Exception):
    """The root cannot be made; the text says why, with the tool's last words."""


@dataclass(frozen=True)
class DebianRoot:
    suite: str = "bookworm"
    packages: tuple[str, ...] = ()

    @property
    def included(self) -> tuple[str, ...]:
        """All packages, by the names that the suite has for them."""
        names = REPLACED.get(self.suite, {})
        return tuple(sorted({names.get(one, one) for one in (*PACKAGES, *self.packages)}))

    @property
    def name(self) -> str:
        content = ",".join(self.included)
        return f"{self.suite}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def obtain(wanted: DebianRoot, cache: Path) -> Path:
    """The directory of the root, made when it is not there yet (half a minute). Raises RootUnavailable."""
    place = cache / wanted.name
    if place.is_dir():
        return place
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f".{wanted.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            _make(wanted, place)
    return place


def _make(wanted: DebianRoot, place: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise RootUnavailable("A Debian root needs the program mmdebstrap, which is not installed here.")
    workshop.sweep(place)
    building = Path(tempfile.mkdtemp(prefix=f".{wanted.name}.", dir=place.parent))
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        "--format=directory",
        '--aptopt=Acquire::Check-Valid-Until "false"',
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        f"--include={','.join(wanted.included)}",
        wanted.suite,
        str(building / "root"),
    ]
    if wanted.suite != "bookworm":
        command.append(_archive())
    done = workshop.run(command, timeout=900)
    if done.returncode != 0:
        shutil.rmtree(building, ignore_errors=True)
        last = "; ".join(done.stderr.strip().splitlines()[-3:])
        raise RootUnavailable(f"mmdebstrap could not make {wanted.name}: {last}")
    (building / "root").rename(place)
    building.rmdir()


def _archive() -> str:
    """The Debian mirror that this machine's own apt uses."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    for line in done.stdout.splitlines():
        if "security" not in line:
            return line.strip()
    raise RootUnavailable("No Debian archive is configured for apt on this machine.")
