"""Moving over is cut off: dpkg is killed, the power goes, nobody answers its question. An agent runs or can be started, nothing
is provisioned anew, and what any administrator would type brings it to its end. An extension that installs it is not cut off.

dpkg puts the files of a package into place in the order of their names, then removes those of the package that was there
before; the points are where one more rename or removal would have been. Each test begins with Debian's agent, in one guest.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    await_all,
    await_debians,
    await_ours,
    commands,
    debian,
    health,
    install,
    packages,
    running,
    says,
    sums,
    tried,
    unit_is_current,
    version,
)
from scenarios.systemd_labs import do, machine

pytestmark = [
    *systemd_labs.on_systemd,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("moving-over"),
]

HERE = Path(__file__).parent / "moving"
MODULES = "/usr/lib/python3/dist-packages"
AGAIN = f"dpkg --configure -a --force-confold; apt-get --yes -o Dpkg::Options::=--force-confold install {OURS}"
CONFIGURE = "dpkg --configure -a --force-confold"
SCENARIO = """
[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]

[[step]]
id = "good"
at = 100000
do = "publish"
[[step.extension]]
sample = "good"
name = "Lab.Good"
public = { message = "one" }
protected = { secret = "hidden" }
sequence = 3

[[step]]
id = "installer"
at = 100000
do = "publish"
[[step.extension]]
directory = "installer"
name = "Lab.Installer"
public = {}

[[step]]
id = "no-installer"
at = 100000
do = "remove"
extension = "Lab.Installer"
"""
INSTALLER = f"""#!/bin/sh
# As extensions that run an administrator's script do: in the foreground, and each number once.
cd "$(dirname "$0")"
[ "$1" = enable ] || exit 0
echo "$ConfigSequenceNumber" | cmp -s - mrseq && exit 0
echo "$ConfigSequenceNumber" >mrseq
DEBIAN_FRONTEND=noninteractive {AGAIN.partition("; ")[2]} </dev/null >/run/told 2>&1
echo "ended $?" >>/run/told
echo '[{{"version": 1, "timestampUTC": "2026-01-01T00:00:00Z", "status": {{"operation": "enable", "status": "success",
"code": 0, "formattedMessage": {{"lang": "en", "message": "installed"}}}}}}]' >"status/$ConfigSequenceNumber.status"
"""


@dataclass(frozen=True)
class Point:
    """Killed before this `call` on `path`. `state`: what dpkg then says of the package; `mended`: what brings it to an end."""

    said: str
    call: str
    path: str
    state: str
    mended: str
    long: bool = False


POINTS = (
    Point("all is extracted and nothing in place", "rename", f"{MODULES}/waagent/__init__.py", "iHR", AGAIN, long=True),
    Point("half of the modules are in place", "rename", f"{MODULES}/waagent/fabric/wireserver.py", "iHR", AGAIN, long=True),
    Point("the unit is ours, the program Debian's", "rename", "/usr/sbin/waagent", "iHR", AGAIN),
    Point("all of ours is there and all of Debian's too", "unlink", f"{MODULES}/azurelinuxagent/agent.py", "iHR", AGAIN),
    Point("unpacked, and about to be configured", "rename", "/etc/logrotate.d/waagent.logrotate", "iU ", CONFIGURE, long=True),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    found = packages(tmp_path_factory, "bookworm")
    shutil.copy(HERE / "kill_before.py", found.place / "srv")
    place = tmp_path_factory.mktemp("machine")
    write_installer(place / "installer")
    with opened(labs.scenario_of(place, SCENARIO), found.adapter(debian("bookworm")), Journal()) as made:
        Runner(made, lambda text: None).begin()
        labs.await_ready(made)
        labs.do(made, "good")
        await_all(made, 0, says("Lab.Good", 3))
        yield made


def write_installer(place: Path) -> None:
    """A handler whose `enable` installs our package."""
    words = ("install", "enable", "update", "disable", "uninstall")
    commands = {f"{word}Command": f"handler.sh {word}" for word in words}
    place.mkdir()
    manifest = [{"version": 1.0, "handlerManifest": {**commands, "reportHeartbeat": False}}]
    (place / "HandlerManifest.json").write_text(json.dumps(manifest))
    (place / "handler.sh").write_text(INSTALLER)


@pytest.fixture
def begun(lab: Lab) -> Lab:
    """Debian's agent serves the machine."""
    if not version(lab).startswith("ii 2."):
        install(lab, DEBIANS)
    await_debians(lab)
    return lab


def cut_power(lab: Lab) -> None:
    """Off from one moment to the next, and on again."""
    guest = machine(lab)
    guest.stop()
    lab.service.gone()
    guest.start()
    lab.service.start()


