"""What each kind of guest says of itself at its start is so: all that can be tried is tried, also what is not real there.

The virtual machine's turn is in tests/vm/test_hardware.py.
"""

from pathlib import Path

import pytest

from fabriclab.guests import adapter, fidelity
from fabriclab.guests.adapter import SANDBOX, SYSTEMD, VM
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from scenarios import labs, systemd_labs

pytestmark = labs.in_a_guest


def tried(lab: Lab) -> dict[str, bool]:
    return {claim.what: lab.guest.shell(claim.probe).ok for claim in fidelity.CLAIMS if claim.probe is not None}


def claimed(kind: str) -> dict[str, bool]:
    return {claim.what: kind in claim.real_in for claim in fidelity.CLAIMS if claim.probe is not None}


@pytest.mark.parametrize("kind", [SANDBOX, SYSTEMD])
def test_what_a_guest_says_of_itself_is_so(tmp_path: Path, kind: str) -> None:
    used = adapter.find("ours") if kind == SANDBOX else systemd_labs.adapter_of()
    with opened(labs.scenario_of(tmp_path, "starts_agent = false"), used, Journal()) as lab:
        assert tried(lab) == claimed(kind)
        said = " ".join(entry.summary for entry in lab.journal.entries())
    assert all(claim.what in said for claim in fidelity.CLAIMS)


def test_each_thing_is_said_to_be_real_or_not_in_every_kind_of_guest() -> None:
    for kind in (SANDBOX, SYSTEMD, VM):
        real, other = fidelity.told(adapter.Adapter("any", Path("any.toml"), guest=kind))
        assert [claim.what in real for claim in fidelity.CLAIMS] == [claim.what not in other for claim in fidelity.CLAIMS]
