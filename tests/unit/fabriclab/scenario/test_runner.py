"""scenario.runner with everything below it real: namespaces, fabric, a guest, and a small agent that is a script."""

import os
from pathlib import Path

import pytest

from fabriclab.guests import adapter
from fabriclab.guests.adapter import Adapter
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document, execution
from fabriclab.scenario.outcome import Result, TimelineEvent

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest needs root"),
]

# Reports NotReady and Ready, then uploads the status of one handler for each incarnation; ends with status 3 when told to.
AGENT = """
import json, os, re, sys, time, urllib.request

WIRE = "http://168.63.129.16"
HEADERS = {"x-ms-version": "2012-11-30", "x-ms-agent-name": "stub"}

def ask(url, data=None, method=None, **more):
    request = urllib.request.Request(url, data, {**HEADERS, **more}, method=method)
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5).read().decode()

def one(name, text):
    return re.search(f"<{name}[^>]*>([^<]*)</{name}>", text).group(1)

def goal_state():
    return ask(f"{WIRE}/machine/?comp=goalstate")

def health(state, details=""):
    now = goal_state()
    role = f"<Role><InstanceId>{one('InstanceId', now)}</InstanceId><Health><State>{state}</State>{details}</Health></Role>"
    container = f"<ContainerId>{one('ContainerId', now)}</ContainerId><RoleInstanceList>{role}</RoleInstanceList>"
    number = f"<GoalStateIncarnation>{one('Incarnation', now)}</GoalStateIncarnation>"
    document = f"<Health>{number}<Container>{container}</Container></Health>"
    ask(f"{WIRE}/machine?comp=health", document.encode(), **{"Content-Type": "text/xml; charset=utf-8"})

def upload(incarnation):
    config = ask(one("ExtensionsConfig", goal_state()).replace("&amp;", "&"))
    blob = re.search("<StatusUploadBlob[^>]*>([^<]*)<", config).group(1).replace("&amp;", "&")
    handler = {"handlerName": "A.B", "handlerVersion": "1.0.0", "status": "Ready", "code": incarnation}
    body = json.dumps({"version": "1.1", "timestampUTC": "2026-01-02T03:04:05Z", "guestOSInfo": {}, "aggregateStatus": {
        "guestAgentStatus": {"version": "1", "status": "Ready"}, "handlerAggregateStatus": [handler]}}).encode()
    ask(blob, body, "PUT", **{"x-ms-blob-type": "BlockBlob", "x-ms-date": "2026-01-02T03:04:05Z", "x-ms-version": "2014-02-14"})

print("the stub speaks", flush=True)
health("NotReady", "<Details><SubStatus>Provisioning</SubStatus><Description>Starting</Description></Details>")
open("/etc/stub", "w").write("made by the stub")
os.chmod("/etc/stub", 0o640)
health("Ready")
seen = 0
while not os.path.exists("/etc/stub-ends"):
    incarnation = int(one("Incarnation", goal_state()))
    if incarnation != seen:
        upload(incarnation)
        seen = incarnation
    time.sleep(0.05)
sys.exit(3)
"""


@pytest.fixture
def stub(tmp_path: Path) -> Adapter:
    program = tmp_path / "files/usr/sbin/stub-agent"
    program.parent.mkdir(parents=True)
    program.write_text(AGENT)
    described = tmp_path / "stub.toml"
    described.write_text('[lay]\ncopy = "files"\n[start]\ncommand = ["/usr/bin/python3", "/usr/sbin/stub-agent"]\n')
    return adapter.load(described)


class Ran:
    def __init__(self, result: Result, journal: Journal, waits: list[str]) -> None:
        self.result = result
        self.journal = journal
        self.waits = waits

    @property
    def verdicts(self) -> dict[str, bool]:
        return {verdict.text: verdict.held for verdict in self.result.verdicts}


def run(tmp_path: Path, stub: Adapter, text: str, *, keep: bool = False) -> Ran:
    path = tmp_path / "some.toml"
    path.write_text(text)
    journal, told, waits = Journal(), list[TimelineEvent](), list[str]()
    result = execution.execute(document.load(path), stub, journal, told.append, waits.append, keep=keep)
    assert tuple(told) == result.timeline
    return Ran(result, journal, waits)


