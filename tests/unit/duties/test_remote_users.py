"""Just-in-time accounts: the table of what is done, and that nobody else's account is ever touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from unit.fakes import FrozenClock, ListLog, MemoryFiles, ScriptedCommands, system
from waagent.config.sections import Config
from waagent.duties.remote_users import COMMENT, RemoteUsers, Verb, decide
from waagent.guest.profile import Guest
from waagent.model.event import Operation
from waagent.model.failure import DocumentFailure
from waagent.model.goal_state import RemoteAccess, RemoteUser
from waagent.model.secret import Secret

NOW = datetime(2026, 3, 1, 8, 15, 30, tzinfo=timezone.utc)
LATER, BEFORE = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


def user(name: str, expiration: datetime | None = LATER) -> RemoteUser:
    return RemoteUser(name, "Y2lwaGVy", expiration, "some text")


def access(*users: RemoteUser) -> RemoteAccess:
    return RemoteAccess("1", "1", users)


@pytest.mark.parametrize(
    ("document", "ours", "others", "expected"),
    [
        (access(user("a")), "", "", [(Verb.CREATE, "a")]),
        (access(user("a")), "a", "", []),
        (access(user("a", BEFORE)), "a", "", [(Verb.DELETE, "a")]),
        (access(user("a", BEFORE)), "", "", []),
        (access(), "a", "", [(Verb.DELETE, "a")]),
        (None, "a b", "c", [(Verb.DELETE, "a"), (Verb.DELETE, "b")]),
        (access(user("root")), "", "root", [(Verb.REFUSE, "root")]),
        (access(user("a", None)), "", "", [(Verb.REFUSE, "a")]),
        (access(user("a", None)), "a", "", [(Verb.REFUSE, "a")]),
    ],
)
def test_the_table_of_what_is_done(
    document: RemoteAccess | None, ours: str, others: str, expected: list[tuple[Verb, str]]
) -> None:
    steps = decide(document, frozenset(ours.split()), frozenset(others.split()), NOW)
    assert [(step.verb, step.name) for step in steps] == expected


class Machine:
    def __init__(self, passwd: str = "root:x:0:0:root:/root:/bin/bash\n", remote_users: bool = True) -> None:
        self.files, self.log, self.clock, self.commands = MemoryFiles(), ListLog(), FrozenClock(), ScriptedCommands()
        self.files.put("/etc/passwd", passwd)
        self.files.make_directory("/etc/sudoers.d")
        self.events: list[Operation] = []
        self.users = RemoteUsers(
            system(files=self.files, log=self.log, clock=self.clock, commands=self.commands),
            replace(Guest(), remote_users=remote_users),
            Config(),
            self.decrypt,
            lambda count: bytes(range(count)),
            self.events.append,
        )
        self.unreadable = False

    def decrypt(self, data: str) -> Secret:
        if self.unreadable:
            raise DocumentFailure("RemoteAccess", "Users/User/Password", "not for us")
        return Secret("Lab-Passw0rd")

    def expects_creation(self, name: str, expires: str) -> None:
        self.commands.on("useradd", "-m", "-e", expires, "-c", COMMENT, name)
        self.commands.on("chpasswd", "-e")
        self.commands.on("visudo", "-c", "-f", ...)

    def expects_deletion(self, name: str) -> None:
        self.commands.on("touch", "/var/run/utmp")
        self.commands.on("userdel", "-f", "-r", name)


def test_an_account_is_made_with_its_comment_its_expiry_a_day_later_its_hash_and_its_rule() -> None:
    machine = Machine()
    machine.expects_creation("jit", "2026-03-02")
    machine.users.take(access(user("jit")))
    machine.users.look()
    hashed = next(call.stdin for call in machine.commands.calls if call.argv[0] == "chpasswd")
    assert isinstance(hashed, Secret) and hashed.reveal().startswith("jit:$6$")
    assert machine.files.read("/etc/sudoers.d/waagent") == b"jit ALL=(ALL) ALL\n"
    assert "Lab-Passw0rd" not in machine.log.text


def test_an_access_that_expires_is_ended_at_the_next_look_without_a_new_document() -> None:
    machine = Machine(f"jit:x:1001:1001:{COMMENT}:/home/jit:/bin/sh\n")
    machine.files.put("/etc/sudoers.d/waagent", "jit ALL=(ALL) ALL\nann ALL=(ALL) ALL\n")
    machine.expects_deletion("jit")
    machine.commands.on("visudo", "-c", "-f", ...)
    machine.users.take(access(user("jit")))
    machine.users.look()
    assert machine.commands.lines == []
    machine.clock.advance(3601)
    machine.users.look()
    assert ("userdel", "-f", "-r", "jit") in machine.commands.lines
    assert machine.files.read("/etc/sudoers.d/waagent") == b"ann ALL=(ALL) ALL\n"


def test_an_ordinary_account_of_that_name_is_refused_once_and_left_alone() -> None:
    machine = Machine()
    machine.users.take(access(user("root")))
    machine.users.look()
    machine.users.look()
    assert machine.commands.lines == []
    assert [event.operation for event in machine.events] == ["JitAccess"]
    assert "refused" in machine.log.of("warning")[0]


def test_a_password_that_is_not_for_us_makes_no_account_and_does_not_stop_the_others() -> None:
    machine = Machine()
    machine.unreadable = True
    machine.users.take(access(user("jit")))
    machine.users.look()
    assert machine.commands.lines == [] and "not for us" in machine.log.of("warning")[0]


def test_an_account_whose_making_fails_half_way_is_removed_again() -> None:
    machine = Machine()
    machine.commands.on("useradd", "-m", "-e", "2026-03-02", "-c", COMMENT, "jit")
    machine.commands.on("chpasswd", "-e", exit_code=1, stderr="no")
    machine.expects_deletion("jit")
    machine.users.take(access(user("jit")))
    machine.users.look()
    assert machine.commands.lines[-1] == ("userdel", "-f", "-r", "jit")
    assert not machine.files.exists("/etc/sudoers.d/waagent")


def test_without_remote_access_the_accounts_are_looked_at_once_only() -> None:
    machine = Machine()
    machine.users.take(None)
    machine.users.look()
    machine.files.put("/etc/passwd", f"late:x:1001:1001:{COMMENT}:/home/late:/bin/sh\n")
    machine.users.look()
    assert machine.commands.lines == []


def test_a_family_without_the_feature_does_nothing() -> None:
    machine = Machine(remote_users=False)
    machine.users.take(access(user("jit")))
    machine.users.look()
    assert machine.commands.lines == []
