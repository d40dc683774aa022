"""guests.machine: the files and DMI data of a guest before its first boot."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fabriclab.guests.machine import AZURE_ASSET_TAG, Machine, azure_dmi, hide, swap_identity, write_dmi, write_layer


def test_the_documented_example_of_a_swapped_identity_holds() -> None:
    assert swap_identity("544CDFD0-CB4E-4B4A-9954-5BDF3ED5C3B8") == "D0DF4C54-4ECB-4A4B-9954-5BDF3ED5C3B8"


@given(st.uuids().map(lambda value: str(value).upper()))
def test_swapping_twice_gives_the_identity_back(text: str) -> None:
    assert swap_identity(swap_identity(text)) == text


def test_the_product_uuid_is_for_root_alone_and_the_asset_tag_is_azures(tmp_path: Path) -> None:
    write_dmi(tmp_path, Machine(dmi=azure_dmi("99999999-8888-4777-8666-555555555555")))
    assert (tmp_path / "dmi/id/product_uuid").stat().st_mode & 0o777 == 0o400
    assert (tmp_path / "dmi/id/chassis_asset_tag").read_text() == f"{AZURE_ASSET_TAG}\n"


def test_the_guest_asks_the_fabric_for_names(tmp_path: Path) -> None:
    write_layer(tmp_path, Machine(hostname="first"))
    assert (tmp_path / "etc/resolv.conf").read_text() == "nameserver 168.63.129.16\n"
    assert "first" in (tmp_path / "etc/hosts").read_text()


def test_only_what_the_root_has_is_hidden(tmp_path: Path) -> None:
    root, layer = tmp_path / "root", tmp_path / "layer"
    (root / "var/lib").mkdir(parents=True)
    (root / "var/lib").chmod(0o711)
    layer.mkdir()
    hide(layer, root, ("var/lib/waagent", "etc/waagent.conf"))
    assert list(layer.iterdir()) == []