def test_a_scenario_runs_from_the_first_report_over_a_new_goal_state_to_the_guests_files(tmp_path: Path, stub: Adapter) -> None:
    ran = run(
        tmp_path,
        stub,
        """
        [machine]
        hostname = "image"
        [[step]]
        id = "bump"
        at = "ready"
        do = "bump-incarnation"
        [[step]]
        id = "restarted"
        at = "second"
        do = "restart-agent"
        [[expect]]
        id = "ready"
        health = "Ready"
        within = 20
        [[expect]]
        id = "second"
        at = "bump"
        handler = "A.B"
        code = 2
        within = 20
        [[expect]]
        about = "reported again by the new agent"
        at = "restarted"
        handler = "A.B"
        within = 20
        [[expect]]
        file = "/etc/stub"
        kind = "file"
        mode = "0640"
        owner = "root"
        content = "made by the stub"
        [[expect]]
        hostname = "image"
        [[expect]]
        user = "root"
        home = "/root"
        groups = ["root"]
        [[expect]]
        user = "nobody-at-all"
        absent = true
        [[expect]]
        process = "stub-agent"
        [[expect]]
        command = "cat /etc/stub; exit 4"
        status = 4
        prints = "made by the stub"
        [[expect]]
        agent = "running"
        [[expect]]
        only_changed = ["/etc/stub"]
        [[expect]]
        never = { refused = true }
        """,
    )
    assert ran.result.ok, [verdict for verdict in ran.result.verdicts if not verdict.held]
    assert [change.path for change in ran.result.changes] == ["/etc/stub"]
    assert sum(event.text.startswith("agent started") for event in ran.result.timeline) == 2
    assert any(text.startswith("waiting for: ") for text in ran.waits)


def test_what_does_not_hold_is_told_with_what_was_seen_and_nothing_waits_for_it(tmp_path: Path, stub: Adapter) -> None:
    ran = run(
        tmp_path,
        stub,
        """
        [[step]]
        at = "never comes"
        do = "reboot"
        [[step]]
        id = "fails"
        at = "ready"
        do = "run"
        command = "exit 9"
        [[expect]]
        id = "ready"
        health = "Ready"
        [[expect]]
        id = "never comes"
        handler = "A.B"
        code = 77
        within = 1
        [[expect]]
        at = "fails"
        agent = "running"
        [[expect]]
        file = "/etc/stub"
        mode = "0600"
        lacks = "stub"
        within = 0
        [[expect]]
        only_changed = []
        [[expect]]
        requests = { path = "*goalstate*" }
        at_most = 1
        """,
    )
    seen = {verdict.text: (verdict.held, verdict.detail) for verdict in ran.result.verdicts}
    assert not ran.result.ok
    assert seen["health report Ready"][0]
    assert seen["status blob: A.B code 77"] == (False, "last: Ready, code 1")
    assert seen["the agent runs"] == (False, '"fails" did not come about')
    assert seen['/etc/stub: mode 0600, lacks "stub"'] == (False, 'mode 0640, contains "stub"')
    assert seen["nothing changed in the tree"][1].startswith("added /etc/stub file 0640")
    assert "first too many" in seen["at most 1 requests *goalstate*"][1]
    assert seen["step fails"] == (False, "`exit 9` ended with status 9: ")
    assert not any("powered off" in event.text for event in ran.result.timeline)


def test_an_agent_that_has_ended_is_not_waited_for(tmp_path: Path, stub: Adapter) -> None:
    ran = run(
        tmp_path,
        stub,
        """
        [[step]]
        at = "ready"
        do = "run"
        command = "touch /etc/stub-ends"
        [[expect]]
        id = "ready"
        health = "Ready"
        [[expect]]
        at = "ready"
        handler = "C.D"
        within = 90
        [[expect]]
        agent = "ended"
        status = 3
        """,
    )
    assert [verdict.held for verdict in ran.result.verdicts] == [True, False, True]
    assert ran.result.seconds < 30


def test_a_late_dvd_is_there_when_it_is_put_in_and_gone_after_a_reboot(tmp_path: Path, stub: Adapter) -> None:
    ran = run(
        tmp_path,
        stub,
        """
        [ovf]
        hostname = "late"
        [medium]
        delay = 0.5
        [[step]]
        id = "look"
        at = "medium"
        do = "run"
        command = "mkdir /m && mount -o ro -t udf,iso9660 /dev/sr0 /m && grep -q late /m/ovf-env.xml && umount /m"
        [[step]]
        id = "rebooted"
        at = "look"
        do = "reboot"
        [[expect]]
        at = "rebooted"
        health = "Ready"
        within = 20
        [[expect]]
        command = "test ! -e /dev/sr0"
        """,
    )
    assert ran.result.ok, [verdict for verdict in ran.result.verdicts if not verdict.held]


def test_what_is_kept_is_the_upper_layer_the_journal_and_the_agents_words(tmp_path: Path, stub: Adapter) -> None:
    ran = run(tmp_path, stub, '[[expect]]\nhealth = "Ready"\n', keep=True)
    assert ran.result.kept is not None
    kept = Path(ran.result.kept)
    try:
        assert (kept / "upper/etc/stub").read_text() == "made by the stub"
        assert (kept / "agent.log").read_text() == "the stub speaks\n"
        assert (kept / "journal.jsonl").read_text().count("\n") == len(ran.journal.entries())
    finally:
        import shutil

        shutil.rmtree(kept)
