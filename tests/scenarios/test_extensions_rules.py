"""What extensions rely on, one test for each rule of the conformance list (extensions.md 11.3) that is not a row of the state
machine: how commands are run, what lies where before them, and what the status says. The slow half asks Debian's agent too."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

import pytest

from scenarios import labs
from scenarios.extensions.stage import HERE, LIBRARY, Stage, brief, going, lists, one, staged

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extension-rules"), pytest.mark.timeout(300)]

AGENTS = ["ours", pytest.param("debian", marks=pytest.mark.long)]


@pytest.fixture(scope="module", params=AGENTS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), request.param, '"Debug.EtpCollectionPeriod" = "15"') as made:
        yield made


# -- 1, 2: how a command is run


def test_rule_1_a_command_runs_as_root_in_its_directory_with_its_full_path_in_a_group_of_its_own(stage: Stage) -> None:
    stage.publish(one("Run.Plain"))
    install, enable = stage.calls("Run.Plain")
    base = f"{LIBRARY}/Run.Plain-1.0.0"
    assert stage.seen(install, "words").splitlines() == [f"{base}/handler.sh", "install"]
    assert stage.seen(install, "directory").strip() == base
    assert stage.seen(install, "user").strip() == "0"
    groups = [stage.seen(call, "processes").split()[1] for call in (install, enable)]
    assert len({*groups, str(stage.lab.service.number)}) == 3


def test_rule_1_the_shell_splits_the_words_of_a_command_and_drops_slashes_before_it(stage: Stage) -> None:
    stage.publish(one("Run.Words", packages=lists("1.0.0", "2.0.0")))
    stage.publish(one("Run.Words", "2.0.0", packages=lists("1.0.0", "2.0.0")))
    _, _, disable, update, *_ = stage.calls("Run.Words")
    assert stage.seen(disable, "words").splitlines()[1:] == ["disable", "two words"]
    assert stage.seen(update, "words").splitlines()[0] == f"{LIBRARY}/Run.Words-2.0.0/handler.sh"


def test_rule_2_every_file_of_a_package_may_be_executed(stage: Stage) -> None:
    stage.package("Run.Modes", files={"bin/deep/tool": b"#!/bin/sh\n", "data.txt": b""})
    stage.publish(one("Run.Modes"))
    found = stage.lab.guest.shell(f"cd {LIBRARY}/Run.Modes-1.0.0 && stat -c '%A %n' bin/deep/tool data.txt handler.sh").output
    assert re.findall(r"^-rwx.{6} (\S+)$", found, re.MULTILINE) == ["bin/deep/tool", "data.txt", "handler.sh"]


# -- 3, 5: settings and their number


def test_rule_3_settings_lie_there_before_install_with_three_members_and_are_the_newest(stage: Stage) -> None:
    stage.publish(one("Set.Public", sequence=3, public={"ü": "x", "n": [1]}))
    install, enable = stage.calls("Set.Public")
    text = stage.seen(install, "config/3.settings")
    assert text == (
        '{"runtimeSettings": [{"handlerSettings": {"publicSettings": {"\\u00fc": "x", "n": [1]}, '
        '"protectedSettings": null, "protectedSettingsCertThumbprint": null}}]}'
    )
    assert stage.seen(enable, "newest").splitlines()[0] in ("3.settings", "HandlerState", "HandlerStatus")
    assert install.sequence == enable.sequence == "3"


def test_rule_3_settings_are_written_anew_by_each_goal_state_and_are_the_newest_then(stage: Stage) -> None:
    stage.wish("Set.Again", "enable", 'cd "$base/config"; for i in *.settings; do echo >$i; done; touch 9.settings')
    stage.publish(one("Set.Again", sequence=1))
    stage.publish(one("Set.Again", sequence=2))
    stage.publish(one("Set.Again", sequence=1))
    calls = stage.calls("Set.Again")
    for call in calls[1:]:
        newest = [name for name in stage.seen(call, "newest").splitlines() if name.endswith(".settings")]
        assert newest[0] == f"{call.sequence}.settings"
        assert json.loads(stage.seen(call, f"config/{call.sequence}.settings"))["runtimeSettings"]


def test_rule_3_without_settings_an_empty_file_lies_there(stage: Stage) -> None:
    stage.publish(one("Set.None", sequence=None))
    assert stage.commands("Set.None") == ["1.0.0 install 0", "1.0.0 enable 0"]
    assert stage.seen(stage.calls("Set.None")[0], "config/0.settings") == ""
    assert brief(stage.part("Set.None")) == ("Ready", 0, None, None)


def test_rule_3_and_5_disable_and_uninstall_write_no_settings(stage: Stage) -> None:
    stage.publish(one("Set.Gone", sequence=4))
    stage.publish(going("Set.Gone"))
    *_, disable, uninstall = stage.calls("Set.Gone")
    assert (disable.short, uninstall.short) == ("1.0.0 disable 0", "1.0.0 uninstall 0")
    assert not stage.seen(uninstall, "config/0.settings")
    assert stage.seen(uninstall, "config/4.settings")


# -- 4: the environment's file


def test_rule_4_the_environment_file_has_its_exact_text(stage: Stage) -> None:
    stage.publish(one("Env.Text"))
    base, logs = f"{LIBRARY}/Env.Text-1.0.0", "/var/log/azure/Env.Text"
    assert stage.seen(stage.calls("Env.Text")[0], "environment.json") == (
        f'[{{"name": "Env.Text", "version": 1.0, "handlerEnvironment": {{"logFolder": "{logs}", '
        f'"configFolder": "{base}/config", "statusFolder": "{base}/status", "heartbeatFile": "{base}/heartbeat.log", '
        f'"eventsFolder": "{logs}/events", "eventsFolder_preview": "{logs}/events"}}}}]'
    )


def test_rule_4_and_6_a_start_of_the_agent_writes_the_environment_anew_and_enables_again(stage: Stage) -> None:
    stage.publish(one("Env.Again", sequence=6))
    stage.lab.guest.shell(
        f"echo changed >{LIBRARY}/Env.Again-1.0.0/HandlerEnvironment.json; rmdir /var/log/azure/Env.Again/events"
    )
    stage.restart()
    assert stage.commands("Env.Again") == ["1.0.0 install 6", "1.0.0 enable 6", "1.0.0 enable 6"]
    assert '"logFolder": "/var/log/azure/Env.Again",' in stage.seen(stage.calls("Env.Again")[-1], "environment.json")
    assert stage.lab.guest.shell("stat -c %a /var/log/azure/Env.Again/events").output.strip() == "700"


def test_rule_4_the_variables_of_a_first_installation(stage: Stage) -> None:
    stage.publish(one("Env.Vars", sequence=2))
    install, enable = stage.calls("Env.Vars")
    always = {
        "AZURE_GUEST_AGENT_EXTENSION_PATH": f"{LIBRARY}/Env.Vars-1.0.0",
        "AZURE_GUEST_AGENT_EXTENSION_VERSION": "1.0.0",
        "AZURE_GUEST_AGENT_WIRE_PROTOCOL_ADDRESS": "168.63.129.16",
        "AZURE_GUEST_AGENT_EXTENSION_SUPPORTED_FEATURES": '[{"Key": "ExtensionTelemetryPipeline", "Value": "1.0"}]',
        "ConfigSequenceNumber": "2",
        "AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE": "NOT_RUN",
    }
    for call in (install, enable):
        own = {key: text for key, text in call.variables.items() if key.startswith(("AZURE_", "Config", "VERSION"))}
        assert own == always
    assert set(install.variables) - set(always) - {"PYTHONDONTWRITEBYTECODE"} <= {
        *("PATH", "HOME", "LANG", "TERM", "PWD", "USER", "SHLVL", "_", "_AZURE_GUEST_AGENT_DAEMON_VERSION_")
    }


# -- 6: enable, again and again


def test_rule_6_a_new_goal_state_enables_what_did_not_change_too(stage: Stage) -> None:
    stage.publish(one("On.First"))
    stage.publish(one("On.First"), one("On.Second"))
    assert stage.commands("On.First")[1:] == ["1.0.0 enable 0"] * 2
    stage.again()
    assert stage.commands("On.First")[1:] == ["1.0.0 enable 0"] * 3


def test_rule_6_a_failed_extension_is_not_tried_again_within_a_goal_state(stage: Stage) -> None:
    stage.wish("On.Fails", "enable", "exit 51")
    stage.publish(one("On.Fails"))
    stage.polls(3)
    assert stage.commands("On.Fails") == ["1.0.0 install 0", "1.0.0 enable 0"]


# -- 7: certificates


def test_rule_7_certificates_and_keys_lie_there_before_the_first_command(stage: Stage) -> None:
    decrypt = (
        'T=$(sed -nE \'s/.*Thumbprint": "([0-9A-F]{40})".*/\\1/p\' "$base/config/0.settings"); L=/var/lib/waagent; '
        'sed -nE \'s/.*"protectedSettings": "([^"]*)".*/\\1/p\' "$base/config/0.settings" | openssl base64 -d -A '
        "| openssl cms -inform DER -decrypt -recip $L/$T.crt -inkey $L/$T.prv | sha256sum >$call/plain"
    )
    stage.wish("Cert.Here", "install", decrypt)
    stage.publish(one("Cert.Here", protected={"secret": "xyzzy-1"}))
    plain = stage.seen(stage.calls("Cert.Here")[0], "plain").split()[0]
    assert plain == hashlib.sha256(b'{"secret":"xyzzy-1"}').hexdigest()


# -- 8, 9: updates


def test_rule_8_and_9_mrseq_and_statuses_are_there_before_the_update_command_with_its_variables(stage: Stage) -> None:
    stage.wish("Up.Copy-1.0.0", "enable", 'echo 8 >"$base/mrseq"; say success 0 old; exit 0')
    stage.wish("Up.Copy", "uninstall", "exit 5")
    for version in ("1.0.0", "2.0.0"):
        stage.package("Up.Copy", version, continueOnUpdateFailure="True")
    both = lists("1.0.0", "2.0.0")
    stage.publish(one("Up.Copy", "1.0.0", 7, packages=both))
    stage.publish(one("Up.Copy", "2.0.0", 8, packages=both))
    _, _, disable, update, uninstall, install, enable = stage.calls("Up.Copy")
    assert stage.seen(update, "mrseq").strip() == "8"
    assert "7.status" in stage.seen(update, "statuses").split()
    own = {key.removeprefix("AZURE_GUEST_AGENT_"): text for key, text in update.variables.items()}
    assert (own["VERSION"], own["UPDATING_FROM_VERSION"], own["DISABLE_CMD_EXIT_CODE"]) == ("2.0.0", "1.0.0", "0")
    assert own["EXTENSION_PATH"] == f"{LIBRARY}/Up.Copy-2.0.0"
    assert disable.variables["AZURE_GUEST_AGENT_EXTENSION_VERSION"] == "1.0.0"
    assert disable.sequence == uninstall.sequence == "8"
    assert not stage.seen(disable, "config/8.settings")
    for call in (install, enable):
        assert call.variables["AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE"] == "5"


def test_rule_9_a_downgrade_runs_the_old_update_command_with_the_new_version(stage: Stage) -> None:
    both = lists("1.0.0", "2.0.0")
    stage.publish(one("Up.Down", "2.0.0", packages=both))
    stage.publish(one("Up.Down", "1.0.0", packages=both))
    update = next(call for call in stage.calls("Up.Down") if call.command == "update")
    assert update.handler == "Up.Down-2.0.0"
    assert update.variables["VERSION"] == update.variables["AZURE_GUEST_AGENT_UPDATING_FROM_VERSION"] == "1.0.0"


def test_the_highest_listed_version_below_the_requested_prefix_is_taken(stage: Stage) -> None:
    listed = lists("1.0.0", "1.0.9", "1.0.10", "1.1.0", "2.0.0")
    stage.publish(one("Up.Prefix", "1.0", packages=listed))
    assert stage.commands("Up.Prefix") == ["1.0.10 install 0", "1.0.10 enable 0"]
    assert stage.part("Up.Prefix")["handlerVersion"] == "1.0.10"


def test_a_version_that_is_not_listed_is_an_error(stage: Stage) -> None:
    stage.publish(one("Up.Missing", "3.0.0", packages=lists("1.0.0")))
    part = stage.part("Up.Missing")
    assert brief(part)[:2] == ("NotReady", -1)
    assert "Unable to find version 3.0.0 in manifest for extension Up.Missing" in part["formattedMessage"]["message"]


# -- 10: children and output


def test_rule_10_children_live_on_after_a_command_and_their_output_holds_up_nothing(stage: Stage) -> None:
    stage.wish("Kid.Lives", "enable", "echo begun; (sleep 8642; echo late) & echo warned >&2; say success 0 ok; exit 0")
    stage.publish(one("Kid.Lives"))
    assert brief(stage.part("Kid.Lives")) == ("Ready", 0, "success", 0)
    assert stage.lab.guest.shell("ps -eo args | grep '[s]leep 8642'").ok
    assert not stage.seen(stage.calls("Kid.Lives")[1], "output").startswith("pipe")
    text = stage.read("/var/log/azure/Kid.Lives/CommandExecution.log") or ""
    assert "[stdout]\nbegun" in text
    assert "[stderr]\nwarned" in text
    stage.lab.guest.shell("pkill -f 'sleep 8642'")


def test_rule_10_a_child_survives_the_end_of_the_agent(stage: Stage) -> None:
    stage.wish("Kid.Stays", "enable", "(sleep 8643 </dev/null >/dev/null 2>&1 &); say success 0 ok; exit 0")
    stage.publish(one("Kid.Stays"))
    labs.terminate(stage.lab) if stage.ours else stage.lab.service.kill()
    assert stage.lab.guest.shell("ps -eo args | grep '[s]leep 8643'").ok
    stage.restart()
    stage.lab.guest.shell("pkill -f 'sleep 8643'")


def test_output_that_is_long_is_cut_so_that_the_cause_survives(stage: Stage) -> None:
    stage.wish(
        "Kid.Talks",
        "enable",
        "i=0; while [ $i -lt 120 ]; do echo 012345678901234567890123456789; i=$((i+1)); done; echo the cause >&2; exit 9",
    )
    stage.publish(one("Kid.Talks"))
    message = stage.part("Kid.Talks")["formattedMessage"]["message"]
    assert "Non-zero exit code: 9" in message
    assert "[stderr]\nthe cause" in message
    assert len(message) < 3500


# -- 12: statuses

STATUSES = (
    ("word", '[{"status": {"status": "failed", "code": 3}}]', ("error", 3)),
    ("text-code", '[{"status": {"status": "success", "code": "0"}}]', ("success", "0")),
    ("no-code", '[{"status": {"status": "warning"}}]', ("warning", 0)),
    ("null-substatus", '[{"status": {"status": "success", "substatus": null}}]', ("success", 0)),
    ("no-name", '[{"status": {"status": "transitioning", "formattedMessage": null, "more": 1}}]', ("transitioning", 0)),
    ("truncated", '[{"status": {"sta', ("error", 1012)),
    ("no-array", '{"status": {"status": "success"}}', ("error", 1012)),
    ("no-status", '[{"version": 1}]', ("error", 1012)),
    ("substatus-word", '[{"status": {"status": "success", "substatus": [{"status": "odd"}]}}]', ("error", 1012)),
)  # fmt: skip


def test_rule_12_status_files_are_read_with_all_tolerance(stage: Stage) -> None:
    for name, text, _ in STATUSES:
        stage.wish(f"Says.{name}", "enable", f"cat >\"$base/status/0.status\" <<'END'\n{text}\nEND\nexit 0")
    mark = stage.lab.journal.last
    stage.publish(*(one(f"Says.{name}") for name, _, _ in STATUSES), wait=False)
    stage.worked_on(mark, patience=200)
    for name, _, said in STATUSES:  # a bad file may be one that is being written: it counts when it is some seconds old
        stage.await_status(f"Says.{name}", lambda part, said=said: brief(part) == ("Ready", 0, *said), patience=90)  # type: ignore[misc]


def test_rule_12_a_missing_status_file_is_transitioning(stage: Stage) -> None:
    stage.wish("Says.nothing", "enable", "exit 0")
    stage.publish(one("Says.nothing"))
    assert brief(stage.part("Says.nothing")) == ("Ready", 0, "transitioning", 0)


# -- 13: what is not ours


def test_rule_13_only_directories_of_handlers_that_are_not_named_go(stage: Stage) -> None:
    kept = ("custom-script/x", "events", "history", "Foreign.Thing/config/x", "data-dir/x", "some.file-1.0")
    stage.publish(one("Clean.Old"), one("Clean.Kept"))
    stage.lab.guest.shell(
        f"cd {LIBRARY}; mkdir -p custom-script Foreign.Thing/config data-dir; "
        "echo >custom-script/x; "
        "echo >Foreign.Thing/config/x; echo >data-dir/x; echo >some.file-1.0; "
        "echo >Clean.Kept-1.0.0/config/own; echo >Clean.Kept-1.0.0/status/own; "
        "echo >/var/log/azure/Clean.Old/own.log"
    )
    stage.publish(one("Clean.Kept"))
    assert stage.commands("Clean.Old") == ["1.0.0 install 0", "1.0.0 enable 0"]
    assert not stage.exists("Clean.Old-1.0.0")
    assert [path for path in kept if not stage.exists(path)] == []
    assert stage.exists("Clean.Kept-1.0.0/config/own")
    assert stage.exists("Clean.Kept-1.0.0/status/own")
    assert stage.exists("/var/log/azure/Clean.Old/own.log")
    assert stage.part("Clean.Old") == {}


# -- 14: events


@pytest.mark.timeout(400)  # another agent may not know the setting, and collects them every five minutes
def test_rule_14_events_of_extensions_are_taken_and_sent(stage: Stage) -> None:
    event = (
        '{"Version": "1.0.0", "Timestamp": "2026-01-01T00:00:00.0000000Z", "TaskName": "t", "EventLevel": "Error", '
        '"Message": "tell-tale", "EventPid": "1", "EventTid": "1", "OperationId": "o"}'
    )
    stage.wish(
        "Tell.Events", "enable", f"echo '{event}' >/var/log/azure/Tell.Events/events/1234.json; say success 0 ok; exit 0"
    )
    mark = stage.lab.journal.last
    stage.publish(one("Tell.Events"))
    assert (
        stage.lab.guest.shell("stat -c %a /var/log/azure/Tell.Events/events /var/lib/waagent/events").output.split()
        == ["700"] * 2
    )
    labs.await_entry(
        stage.lab,
        lambda entry: entry.exchange is not None and b"tell-tale" in entry.exchange.request_body,
        "the event is sent", mark, 330,
    )  # fmt: skip
    assert stage.lab.guest.shell("ls -A /var/log/azure/Tell.Events/events").output == ""


# -- 16: manifests


def test_rule_16_manifests_with_text_booleans_and_no_name_are_taken(stage: Stage) -> None:
    stage.package(
        "Man.Loose",
        reportHeartbeat="false",
        supportsMultipleExtensions="FALSE",
        continueOnUpdateFailure="true",
        rebootAfterInstall="x",
    )
    stage.publish(one("Man.Loose"))
    assert brief(stage.part("Man.Loose")) == ("Ready", 0, "success", 0)


def test_a_manifest_deep_in_the_package_with_a_byte_order_mark_is_written_at_the_top(stage: Stage) -> None:
    manifest = b"\xef\xbb\xbf" + (HERE / "probe/HandlerManifest.json").read_bytes()
    stage.package("Man.Deep", files={"HandlerManifest.json": None, "deep/er/HandlerManifest.json": manifest})
    stage.publish(one("Man.Deep"))
    assert brief(stage.part("Man.Deep"))[:2] == ("Ready", 0)
    assert (stage.read("Man.Deep-1.0.0/HandlerManifest.json") or "").lstrip().startswith("[")
