"""The life of a handler, one row for each of the transition table (extensions.md 2.11) and of the update sequence (2.7).

Every row is a handler of its own. All rows are played at once in one guest: a row is the goal states that lead to where it
begins, and the one that is looked at; of each of them, the last one is the same goal state. The slow half plays the same rows
with Debian's agent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from fabriclab.world.extension import Extension
from scenarios import labs
from scenarios.extensions.stage import Stage, brief, going, lists, one, staged

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extensions"), pytest.mark.timeout(1800)]

AGENTS = ["ours", pytest.param("debian", marks=pytest.mark.long)]
Move = Callable[[str], Extension]
FAIL = "echo told to fail >&2; exit 7"
BOTH = lists("1.0.0", "2.0.0")


def wanted(version: str = "1.0.0", sequence: int = 0) -> Move:
    return lambda name: one(name, version, sequence, packages=BOTH)


def disabled(version: str = "1.0.0", sequence: int = 0) -> Move:
    return lambda name: one(name, version, sequence, state="disabled", packages=BOTH)


def gone(version: str = "1.0.0") -> Move:
    return lambda name: going(name, version, packages=BOTH)


@dataclass(frozen=True)
class Row:
    """``fails``: commands that fail, by version. ``ran``, ``state`` and ``says`` are of the last goal state alone."""

    said: str
    moves: tuple[Move, ...]
    ran: tuple[str, ...]
    state: str | None
    """Of the version that is asked for; None: its directory is not there."""
    says: tuple[Any, ...] | None
    """Status and code of the handler, and version if it is not 1.0.0; None: nothing is said of it."""
    message: str = ""
    fails: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Commands that fail, by version, with ``first``: only the first time."""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    other: tuple[str, str | None] | None = None
    """Another version, and its state afterwards."""
    debian: int | None = None
    """The code that Debian's version gives, where it is another."""


READY, DISABLED = ("Ready", 0), ("NotReady", 0)
FRESH = ("1.0.0 install 0", "1.0.0 enable 0")
UPDATE = ("1.0.0 disable 1", "2.0.0 update 1", "1.0.0 uninstall 1", "2.0.0 install 1", "2.0.0 enable 1")
UP = (wanted(), wanted("2.0.0", 1))
UP_NO_INSTALL = tuple(command for command in UPDATE if " install " not in command)
DOWN = (wanted("2.0.0"), wanted("1.0.0", 1))

