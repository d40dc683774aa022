"""Several guests of one scenario: each with an identity of its own, and expectations that name it."""

from pathlib import Path

import pytest

from fabriclab.scenario import document, fleet
from fabriclab.scenario.table import BadScenario


def test_the_first_guest_is_the_scenario_as_it_is() -> None:
    scenario = document.find("first-boot")
    assert fleet.member(scenario, 0) is scenario


def test_no_two_guests_share_an_identity() -> None:
    members = [fleet.member(document.find("first-boot"), number) for number in range(64)]
    for name in ("vm_id", "vm_name", "container_id", "private_address", "mac", "role_instance"):
        assert len({getattr(one.identity, name) for one in members}) == 64, name
    assert len({one.machine.address for one in members}) == 64
    assert members[5].machine.address == "10.77.0.9/24" and members[5].identity.private_address == "10.77.0.9"


@pytest.mark.parametrize(("own", "second"), [("", "10.77.0.5"), ("dhcp", "10.77.0.5"), ("10.77.0.20/24", "10.77.0.20")])
def test_each_guest_is_looked_for_where_it_is(tmp_path: Path, own: str, second: str) -> None:
    path = tmp_path / "some.toml"
    path.write_text(f'[machine]\naddress = "{own}"\n' if own else "")
    assert fleet.member(document.load(path), 1).address == second


def test_a_guest_with_a_dhcp_client_gets_its_address_from_the_fabric() -> None:
    found = fleet.member(document.find("first-boot"), 2, asks=True)
    assert (found.machine.address, found.address) == (None, "10.77.0.6")


def test_the_same_guest_is_the_same_in_every_run() -> None:
    scenario = document.find("first-boot")
    assert fleet.member(scenario, 3) == fleet.member(scenario, 3)


def test_expectations_name_the_guest_that_they_are_of() -> None:
    first, second = (fleet.member(document.find("first-boot"), number) for number in (0, 1))
    assert any(first.identity.vm_id in repr(one) for one in first.expectations)
    assert not any(first.identity.vm_id in repr(one) for one in second.expectations)
    assert any(second.identity.vm_id in repr(one) for one in second.expectations)


@pytest.mark.parametrize("count", [0, 65])
def test_a_number_of_guests_that_cannot_be_is_refused(tmp_path: Path, count: int) -> None:
    path = tmp_path / "many.toml"
    path.write_text(f"count = {count}\n")
    with pytest.raises(BadScenario, match=f"count: {count} is not from 1 to 64"):
        document.load(path)
