"""Fast Track, the two channels, and what else goes over the wire (fabric.md 5, 6, 9, 11, 12), in a real guest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fabriclab.faults.effects import Reset, Status
from fabriclab.faults.rule import Rule
from fabriclab.journal.entry import Entry
from fabriclab.scenario.lab import Lab
from fabriclab.world.events import BumpIncarnation, ChangeContainer, SetFastTrack, SetSwitch
from scenarios import fabric_labs as fabric
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.slow]
MEMORY = "/var/lib/waagent/fast_track.json"


def settings_statuses(lab: Lab, after: int = 0) -> list[int | None]:
    return [entry.exchange.status for entry in fabric.requests(lab, "hostplugin", "vmSettings", after) if entry.exchange]


def features(entry: Entry) -> set[str]:
    return {one["Key"] for one in fabric.blob(entry).get("supportedFeatures", [])}


def sequence(entry: Entry) -> object:
    """What the status says of the goal state's number: text by the wire server, an integer by Fast Track."""
    if not fabric.is_status(entry):
        return None
    aggregate = fabric.blob(entry)["aggregateStatus"].get("vmArtifactsAggregateStatus", {})
    return aggregate.get("goalStateAggregateStatus", {}).get("inSvdSeqNo")


# -- Fast Track


def test_a_fast_track_goal_state_is_run_and_remembered(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        before = fabric.publish(lab, "fast-track", protected={"a": "b"})
        done = fabric.await_success(lab, "one; protected settings: read", before)
        assert "FastTrack" in features(done)
        assert json.loads(lab.guest.read(MEMORY) or b"{}")["timestamp"].endswith("Z")
        labs.await_entry(lab, lambda entry: isinstance(sequence(entry), int), "the goal state is reported on", before)
        verified = [entry for entry in fabric.requests(lab, "hostplugin", "extensionArtifact") if entry.exchange]
        assert all(one.exchange and one.exchange.request_header("x-ms-verify-from-artifacts-blob") for one in verified)
        fabric.await_success(lab, "two", fabric.change(lab, "wire", "two"))
        assert lab.guest.read(MEMORY) is None, "the memory of Fast Track outlived it"


def test_unchanged_settings_are_asked_for_by_their_etag(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab, "fast-track"))
        before = lab.journal.last
        for _ in range(3):
            labs.await_entry(lab, fabric.asked("hostplugin", "vmSettings", 304), "an unchanged answer", lab.journal.last)
        assert set(settings_statuses(lab, before)) == {304}


@pytest.mark.parametrize("mode", ["shuffled-case", "normal"])
def test_property_names_are_matched_ignoring_case(tmp_path: Path, mode: str) -> None:
    with fabric.provisioned(tmp_path, f'[fabric.switches]\nvm_settings = "{mode}"\n') as lab:
        fabric.await_success(lab, "one", fabric.publish(lab, "fast-track", protected={"a": "b"}))


@pytest.mark.parametrize("how", ["404", "too old"])
def test_a_host_without_fast_track_is_served_by_the_wire_server_alone(tmp_path: Path, how: str) -> None:
    text = "[fabric.fast_track]\nplugin_version = '1.0.8.100'\n" if how == "too old" else "[fabric]\nfast_track = false\n"
    with fabric.provisioned(tmp_path, text) as lab:
        done = fabric.await_success(lab, "one", fabric.publish(lab))
        assert "FastTrack" not in features(done)
        before = lab.journal.last
        labs.await_entry(lab, fabric.asked("wireserver", "comp=goalstate", 200), "a poll", before)
        labs.await_entry(lab, fabric.asked("wireserver", "comp=goalstate", 200), "the next", lab.journal.last)
        assert settings_statuses(lab, before) == [], "asked again within six hours"


def test_a_move_to_a_host_that_supports_fast_track_is_noticed_at_once(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path, "[fabric]\nfast_track = false\n") as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        lab.fabric.apply(ChangeContainer(), SetFastTrack())
        labs.await_entry(lab, fabric.asked("hostplugin", "vmSettings", 200), "the settings", lab.journal.last, patience=10)
        fabric.await_success(lab, "two", fabric.change(lab, "fast-track", "two"))


