"""What becomes of commands that fail, hang, refuse to die or outlive the agent, with code and message (extensions.md 2.9, 4.5).

The agent's clock runs a hundred times as fast, so that the contract's timeouts of 300 and 900 s pass in 3 and 9 s.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from fabriclab.scenario import hearing
from fabriclab.world.extension import Settings
from scenarios import labs
from scenarios.extensions.stage import HERE, Stage, brief, going, lists, one, several, staged

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extension-failures"), pytest.mark.timeout(300)]

HURRIED = HERE / "hurried/adapter.toml"
FACTOR = 100
BOTH = lists("1.0.0", "2.0.0")
HANG = 'sleep 8641 & echo "$$ $!" >/run/hung-$name; echo so far; wait'


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    files = {"/etc/hurry": str(FACTOR)}
    with staged(tmp_path_factory.mktemp("stage"), "ours", adapter=HURRIED, files=files) as made:
        yield made


def message(part: object) -> str:
    return hearing.message(part)  # type: ignore[arg-type]


def gone(stage: Stage, directory: str) -> bool:
    """Whether the command that hung and its child are no more."""
    numbers = (stage.read(f"/run/hung-{directory}") or "").split()
    assert len(numbers) == 2
    return not stage.lab.guest.shell(" || ".join(f"kill -0 {number}" for number in numbers)).ok


# -- timeouts: codes, seconds, the group


def test_a_command_of_a_first_installation_that_hangs_is_killed_with_its_children(stage: Stage) -> None:
    stage.wish("Hang.Install", "install", HANG)
    stage.wish("Hang.Enable", "enable", HANG)
    stage.publish(one("Hang.Install"), one("Hang.Enable"))
    for name, command, seconds, state in (
        ("Hang.Install", "install", 900, "NotInstalled"),
        ("Hang.Enable", "enable", 300, "Installed"),
    ):
        part = stage.part(name)
        assert brief(part)[:2] == ("NotReady", 1011)
        said = f"[ExtensionError] Timeout({seconds}): /var/lib/waagent/{name}-1.0.0/handler.sh {command}\n[stdout]\nso far"
        assert message(part).startswith(said)
        assert stage.state(f"{name}-1.0.0") == state
        assert gone(stage, f"{name}-1.0.0")


@pytest.mark.slow
def test_commands_of_leaving_that_hang(stage: Stage) -> None:
    stage.wish("Hang.Disable", "disable", HANG)
    stage.wish("Hang.Uninstall", "uninstall", HANG)
    stage.publish(one("Hang.Disable"), one("Hang.Uninstall"))
    stage.publish(going("Hang.Disable"), going("Hang.Uninstall"))
    part = stage.part("Hang.Disable")
    assert brief(part)[:2] == ("NotReady", 1011)
    assert "Timeout(900)" in message(part)
    assert stage.state("Hang.Disable-1.0.0") == "Enabled"
    assert not stage.exists("Hang.Uninstall-1.0.0")
    assert "Timeout(300)" in (stage.read("/var/log/azure/Hang.Uninstall/CommandExecution.log") or "")
    assert gone(stage, "Hang.Uninstall-1.0.0")


@pytest.mark.slow
def test_commands_of_an_update_that_hang(stage: Stage) -> None:
    stage.wish("Hang.OldDisable-1.0.0", "disable", HANG)
    stage.wish("Hang.Update-2.0.0", "update", HANG)
    stage.wish("Hang.Tolerated-1.0.0", "uninstall", HANG)
    names = ("Hang.OldDisable", "Hang.Update", "Hang.Tolerated")
    for version in ("1.0.0", "2.0.0"):
        stage.package("Hang.Tolerated", version, continueOnUpdateFailure=True)
    stage.publish(*(one(name, packages=BOTH) for name in names))
    stage.publish(*(one(name, "2.0.0", 1, packages=BOTH) for name in names))
    first, second, third = (stage.part(name) for name in names)
    assert (brief(first)[:2], first["handlerVersion"]) == (("NotReady", 1008), "2.0.0")
    assert "[ExtensionUpdateError]" in message(first)
    assert "Timeout(900)" in message(first)
    assert (brief(second)[:2], second["handlerVersion"]) == (("NotReady", 1011), "2.0.0")
    assert stage.state("Hang.Update-2.0.0") == "FailedUpgrade"
    assert brief(third)[:2] == ("Ready", 0)
    install = next(call for call in stage.calls("Hang.Tolerated")[::-1] if call.command == "install")
    assert install.variables["AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE"] == "1011"


def test_one_of_several_that_hangs_leaves_its_handler_alone(stage: Stage) -> None:
    stage.wish("Hang.One", "enable", f'[ "$extension" = good ] || {{ {HANG}; }}; say success 0 ok; exit 0')
    stage.publish(several("Hang.One", Settings(0, {}, name="bad"), Settings(0, {}, name="good")))
    placed = stage.read("Hang.One-1.0.0/status/bad.0.status") or ""
    assert "Error processing MultiConfig extension Hang.One.bad" in placed
    assert "Timeout(300)" in placed
    assert {brief(part)[:2] for part in stage.parts("Hang.One")} == {("Ready", 0)}


def test_a_command_that_cannot_be_killed_is_reported_and_not_waited_for(stage: Stage) -> None:
    """A process that leaves the group stands for one in uninterruptible sleep: killing the group does not end it."""
    script = "import os, time; os.setpgid(0, 0); time.sleep(8640)"
    stage.package("Hang.Stuck", files={"stuck.py": f"#!/usr/bin/python3\n{script}\n".encode()}, enableCommand="stuck.py")
    begun = time.monotonic()
    stage.publish(one("Hang.Stuck"))
    assert brief(stage.part("Hang.Stuck"))[:2] == ("NotReady", 1011)
    assert time.monotonic() - begun < 20
    stage.lab.guest.shell("pkill -f stuck.py")
    stage.publish(one("Hang.After"))
    assert brief(stage.part("Hang.After"))[:2] == ("Ready", 0)


# -- what a failure says


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 52", "Non-zero exit code: 52, "),
        ("kill -TERM $$", "Non-zero exit code: 143, "),
        ("kill -KILL $$", "Non-zero exit code: 137, "),
        ("printf 'caf\\303\\251 \\377'; exit 1", "café \\xff"),
        ("echo https://x/y?sig=hush >&2; exit 1", "https://x/y?"),
    ],
)
def test_a_failure_says_how_the_command_ended_and_what_it_printed(stage: Stage, script: str, said: str) -> None:
    stage.wish("Fail.Text", "enable", script)
    stage.publish(one("Fail.Text"))
    part = stage.part("Fail.Text")
    assert brief(part)[:2] == ("NotReady", 1009)
    assert said in message(part)
    assert "hush" not in message(part)
    stage.publish()


def test_programs_on_a_mount_without_exec_are_explained(stage: Stage) -> None:
    stage.publish(one("Fail.Mount"))
    assert stage.lab.guest.shell(
        "mount --bind /var/lib/waagent /var/lib/waagent && mount -o remount,bind,noexec /var/lib/waagent"
    ).ok
    stage.again()
    said = message(stage.part("Fail.Mount"))
    stage.lab.guest.shell("umount /var/lib/waagent")
    assert "Non-zero exit code: 126" in said
    assert "/var/lib/waagent is mounted with noexec" in said


# -- while a command runs


def test_statuses_go_up_and_new_goal_states_are_seen_while_a_command_runs(stage: Stage) -> None:
    stage.wish(
        "Busy.Long",
        "enable",
        'say transitioning 0 "step one"; while [ ! -e /run/go-on ]; do sleep 0.1; done; say success 0 "all done"',
    )
    mark = stage.lab.journal.last
    stage.publish(one("Busy.Long"), wait=False)
    stage.await_status("Busy.Long", lambda part: brief(part) == ("NotReady", 0, "transitioning", 0), mark)
    stage.publish(one("Busy.Long", sequence=1), one("Busy.Next"), wait=False)
    seen = stage.lab.journal.last
    stage.polls(2)
    labs.await_entry(stage.lab, lambda entry: entry.kind == hearing.STATUS, "a status while it runs", seen, 20)
    assert stage.commands("Busy.Next") == []
    done = stage.lab.journal.last
    stage.lab.guest.shell("touch /run/go-on")
    stage.await_status("Busy.Next", lambda part: brief(part) == ("Ready", 0, "success", 0), done)
    assert stage.commands("Busy.Long") == ["1.0.0 install 0", "1.0.0 enable 0", "1.0.0 enable 1"]


def test_an_agent_that_was_killed_finds_its_command_still_running(stage: Stage) -> None:
    stage.wish("Busy.Found", "install", "while [ ! -e /run/found ]; do sleep 0.1; done; echo got there; exit 0")
    mark = stage.lab.journal.last
    stage.publish(one("Busy.Found"), wait=False)
    labs.settled(lambda: stage.commands("Busy.Found"), bool)
    stage.lab.service.kill()
    stage.lab.service.start()
    labs.await_log(stage.lab, "an earlier agent had started: /var/lib/waagent/Busy.Found-1.0.0/handler.sh install")
    stage.lab.guest.shell("touch /run/found")
    stage.worked_on(mark)
    assert stage.commands("Busy.Found") == ["1.0.0 install 0", "1.0.0 enable 0"]


def test_an_agent_that_was_killed_finds_the_result_of_a_command_that_ended_without_it(stage: Stage) -> None:
    stage.wish("Busy.Ended", "install", "while [ ! -e /run/ended ]; do sleep 0.1; done; echo the reason >&2; exit 12")
    mark = stage.lab.journal.last
    stage.publish(one("Busy.Ended"), wait=False)
    labs.settled(lambda: stage.commands("Busy.Ended"), bool)
    stage.lab.service.kill()
    stage.lab.guest.shell("touch /run/ended; while pgrep -f 'Busy.Ended-1.0.0/[h]andler.sh'; do sleep 0.05; done")
    stage.lab.service.start()
    stage.worked_on(mark)
    assert stage.commands("Busy.Ended") == ["1.0.0 install 0"]
    assert brief(stage.part("Busy.Ended"))[:2] == ("NotReady", 1007)
    assert re.search(
        r"Non-zero exit code: 12, .*handler.sh install\n\[stdout\]\n\n\n\[stderr\]\nthe reason",
        message(stage.part("Busy.Ended")),
    )


# -- dependencies


def test_levels_go_up_and_leaving_goes_down_and_each_level_waits_for_the_one_before(stage: Stage) -> None:
    late = "(sleep 1; say success 0 late) >/dev/null 2>&1 & say transitioning 0 soon; exit 0"
    stage.wish("Level.One", "enable", late)
    stage.publish(one("Level.Two", level=2), one("Level.One", level=1), one("Level.None", sequence=None))
    order = ["Level.None", "Level.One", "Level.Two"]
    first = {name: int(stage.calls(name)[1].number) for name in order}
    assert sorted(order, key=first.__getitem__) == order
    assert "1.0.0 enable 0" in stage.commands("Level.Two")
    stage.publish(going("Level.None"), *(several_gone(name, level) for name, level in (("Level.One", 1), ("Level.Two", 2))))
    last = {name: int(stage.calls(name)[-1].number) for name in order}
    assert sorted(order, key=last.__getitem__) == order[::-1]


def several_gone(name: str, level: int):  # type: ignore[no-untyped-def]
    return one(name, level=level, state="uninstall")


def test_what_depends_on_a_failure_is_skipped_and_says_so(stage: Stage) -> None:
    stage.wish("Skip.Fails", "enable", "exit 3")
    stage.publish(one("Skip.Fails", level=1), one("Skip.Same", level=1), one("Skip.Later", level=2))
    said = "Skipping processing of extensions since execution of dependent extension Skip.Fails failed"
    for name in ("Skip.Same", "Skip.Later"):
        assert stage.commands(name) == []
        assert brief(stage.part(name))[:2] == ("NotReady", -1)
        assert message(stage.part(name)) == said


def test_what_depends_on_an_error_status_is_skipped_and_of_several_each_says_so(stage: Stage) -> None:
    stage.wish("Skip.Error", "enable", "say error 5 no; exit 0")
    stage.publish(one("Skip.Error", level=1), several("Skip.Many", Settings(0, {}, name="a", level=2)))
    assert stage.commands("Skip.Many") == []
    placed = stage.read("Skip.Many-1.0.0/status/a.0.status") or ""
    assert "Dependent Extension Skip.Error did not succeed. Status was error" in placed
    assert '"operation": "ExtensionProcessing"' in placed


@pytest.mark.long
def test_what_depends_on_a_status_that_never_ends_is_skipped_after_ninety_minutes(stage: Stage) -> None:
    stage.wish("Skip.Warns", "enable", "say warning 0 hm; exit 0")
    mark = stage.lab.journal.last
    stage.publish(one("Skip.Warns", level=1), one("Skip.Late", level=2), wait=False)
    stage.worked_on(mark, patience=90 * 60 / FACTOR + 20)
    assert stage.commands("Skip.Late") == []
    said = "Dependent Extension Skip.Warns did not reach a terminal state within the allowed timeout. Last status was warning"
    assert message(stage.part("Skip.Late")) == said
