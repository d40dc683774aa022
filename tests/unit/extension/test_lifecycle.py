"""Policy, trust, limits, and what is reported while a handler is being worked on; real files and commands."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from unit.extension.lab import NAME, SUCCESS, Lab, goal, several, single
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def policed(root: Path, policy: Any) -> Lab:
    lab = Lab(root, enable_extension_policy=True)
    text = policy if isinstance(policy, str) else json.dumps({"policyVersion": "0.1.0", "extensionPolicies": policy})
    (root / "policy.json").write_text(text)
    lab.publish()
    lab.publish(name="Contoso.Other")
    return lab


def test_what_the_policy_does_not_list_is_refused_and_blocks_what_depends_on_it(tmp_path: Path) -> None:
    lab = policed(tmp_path, {"allowListedExtensionsOnly": True, "extensions": {"contoso.other": {}}})
    wanted = goal(single(), single(name="Contoso.Other", level=1))
    lab.agent.process(wanted)
    assert lab.calls == []
    first, second = lab.agent.reports(wanted)
    assert (first.handler.code, second.handler.code) == (1009, -1)
    assert "not on the allow list" in (first.handler.message or "")
    assert first.extension is not None and (first.extension.status, first.extension.code) == ("error", 1009)
    assert second.extension is None


def test_a_policy_that_cannot_be_read_refuses_everything(tmp_path: Path) -> None:
    lab = policed(tmp_path, "{")
    lab.agent.process(goal(single(), single(name="Contoso.Other", state=RequestedState.UNINSTALL)))
    assert (lab.status()["code"], lab.status(name="Contoso.Other")["code"]) == (1009, 1010)
    assert lab.status()["message"].startswith("Extension will not be processed: [InvalidPolicyError]")


def test_an_unsigned_package_is_not_even_unpacked_where_the_policy_wants_signatures(tmp_path: Path) -> None:
    lab = policed(tmp_path, {"signatureRequired": True})
    lab.agent.process(goal(single()))
    assert lab.calls == []
    assert lab.status()["code"] == 1009
    assert not (lab.handler() / "bin").exists()
    assert lab.names() == [f"{NAME}-1.0.0"]


def test_what_was_installed_without_a_signature_is_not_enabled_under_such_a_policy(tmp_path: Path) -> None:
    lab = policed(tmp_path, {})
    lab.agent.process(goal(single()))
    policy = {"policyVersion": "0.1.0", "extensionPolicies": {"signatureRequired": True}}
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    lab.agent.process(goal(single(), number=2))
    assert lab.calls == ["install 1.0.0 0", "enable 1.0.0 0"]
    assert lab.status()["code"] == 1009


def test_without_such_a_policy_a_missing_signature_is_only_told(tmp_path: Path) -> None:
    lab = Lab(tmp_path, enable_signature_validation=True)
    lab.publish()
    lab.agent.process(goal(single()))
    assert lab.state() == "Enabled"
    assert [each.success for each in lab.told if each.operation == "PackageSignatureResult"] == [False]
    assert not (lab.handler() / "package_validated").exists()


def test_an_invalid_request_is_reported_and_its_neighbour_runs(lab: Lab) -> None:
    lab.publish(name="Contoso.Other")
    broken = RequestedHandler(NAME, "1.0.0", None, (NAME,), invalid="has the unknown state 'Enabled'")
    lab.agent.process(goal(broken, single(name="Contoso.Other")))
    assert lab.status()["message"] == (
        "Ran into config errors: has the unknown state 'Enabled'. Please retry again as another operation with updated settings"
    )
    assert lab.state(name="Contoso.Other") == "Enabled"


def test_a_handler_failure_of_several_extensions_is_told_of_each(lab: Lab) -> None:
    lab.publish(behaviour='[ "$1" != install ] || exit 8', supportsMultipleExtensions=True)
    wanted = goal(several(RequestedExtension("a", 0), RequestedExtension("b", 1)))
    lab.agent.process(wanted)
    assert lab.calls == ["install 1.0.0 0 a", "install 1.0.0 1 b"]
    codes = [(each.handler.code, each.extension.code if each.extension else None) for each in lab.agent.reports(wanted)]
    assert codes == [(1007, 1007), (1007, 1007)]


def test_an_own_status_of_one_of_several_is_never_replaced(lab: Lab) -> None:
    behaviour = SUCCESS.replace('"success"', '"error"') + '\n[ "$1" != enable ] || exit 3'
    lab.publish(behaviour=behaviour, supportsMultipleExtensions=True)
    wanted = goal(several(RequestedExtension("a", 0)))
    lab.agent.process(wanted)
    (report,) = lab.agent.reports(wanted)
    assert report.extension is not None
    assert (report.extension.code, report.extension.operation) == (0, "Enable")


def test_what_is_under_way_is_transitioning_and_old_errors_are_no_answers(lab: Lab) -> None:
    lab.publish(behaviour='[ "$1" != install ] || exit 8')
    lab.agent.process(goal(single(sequence=1)))
    (failed,) = lab.agent.reports(goal(single(sequence=1)))
    assert failed.handler.code == 1007
    (waiting,) = lab.agent.reports(goal(single(sequence=2), number=2))
    assert (waiting.handler.status, waiting.handler.code) == ("Installing", 0)
    assert waiting.handler.message == "Plugin waits to be installed"
    assert waiting.extension is not None
    assert (waiting.extension.sequence_number, waiting.extension.status) == (2, "transitioning")


def test_the_success_of_the_old_version_is_no_answer_while_the_new_one_is_set_up(lab: Lab) -> None:
    lab.publish("1.0.0")
    gate = lab.root / "gate"
    wait = f"while [ ! -e {gate} ]; do sleep 0.05; done"
    lab.publish("1.1.0", f'[ "$1" != install ] || {wait}\n' + SUCCESS)
    lab.agent.process(goal(single("1.0.0", 4)))
    wanted = goal(single("1.1.0", 4), number=2)
    lane = threading.Thread(target=lambda: lab.agent.process(wanted))
    lane.start()
    try:
        while "install 1.1.0 4" not in lab.calls:
            threading.Event().wait(0.01)
        (report,) = lab.agent.reports(wanted)
        assert (lab.handler("1.1.0") / "status/4.status").exists()
        assert report.extension is not None and report.extension.status == "transitioning"
    finally:
        gate.write_text("")
        lane.join()
    (report,) = lab.agent.reports(wanted)
    assert report.extension is not None and report.extension.status == "success"


def test_another_lane_may_ask_for_reports_while_a_command_runs(lab: Lab) -> None:
    gate = lab.root / "gate"
    lab.publish(behaviour=f'[ "$1" != enable ] || while [ ! -e {gate} ]; do sleep 0.05; done\n' + SUCCESS)
    wanted = goal(single(sequence=4))
    lane = threading.Thread(target=lambda: lab.agent.process(wanted))
    lane.start()
    try:
        seen = set()
        while "enable 1.0.0 4" not in lab.calls:
            seen |= {report.handler.status for report in lab.agent.reports(wanted)}
        (report,) = lab.agent.reports(wanted)
        assert report.extension is not None and report.extension.status == "transitioning"
        assert report.handler.message == "Plugin installed but not enabled"
        assert seen <= {"Installing", "NotReady"}
    finally:
        gate.write_text("")
        lane.join()
    (report,) = lab.agent.reports(wanted)
    assert report.extension is not None and report.extension.status == "success"


def test_a_change_of_the_status_file_is_told_while_the_command_runs(lab: Lab) -> None:
    lab.publish(behaviour=SUCCESS + '\n[ "$1" != enable ] || sleep 2.5')
    moments: list[str] = []
    agent = lab.start(changed=lambda: moments.append(lab.state() or ""))
    agent.process(goal(single()))
    enabling = moments[moments.index("Installed") : moments.index("Enabled")]
    assert len(enabling) >= 3


def test_a_heartbeat_belongs_to_the_report(lab: Lab) -> None:
    lab.publish(reportHeartbeat=True)
    lab.agent.process(goal(single()))
    beat = [
        {"version": 1.0, "heartbeat": {"status": "ready", "code": 0, "formattedMessage": {"lang": "en", "message": "alive"}}}
    ]
    (lab.handler() / "heartbeat.log").write_text(json.dumps(beat))
    (report,) = lab.agent.reports(goal(single()))
    assert (report.handler.status, report.handler.message) == ("ready", "alive")


def test_one_handlers_trouble_costs_no_other_its_report(lab: Lab) -> None:
    lab.publish()
    lab.publish(name="Contoso.Other")
    wanted = goal(single(), single(name="Contoso.Other"))
    lab.agent.process(wanted)
    (lab.handler() / "config/HandlerState").unlink()
    (lab.handler() / "config/HandlerState").mkdir()
    (lab.handler() / "status/0.status").unlink()
    (lab.handler() / "status/0.status").mkdir()
    first, second = lab.agent.reports(wanted)
    assert (first.handler.name, second.handler.status) == (NAME, "Ready")


def test_a_start_writes_the_environment_of_every_handler_anew(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single()))
    path = lab.handler() / "HandlerEnvironment.json"
    path.write_text("old")
    lab.start().process(goal(single(), number=2), first_since_start=True)
    assert json.loads(path.read_text())[0]["name"] == NAME


def test_settings_are_written_anew_with_the_newest_time_even_when_the_number_goes_down(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single(sequence=5)))
    (lab.handler() / "config/5.settings").write_text("scrubbed")
    lab.agent.process(goal(single(sequence=3), number=2))
    config = lab.handler() / "config"
    assert (config / "3.settings").stat().st_mtime > (config / "5.settings").stat().st_mtime
    assert lab.calls[-1] == "enable 1.0.0 3"


def test_the_end_of_the_program_is_nobodys_failure(lab: Lab) -> None:
    lab.publish(behaviour='[ "$1" != install ] || sleep 2\n' + SUCCESS)
    timer = threading.Timer(0.3, lab.ending.set)
    timer.start()
    assert lab.agent.process(goal(single())).ending
    assert not (lab.handler() / "config/HandlerStatus").exists()
    lab.ending.clear()
    lab.start().process(goal(single()), first_since_start=True)
    assert lab.calls == ["install 1.0.0 0", "enable 1.0.0 0"]
    assert lab.state() == "Enabled"


def test_a_command_for_another_goal_state_ends_before_the_next_begins(lab: Lab) -> None:
    lab.publish(behaviour='[ "$1$ConfigSequenceNumber" != enable1 ] || { sleep 1.5; echo over >over; }\n' + SUCCESS)
    lab.agent.process(goal(single(sequence=0)))
    timer = threading.Timer(0.5, lab.ending.set)
    timer.start()
    assert lab.agent.process(goal(single(sequence=1), number=2)).ending
    lab.ending.clear()
    lab.start().process(goal(single(state=RequestedState.UNINSTALL, sequence=2), number=3), first_since_start=True)
    assert lab.calls[-3:] == ["enable 1.0.0 1", "disable 1.0.0 2", "uninstall 1.0.0 2"]
    assert lab.names() == []


def test_a_command_log_tells_what_was_run_and_what_it_printed(lab: Lab) -> None:
    lab.publish(behaviour='printf "one\\n\\ntwo\\n"\n' + SUCCESS)
    lab.agent.process(goal(single()))
    text = (lab.root / "log" / NAME / "CommandExecution.log").read_text()
    assert f"[{NAME}-1.0.0] Target handler state: enabled [incarnation_1]" in text
    assert f"Executing command: {lab.handler()}/bin/run.sh install with environment variables: " in text
    assert "Command: bin/run.sh install\n[stdout]\none\ntwo\n[stderr]\n" in text


def test_telemetry_names_the_operations_of_the_contract(lab: Lab) -> None:
    lab.publish()
    lab.agent.process(goal(single()))
    lab.agent.process(goal(single(state=RequestedState.UNINSTALL), number=2))
    told = [each.operation for each in lab.told if each.name == NAME]
    assert told == ["Download", "Install", "Enable", "Disable", "UnInstall"]
    assert all(each.success and each.version == "1.0.0" for each in lab.told)
