"""Moving over in place: a machine that Debian's own agent has provisioned and serves gets ours, and Debian's again.

Nothing is provisioned anew, the certificates and what is on disk of the handlers stay, no extension is installed twice, and
each side goes on with the next goal state. The tests go on from each other's state, in one guest of each suite.

Odd: whichever agent starts, it makes a new transport key (fabric.md 3.4) and runs each `enable` once more with the same number
(extensions.md 2.2): that is the contract, and no sign of having forgotten anything.
"""

from collections.abc import Iterator

import pytest

from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, systemd_labs
from scenarios.moving_labs import (
    CERTIFICATES,
    DEBIANS,
    IDENTITY,
    OURS,
    STATE,
    await_all,
    await_commands,
    await_debians,
    await_ours,
    commands,
    debian,
    handler_files,
    health,
    install,
    packages,
    reported,
    says,
    statuses,
    sums,
    tried,
    unit_is_current,
    version,
)
from scenarios.systemd_labs import do, show

pytestmark = [
    *systemd_labs.on_systemd,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("moving-over"),
]

SCENARIO = """
[ovf]
hostname = "web-1"
username = "kofi"
password = "Corr3ct-horse"
disable_ssh_password_authentication = false
ssh_keys = ["generated"]

[[step]]
id = "both"
at = 100000
do = "publish"
[[step.extension]]
sample = "good"
name = "Lab.Good"
public = { message = "one" }
protected = { secret = "hidden" }
sequence = 3
[[step.extension]]
sample = "multi"
name = "Lab.Multi"
settings = [
  { name = "first", public = { message = "a" }, protected = { secret = "hidden too" } },
  { name = "second", public = { message = "b" }, sequence = 1 },
]

[[step]]
id = "next"
at = 100000
do = "publish"
only = true
[[step.extension]]
sample = "good"
name = "Lab.Good"
version = "1.1.0"
public = { message = "two" }
protected = { secret = "hidden as well" }
sequence = 4
[[step.extension]]
sample = "multi"
name = "Lab.Multi"
state = "uninstall"
settings = [
  { name = "first", public = { message = "a" } },
  { name = "second", public = { message = "b" }, sequence = 1 },
]
[[step.extension]]
sample = "good"
name = "Lab.New"
public = { message = "new" }

[[step]]
id = "last"
at = 100000
do = "publish"
only = true
[[step.extension]]
sample = "good"
name = "Lab.Good"
version = "1.2.0"
public = { message = "three" }
protected = { secret = "hidden again" }
sequence = 5
[[step.extension]]
sample = "good"
name = "Lab.New"
state = "uninstall"
[[step.extension]]
sample = "multi"
name = "Lab.Multi"
settings = [{ name = "first", public = { message = "again" }, sequence = 7 }]
"""
BOTH = (says("Lab.Good", 3), says("Lab.Multi", 0, "first"), says("Lab.Multi", 1, "second"))
WELL = {"Lab.Good Ready success", "Lab.Multi Ready success"}
ENABLES = {"Lab.Good": ["enable 3 1.0.0"], "Lab.Multi": ["enable 0 1.0.0 first", "enable 1 1.0.0 second"]}


@pytest.fixture(scope="module", params=["bookworm", pytest.param("trixie", marks=pytest.mark.long)])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    used = packages(tmp_path_factory, request.param).adapter(debian(request.param))
    scenario = labs.scenario_of(tmp_path_factory.mktemp("machine"), SCENARIO)
    with opened(scenario, used, Journal()) as made:
        Runner(made, lambda text: None).begin()
        labs.await_ready(made)
        labs.do(made, "both")
        await_all(made, 0, *BOTH)
        do(made, f"echo 3 >{STATE}/Lab.Good-1.0.0/mrseq")  # as extensions do that remember what they have run
        yield made


def kept(lab: Lab) -> dict[str, str]:
    """Digests of what moving over must not change, and what the extensions say."""
    return {**sums(lab, f"{IDENTITY} {CERTIFICATES} /etc/waagent.conf"), **handler_files(lab), **statuses(lab)}


def assert_kept(lab: Lab, before: dict[str, str]) -> None:
    """An `enable` that has just been started may still be writing what it wrote before."""
    assert labs.settled(lambda: kept(lab), lambda found: found == before) == before


def test_ours_takes_over_where_debians_was(lab: Lab) -> None:
    before, seen = kept(lab), lab.journal.last
    ran = {name: commands(lab, name) for name in ENABLES}
    marker = do(lab, f"stat -c '%i %Y' {STATE}/provisioned /etc/ssh/ssh_host_*_key")
    install(lab, OURS)
    assert show(lab, "ActiveState", "UnitFileState") == ["active", "enabled"] and unit_is_current(lab)
    await_all(lab, seen, *BOTH, by="3.")
    await_commands(lab, {name: ran[name] + ENABLES[name] for name in ENABLES})
    await_ours(lab)
    assert_kept(lab, before)
    assert do(lab, f"stat -c '%i %Y' {STATE}/provisioned /etc/ssh/ssh_host_*_key") == marker
    assert health(lab, seen) == []
    assert [said for _, said in reported(lab, seen) if said != WELL] == [], "a status says less than the one before"


