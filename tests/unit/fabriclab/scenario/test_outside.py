"""What is left of a scenario for a guest that nobody can look into."""

from pathlib import Path

from fabriclab.scenario import outside
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