def test_when_support_stops_a_newer_goal_state_is_run(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab, "fast-track"))
        lab.fabric.apply(SetFastTrack(supported=False))
        fabric.await_success(lab, "two", fabric.publish(lab, message="two"))


def test_when_support_stops_an_older_goal_state_is_not_run_over_the_newer(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        fabric.await_success(lab, "two", fabric.change(lab, "fast-track", "two"))
        enabled = lab.guest.read(labs.COMMANDS)
        before = lab.journal.last
        lab.fabric.apply(SetFastTrack(supported=False))
        labs.await_log(lab, "this host does not support Fast Track any more")
        done = labs.await_entry(lab, fabric.is_status, "a status", before)
        labs.await_entry(lab, fabric.is_status, "the next status", done.number)
        assert lab.guest.read(labs.COMMANDS) == enabled, "an outdated goal state was run"
        assert lab.guest.read(MEMORY) is None


@pytest.mark.parametrize("mode", ["500", "502", "400", "no-etag", "not-json", "bom", "timeout"])
def test_a_failure_of_the_settings_fails_the_round_and_never_falls_back(tmp_path: Path, mode: str) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        lab.fabric.apply(SetSwitch("vm_settings", mode))
        before = fabric.change(lab, "wire", "two")
        for _ in range(2):
            labs.await_entry(lab, fabric.asked("hostplugin", "vmSettings"), "it is asked", lab.journal.last)
        assert not fabric.requests(lab, "wireserver", "extensionsConfig", before), "it fell back"
        lab.fabric.apply(SetSwitch("vm_settings", "normal"))
        fabric.await_success(lab, "two", before)


def test_another_incarnation_alone_does_not_run_the_older_channel(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        fabric.await_success(lab, "two", fabric.change(lab, "fast-track", "two"))
        enabled = lab.guest.read(labs.COMMANDS)
        before = lab.journal.last
        lab.fabric.apply(BumpIncarnation())
        labs.await_entry(lab, fabric.asked("wireserver", "comp=certificates", 200), "the parts are fetched", before)
        labs.await_entry(lab, fabric.is_status, "a status", lab.journal.last)
        assert lab.guest.read(labs.COMMANDS) == enabled


# -- channels


def test_downloads_go_by_the_host_where_the_direct_way_is_blocked_and_this_is_remembered(tmp_path: Path) -> None:
    fault = '[[fault]]\nservice = "blob"\nmethod = "GET"\neffect = "status"\ncode = 404\n'
    with fabric.provisioned(tmp_path, fault) as lab:
        before = fabric.publish(lab)
        fabric.await_success(lab, "one", before)
        artifacts = fabric.requests(lab, "hostplugin", "extensionArtifact")
        assert [one.facts.get("name") for one in artifacts if one.facts.get("container") == "extensions"] == [
            "Lab.Good_manifest.xml", "Lab.Good__1.0.0",
        ]  # fmt: skip
        tried = fabric.requests(lab, "blob", "Lab.Good", before)
        assert len(tried) <= 1, "the direct way was tried again although the host worked"
        assert "downloads now go by the channel HostGAPlugin first" in labs.log(lab)


def test_status_goes_by_the_host_and_where_it_fails_directly(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        done = fabric.await_success(lab, "one", fabric.publish(lab))
        assert done.facts["channel"] == "host"
        lab.fabric.inject(Rule(Status(500), service="hostplugin", path="/status*"))
        done = fabric.await_success(lab, "two", fabric.change(lab, "wire", "two"))
        assert done.facts["channel"] == "direct"
        lab.fabric.clear_faults()
        done = fabric.await_success(lab, "three", fabric.change(lab, "wire", "three"))
        assert done.facts["channel"] == "host", "the host goes first, always"


@pytest.mark.parametrize("channel", ["host", "direct"])
@pytest.mark.parametrize("kind", ["BlockBlob", "PageBlob"])
def test_status_is_stored_in_either_kind_of_blob_by_either_channel(tmp_path: Path, channel: str, kind: str) -> None:
    fault = '[[fault]]\nservice = "hostplugin"\npath = "/status*"\neffect = "reset"\n' if channel == "direct" else ""
    with fabric.provisioned(tmp_path, f'[fabric.status_blob]\nkind = "{kind}"\n{fault}') as lab:
        done = fabric.await_success(lab, "one", fabric.publish(lab))
        assert (done.facts["channel"], done.facts["blob_type"]) == (channel, kind)
        assert not fabric.refused(lab)


def test_a_plugin_that_speaks_another_version_only_is_not_used_for_status(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path, '[fabric.switches]\nplugin_versions = ["2030-01-01"]\n') as lab:
        assert fabric.await_success(lab, "one", fabric.publish(lab)).facts["channel"] == "direct"


# -- metadata, telemetry, health signals, the key-value pool


def telemetry(lab: Lab) -> list[dict[str, Any]]:
    return [event for entry in lab.journal.entries() if entry.kind == "telemetry" for event in entry.facts["events"]]


def signals(name: str) -> Callable[[Entry], bool]:
    return lambda entry: entry.kind == "health_signal" and name in str(entry.facts["observations"])


def test_telemetry_says_where_this_machine_is_and_the_host_is_told_of_its_health(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        for name in ("GuestAgentPluginVersions", "GuestAgentPluginHeartbeat", "InstanceMetadataHeartbeat"):
            labs.await_entry(lab, signals(name), name, patience=40)
        labs.await_entry(lab, lambda entry: entry.kind == "telemetry" and "Enable" in str(entry.facts), "an event", patience=40)
        assert not fabric.refused(lab)
        text = json.dumps(telemetry(lab), default=str)
        identity = lab.fabric.world.identity
        for wanted in (identity.location, identity.subscription_id, identity.resource_group, identity.vm_id):
            assert wanted in text


@pytest.mark.parametrize("mode", ["404", "410", "500", "not-json"])
def test_a_metadata_service_with_problems_stops_nothing(tmp_path: Path, mode: str) -> None:
    with fabric.provisioned(tmp_path, f'[fabric.switches]\nimds = "{mode}"\n') as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))


def test_one_setting_turns_telemetry_off(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path, '[configuration]\n"Telemetry.Enabled" = "n"\n') as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        labs.await_entry(lab, lambda entry: entry.kind == "health_signal", "a minute's duty", patience=40)
        assert telemetry(lab) == []
        assert not fabric.requests(lab, "wireserver", "telemetrydata")
        assert not fabric.requests(lab, "imds", "instance/compute"), "what only telemetry needs was asked"


def test_the_pool_is_written_before_the_report_of_health_and_what_is_older_than_the_boot_goes(tmp_path: Path) -> None:
    make = "mkdir /var/lib/hyperv; cd /var/lib/hyperv; printf '%2560s' stale >.kvp_pool_1; touch -d 2020-01-01 .kvp_pool_1"
    with fabric.provisioned(tmp_path, f'[[step]]\ndo = "run"\ncommand = "{make}"\n') as lab:
        ready = labs.await_ready(lab)
        pools = [entry for entry in lab.journal.entries() if entry.kind == "kvp" and entry.number < ready.number]
        assert "result=success" in str(pools[-1].facts) and "stale" not in str(pools[-1].facts)


def test_the_host_key_s_fingerprint_is_told_once(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        told = labs.await_entry(lab, lambda entry: entry.kind == "role_properties", "the role's properties")
        print_of = "ssh-keygen -lf /etc/ssh/ssh_host_rsa_key.pub -E md5 | cut -d' ' -f2 | sed s/MD5// | tr -d :"
        assert lab.guest.shell(print_of).output.strip().lower() in str(told.facts["properties"]).lower()
        assert len([entry for entry in lab.journal.entries() if entry.kind == "role_properties"]) == 1


def test_a_reset_connection_costs_one_poll(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        lab.fabric.inject(Rule(Reset(), first=1))
        fabric.await_success(lab, "two", fabric.change(lab, "fast-track", "two"), patience=8)
