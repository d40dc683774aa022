from __future__ import annotations

import pytest

from unit.fakes import ListLog, MemoryFiles, ScriptedCommands, system
from waagent.model.failure import CommandFailure, SystemFailure
from waagent.model.secret import Secret
from waagent.system import action as a
from waagent.system.action import Action, Plan
from waagent.system.apply import apply

PLAN: Plan = (
    a.MakeDirectory("/d", mode=0o700),
    a.WriteFile("/d/f", b"content", mode=0o600, owner="me", why="keep it"),
    a.WriteFile("/d/s", Secret("hush"), mode=0o600),
    a.Symlink("/d/l", "f"),
    a.SetMode("/d/s", 0o640),
    a.SetOwner("/d/s", "me"),
    a.EmptyDirectory("/cache"),
    a.Remove("/old*"),
    a.Remove("/none"),
    a.Rename("/from", "/to"),
    a.Run(("mkfs", "/dev/sdb1"), unless="/done"),
    a.Run(("chpasswd",), stdin=Secret("me:hush"), timeout=7),
    a.WriteThrough("/attribute", b"300"),
)


def machine() -> MemoryFiles:
    tree = {"/cache/a/b": "", "/cache/c": "", "/old1": "", "/old2/x": "", "/from": "moved", "/attribute": "30\n"}
    return MemoryFiles(tree, users={"me": (1000, 1001)})


def commands(files: MemoryFiles) -> ScriptedCommands:
    return ScriptedCommands().on("mkfs", ..., effect=lambda call: files.put("/done")).on("chpasswd")


END = {
    "/": "directory 0755 0:0",
    "/attribute": "file 0644 0:0 300",
    "/cache": "directory 0755 0:0",
    "/d": "directory 0700 0:0",
    "/d/f": "file 0600 1000:1001 content",
    "/d/l": "link 0777 0:0 f",
    "/d/s": "file 0640 1000:1001 hush",
    "/done": "file 0644 0:0",
    "/to": "file 0644 0:0 moved",
}


def test_a_plan_does_what_its_actions_say() -> None:
    files = machine()
    scripted = commands(files)
    done = apply(system(files=files, commands=scripted), PLAN)
    assert files.tree() == END
    assert [one.number for one in done] == list(range(1, 14))
    assert [one.number for one in done if not one.changed] == [9]
    assert scripted.lines == [("mkfs", "/dev/sdb1"), ("chpasswd",)]
    assert scripted.calls[1].stdin == Secret("me:hush")
    assert scripted.calls[1].timeout == 7


class Killed(BaseException):
    """The process is gone: nothing may catch this."""


@pytest.mark.parametrize("stop", range(1, len(PLAN) + 1))
@pytest.mark.parametrize("moment", ["started", "finished"])
def test_a_plan_that_was_cut_short_anywhere_ends_the_same_when_applied_again(stop: int, moment: str) -> None:
    files = machine()
    scripted = commands(files)

    def kill(number: int, action: Action, now: str) -> None:
        if (number, now) == (stop, moment):
            raise Killed

    with pytest.raises(Killed):
        apply(system(files=files, commands=scripted), PLAN, kill)
    apply(system(files=files, commands=scripted), PLAN)
    assert files.tree() == END
    assert scripted.lines.count(("mkfs", "/dev/sdb1")) == 1


def test_what_is_as_it_should_be_is_not_written_again() -> None:
    files = MemoryFiles({"/f": "x"}, users={"me": (1, 1)})
    files.put("/g", "x", 0o644)
    done = apply(system(files=files), (a.WriteFile("/f", b"x"), a.WriteFile("/g", b"x", mode=0o600, owner="me")))
    assert [one.changed for one in done] == [False, True]
    assert files.tree()["/g"] == "file 0600 1:1 x"
    assert files.changes == ["/g", "/g"]