def test_settings_that_somebody_has_made_stay(lab: Lab) -> None:
    assert version(lab).startswith("ii 3.")
    assert "Provisioning.Agent=waagent" in do(lab, "cat /etc/waagent.conf")
    assert "has to be told after a rotation" in do(lab, "cat /etc/logrotate.d/waagent.logrotate")


def test_nothing_of_the_other_package_is_left(lab: Lab) -> None:
    found = do(lab, r"find / -xdev -path /srv -prune -o \( -name '*azurelinuxagent*' -o -name '*walinuxagent*' \) -print")
    ours = ("/usr/lib/python3/dist-packages/waagent/", "/usr/lib/systemd/", "/etc/systemd/", "/var/lib/systemd/")
    assert [name for name in found.split() if not name.startswith(ours)] == []
    assert do(lab, "dpkg --verify waagent | grep -v /usr/share/man || true").split() == ["??5??????", "c", "/etc/waagent.conf"]
    assert tried(lab, "systemctl --failed --no-legend | grep .").output == ""


def test_ours_goes_on_with_the_next_goal_state(lab: Lab) -> None:
    seen, before = lab.journal.last, {name: commands(lab, name) for name in ENABLES}
    labs.do(lab, "next")
    await_all(lab, seen, says("Lab.Good", 4, version="1.1.0"), says("Lab.New", 0))
    update = ["disable 3 1.0.0", "update 4 1.1.0", "uninstall 3 1.0.0", "install 4 1.1.0", "enable 4 1.1.0"]
    assert commands(lab, "Lab.Good")[len(before["Lab.Good"]) :] in (update, [each.replace(" 3 ", " 4 ") for each in update])
    gone = commands(lab, "Lab.Multi")[len(before["Lab.Multi"]) :]
    assert [each.split()[0] for each in gone] == ["disable", "disable", "uninstall"]
    assert commands(lab, "Lab.New") == ["install 0 1.0.0", "enable 0 1.0.0"]
    assert do(lab, f"cd {STATE} && ls -d Lab.*-* && cat Lab.Good-1.1.0/mrseq").split() == [
        "Lab.Good-1.1.0",
        "Lab.New-1.0.0",
        "3",
    ]


def test_ours_starts_again_at_the_next_boot(lab: Lab) -> None:
    before, seen = sums(lab, f"{IDENTITY} {CERTIFICATES}"), lab.journal.last
    ran = [commands(lab, name) for name in ("Lab.Good", "Lab.New")]
    lab.reboot(True)
    await_all(lab, seen, says("Lab.Good", 4, version="1.1.0"), says("Lab.New", 0))
    # what an extension said before the boot is told before it has run again
    await_commands(lab, {"Lab.Good": [*ran[0], "enable 4 1.1.0"], "Lab.New": [*ran[1], "enable 0 1.0.0"]})
    await_ours(lab)
    assert sums(lab, f"{IDENTITY} {CERTIFICATES}") == before
    assert health(lab, seen) == []


def test_debians_takes_over_where_ours_was(lab: Lab) -> None:
    before = kept(lab)
    ran, seen = [commands(lab, name) for name in ("Lab.Good", "Lab.New")], lab.journal.last
    install(lab, DEBIANS)
    await_all(lab, seen, says("Lab.Good", 4, version="1.1.0"), says("Lab.New", 0), by="2.")
    await_debians(lab)
    assert version(lab).startswith("ii 2.") and unit_is_current(lab)
    await_commands(lab, {"Lab.Good": [*ran[0], "enable 4 1.1.0"], "Lab.New": [*ran[1], "enable 0 1.0.0"]})
    assert_kept(lab, before)
    assert health(lab, seen) == []
    assert tried(lab, "test -e /usr/lib/python3/dist-packages/waagent/cli").status != 0


def test_debians_goes_on_with_the_next_goal_state(lab: Lab) -> None:
    seen, before = lab.journal.last, commands(lab, "Lab.Good")
    labs.do(lab, "last")
    await_all(lab, seen, says("Lab.Good", 5, version="1.2.0"), says("Lab.Multi", 7, "first"))
    assert [each.split()[0] for each in commands(lab, "Lab.Good")[len(before) :]] == [
        "disable", "update", "uninstall", "install", "enable",
    ]  # fmt: skip
    assert [each.split()[0] for each in commands(lab, "Lab.New")[-2:]] == ["disable", "uninstall"]
    assert do(lab, f"cd {STATE} && ls -d Lab.*-* && cat Lab.Good-1.2.0/mrseq").split() == [
        "Lab.Good-1.2.0",
        "Lab.Multi-1.0.0",
        "3",
    ]
    await_debians(lab)
