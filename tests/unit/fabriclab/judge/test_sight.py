"""What is left after an uninstallation, told from what the agent, the lab and others have done meanwhile."""

import re

import pytest

from fabriclab.judge import sight
from fabriclab.judge.sight import Process, Sight
from fabriclab.scenario.inspection import glob

NAME = "Contoso.Sample"
BEFORE = {"/run/x": "f 600 1", "/etc/passwd": "file 1", "/etc/sudoers.d/waagent": "file", "/var/lib/waagent": "directory"}


def left(after: dict[str, str], allowed: tuple[re.Pattern[str], ...] = ()) -> tuple[str, ...]:
    return sight.left_files(Sight(BEFORE, ()), Sight(after, ()), allowed, NAME)


def test_nothing_is_left_when_all_is_as_it_was() -> None:
    assert left(BEFORE) == ()


def test_a_new_directory_speaks_for_all_in_it() -> None:
    after = BEFORE | {"/opt/mine": "directory", "/opt/mine/a": "file", "/opt/mine/b/c": "file", "/opt/minetoo": "file"}
    assert left(after) == ("/opt/mine", "/opt/minetoo")


GONE = "was there before, and is gone"


def test_changed_and_removed_files_are_told() -> None:
    after = {"/etc/passwd": "file 2", "/var/lib/waagent": "directory", "/etc/motd": "removed"}
    assert left(after) == (f"/etc/motd ({GONE})", "/etc/passwd (changed)", f"/etc/sudoers.d/waagent ({GONE})")


@pytest.mark.parametrize(
    "path",
    [
        "/var/lib/waagent/0123456789ABCDEF.crt",
        "/var/lib/waagent/history/2026-01-31T10-20-30__2.zip",
        "/var/lib/waagent/events/1.tld",
        "/var/lib/waagent/ExtensionsConfig.2.xml",
        "/var/lib/waagent/Contoso.Sample-1.0.0/config/0.settings",
        "/var/log/azure/Contoso.Sample/commands.log",
        "/var/log/waagent.log.1",
        "/var/lib/fabriclab/records.jsonl",
        "/run/1_waagent.pid",
    ],
)
def test_what_agents_and_the_lab_leave_is_not_the_handlers(path: str) -> None:
    assert left(BEFORE | {path: "file"}) == ()


@pytest.mark.parametrize(
    "path", ["/var/lib/waagent/custom-script/x", "/var/log/azure/Other.Sample/x", "/tmp/x", "/etc/cron.d/x"]
)
def test_what_is_elsewhere_is(path: str) -> None:
    assert left(BEFORE | {path: "file"}) == (path,)


def test_what_the_author_allows_is_not_told() -> None:
    assert left(BEFORE | {"/opt/mine": "directory", "/opt/mine/a": "file"}, (glob("/opt/mine/**"),)) == ()


def test_processes_of_before_and_of_the_agent_are_not_the_handlers() -> None:
    old = Process(7, 1, "100", "sshd")
    now = (
        Process(1, 0, "900", "lab-guest"),
        old,
        Process(20, 1, "200", "waagent"),
        Process(21, 20, "201", "waagent -run-exthandlers"),
        Process(30, 1, "300", "sleep 600"),
        Process(7, 1, "400", "reused"),
    )
    assert sight.left_processes(Sight({}, (old,)), now[:5], 20) == ("sleep 600 (process 30)",)
    assert sight.left_processes(Sight({}, (old,)), now[5:], 20) == ("reused (process 7)",)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/log/waagent.log", "log"),
        ("/var/log/azure/A.B/x", "log"),
        ("/var/lib/waagent/A.B-1.0.0/status/0.status", "status"),
        ("/var/lib/waagent/A.B-1.0.0/config/0.settings", "file"),
        ("/etc/x", "file"),
    ],
)
def test_where_a_secret_lies_says_what_kind_of_leak_it_is(path: str, kind: str) -> None:
    assert sight.kind_of(path) == kind
