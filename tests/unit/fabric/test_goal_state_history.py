"""What each update of the goal state hands to the history."""

from __future__ import annotations

import pytest

from unit.fabric.goal_states import THUMB, Bench, needing, without_fast_track
from waagent.model.failure import DocumentFailure
from waagent.system.port import Response


def test_each_update_hands_its_documents_to_the_history_under_its_tag() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.fast_track(2, '"8"')
    bench.poll()
    bench.poll()
    assert [(tag, [each.name for each in documents]) for tag, documents in bench.history] == [
        (
            "1-7",
            [
                "GoalState.xml",
                "ExtensionsConfig.xml",
                "HostingEnvironmentConfig.xml",
                "SharedConfig.xml",
                "Certificates.json",
                "VmSettings.json",
            ],
        ),
        ("1-8", ["VmSettings.json"]),
    ]


def test_what_the_history_gets_is_redacted() -> None:
    bench = Bench()
    bench.fabric.remote_access = True
    bench.fabric.profile = (200, b"{}")
    settings = [{"protectedSettings": "MIIBLAB", "protectedSettingsCertThumbprint": THUMB}]
    bench.fabric.fast_track(1, '"7"', extensionGoalStates=[{**needing(THUMB)[0], "settings": settings}])
    bench.poll()
    kept = {each.name: each.content for _, documents in bench.history for each in documents}
    assert {"RemoteAccess.xml", "VmSettings.json", "ExtensionsConfig.xml"} <= set(kept)
    assert not [name for name, content in kept.items() if b"MIIBLAB" in content or b"bGFi" in content]


def test_settings_that_cannot_be_redacted_are_not_kept() -> None:
    bench = Bench()
    body = b'{"protectedSettings": {"key": "MIIBLAB"'
    bench.fabric.settings_answer = Response(200, {"etag": '"9"'}, body)
    with pytest.raises(DocumentFailure):
        bench.poll()
    assert bench.history == []
    assert "not kept in the history" in bench.world.log.text


def test_without_fast_track_the_tag_is_the_incarnation() -> None:
    bench = Bench(without_fast_track)
    bench.poll()
    assert [tag for tag, _ in bench.history] == ["1"]
