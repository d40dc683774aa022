"""The Debian package by the rules of Ubuntu: no root of it is at hand, but apt can be asked what it would do on one.

apt gets a status and an archive that are tables: the versions of what the package depends on in 22.04 and 24.04, and the agent
that Ubuntu's images have. The versions are general knowledge, not taken from an archive.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CONTROL = PROJECT / "packaging/deb/debian/control"

BOTH = {"walinuxagent": "2.2.46-0ubuntu5.1", "ca-certificates": "20240203"}
INSTALLED = {
    "22.04": {
        **BOTH,
        "init-system-helpers": "1.62",
        "iproute2": "5.15.0-1ubuntu2",
        "openssl": "3.0.2-0ubuntu1.18",
        "passwd": "1:4.8.1-2ubuntu2.2",
        "python3": "3.10.6-1~22.04.1",
        "python3-urllib3": "1.26.5-1~exp1ubuntu0.2",
    },
    "24.04": {
        **BOTH,
        "init-system-helpers": "1.66ubuntu1",
        "iproute2": "6.1.0-1ubuntu6",
        "openssl": "3.0.13-0ubuntu3.5",
        "passwd": "1:4.13+dfsg1-4ubuntu3.2",
        "python3": "3.12.3-0ubuntu2",
        "python3-urllib3": "2.0.7-1ubuntu0.1",
    },
}
AVAILABLE = {"22.04": {"python3-defusedxml": "0.7.1-1build1"}, "24.04": {"python3-defusedxml": "0.7.1-2"}}


def stanza(name: str, version: str, extra: str = "") -> str:
    allowed = "Multi-Arch: allowed\n" if name == "python3" else ""
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody\n{allowed}{extra}Description: none\n\n"
    )


@pytest.fixture(scope="module")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with our relations to others, and no content."""
    tree = tmp_path_factory.mktemp("package")
    (tree / "DEBIAN").mkdir()
    fields = CONTROL.read_text().partition("\nPackage: waagent\n")[2]
    fields = fields.replace(" ${misc:Depends},\n", "").replace(" ${python3:Depends},\n", " python3:any,\n")
    head = "Package: waagent\nVersion: 3.0.0\nMaintainer: nobody\n"
    (tree / "DEBIAN/control").write_text(
        head + re.sub(r",\n(?=\S)", "\n", fields).replace(":\n ", ": ").replace(",\n ", ", ") + "\n"
    )
    made = tmp_path_factory.mktemp("made") / "waagent_3.0.0_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(made)], check=True, capture_output=True, timeout=60)
    return made


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is asked")
@pytest.mark.parametrize("release", sorted(INSTALLED))
def test_apt_would_install_it_with_what_the_release_has(deb: Path, tmp_path: Path, release: str) -> None:
    for place in ("lists/partial", "cache/archives/partial", "archive"):
        (tmp_path / place).mkdir(parents=True)
    states = [stanza(name, found, "Status: install ok installed\n") for name, found in INSTALLED[release].items()]
    (tmp_path / "status").write_text("".join(states))
    source = f"Filename: none.deb\nSize: 1\nSHA256: {'0' * 64}\n"
    offered = [stanza(name, found, source) for name, found in AVAILABLE[release].items()]
    (tmp_path / "archive/Packages").write_text("".join(offered))
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{tmp_path}/archive ./\n")
    told = ask(tmp_path, "update") + ask(tmp_path, "--simulate", "--no-install-recommends", "install", str(deb))
    lines = [" ".join(line.split()[:2]) for line in told.splitlines() if line.startswith(("Inst", "Remv"))]
    assert sorted(lines) == ["Inst python3-defusedxml", "Inst waagent", "Remv walinuxagent"], told


def ask(place: Path, *words: str) -> str:
    options = {
        "Dir::Etc::SourceList": f"{place}/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Main": "/dev/null",
        "Dir::Etc::Parts": "/dev/null",
        "Dir::State": str(place),
        "Dir::State::status": f"{place}/status",
        "Dir::State::Lists": f"{place}/lists",
        "Dir::Cache": f"{place}/cache",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "1",
    }
    said = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    done = subprocess.run(["apt-get", *said, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout
