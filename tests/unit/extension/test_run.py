"""The whole life of handlers, with real files and real commands in a temporary directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unit.extension.lab import NAME, SUCCESS, Lab, goal, several, single
from waagent.model.extension import RequestedExtension, RequestedState

GONE = RequestedState.UNINSTALL


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def failing(word: str, code: int = 7, then: str = SUCCESS) -> str:
    return f'if [ "$1" = {word} ]; then echo broken >&2; exit {code}; fi\n{then}'


def test_a_new_handler_is_installed_and_enabled(lab: Lab) -> None:
    lab.publish()
    outcome = lab.agent.process(goal(single(public={"a": 1})), first_since_start=True)
    assert outcome.processed and outcome.error is None
    assert lab.calls == ["install 1.0.0 0", "enable 1.0.0 0"]
    assert lab.state() == "Enabled"
    assert lab.status() | {"status": "Ready", "code": 0, "message": "Plugin enabled"} == lab.status()
    settings = json.loads((lab.handler() / "config/0.settings").read_text())
    assert settings["runtimeSettings"][0]["handlerSettings"]["publicSettings"] == {"a": 1}
    assert lab.names() == [f"{NAME}-1.0.0"]
    assert not (lab.handler() / ".operation").exists()


def test_the_report_of_an_enabled_handler_carries_its_status_file(lab: Lab) -> None:
    lab.publish()
    wanted = goal(single(sequence=3))
    lab.agent.process(wanted)
    (report,) = lab.agent.reports(wanted)
    assert (report.handler.status, report.handler.version) == ("Ready", "1.0.0")
    assert report.extension is not None
    assert (report.extension.sequence_number, report.extension.status) == (3, "success")


def test_commands_get_the_environment_of_the_contract(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single(sequence=5)))
    found = lab.environment("install", "1.0.0")
    assert found == {
        "AZURE_GUEST_AGENT_EXTENSION_PATH": str(lab.handler()),
        "AZURE_GUEST_AGENT_EXTENSION_SUPPORTED_FEATURES": '[{"Key": "ExtensionTelemetryPipeline", "Value": "1.0"}]',
        "AZURE_GUEST_AGENT_EXTENSION_VERSION": "1.0.0",
        "AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE": "NOT_RUN",
        "AZURE_GUEST_AGENT_WIRE_PROTOCOL_ADDRESS": "168.63.129.16",
        "ConfigSequenceNumber": "5",
    }


def test_every_goal_state_and_every_start_enables_again(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single()))
    lab.agent.process(goal(single(), number=2))
    lab.start().process(goal(single(), number=2), first_since_start=True)
    assert lab.calls == ["install 1.0.0 0", "enable 1.0.0 0", "enable 1.0.0 0", "enable 1.0.0 0"]
    assert lab.source.downloads == [f"{NAME}/1.0.0"]


def test_a_handler_without_settings_gets_an_empty_file(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single(sequence=None)))
    assert (lab.handler() / "config/0.settings").read_bytes() == b""
    assert lab.calls == ["install 1.0.0 0", "enable 1.0.0 0"]


def test_uninstalling_disables_first_and_leaves_nothing_but_logs(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single()))
    wanted = goal(single(state=GONE), number=2)
    lab.agent.process(wanted)
    assert lab.calls[2:] == ["disable 1.0.0 0", "uninstall 1.0.0 0"]
    assert lab.names() == []
    assert lab.agent.reports(wanted) == ()
    assert (lab.root / "log" / NAME / "CommandExecution.log").exists()
    lab.start().process(wanted, first_since_start=True)
    assert len(lab.calls) == 4


def test_a_failing_uninstall_removes_the_handler_all_the_same(lab: Lab) -> None:
    lab.publish(behaviour=failing("uninstall"))
    lab.agent.process(goal(single()))
    lab.agent.process(goal(single(state=GONE), number=2))
    assert lab.names() == []


def test_a_failing_disable_keeps_a_handler_that_was_to_go(lab: Lab) -> None:
    lab.publish(behaviour=failing("disable"))
    lab.agent.process(goal(single()))
    lab.agent.process(goal(single(state=GONE), number=2))
    assert lab.calls[-1] == "disable 1.0.0 0"
    assert lab.state() == "Enabled"
    assert (lab.status()["status"], lab.status()["code"]) == ("NotReady", 1010)


def test_disabling_leaves_the_handler_installed(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single()))
    lab.agent.process(goal(single(state=RequestedState.DISABLED), number=2))
    lab.agent.process(goal(single(state=RequestedState.DISABLED), number=3))
    assert lab.calls[2:] == ["disable 1.0.0 0"]
    assert (lab.state(), lab.status()["message"]) == ("Installed", "Plugin disabled")


def test_a_failing_install_says_why_and_is_tried_again_with_the_next_goal_state(lab: Lab) -> None:
    lab.publish(behaviour=failing("install", 52))
    lab.agent.process(goal(single()))
    assert (lab.state(), lab.status()["code"]) == ("NotInstalled", 1007)
    assert lab.status()["message"] == (
        f"[ExtensionOperationError] Non-zero exit code: 52, {lab.handler()}/bin/run.sh install\n"
        "[stdout]\n\n\n[stderr]\nbroken\n"
    )
    lab.agent.process(goal(single(), number=2))
    assert lab.calls == ["install 1.0.0 0", "install 1.0.0 0"]
    (report,) = lab.agent.reports(goal(single(), number=2))
    assert (report.handler.code, report.extension) == (1007, None)


def test_a_failing_enable_leaves_the_handler_installed(lab: Lab) -> None:
    lab.publish(behaviour=failing("enable"))
    lab.agent.process(goal(single()))
    lab.agent.process(goal(single(), number=2))
    assert lab.calls == ["install 1.0.0 0", "enable 1.0.0 0", "enable 1.0.0 0"]
    assert (lab.state(), lab.status()["code"]) == ("Installed", 1009)


def test_an_enable_that_fails_without_a_status_is_an_error_at_both_levels(lab: Lab) -> None:
    lab.publish(behaviour=failing("enable"))
    wanted = goal(single(sequence=2))
    lab.agent.process(wanted)
    (report,) = lab.agent.reports(wanted)
    assert report.extension is not None
    assert (report.extension.status, report.extension.code, report.extension.sequence_number) == ("error", 1009, 2)
    assert report.extension.message == report.handler.message
    (lab.handler() / "status/2.status").write_text('[{"status": {"status": "warning"}}]')
    (report,) = lab.agent.reports(wanted)
    assert report.extension is not None and report.extension.status == "warning"


def test_a_missing_command_only_matters_when_it_is_needed(lab: Lab) -> None:
    lab.publish(uninstallCommand=None, disableCommand="bin/run.sh disable")
    lab.agent.process(goal(single()))
    assert lab.state() == "Enabled"
    lab.agent.process(goal(single(state=GONE), number=2))
    assert lab.status()["code"] == -1
    assert lab.handler().exists()


def test_a_handler_that_the_goal_state_no_longer_names_goes_without_a_command(lab: Lab) -> None:
    lab.publish()
    lab.publish(name="Contoso.Other")
    lab.agent.process(goal(single(), single(name="Contoso.Other")))
    (lab.lib / "custom-script").mkdir()
    before = len(lab.calls)
    lab.agent.process(goal(single(name="Contoso.Other"), number=2))
    assert lab.names() == ["Contoso.Other-1.0.0", "custom-script"]
    assert lab.calls[before:] == ["enable 1.0.0 0"]


def test_on_hold_nothing_is_processed_and_what_there_is_is_reported(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single()))
    held = goal(single(state=GONE), number=2, on_hold=True)
    assert lab.agent.process(held).on_hold
    assert len(lab.calls) == 2
    assert [report.handler.status for report in lab.agent.reports(held)] == ["Ready"]


def test_unsupported_features_stop_everything_and_the_disk_is_reported(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single(sequence=4)))
    wanted = goal(number=2, required_features=("Telepathy",))
    outcome = lab.agent.process(wanted)
    assert (outcome.processed, outcome.unsupported) == (False, ("Telepathy",))
    (report,) = lab.agent.reports(wanted)
    assert report.handler.name == NAME
    assert report.extension is not None and report.extension.sequence_number == 4


def test_extensions_that_configuration_forbids_are_reported_so(tmp_path: Path) -> None:
    lab = Lab(tmp_path, enabled=False)
    lab.publish()
    wanted = goal(single())
    assert lab.agent.process(wanted).processed
    assert lab.calls == []
    (report,) = lab.agent.reports(wanted)
    assert report.handler.code == 1009
    assert report.extension is not None and (report.extension.status, report.extension.code) == ("error", 1009)


def test_a_version_that_the_list_lacks_is_an_error_of_that_handler_alone(lab: Lab) -> None:
    lab.publish(name="Contoso.Other")
    lab.publish("2.0.0")
    outcome = lab.agent.process(goal(single("1.0"), single(name="Contoso.Other")))
    assert outcome.processed
    status = lab.status("1.0")
    assert status["code"] == -1
    assert status["message"] == f"[ExtensionError] Unable to find version 1.0 in manifest for extension {NAME}"
    assert lab.state(name="Contoso.Other") == "Enabled"


def test_a_requested_version_is_a_prefix_of_the_one_that_is_taken(lab: Lab) -> None:
    for version in ("1.0.0", "1.0.10", "1.0.9", "1.1.0"):
        lab.publish(version)
    wanted = goal(single("1.0"))
    lab.agent.process(wanted)
    assert lab.names() == [f"{NAME}-1.0.10"]
    assert [report.handler.version for report in lab.agent.reports(wanted)] == ["1.0.10"]


def test_a_package_that_is_no_zip_is_told_with_its_cause(lab: Lab) -> None:
    lab.source.packages[NAME, "1.0.0"] = b"no zip"
    lab.agent.process(goal(single()))
    assert lab.status()["code"] == 1001
    assert lab.status()["message"].startswith("Failed to download artifacts: [ExtensionDownloadError] Failed to download")
    assert lab.names() == [f"{NAME}-1.0.0"]


def test_a_handler_whose_name_is_a_path_is_not_processed(lab: Lab) -> None:
    outcome = lab.agent.process(goal(single(name="../evil")))
    assert outcome.processed and lab.calls == []
    assert not (lab.root / "evil-1.0.0").exists()


# updates


def test_an_update_with_install_runs_in_the_contracts_order(lab: Lab) -> None:
    lab.publish("1.0.0")
    lab.publish("1.1.0")
    lab.agent.process(goal(single("1.0.0")))
    (lab.handler() / "mrseq").write_text("0")
    (lab.handler() / "status/9.status").write_text("old")
    lab.agent.process(goal(single("1.1.0", 2), number=2))
    assert lab.calls[2:] == [
        "disable 1.0.0 2", "update 1.1.0 2", "uninstall 1.0.0 2", "install 1.1.0 2", "enable 1.1.0 2",
    ]  # fmt: skip
    assert lab.names() == [f"{NAME}-1.1.0"]
    assert (lab.handler("1.1.0") / "mrseq").read_text() == "0"
    assert (lab.handler("1.1.0") / "status/9.status").read_text() == "old"
    update = lab.environment("update", "1.1.0")
    assert (update["VERSION"], update["AZURE_GUEST_AGENT_UPDATING_FROM_VERSION"]) == ("1.1.0", "1.0.0")
    assert update["AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE"] == "0"
    assert lab.environment("enable", "1.1.0")["AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE"] == "0"


def test_an_update_without_install_skips_only_that(lab: Lab) -> None:
    lab.publish("1.0.0")
    lab.publish("1.1.0", updateMode="UpdateWithoutInstall")
    lab.agent.process(goal(single("1.0.0")))
    lab.agent.process(goal(single("1.1.0"), number=2))
    assert [call.split()[0] for call in lab.calls[2:]] == ["disable", "update", "uninstall", "enable"]


def test_a_downgrade_runs_the_old_versions_update(lab: Lab) -> None:
    lab.publish("1.0.0")
    lab.publish("2.0.0")
    lab.agent.process(goal(single("2.0.0")))
    lab.agent.process(goal(single("1.0.0"), number=2))
    assert lab.calls[2:4] == ["disable 2.0.0 0", "update 2.0.0 0"]
    update = lab.environment("update", "2.0.0")
    assert update["VERSION"] == update["AZURE_GUEST_AGENT_UPDATING_FROM_VERSION"] == "1.0.0"
    assert lab.names() == [f"{NAME}-1.0.0"]


def test_a_failing_old_disable_stops_the_update_under_the_new_version(lab: Lab) -> None:
    lab.publish("1.0.0", failing("disable", 3))
    lab.publish("1.1.0")
    lab.agent.process(goal(single("1.0.0")))
    lab.agent.process(goal(single("1.1.0"), number=2))
    assert lab.status("1.1.0")["code"] == 1008
    message = lab.status("1.1.0")["message"]
    assert message.startswith("[ExtensionUpdateError] [ExtensionOperationError] Non-zero exit code: 3, ")
    assert message.endswith("; ContinueOnUpdate: False")
    assert lab.state("1.0.0") == "Enabled"


def test_failures_of_the_old_version_are_tolerated_when_the_new_one_says_so(lab: Lab) -> None:
    lab.publish("1.0.0", failing("disable", 3, failing("uninstall", 4)))
    lab.publish("1.1.0", continueOnUpdateFailure=True)
    lab.agent.process(goal(single("1.0.0")))
    lab.agent.process(goal(single("1.1.0"), number=2))
    assert lab.names() == [f"{NAME}-1.1.0"]
    assert lab.environment("update", "1.1.0")["AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE"] == "3"
    assert lab.environment("install", "1.1.0")["AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE"] == "4"


def test_a_failed_update_is_tried_again_without_disabling_twice(lab: Lab) -> None:
    lab.publish("1.0.0")
    lab.publish("1.1.0", failing("update", 9))
    lab.agent.process(goal(single("1.0.0")))
    lab.agent.process(goal(single("1.1.0"), number=2))
    assert (lab.state("1.1.0"), lab.status("1.1.0")["code"]) == ("FailedUpgrade", 1008)
    lab.publish("1.1.0")
    lab.agent.process(goal(single("1.1.0"), number=3))
    assert [call.split()[0] for call in lab.calls[2:]] == ["disable", "update", "update", "uninstall", "install", "enable"]
    assert lab.state("1.1.0") == "Enabled"
    assert lab.environment("update", "1.1.0")["AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE"] == "NOT_RUN"


def test_a_failing_install_in_an_update_leaves_nothing_installed(lab: Lab) -> None:
    lab.publish("1.0.0")
    lab.publish("1.1.0", failing("install"))
    lab.agent.process(goal(single("1.0.0")))
    lab.agent.process(goal(single("1.1.0"), number=2))
    assert (lab.state("1.1.0"), lab.status("1.1.0")["code"]) == ("NotInstalled", 1007)
    lab.publish("1.1.0")
    lab.agent.process(goal(single("1.1.0"), number=3))
    assert lab.calls[-2:] == ["install 1.1.0 0", "enable 1.1.0 0"]
    assert lab.environment("install", "1.1.0")["AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE"] == "NOT_RUN"


# several extensions of one handler


def one(name: str, number: int = 0, state: RequestedState = RequestedState.ENABLED, level: int = 0) -> RequestedExtension:
    return RequestedExtension(name, number, state, level)


def test_several_extensions_share_an_install_and_have_their_own_enable(lab: Lab) -> None:
    lab.publish(supportsMultipleExtensions=True)
    wanted = goal(several(one("a"), one("b", 3)))
    lab.agent.process(wanted)
    assert lab.calls == ["install 1.0.0 0 a", "enable 1.0.0 0 a", "enable 1.0.0 3 b"]
    reports = lab.agent.reports(wanted)
    assert [(each.extension.name, each.extension.status) for each in reports if each.extension] == [
        ("a", "success"),
        ("b", "success"),
    ]
    assert (lab.handler() / "config/a.HandlerState").read_text() == "enabled"
    assert (lab.root / "log" / NAME / "CommandExecution_b.log").exists()


def test_an_extension_that_is_disabled_is_forgotten_and_not_reported(lab: Lab) -> None:
    lab.publish(supportsMultipleExtensions=True)
    lab.agent.process(goal(several(one("a"), one("b", 3))))
    wanted = goal(several(one("a"), one("b", 4, RequestedState.DISABLED)), number=2)
    lab.agent.process(wanted)
    assert lab.calls[3:] == ["disable 1.0.0 4 b", "enable 1.0.0 0 a"]
    names = sorted(path.name for path in (lab.handler() / "config").iterdir())
    assert [name for name in names if name.startswith("b.")] == []
    assert [each.extension.name for each in lab.agent.reports(wanted) if each.extension] == ["a"]
    assert lab.state() == "Enabled"
    lab.agent.process(goal(*wanted.handlers, number=3))
    assert lab.calls[5:] == ["enable 1.0.0 0 a"]
    assert not (lab.handler() / "config/b.4.settings").exists()


def test_one_of_several_that_fails_does_not_blame_the_handler(lab: Lab) -> None:
    lab.publish(
        behaviour='if [ "$1$ConfigExtensionName" = enablea ]; then exit 6; fi\n' + SUCCESS, supportsMultipleExtensions=True
    )
    wanted = goal(several(one("a"), one("b")))
    lab.agent.process(wanted)
    first, second = lab.agent.reports(wanted)
    assert first.handler.status == second.handler.status == "Ready"
    assert first.extension is not None and second.extension is not None
    assert (first.extension.status, first.extension.code) == ("error", -1)
    assert (first.extension.message or "").startswith(
        f"Error processing MultiConfig extension {NAME}.a: [MultiConfigExtensionEnableError] [ExtensionOperationError] "
    )
    assert second.extension.status == "success"


def test_a_package_for_one_extension_is_refused_for_several(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(several(one("a"))))
    assert lab.calls == []
    assert lab.status()["code"] == -1


# order and dependencies


def test_what_depends_waits_for_success_and_is_skipped_after_an_error(lab: Lab) -> None:
    error = SUCCESS.replace('"status": "success"', '"status": "error"')
    lab.publish(name="A.First", behaviour=error)
    lab.publish(name="B.Second")
    lab.agent.process(goal(single(name="B.Second", level=1), single(name="A.First")))
    assert lab.state(name="A.First") == "Enabled"
    status = lab.status(name="B.Second")
    assert (status["code"], status["message"]) == (-1, "Dependent Extension A.First did not succeed. Status was error")


def test_what_depends_starts_when_the_status_turns_to_success(lab: Lab) -> None:
    slow = '[ "$1" != enable ] || { (sleep 0.4; set -- enable; ' + SUCCESS + ") >/dev/null 2>&1 & }\n"
    lab.publish(name="A.First", behaviour=slow)
    lab.publish(name="B.Second")
    lab.agent.process(goal(single(name="B.Second", level=1), single(name="A.First")))
    assert lab.state(name="B.Second") == "Enabled"


def test_a_failed_command_skips_what_follows_at_once(lab: Lab) -> None:
    lab.publish(name="A.First", behaviour=failing("install"))
    lab.publish(name="B.Second")
    lab.agent.process(goal(single(name="A.First"), single(name="B.Second", level=1)))
    assert lab.status(name="B.Second")["message"] == (
        "Skipping processing of extensions since execution of dependent extension A.First failed"
    )