def test_nothing_secret_reaches_the_log() -> None:
    log = ListLog()
    plan = (
        a.WriteFile("/f", Secret("hush")),
        a.Run(("fetch", "https://x.example/blob?sv=1&sig=hush"), stdin=Secret("hush"), optional=True),
        a.WriteFile("/none/f", Secret("hush"), optional=True),
    )
    failing = ScriptedCommands().on("fetch", ..., exit_code=1, stderr="https://x.example/blob?sig=hush")
    apply(system(log=log, commands=failing), plan)
    assert "hush" not in log.text
    assert [level for level, _ in log.lines] == ["verbose", "info", "verbose", "warning", "verbose", "warning"]


def test_each_step_is_logged_with_its_number_and_purpose() -> None:
    log = ListLog()
    apply(system(log=log), (a.WriteFile("/f", b"12", mode=0o600, why="say so"), a.Remove("/none")))
    assert log.lines == [
        ("verbose", "[1/2] write /f (2 bytes, mode 0600): started (in order to say so)"),
        ("info", "[1/2] write /f (2 bytes, mode 0600): finished"),
        ("verbose", "[2/2] remove /none: started"),
        ("info", "[2/2] remove /none: finished, nothing to do"),
    ]


def test_the_first_failure_stops_the_plan_and_says_which_step_it_was() -> None:
    log = ListLog()
    heard: list[tuple[int, str]] = []
    scripted = ScriptedCommands().on("bad", exit_code=3, stderr="no")
    plan = (a.WriteFile("/f", b""), a.Run(("bad",)), a.WriteFile("/g", b""))
    machine = system(commands=scripted, log=log)
    with pytest.raises(CommandFailure) as caught:
        apply(machine, plan, lambda number, action, moment: heard.append((number, moment)))
    assert caught.value.hint.startswith("step 2 of 3 (run bad) failed")
    assert heard == [(1, "started"), (1, "finished"), (2, "started"), (2, "failed")]
    assert not machine.files.exists("/g")
    assert log.of("error") == ["[2/3] run bad: failed: bad ended with status 3"]


def test_an_optional_failure_is_a_warning_and_the_plan_goes_on() -> None:
    log = ListLog()
    plan = (a.WriteFile("/none/f", b"", optional=True), a.WriteFile("/f", b""))
    done = apply(system(log=log), plan)
    assert isinstance(done[0].failure, SystemFailure)
    assert done[1].changed
    assert "going on" in log.of("warning")[0]


def test_a_file_that_its_check_refuses_is_not_replaced() -> None:
    files = MemoryFiles({"/etc/ssh/sshd_config": "old"})
    files.put("/etc/ssh/sshd_config", "old", 0o600, 5, 6)
    drafts: list[str] = []
    scripted = ScriptedCommands().on("sshd", ..., exit_code=1, effect=lambda call: drafts.append(files.tree()[call.argv[-1]]))
    scripted.on("sshd", ...)
    plan = (a.WriteFile("/etc/ssh/sshd_config", b"new", check=("sshd", "-t", "-f", "{}")),)
    machine = system(files=files, commands=scripted)
    with pytest.raises(CommandFailure):
        apply(machine, plan)
    assert drafts == ["file 0600 5:6 new"]
    assert files.names("/etc/ssh") == ("sshd_config",)
    assert files.text("/etc/ssh/sshd_config") == "old"
    apply(machine, plan)
    assert files.tree()["/etc/ssh/sshd_config"] == "file 0600 5:6 new"
    assert files.names("/etc/ssh") == ("sshd_config",)


def test_a_rename_without_its_source_fails_unless_it_was_done_before() -> None:
    machine = system(files=MemoryFiles({"/to": "x"}))
    assert [one.changed for one in apply(machine, (a.Rename("/from", "/to"),))] == [False]
    with pytest.raises(SystemFailure):
        apply(machine, (a.Rename("/from", "/nowhere"),))


def test_a_name_with_pattern_characters_is_removed_itself() -> None:
    files = MemoryFiles({"/d/[a]": "", "/d/a": ""})
    apply(system(files=files), (a.Remove("/d/[a]"),))
    assert files.names("/d") == ("a",)
