"""Packages of rpm for tests: ours for a target, and stand-ins for those of a system that is not to be had here.

A stand-in has a name and provides what the real one does, and no content: enough to resolve and install by dependencies. The
agent of a distribution is one too, with the places, the unit and the scriptlets that such packages have.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
EPOCH = "1767225600"


@dataclass(frozen=True)
class StandIn:
    """A package with a name, its version, and what it provides besides."""

    name: str
    version: str = "1"
    provides: tuple[str, ...] = ()


COMMON = ("ca-certificates", "openssl", "systemd", "util-linux")
SYSTEMS = {
    "el8": (StandIn("python3.12", "3.12.8", ("python(abi) = 3.12", "/usr/bin/python3.12")),),
    "el9": (StandIn("python3.12", "3.12.9", ("python(abi) = 3.12", "/usr/bin/python3.12")),),
    "el10": (StandIn("python3", "3.12.9", ("python(abi) = 3.12", "/usr/bin/python3")),),
    "fc43": (
        StandIn("python3", "3.14.0", ("python(abi) = 3.14", "/usr/bin/python3")),
        StandIn("python3-urllib3", "2.5.0", ("python3.14dist(urllib3) = 2.5",)),
        StandIn("python3-defusedxml", "0.7.1", ("python3.14dist(defusedxml) = 0.7.1",)),
        StandIn("python3-crypt-r", "3.13.1", ("python3.14dist(crypt-r) = 3.13.1",)),
    ),
    "sle15": (StandIn("python311", "3.11.10", ("python(abi) = 3.11", "/usr/bin/python3.11")),),
    "suse16": (
        StandIn("python313", "3.13.5", ("python3 = 3.13.5", "python(abi) = 3.13", "/usr/bin/python3")),
        StandIn("python313-urllib3", "2.5.0", ("python3.13dist(urllib3) = 2.5",)),
        StandIn("python313-defusedxml", "0.7.1", ("python3.13dist(defusedxml) = 0.7.1",)),
        StandIn("python313-crypt-r", "3.13.1", ("python3.13dist(crypt-r) = 3.13.1",)),
    ),
}
OLDER_PYTHON = StandIn("python3.11", "3.11.5", ("python(abi) = 3.11", "/usr/bin/python3.11"))
REFERENCE = {  # the names that the reference agent's packages have
    **dict.fromkeys(("el8", "el9", "el10", "fc43"), ("WALinuxAgent", "WALinuxAgent-udev")),
    **dict.fromkeys(("sle15", "suse16"), ("python-azure-agent", "python-azure-agent-config-server")),
}


def system(target: str) -> tuple[StandIn, ...]:
    """What a package of ours needs of the target."""
    suse = target.startswith(("su", "sle"))
    names = ("iproute2", "shadow") if suse else ("iproute", "shadow-utils")
    shell = StandIn("bash", "5", ("/bin/sh",))
    return (shell, *SYSTEMS[target], *(StandIn(name) for name in (*COMMON, *names)))


def tree(place: Path) -> Path:
    """A copy of what the packages are built from."""
    for name in ("packaging", "src/waagent", "docs"):
        shutil.copytree(PROJECT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "pyproject.toml"):
        shutil.copy(PROJECT / name, place / name)
    return place


def build(tree: Path, output: Path, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Our packages; the test is skipped where the libraries to bundle cannot be fetched."""
    work = output.with_name(f"{output.name}-work")
    command = [sys.executable, "packaging/rpm/build.py", "--output", str(output), "--work", str(work), *arguments]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=600, check=False, env=environment)
    if "pip could not fetch the libraries" in done.stderr:
        pytest.skip("the registry of Python packages is not reachable")
    assert done.returncode == 0 or not check, done.stderr
    return done


def install_tools() -> None:
    command = ["bash", str(PROJECT / "packaging/setup-debian.sh"), "rpm"]
    subprocess.run(command, check=True, timeout=600, capture_output=True)


def stand_ins(output: Path, packages: tuple[StandIn, ...]) -> None:
    """Builds packages without content, all with one run of rpmbuild."""
    sections = [_HEAD]
    for package in packages:
        lines = [f"%package -n {package.name}", f"Version: {package.version}", f"Summary: Stand-in for {package.name}"]
        lines += [f"Provides: {text}" for text in package.provides]
        sections.append("\n".join([*lines, f"%description -n {package.name}", "None.", f"%files -n {package.name}", ""]))
    rpmbuild(output, "stand-ins", "\n".join(sections))


def reference(output: Path, target: str, version: str = "2.13.1.1") -> None:
    """Stand-ins for the packages that a distribution has the reference agent in: its places, unit and scriptlets."""
    agent, other = REFERENCE[target]
    files = {agent: [_PROGRAM, _UNIT], other: [_RULES]}
    files[other if other.endswith("server") else agent].append(_CONFIGURATION)
    listed = {name: "\n".join(lines) for name, lines in files.items()}
    words = {"agent": agent, "other": other, "version": version, "files": listed[agent], "others": listed[other]}
    rpmbuild(output, agent, _REFERENCE.format_map(words))


def rpmbuild(output: Path, name: str, specification: str) -> None:
    work = output.with_name(f"{output.name}-{name}")
    work.mkdir(parents=True)
    output.mkdir(exist_ok=True)
    path = work / f"{name}.spec"
    path.write_text(specification)
    macros = {"_topdir": str(work), "_rpmdir": str(output), "_dbpath": str(work / "db"), "_rpmfilename": _FILE}
    words = [word for key, value in macros.items() for word in ("--define", f"{key} {value}")]
    done = subprocess.run(["rpmbuild", "-bb", "--quiet", *words, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


_FILE = "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"
_PROGRAM = "%attr(755, root, root) /usr/sbin/waagent"
_UNIT = "/usr/lib/systemd/system/waagent.service"
_RULES = "/usr/lib/udev/rules.d/66-azure-storage.rules"
_CONFIGURATION = "%config(noreplace) /etc/waagent.conf"
_HEAD = """\
Name: stand-ins
Version: 1
Release: 1
Summary: Nothing
License: Apache-2.0
BuildArch: noarch
%description
None.
"""
_REFERENCE = """\
Name: reference
Version: {version}
Release: 1
Summary: Nothing
License: Apache-2.0
BuildArch: noarch
%description
None.

%package -n {agent}
Summary: Stand-in for the reference agent
%description -n {agent}
None.
%package -n {other}
Summary: Stand-in for its other package
%description -n {other}
None.

%install
cd %{{buildroot}}
mkdir -p usr/sbin usr/lib/systemd/system usr/lib/udev/rules.d etc
printf '#!/bin/sh\\nsleep 9999 &\\nexec sleep infinity\\n' >usr/sbin/waagent
cd usr/lib/systemd/system
printf '[Service]\\nExecStart=/usr/sbin/waagent\\n[Install]\\nWantedBy=multi-user.target\\n' >waagent.service
cd %{{buildroot}}
echo '# theirs' >usr/lib/udev/rules.d/66-azure-storage.rules
printf 'Provisioning.MonitorHostName=y\\n# theirs\\n' >etc/waagent.conf

%post -n {agent}
[ $1 -ne 1 ] || systemctl --no-reload preset waagent.service >/dev/null 2>&1 || :
%preun -n {agent}
[ $1 -ne 0 ] || systemctl --no-reload disable --now waagent.service >/dev/null 2>&1 || :
%postun -n {agent}
[ $1 -lt 1 ] || systemctl try-restart waagent.service >/dev/null 2>&1 || :

%files -n {agent}
{files}
%files -n {other}
{others}
"""
