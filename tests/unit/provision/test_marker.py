"""The marker and the VM id (guest.md 2.12; traps 44, 45, 51)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest.families.bsd import OPENBSD
from waagent.guest.profile import Guest
from waagent.provision import marker
from waagent.provision.marker import Verdict

DMI = "544CDFD0-CB4E-4B4A-9954-5BDF3ED5C3B8"
STORED = "D0DF4C54-4ECB-4A4B-9954-5BDF3ED5C3B8"


def test_the_first_three_groups_are_swapped() -> None:
    assert marker.swapped(DMI) == STORED
    assert marker.swapped("not a uuid") == "not a uuid"


@given(st.uuids())
def test_swapping_twice_is_nothing(value: object) -> None:
    assert marker.swapped(marker.swapped(str(value))) == str(value)


@pytest.mark.parametrize(
    ("stored", "current", "expected"),
    [
        (None, STORED, Verdict.ABSENT),
        (None, "", Verdict.ABSENT),
        (STORED, STORED, Verdict.SAME),
        (STORED.lower(), STORED, Verdict.SAME),
        (DMI, STORED, Verdict.SAME),
        ("", STORED, Verdict.UNNAMED),
        ("00000000-CB4E-4B4A-9954-5BDF3ED5C3B8", STORED, Verdict.CHANGED),
        (STORED, "", Verdict.SAME),
    ],
)
def test_both_forms_are_compared_and_an_unreadable_id_changes_nothing(
    stored: str | None, current: str, expected: Verdict
) -> None:
    assert marker.judge(stored, current) is expected


def test_the_id_comes_from_dmi() -> None:
    system = fake_system(files=MemoryFiles({"/sys/class/dmi/id/product_uuid": DMI + "\n"}))
    assert marker.vm_id(system, Guest()) == STORED


def test_dmidecode_is_asked_where_the_file_is_missing_and_believed_only_with_a_uuid() -> None:
    commands = ScriptedCommands(["dmidecode"]).on("dmidecode", "--string", "system-uuid", stdout=DMI + "\n")
    assert marker.vm_id(fake_system(commands=commands), Guest()) == STORED
    commands = ScriptedCommands(["dmidecode"]).on("dmidecode", "--string", "system-uuid", stdout="# SMBIOS not present\n")
    assert marker.vm_id(fake_system(commands=commands), Guest()) == ""
    assert marker.vm_id(fake_system(commands=ScriptedCommands([])), Guest()) == ""


def test_openbsd_does_not_swap() -> None:
    commands = ScriptedCommands(["sysctl"]).on("sysctl", "-n", "hw.uuid", stdout=DMI.lower() + "\n")
    assert marker.vm_id(fake_system(commands=commands), OPENBSD) == DMI.lower()


def test_an_empty_marker_counts_as_provisioned() -> None:
    paths = Paths.of(Config())
    files = MemoryFiles({paths.provisioned: "", "/sys/class/dmi/id/product_uuid": DMI})
    assert marker.check(fake_system(files=files), Guest(), paths) == marker.Marker(Verdict.UNNAMED, "", STORED)


def test_the_platforms_own_form_is_unswapped_on_generation_2_and_the_marker_keeps_the_references() -> None:
    files = MemoryFiles({"/sys/class/dmi/id/product_uuid": DMI})
    system = fake_system(files=files)
    assert (marker.platform_id(system, Guest()), marker.vm_id(system, Guest())) == (STORED, STORED)
    files.put_directory("/sys/firmware/efi")
    assert (marker.platform_id(system, Guest()), marker.vm_id(system, Guest())) == (DMI, STORED)
