"""How exposed systemd finds the unit, beside the reference's; and each complaint is answered in docs/exposure.md."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fabriclab.guests import adapter, assemble
from fabriclab.guests.namespace import NamespaceUnavailable
from fabriclab.guests.root import RootUnavailable
from waagent.guest.families.debian import DEBIAN
from waagent.install.placement import place

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/exposure.md").read_text(encoding="utf-8")
UNIT = "lib/systemd/system/walinuxagent.service"
REFERENCE = """\
[Unit]
Description=as its format is described
Wants=network-online.target sshd.service sshd-keygen.service
After=network-online.target
ConditionFileIsExecutable=/usr/sbin/waagent
ConditionPathExists=/etc/waagent.conf
[Service]
Type=simple
ExecStart=/usr/bin/python3 -u /usr/sbin/waagent -daemon
Restart=always
RestartSec=5
[Install]
WantedBy=multi-user.target
"""


def analyze(path: Path, *options: str) -> str:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd-analyze")
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "offline" in done.stderr:
        pytest.skip("this systemd-analyze reads no unit that is not loaded")
    assert done.returncode == 0, done.stderr
    return done.stdout


def figure(path: Path) -> float:
    found = re.search(r"exposure level for \S+: ([\d.]+) ", analyze(path))
    assert found is not None
    return float(found[1])


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "walinuxagent.service"
    path.write_text(next(file for file in place(DEBIAN, systemd=True).files if file.path == f"/{UNIT}").content)
    return path


def test_ours_is_no_more_exposed_than_the_references_and_the_page_has_both_figures(ours: Path, tmp_path: Path) -> None:
    described = tmp_path / "reference.service"
    described.write_text(REFERENCE)
    figures = figure(ours), figure(described)
    print(f"systemd-analyze security: ours {figures[0]}, the reference's {figures[1]}")
    assert figures[0] <= figures[1]
    assert f"| ours | {figures[0]} |" in PAGE
    assert f"| the reference's, as its format is described | {figures[1]} |" in PAGE


@pytest.mark.slow  # Debian's package comes with a root of its own
@pytest.mark.registry
def test_ours_is_no_more_exposed_than_that_of_debians_package(ours: Path) -> None:
    try:
        root = assemble.root_of(adapter.find("debian"))
    except (RootUnavailable, NamespaceUnavailable) as problem:
        pytest.skip(f"no root with Debian's agent: {problem}")
    debians = figure(root / UNIT)
    print(f"systemd-analyze security: ours {figure(ours)}, that of Debian's package {debians}")
    assert figure(ours) <= debians
    assert f"| Debian's package of the reference, 2.7.3 | {debians} |" in PAGE


def test_every_row_that_systemd_leaves_open_is_answered_on_the_page(ours: Path) -> None:
    rows = json.loads(analyze(ours, "--json=short"))
    open_ = {row["name"] for row in rows if row["exposure"] is not None}
    table = "\n".join(line.rpartition(" | ")[0].split(" | ")[0] for line in PAGE.splitlines() if line.startswith("| `"))
    answered = {name.replace("\\|", "|") for name in re.findall(r"`([^`]+=[^`]*)`", table)}
    assert open_ - answered == set()
    assert len(open_) > 70


def test_the_page_excuses_nothing_that_the_unit_sets(ours: Path) -> None:
    set_ = {row["name"] for row in json.loads(analyze(ours, "--json=short")) if row["set"]}
    assert {"NotifyAccess=", "KeyringMode="} <= set_
    assert not [name for name in set_ if f"| `{name}`" in PAGE]