def assert_ends_well(lab: Lab, kept: dict[str, str], seen: int) -> None:
    after = lab.journal.last
    await_ours(lab)
    await_all(lab, after, says("Lab.Good", 3))
    assert version(lab).startswith("ii 3.") and unit_is_current(lab)
    assert sums(lab, f"{IDENTITY} {CERTIFICATES}") == kept
    assert health(lab, seen) == []
    assert [line for line in commands(lab, "Lab.Good") if not line.startswith("enable 3")] == ["install 3 1.0.0"]
    assert tried(lab, "dpkg --audit").output == ""
    left = do(lab, "find / -xdev -name '*.dpkg-*' -not -path '/proc/*' -not -path '/var/lib/dpkg/*'").split()
    assert left == ["/etc/waagent.conf.dpkg-dist"]  # what the package would have set, beside what was kept


@pytest.mark.parametrize(
    "point", [pytest.param(point, id=point.said, marks=[pytest.mark.long] if point.long else []) for point in POINTS]
)
def test_dpkg_is_killed_and_the_power_goes(begun: Lab, point: Point) -> None:
    kept, seen = sums(begun, f"{IDENTITY} {CERTIFICATES}"), begun.journal.last
    do(begun, f"python3 /srv/kill_before.py {point.call} {point.path} dpkg --force-confold -i {OURS} 2>&1", timeout=120)
    assert version(begun).startswith(point.state)
    assert running(begun), "the agent that ran before was lost"
    cut_power(begun)
    assert running(begun), f"no agent was started at boot; the console: {machine(begun).console[-500:]}"
    after = begun.journal.last
    await_all(begun, after, says("Lab.Good", 3))
    done = tried(begun, f"{point.mended} 2>&1 </dev/null")
    assert done.ok, done.output
    assert_ends_well(begun, kept, seen)


def test_the_power_goes_while_the_package_is_being_configured(begun: Lab) -> None:
    """In the moment that it would have the agent started anew."""
    kept, seen = sums(begun, f"{IDENTITY} {CERTIFICATES}"), begun.journal.last
    stub = "#!/bin/sh\necho here >/run/reached\nexec sleep infinity\n"
    do(
        begun,
        f"mkfifo /run/reached; printf '{stub}' >/usr/local/bin/deb-systemd-invoke; chmod +x /usr/local/bin/deb-systemd-invoke",
    )
    do(begun, f"PATH=/usr/local/bin:$PATH setsid dpkg --force-confold -i {OURS} >/run/told 2>&1 & read it </run/reached")
    do(begun, "rm /usr/local/bin/deb-systemd-invoke")
    cut_power(begun)
    await_ours(begun)
    assert version(begun).startswith("iF ")
    do(begun, CONFIGURE)
    assert_ends_well(begun, kept, seen)


def test_an_agent_that_dies_when_its_files_are_gone_is_followed_by_ours(begun: Lab) -> None:
    kept, seen = sums(begun, f"{IDENTITY} {CERTIFICATES}"), begun.journal.last
    do(begun, f"dpkg --unpack {OURS} && pkill -KILL -f '/usr/sbin/[w]aagent' && systemctl reset-failed walinuxagent")
    assert labs.settled(lambda: running(begun), lambda lines: lines == []) == []
    do(begun, CONFIGURE)
    assert_ends_well(begun, kept, seen)


def test_a_question_that_nobody_answers_leaves_the_agent_running(begun: Lab) -> None:
    """apt without a terminal and without --force-confold, where waagent.conf was edited: dpkg gives up before it configures."""
    kept, seen = sums(begun, f"{IDENTITY} {CERTIFICATES}"), begun.journal.last
    failed = tried(begun, f"apt-get --yes install {OURS} 2>&1 </dev/null")
    assert not failed.ok and "end of file on stdin at conffile prompt" in failed.output
    await_debians(begun)
    do(begun, "DEBIAN_FRONTEND=noninteractive apt-get --yes -o Dpkg::Options::=--force-confold --fix-broken install </dev/null")
    assert_ends_well(begun, kept, seen)


def test_an_extension_that_installs_the_package_is_not_killed_by_it(begun: Lab) -> None:
    """The command is the child of the agent that is replaced while it runs."""
    kept, seen = sums(begun, f"{IDENTITY} {CERTIFICATES}"), begun.journal.last
    labs.do(begun, "installer")
    await_all(begun, seen, says("Lab.Installer", 0), says("Lab.Good", 3))
    assert do(begun, "tail -n 1 /run/told") == "ended 0\n"
    assert_ends_well(begun, kept, seen)
    labs.do(begun, "no-installer")
