"""The table and the sections say the same."""

import dataclasses
import typing

import pytest

from waagent.config import sections
from waagent.config.sections import Config
from waagent.config.settings import ALIASES, BY_KEY, DEAD_KEYS, ROWS, Kind, Row, snake_case

TYPES = {Kind.BOOLEAN: bool, Kind.INTEGER: int, Kind.STRING: str, Kind.PATH: str}


def test_every_key_has_one_row_and_every_field_one_key() -> None:
    fields = {
        (section.name, field.name)
        for section in dataclasses.fields(Config)
        for field in dataclasses.fields(getattr(Config(), section.name))
    }
    assert {(row.section, row.field) for row in ROWS} == fields
    assert len(ROWS) == len(BY_KEY) == len(fields)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_the_field_of_a_row_has_its_type_and_default(row: Row) -> None:
    section = getattr(Config(), row.section)
    assert getattr(section, row.field) == row.default
    may_be_none = row.default is None or row.unset_means_none
    hint = typing.get_type_hints(type(section))[row.field]
    assert hint == (TYPES[row.kind] | None if may_be_none else TYPES[row.kind])
    assert row.meaning.endswith(".")


def test_dead_names_and_aliases_are_not_keys() -> None:
    assert not (DEAD_KEYS | set(ALIASES)) & set(BY_KEY)
    assert ALIASES == {"Home.Dir": "OS.HomeDir"}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("SwapSizeMB", "swap_size_mb"),
        ("EnableRDMA", "enable_rdma"),
        ("SshHostKeyPairType", "ssh_host_key_pair_type"),
        ("AllowHTTP", "allow_http"),
        ("EnableGAVersioning", "enable_ga_versioning"),
        ("EnableCgroupV2ResourceLimiting", "enable_cgroup_v2_resource_limiting"),
        ("LBProbeResponder", "lb_probe_responder"),
    ],
)
def test_names_become_snake_case(name: str, field: str) -> None:
    assert snake_case(name) == field


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("Provisioning.Enabled", True),
        ("Provisioning.DeleteRootPassword", False),
        ("Provisioning.RegenerateSshHostKeyPair", True),
        ("Provisioning.MonitorHostName", True),
        ("Provisioning.PasswordCryptId", "6"),
        ("Provisioning.PasswordCryptSaltLength", 10),
        ("ResourceDisk.Format", True),
        ("ResourceDisk.Filesystem", "ext4"),
        ("ResourceDisk.MountOptions", None),
        ("OS.RootDeviceScsiTimeout", 300),
        ("OS.OpensslPath", None),
        ("LBProbeResponder", True),
        ("OS.EnableFirewall", False),
        ("Extensions.GoalStatePeriod", None),
    ],
)
def test_a_missing_line_means_the_default_of_the_manual(key: str, default: object) -> None:
    assert BY_KEY[key].default == default


def test_sections_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        sections.Config().lib.dir = "/x"  # type: ignore[misc]
