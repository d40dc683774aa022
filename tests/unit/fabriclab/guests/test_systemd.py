"""The parts of the guest with systemd that need no guest: its network file, its groups, the agent's adapter for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from fabriclab.cli import main
from fabriclab.guests import adapter, assemble, cgroups, compiled, systemd
from fabriclab.guests.adapter import BadAdapter
from fabriclab.guests.cgroups import Hierarchy
from fabriclab.guests.machine import Machine


def test_eth0_asks_for_an_address_unless_it_is_given_one() -> None:
    asks = systemd.network(Machine(), None)
    assert "DHCP=ipv4" in asks and "Address=" not in asks
    given = systemd.network(Machine(routes=("168.63.129.16",)), "10.77.0.9/24")
    assert "DHCP" not in given
    assert given.splitlines()[-6:] == [
        "Address=10.77.0.9/24",
        "Gateway=10.77.0.1",
        "",
        "[Route]",
        "Destination=168.63.129.16",
        "Gateway=10.77.0.1",
    ]


def test_an_agent_for_a_guest_with_systemd_has_a_debian_root_with_what_it_needs() -> None:
    ours = assemble.on_systemd(adapter.find("ours"))
    assert (ours.guest, ours.root, ours.suite) == ("systemd", "debian", "bookworm")
    assert {"systemd-sysv", "python3-urllib3", "python3-defusedxml"} <= set(ours.packages)
    debians = assemble.on_systemd(adapter.find("debian"), "trixie")
    assert debians.suite == "trixie" and {"waagent", "systemd", "python3-crypt-r"} <= set(debians.packages)


def test_a_root_of_choice_is_for_a_guest_with_systemd_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["run", "first-boot", "--root", "trixie"]) == 2
    assert "--guest systemd" in capsys.readouterr().err


def test_an_agent_without_its_unit_is_refused(tmp_path: Path) -> None:
    class Laid:
        agent_layer = tmp_path

    with pytest.raises(BadAdapter, match=r"no absent\.service for systemd to start"):
        unit = replace(adapter.find("ours"), unit="absent.service")
        assemble.enable(Laid(), unit, tmp_path)  # type: ignore[arg-type]


def test_groups_are_made_and_removed_with_all_below_them(tmp_path: Path) -> None:
    among = (Hierarchy("cpu", str(tmp_path / "cpu")), Hierarchy("", str(tmp_path / "unified")))
    for one in among:
        Path(one.place).mkdir()
    cgroups.make(among, "lab-1")
    (tmp_path / "cpu/lab-1/a.slice/b.scope").mkdir(parents=True)
    cgroups.remove(among, "lab-1")
    assert [list(Path(one.place).iterdir()) for one in among] == [[], []]


def test_only_groups_that_this_process_may_write_to_are_found() -> None:
    for one in cgroups.hierarchies():
        assert (Path(one.place) / "cgroup.procs").exists()


def test_modules_are_compiled_only_for_another_python(tmp_path: Path) -> None:
    (tmp_path / "base/usr/bin").mkdir(parents=True)
    (tmp_path / "base/usr/bin/python3").symlink_to("python3.99")
    (tmp_path / "layer" / compiled.PACKAGES).mkdir(parents=True)
    assert compiled.is_needed(tmp_path / "base", tmp_path / "layer")
    assert not compiled.is_needed(Path("/"), tmp_path / "layer")
    assert not compiled.is_needed(tmp_path / "base", tmp_path / "nothing")
