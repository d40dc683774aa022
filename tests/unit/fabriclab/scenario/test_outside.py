"""What is left of a scenario for a guest that nobody can look into."""

from pathlib import Path

import pytest

from fabriclab.given import toml
from fabriclab.guests.adapter import SANDBOX, SYSTEMD, VM, Adapter
from fabriclab.scenario import document, outside, table
from fabriclab.scenario.document import Scenario, load

TEXT = """
[machine]
files = { "/etc/motd" = "hello" }

[configuration]
"Logs.Verbose" = true

[ovf]
hostname = "web-1"

[[step]]
id = "inside"
do = "run"
command = "true"

[[step]]
at = "inside"
id = "after"
do = "note"
text = "x"

[[step]]
id = "moves"
do = "change-container"
container_id = "c"

[[expect]]
id = "ready"
health = "Ready"

[[expect]]
at = "after"
id = "lost"
health = "NotReady"

[[expect]]
login = "kofi"
by = "password"

[[expect]]
file = "/etc/hostname"
"""


def scenario(place: Path) -> Scenario:
    path = place / "scenario.toml"
    path.write_text(TEXT)
    return load(path)


def test_what_the_fabric_does_and_sees_is_left(tmp_path: Path) -> None:
    left, _ = outside.seen(scenario(tmp_path))
    assert [step.name for step in left.steps] == ["moves"]
    assert [type(one.what).__name__ for one in left.expectations] == ["Health", "Login"]
    assert (left.configuration, left.machine.files) == ({}, {})
    assert left.medium.ovf is not None


def test_all_else_is_said_with_what_hangs_on_it(tmp_path: Path) -> None:
    _, out = outside.seen(scenario(tmp_path))
    assert out == (
        "step inside",
        "step after",
        "health report NotReady",
        "/etc/hostname is there",
        "setting Logs.Verbose",
        "file /etc/motd",
    )


@pytest.mark.parametrize(
    ("text", "guest", "image", "said"),
    [
        ("[machine]", SANDBOX, None, []),
        ('[machine]\nsystem_disk = "nvme"', SANDBOX, None, ["system_disk: only a virtual machine has one"]),
        ('[machine]\nsystem_disk = "nvme"\nsecond_card = "10.78.0.4/24"', VM, None, []),
        ('[machine]\nfirmware = "uefi"', VM, None, ["firmware: only a disk of your own is started by it"]),
        ('[machine]\nfirmware = "uefi"', VM, Path("my.qcow2"), []),
        ("[machine]\nroutes = []", SANDBOX, None, []),
        ("[machine]\nroutes = []", SYSTEMD, None, ["routes: this guest has them by DHCP"]),
        ('[machine]\nroutes = []\naddress = "10.77.0.9/24"', SYSTEMD, None, []),
        ('[machine]\n[[machine.disk]]\non = "gen1-old"', VM, None, ["disk.on: its kernel shows gen1-old as gen1"]),
        (
            '[machine]\nhostname = "image"\npackages = ["x"]',
            VM,
            Path("my.qcow2"),
            ["hostname: the disk has one of its own", "packages: the disk has its own"],
        ),
    ],
)
def test_a_key_that_has_no_effect_in_a_guest_is_named(text: str, guest: str, image: Path | None, said: list[str]) -> None:
    part = document.parse(table.Table(toml.loads(text), "some.toml"), Path("some.toml")).machine
    assert list(outside.unheeded(part, Adapter("any", Path("any.toml"), guest=guest, image=image))) == said