ROWS = (
    Row("not installed, enabled", (wanted(),), FRESH, "Enabled", READY, "Plugin enabled"),
    Row("not installed, enabled, install fails", (wanted(),), ("1.0.0 install 0",), "NotInstalled", ("NotReady", 1007),
        "[ExtensionOperationError] Non-zero exit code: 7, /var/lib/waagent/", {"1.0.0": ("install",)}),
    Row("install failed, enabled again", (wanted(), wanted()), FRESH, "Enabled", READY,
        fails={"1.0.0": ("first install",)}),
    Row("not installed, enabled, enable fails", (wanted(),), FRESH, "Installed", ("NotReady", 1009),
        "[ExtensionOperationError] Non-zero exit code: 7, /var/lib/waagent/", {"1.0.0": ("enable",)}),
    Row("installed, enabled: never installed twice", (wanted(), wanted()), ("1.0.0 enable 0",), "Enabled", READY,
        fails={"1.0.0": ("first enable",)}),
    Row("enabled, enabled", (wanted(), wanted()), ("1.0.0 enable 0",), "Enabled", READY),
    Row("enabled, enabled with new settings", (wanted(), wanted("1.0.0", 1)), ("1.0.0 enable 1",), "Enabled", READY),
    Row("enabled, enabled with a lower number", (wanted("1.0.0", 5), wanted("1.0.0", 2)), ("1.0.0 enable 2",), "Enabled",
        READY),
    Row("enabled, enabled, enable fails: stays enabled", (wanted(), wanted("1.0.0", 1)), ("1.0.0 enable 1",), "Enabled",
        ("NotReady", 1009), "Non-zero exit code: 7", {"1.0.0": ("second enable",)}),
    # disable and uninstall
    Row("enabled, disabled", (wanted(), disabled()), ("1.0.0 disable 0",), "Installed", DISABLED, "Plugin disabled"),
    Row("enabled, disabled, disable fails", (wanted(), disabled()), ("1.0.0 disable 0",), "Enabled", ("NotReady", 1010),
        "Non-zero exit code: 7", {"1.0.0": ("disable",)}),
    Row("installed, disabled", (wanted(), disabled(), disabled()), (), "Installed", DISABLED, "Plugin disabled"),
    Row("not installed, disabled", (wanted(), disabled()), (), "NotInstalled", ("NotReady", 1007),
        fails={"1.0.0": ("install",)}),
    Row("disabled, enabled again", (wanted(), disabled(), wanted()), ("1.0.0 enable 0",), "Enabled", READY),
    Row("enabled, uninstall", (wanted(), gone()), ("1.0.0 disable 0", "1.0.0 uninstall 0"), None, None),
    Row("enabled, uninstall, disable fails: nothing goes", (wanted(), gone()), ("1.0.0 disable 0",), "Enabled",
        ("NotReady", 1010),
        "Non-zero exit code: 7", {"1.0.0": ("disable",)}),
    Row("enabled, uninstall, uninstall fails: goes all the same", (wanted(), gone()), ("1.0.0 disable 0", "1.0.0 uninstall 0"),
        None, None, fails={"1.0.0": ("uninstall",)}),
    Row("installed, uninstall", (wanted(), gone()), ("1.0.0 uninstall 0",), None, None, fails={"1.0.0": ("enable",)}),
    Row("not installed, uninstall", (wanted(), gone()), (), None, None, fails={"1.0.0": ("install",)}),
    Row("never there, uninstall", (gone(),), (), None, None),
    Row("uninstalled, uninstall again", (wanted(), gone(), gone()), (), None, None),
    Row("uninstalled, enabled again", (wanted(), gone(), wanted()), FRESH, "Enabled", READY),
    Row("uninstall names another version than is there", (wanted("2.0.0"), gone("1.0.0")),
        ("2.0.0 disable 0", "2.0.0 uninstall 0"),
        None, None, other=("2.0.0", None)),
    # updates
    Row("update with install", UP, UPDATE, "Enabled", (*READY, "2.0.0"), other=("1.0.0", None)),
    Row("update without install", UP, UP_NO_INSTALL, "Enabled", (*READY, "2.0.0"),
        manifest={"updateMode": "UpdateWithoutInstall"},
        other=("1.0.0", None)),
    Row("update of what is disabled", (wanted(), disabled(), wanted("2.0.0", 1)), UPDATE[1:], "Enabled", (*READY, "2.0.0"),
        other=("1.0.0", None)),
    Row("update, old disable fails", UP, UPDATE[:1], "NotInstalled", ("NotReady", 1008, "2.0.0"),
        "[ExtensionUpdateError] [ExtensionOperationError] Non-zero exit code: 7", {"1.0.0": ("disable",)}, other=("1.0.0",
        "Enabled"),
        debian=-1),
    Row("update, old disable fails and may", UP, UPDATE, "Enabled", (*READY, "2.0.0"), "", {"1.0.0": ("disable",)},
        {"continueOnUpdateFailure": "true"}, ("1.0.0", None)),
    Row("update, update fails", UP, UPDATE[:2], "FailedUpgrade", ("NotReady", 1008, "2.0.0"),
        "[ExtensionOperationError] Non-zero exit code: 7", {"2.0.0": ("update",)}, other=("1.0.0", "Installed")),
    Row("update, old uninstall fails", UP, UPDATE[:3], "NotInstalled", ("NotReady", 1008, "2.0.0"),
        "[ExtensionUpdateError] [ExtensionOperationError] Non-zero exit code: 7", {"1.0.0": ("uninstall",)},
        other=("1.0.0", "Installed"), debian=-1),
    Row("update, old uninstall fails and may", UP, UPDATE, "Enabled", (*READY, "2.0.0"), "", {"1.0.0": ("uninstall",)},
        {"continueOnUpdateFailure": True}, ("1.0.0", None)),
    Row("update, new install fails", UP, UPDATE[:4], "NotInstalled", ("NotReady", 1007, "2.0.0"), "Non-zero exit code: 7",
        {"2.0.0": ("install",)}, other=("1.0.0", None)),
    Row("update, new enable fails", UP, UPDATE, "Installed", ("NotReady", 1009, "2.0.0"), "Non-zero exit code: 7",
        {"2.0.0": ("enable",)}, other=("1.0.0", None)),
    Row("update failed, tried again", (*UP, wanted("2.0.0", 1)), UPDATE[1:], "Enabled", (*READY, "2.0.0"), "",
        {"2.0.0": ("first update",)}, other=("1.0.0", None)),
    Row("update failed at the new install, tried again", (*UP, wanted("2.0.0", 1)), UPDATE[3:], "Enabled", (*READY, "2.0.0"),
        "",
        {"2.0.0": ("first install",)}, other=("1.0.0", None)),
    Row("update failed, disabled: the old version is", (*UP, disabled("2.0.0", 1)), (), "FailedUpgrade", ("NotReady", 0),
        fails={"2.0.0": ("update",)}, other=("1.0.0", "Installed")),
    Row("update failed, uninstall: the old version is", (*UP, gone("2.0.0")), ("1.0.0 uninstall 0",), "FailedUpgrade", None,
        fails={"2.0.0": ("update",)}, other=("1.0.0", None)),
    # downgrades
    Row("downgrade", DOWN, ("2.0.0 disable 1", "2.0.0 update 1", "2.0.0 uninstall 1", "1.0.0 install 1", "1.0.0 enable 1"),
        "Enabled", READY, other=("2.0.0", None)),
    Row("downgrade without install", DOWN, ("2.0.0 disable 1", "2.0.0 update 1", "2.0.0 uninstall 1", "1.0.0 enable 1"),
        "Enabled", READY, manifest={"updateMode": "UpdateWithoutInstall"}, other=("2.0.0", None)),
    Row("downgrade, update fails: the old one is the failed one", DOWN, ("2.0.0 disable 1", "2.0.0 update 1"), "NotInstalled",
        ("NotReady", 1008), "Non-zero exit code: 7", {"2.0.0": ("update",)}, other=("2.0.0", "FailedUpgrade")),
    Row("downgrade failed, tried again: a fresh install", (*DOWN, wanted("1.0.0", 1)), ("1.0.0 install 1", "1.0.0 enable 1"),
        "Enabled", READY, "", {"2.0.0": ("update",)}, other=("2.0.0", "FailedUpgrade")),
    Row("failed downgrade, enabled, none installed", (*DOWN, wanted("2.0.0", 2)), ("2.0.0 install 2", "2.0.0 enable 2"),
        "Enabled",
        (*READY, "2.0.0"), "", {"2.0.0": ("update",)}),
    # what a package lacks
    Row("no install command", (wanted(),), (), "NotInstalled", ("NotReady", -1), manifest={"installCommand": None}),
    Row("no enable command", (wanted(),), ("1.0.0 install 0",), "Installed", ("NotReady", -1),
        manifest={"enableCommand": None}),
    Row("no update command is no failed upgrade", UP, UPDATE[:1], "NotInstalled", ("NotReady", -1, "2.0.0"),
        manifest={"updateCommand": None}, other=("1.0.0", "Installed")),
    Row("no uninstall command: nothing goes", (wanted(), gone()), ("1.0.0 disable 0",), "Installed", ("NotReady", -1),
        manifest={"uninstallCommand": None}),
    Row("an empty command is the directory", (wanted(),), (), "NotInstalled", ("NotReady", 1007), "Non-zero exit code: 126",
        manifest={"installCommand": ""}),
    Row("a missing script", (wanted(),), (), "NotInstalled", ("NotReady", 1007), "Non-zero exit code: 127",
        manifest={"installCommand": "nothing.sh install"}),
)  # fmt: skip


