"""Health signals about the host (fabric.md 2.4)."""

import json

from waagent.codec import health_signal
from waagent.model.health import Observation


def test_an_observation_has_the_text_of_the_contract() -> None:
    assert health_signal.render(Observation("GuestAgentPluginHeartbeat", True)) == (
        b'{"Api": "reporttargethealth", "Version": "1.0", "Source": "WALinuxAgent", "Observations": '
        b'[{"ObservationName": "GuestAgentPluginHeartbeat", "IsHealthy": true, "Description": "", "Value": ""}]}'
    )


def test_texts_are_cut_to_what_the_host_takes() -> None:
    entry = json.loads(health_signal.render(Observation("n" * 99, False, "d" * 199, "v" * 199)))["Observations"][0]
    assert [len(entry[key]) for key in ("ObservationName", "Description", "Value")] == [64, 128, 128]
    assert entry["IsHealthy"] is False


def test_a_signature_never_leaves_in_a_description() -> None:
    assert b"SECRET" not in health_signal.render(Observation("n", False, "https://b/x?a=1&sig=SECRET"))
