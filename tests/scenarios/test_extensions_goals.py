"""Several extensions of one handler, and goal states that are special (extensions.md 2.2, 3.4, 3.6, 3.7), in a guest.

The slow half asks Debian's agent too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fabriclab.world.events import RequireFeatures, SetHold
from fabriclab.world.extension import Settings
from scenarios import labs
from scenarios.extensions.stage import LIBRARY, Stage, aggregate, brief, going, instances, lists, one, several, staged

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extension-goals"), pytest.mark.timeout(300)]

AGENTS = ["ours", pytest.param("debian", marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=AGENTS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), request.param) as made:
        yield made


# -- several extensions of one handler


def instance(name: str, sequence: int = 0, **more: object) -> Settings:
    return Settings(sequence, {"who": name}, name=name, **more)  # type: ignore[arg-type]


def test_several_install_once_and_enable_each_with_files_of_their_own(stage: Stage) -> None:
    stage.publish(several("Multi.Each", instance("one", 1), instance("two", 4)))
    assert stage.commands("Multi.Each") == ["1.0.0 install 1 one", "1.0.0 enable 1 one", "1.0.0 enable 4 two"]
    assert {"one.1.settings", "two.4.settings"} <= set(stage.seen(stage.calls("Multi.Each")[-1], "newest").split())
    assert stage.read("Multi.Each-1.0.0/config/one.HandlerState") == "enabled"
    assert instances(stage.parts("Multi.Each")) == dict.fromkeys(("one", "two"), ("Ready", 0, "success", 0))
    assert stage.exists("/var/log/azure/Multi.Each/CommandExecution_two.log")


def test_one_of_several_is_disabled_and_all_its_files_go(stage: Stage) -> None:
    stage.publish(several("Multi.Off", instance("one"), instance("two")))
    stage.publish(several("Multi.Off", instance("one"), instance("two", state="disabled")))
    assert stage.commands("Multi.Off")[-2:] == ["1.0.0 disable 0 two", "1.0.0 enable 0 one"]
    found = stage.lab.guest.shell(f"cd {LIBRARY}/Multi.Off-1.0.0; ls config status | grep two").output
    assert found == ""
    assert instances(stage.parts("Multi.Off")) == {"one": ("Ready", 0, "success", 0)}
    stage.again()
    assert stage.commands("Multi.Off")[-2:] == ["1.0.0 enable 0 one"] * 2


def test_one_of_several_that_cannot_be_enabled_blames_only_itself(stage: Stage) -> None:
    stage.wish("Multi.Half", "enable", '[ "$extension" != bad ] || exit 4; say success 0 ok')
    stage.publish(several("Multi.Half", instance("bad"), instance("good")))
    found = instances(stage.parts("Multi.Half"))
    assert found["good"] == ("Ready", 0, "success", 0)
    assert found["bad"][2:] == ("error", -1)
    placed = stage.read("Multi.Half-1.0.0/status/bad.0.status") or ""
    assert "[MultiConfigExtensionEnableError]" in placed or stage.ours
    assert "Error processing MultiConfig extension Multi.Half.bad" in placed
    assert '"operation": "Enable"' in placed


def test_several_asked_of_a_package_that_knows_one_is_an_error(stage: Stage) -> None:
    stage.package("Multi.Not", supportsMultipleExtensions=False)
    stage.publish(several("Multi.Not", instance("one")))
    assert stage.commands("Multi.Not") == []
    assert brief(stage.part("Multi.Not"))[:2] == ("NotReady", -1)


def test_several_are_updated_with_the_exit_codes_of_each(stage: Stage) -> None:
    both = lists("1.0.0", "2.0.0")
    stage.wish("Multi.Up-1.0.0", "disable", '[ "$extension" != two ] || exit 6')
    for version in ("1.0.0", "2.0.0"):
        stage.package("Multi.Up", version, continueOnUpdateFailure=True, supportsMultipleExtensions=True)
    stage.publish(several("Multi.Up", instance("one"), instance("two"), packages=both))
    stage.publish(several("Multi.Up", instance("one", 1), instance("two", 1), instance("new"), version="2.0.0", packages=both))
    assert stage.commands("Multi.Up")[3:] == [
        *("1.0.0 disable 1 one", "1.0.0 disable 1 two", "2.0.0 update 1 one", "1.0.0 uninstall 1 one", "2.0.0 install 1 one"),
        *("2.0.0 enable 1 one", "2.0.0 enable 1 two", "2.0.0 enable 0 new"),
    ]
    update = next(call for call in stage.calls("Multi.Up") if call.command == "update")
    codes = json.loads(update.variables["AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODES_MULTIPLE_EXTENSIONS"])
    assert [(each["extensionName"], each["exitCode"]) for each in codes][:2] == [("one", "0"), ("two", "6")]
    assert codes[2]["exitCode"] in ("NOT_RUN", None, "None")


def test_uninstalling_several_disables_each_that_is_enabled(stage: Stage) -> None:
    stage.publish(several("Multi.Gone", instance("one"), instance("two")))
    stage.publish(several("Multi.Gone", instance("one"), instance("two"), state="uninstall"))
    assert stage.commands("Multi.Gone")[3:] == ["1.0.0 disable 0 one", "1.0.0 disable 0 two", "1.0.0 uninstall 0 one"]
    assert not stage.exists("Multi.Gone-1.0.0")


# -- special goal states


def test_a_goal_state_of_the_fast_track_is_worked_on_in_the_same_way(stage: Stage) -> None:
    mark = stage.lab.journal.last
    stage.publish(one("Fast.Track", sequence=5, protected={"secret": "quiet"}), wait=False, channel="fast-track")
    stage.await_status("Fast.Track", lambda part: brief(part) == ("Ready", 0, "success", 0), mark)
    assert stage.commands("Fast.Track") == ["1.0.0 install 5", "1.0.0 enable 5"]
    text = stage.seen(stage.calls("Fast.Track")[0], "config/5.settings")
    assert text.startswith('{"runtimeSettings": [{"handlerSettings": {"publicSettings": {"a": 1}, "protectedSettings": "MII')


def test_a_goal_state_on_hold_does_nothing_until_it_is_released(stage: Stage) -> None:
    stage.publish(one("Hold.Before"))
    stage.lab.fabric.apply(SetHold(True))
    mark = stage.lab.journal.last
    stage.publish(one("Hold.Before"), one("Hold.New"), wait=False)
    shown = f"goal state {stage.lab.fabric.world.incarnation}"
    labs.await_entry(stage.lab, lambda entry: entry.summary == shown, "the goal state is seen", mark)
    stage.polls(3)
    assert stage.commands("Hold.New") == []
    assert stage.part("Hold.Before")["status"] == "Ready"
    stage.lab.fabric.apply(SetHold(False))
    stage.again()
    assert stage.commands("Hold.New") == ["1.0.0 install 0", "1.0.0 enable 0"]


def test_a_goal_state_with_features_that_are_not_known_touches_nothing(stage: Stage) -> None:
    stage.publish(one("Need.Before"))
    stage.lab.fabric.apply(RequireFeatures(("Teleport",)))
    entry = stage.publish(one("Need.New"))
    assert entry is not None
    assert (aggregate(entry)["status"], aggregate(entry)["code"]) == ("Failed", 2001)
    assert stage.commands("Need.New") == []
    assert stage.exists("Need.Before-1.0.0")
    assert stage.part("Need.Before")["status"] == "Ready"
    stage.lab.fabric.apply(RequireFeatures(()))
    stage.again()
    assert stage.commands("Need.New") == ["1.0.0 install 0", "1.0.0 enable 0"]


def test_an_empty_goal_state_removes_all_directories_without_any_command(stage: Stage) -> None:
    stage.publish(one("Void.Old"))
    stage.publish()
    assert stage.commands("Void.Old") == ["1.0.0 install 0", "1.0.0 enable 0"]
    assert not stage.exists("Void.Old-1.0.0")


def test_extensions_that_the_configuration_disables_are_refused_and_say_so(stage: Stage) -> None:
    """The last one here: afterwards the agent polls every five minutes."""
    stage.publish(one("Conf.Off"), one("Conf.Leaves"), one("Conf.Old"))
    before = {name: stage.commands(name) for name in ("Conf.Off", "Conf.Leaves")}
    stage.lab.service.stop()
    stage.lab.guest.shell("sed -i /^Extensions.Enabled/d /etc/waagent.conf; echo Extensions.Enabled=n >>/etc/waagent.conf")
    mark = stage.lab.journal.last
    stage.publish(one("Conf.Off", sequence=1), going("Conf.Leaves"), one("Conf.None", sequence=None), wait=False)
    stage.lab.service.start()
    if not stage.ours:  # Debian's version runs nothing either, and does not say so
        labs.await_entry(stage.lab, lambda entry: entry.kind == "status", "a status", stage.lab.journal.last)
        assert {name: stage.commands(name) for name in before} == before
        return
    entry = stage.worked_on(mark)
    assert aggregate(entry)["status"] == "Success"
    assert {name: stage.commands(name) for name in before} == before
    assert brief(stage.part("Conf.Off", entry)) == ("NotReady", 1009, "error", 1009)
    assert "Extensions.Enabled" in stage.part("Conf.Off", entry)["formattedMessage"]["message"]
    assert brief(stage.part("Conf.Leaves", entry))[:2] == ("NotReady", 1010)
    assert brief(stage.part("Conf.None", entry))[:2] == ("NotReady", 1009)
    assert stage.exists("Conf.Leaves-1.0.0")
    assert not stage.exists("Conf.Old-1.0.0"), "the cleanup goes on all the same"