@dataclass(frozen=True)
class Played:
    stage: Stage
    before: Mapping[str, int]
    """How many commands of each row had run before the last goal state."""


@pytest.fixture(scope="module", params=AGENTS)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with staged(tmp_path_factory.mktemp("stage"), request.param) as stage:
        for number, row in enumerate(ROWS):
            prepare(stage, name_of(number), row)
        rounds = max(len(row.moves) for row in ROWS)
        before: dict[str, int] = {}
        for turn in range(rounds):
            if turn == rounds - 1:
                before = {name_of(number): len(stage.commands(name_of(number))) for number in range(len(ROWS))}
            begun = [(number, turn - rounds + len(row.moves)) for number, row in enumerate(ROWS)]
            mark = stage.lab.journal.last
            stage.publish(*(ROWS[number].moves[at](name_of(number)) for number, at in begun if at >= 0), wait=False)
            stage.worked_on(mark, patience=900)
        yield Played(stage, before)


def name_of(number: int) -> str:
    return f"Row.N{number}"


def prepare(stage: Stage, name: str, row: Row) -> None:
    for version in ("1.0.0", "2.0.0"):
        stage.package(name, version, **row.manifest)
    for version, commands in row.fails.items():
        for text in commands:
            when, _, command = text.rpartition(" ")
            count = {"": "true", "first": "[ $times = 1 ]", "second": "[ $times = 2 ]"}[when]
            success = '; [ "$command" != enable ] || say success 0 enabled; exit 0'
            counting = f'echo >>"/etc/probe/$name/times-{command}"; times=$(wc -l <"/etc/probe/$name/times-{command}")'
            stage.wish(f"{name}-{version}", command, f"{counting}; if {count}; then {FAIL}; fi{success}")


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row.said for row in ROWS])
def test_each_row_of_the_state_machine(played: Played, number: int) -> None:
    stage, row, name = played.stage, ROWS[number], name_of(number)
    asked = row.moves[-1](name)
    assert tuple(stage.commands(name)[played.before[name] :]) == row.ran
    assert stage.state(f"{name}-{asked.version}") == row.state
    assert row.state is not None or not stage.exists(f"{name}-{asked.version}")
    if row.other is not None:
        version, state = row.other
        assert stage.state(f"{name}-{version}") == state
        assert state is not None or not stage.exists(f"{name}-{version}")
    part = stage.part(name)
    if row.says is None:
        assert part == {}
    else:
        status, code, version = (*row.says, "1.0.0")[:3]
        code = code if stage.ours or row.debian is None else row.debian
        assert (*brief(part)[:2], part["handlerVersion"]) == (status, code, version)
        assert row.message in part["formattedMessage"]["message"]
