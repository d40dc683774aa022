"""Instance metadata: versions, addressing, forms."""

from dataclasses import replace
from typing import Any

import pytest

from fabriclab.documents import imds
from fabriclab.documents.imds import NoElement
from fabriclab.world.values import Identity, Metadata, World

NEWEST = imds.VERSIONS[-1]


def texts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in texts(item)]
    return [leaf for item in value for leaf in texts(item)] if isinstance(value, list) else [value]


def test_every_primitive_is_text() -> None:
    assert {type(leaf) for leaf in texts(imds.instance(World(), NEWEST))} == {str}


def test_extended_has_a_real_boolean_and_only_on_demand() -> None:
    world = World(imds=Metadata(has_custom_data=True, pps_type="Savable"))
    assert imds.instance(world, NEWEST, extended=True)["extended"] == {"compute": {"hasCustomData": True, "ppsType": "Savable"}}
    assert "extended" not in imds.instance(world, NEWEST)


@pytest.mark.parametrize(
    ("since", "before", "path"),
    [
        ("2017-08-01", "2017-04-02", "subscriptionId"),
        ("2018-04-02", "2018-02-01", "publicKeys"),
        ("2020-10-01", "2020-09-01", "osProfile/disablePasswordAuthentication"),
        ("2021-01-01", "2020-12-01", "userData"),
        ("2021-02-01", "2021-01-01", "storageProfile/resourceDisk"),
        ("2021-12-13", "2021-11-15", "securityProfile/securityType"),
        ("2023-07-01", "2021-12-13", "storageProfile/imageReference/exactVersion"),
        ("2023-11-15", "2023-07-01", "physicalZone"),
    ],
)
def test_a_member_appears_with_its_version(since: str, before: str, path: str) -> None:
    imds.select(imds.instance(World(), since), f"compute/{path}")
    with pytest.raises(NoElement):
        imds.select(imds.instance(World(), before), f"compute/{path}")


def test_every_member_of_the_table_exists_in_the_newest_version() -> None:
    compute = imds.instance(World(), NEWEST)["compute"]
    for names in imds.SINCE.values():
        for name in names.split():
            imds.select(compute, name.replace(".", "/"))
    assert set(imds.SINCE) <= set(imds.VERSIONS)


def test_what_a_provisioning_agent_needs_is_there() -> None:
    identity = Identity(public_keys=("ssh-ed25519 AAAA lab",), admin_user="maria")
    compute = imds.instance(World(identity=identity), "2023-11-15", extended=True)["compute"]
    assert compute["osProfile"] == {
        "adminUsername": "maria",
        "computerName": "labvm01",
        "disablePasswordAuthentication": "true",
    }
    assert compute["publicKeys"] == [{"keyData": "ssh-ed25519 AAAA lab", "path": "/home/maria/.ssh/authorized_keys"}]


def test_parts_are_addressed_by_path() -> None:
    content = imds.instance(World(), NEWEST)
    assert imds.select(content, "network/interface/0/macAddress") == "000D3A112233"
    assert imds.select(content, "compute/tagsList/0/name") == "env"
    assert imds.select(content, "/") == content
    for missing in ("compute/nothing", "network/interface/1", "network/interface/x", "compute/name/more"):
        with pytest.raises(NoElement):
            imds.select(content, missing)


def test_text_of_a_part_is_its_value_or_the_names_below_it() -> None:
    content = imds.instance(World(), NEWEST, extended=True)
    assert imds.text("labvm01") == "labvm01"
    assert imds.text(content) == "compute/\nnetwork/\nextended/"
    assert imds.text(imds.select(content, "network/interface")) == "0/"
    assert imds.text(imds.select(content, "extended/compute/hasCustomData")) == "false"
    assert imds.is_leaf("x") and not imds.is_leaf([])


def test_further_members_can_be_added() -> None:
    world = World(imds=replace(Metadata(), extra=(("surprise", "yes"),)))
    assert imds.instance(world, NEWEST)["compute"]["surprise"] == "yes"


def test_a_bad_version_is_told_the_newest_ones() -> None:
    assert imds.bad_version()["newest-versions"] == ["2025-04-07", "2024-07-17", "2024-03-15"]
    assert imds.versions()["apiVersions"][0] == "2017-03-01"
