"""Goal states that come by Fast Track: which settings count, the end of support, certificates they need."""

from __future__ import annotations

import pytest

from unit.fabric.doubles import Answer
from unit.fabric.goal_states import BASE, PARTS, PATHS, PEM, THUMB, Bench, needing, without_fast_track
from waagent.model.failure import DocumentFailure, ExchangeFailure, HttpFailure, StatusFailure
from waagent.model.goal_state import CertificateSummary, Channel, Thumbprint
from waagent.system.port import Response


def test_newer_fast_track_settings_win_over_the_config() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    goal_state = bench.poll().goal_state
    assert (goal_state.extensions.channel, goal_state.fast_track_supported) == (Channel.FAST_TRACK, True)
    assert bench.memory == "2025-08-05T14:13:20.000000Z"


def test_new_settings_alone_change_the_extensions_without_touching_the_wire_server() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.fast_track(20_000_000, '"8"')
    bench.fabric.take()
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", "vmSettings"]
    assert (refresh.wire_changed, refresh.extensions_changed) == (False, True)
    assert bench.memory == "2025-08-05T14:13:22.000000Z"


def test_a_304_keeps_the_cached_settings() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    refresh = bench.poll()
    assert refresh.goal_state.extensions.channel is Channel.FAST_TRACK
    assert not refresh.extensions_changed


def test_a_new_incarnation_alone_chooses_the_newer_again() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.incarnation = "2"
    assert bench.poll().goal_state.extensions.channel is Channel.FAST_TRACK
    bench.fabric.incarnation, bench.fabric.created = "3", BASE + 5
    assert bench.poll().goal_state.extensions.channel is Channel.FABRIC


def test_settings_that_say_fabric_are_discarded_and_end_the_memory() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.incarnation, bench.fabric.created = "2", BASE + 5
    bench.fabric.fast_track(5, '"8"', extensionGoalStatesSource="Fabric")
    assert bench.poll().goal_state.extensions.identity == "incarnation_2"
    assert bench.memory is None


@pytest.mark.parametrize("answer", [500, 502, 400, 304, 302, HttpFailure("timeout", "x"), Response(200, {}, b"{}")])
def test_an_error_of_the_settings_fails_the_round_and_never_falls_back(answer: Answer) -> None:
    bench = Bench()
    bench.poll()
    bench.restart()
    bench.fabric.settings_answer = answer
    with pytest.raises(ExchangeFailure):
        bench.poll()
    assert bench.connection.reader.goal_state is None


def test_a_410_renews_the_identity_and_asks_once_more() -> None:
    bench = Bench()
    answers: list[Answer] = [410, Response(404, {}, b"")]
    bench.fabric.vm_settings = lambda request: answers.pop(0)  # type: ignore[method-assign]
    bench.poll()
    assert bench.fabric.take()[:4] == ["goalstate", "vmSettings", "goalstate", "vmSettings"]


def test_settings_that_do_not_parse_fail_the_round_and_are_kept_once_per_etag() -> None:
    bench = Bench()
    bench.fabric.settings_answer = Response(200, {"etag": '"9"'}, b'{"extensionGoalStates": ')
    for _ in range(3):
        with pytest.raises(DocumentFailure):
            bench.poll()
    assert [tag for tag, _ in bench.history] == ["9"]
    assert all("if-none-match" not in request.headers for request in bench.fabric.asked)


def test_settings_from_a_host_that_is_too_old_count_as_not_supported() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"', hostGAPluginVersion="1.0.8.132")
    goal_state = bench.poll().goal_state
    assert (goal_state.extensions.channel, goal_state.fast_track_supported) == (Channel.FABRIC, False)


def test_of_settings_from_a_host_that_is_too_old_nothing_else_is_read() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"', hostGAPluginVersion="1.0.8.1", extensionGoalStates="of another schema")
    assert bench.poll().goal_state.extensions.channel is Channel.FABRIC


def test_an_unsupported_host_is_asked_again_after_six_hours_of_the_monotonic_clock() -> None:
    bench = Bench()
    bench.poll()
    bench.fabric.fast_track(1, '"7"')
    bench.world.clock.time += 6 * 3600 - 1
    assert bench.poll().goal_state.extensions.channel is Channel.FABRIC
    bench.world.clock.time += 1
    assert bench.poll().goal_state.extensions.channel is Channel.FAST_TRACK


def test_with_fast_track_off_the_settings_are_never_asked_for() -> None:
    bench = Bench(without_fast_track)
    bench.fabric.fast_track(1, '"7"')
    assert bench.poll().goal_state.extensions.channel is Channel.FABRIC
    assert "vmSettings" not in bench.fabric.take()


def test_with_fast_track_off_a_config_older_than_the_memory_is_outdated() -> None:
    bench = Bench(without_fast_track)
    bench.world.files.content[PATHS.fast_track] = b'{"timestamp": "2099-01-02T03:04:05.000000Z"}'
    assert bench.poll().goal_state.extensions.outdated


@pytest.mark.parametrize("content", [b"", b"null", b'{"timestamp": 5}', b"\xff"])
def test_an_unreadable_memory_counts_as_now(content: bytes) -> None:
    bench = Bench(without_fast_track)
    bench.world.files.content[PATHS.fast_track] = content
    assert bench.poll().goal_state.extensions.outdated


def test_when_support_stops_the_config_is_used_but_marked_when_older() -> None:
    bench = Bench()
    bench.fabric.fast_track(20_000_000, '"7"')
    bench.poll()
    bench.fabric.settings = None
    bench.fabric.take()
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", "vmSettings", *PARTS]
    assert (refresh.goal_state.extensions.channel, refresh.goal_state.extensions.outdated) == (Channel.FABRIC, True)
    assert (refresh.goal_state.fast_track_supported, refresh.extensions_changed) == (False, True)
    assert bench.memory is not None
    bench.connection.reader.status_reported()
    assert bench.memory is None


def test_when_support_stops_a_newer_config_is_used_as_it_is() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.settings, bench.fabric.created, bench.fabric.incarnation = None, BASE + 50_000_000, "2"
    extensions = bench.poll().goal_state.extensions
    assert (extensions.identity, extensions.outdated) == ("incarnation_2", False)


def test_the_memory_of_a_former_process_means_supported() -> None:
    bench = Bench()
    bench.fabric.fast_track(20_000_000, '"7"')
    bench.poll()
    bench.restart()
    bench.fabric.settings = None
    assert bench.poll().goal_state.extensions.outdated


def test_a_stop_of_support_is_not_lost_when_the_config_cannot_be_fetched() -> None:
    bench = Bench()
    bench.fabric.fast_track(20_000_000, '"7"')
    bench.poll()
    bench.fabric.settings, bench.fabric.broken = None, {"extensionsConfig": 404}
    with pytest.raises(StatusFailure):
        bench.poll()
    bench.fabric.broken = {}
    assert bench.poll().goal_state.extensions.outdated


def test_settings_that_need_an_unknown_certificate_refresh_now_and_after_a_period_and_then_go_on() -> None:
    bench = Bench()
    bench.poll()
    bench.world.clock.time += 6 * 3600
    bench.fabric.fast_track(1, '"7"', extensionGoalStates=needing(THUMB))
    bench.fabric.asked.clear()
    refresh = bench.poll()
    assert refresh.goal_state.extensions.channel is Channel.FAST_TRACK
    assert (refresh.wire_changed, refresh.extensions_changed) == (True, True)
    assert bench.world.clock.pauses == [6]
    asked = [request for request in bench.fabric.asked if request.url.endswith("/vmSettings")]
    assert [request.headers.get("if-none-match") for request in asked] == [None, None, None]
    assert bench.fabric.take().count("certificates") == 2
    bench.poll()
    assert "certificates" not in bench.fabric.take()


def test_a_change_is_told_by_the_next_poll_when_the_certificates_could_not_be_completed() -> None:
    bench = Bench()
    bench.poll()
    bench.world.clock.time += 6 * 3600
    bench.fabric.fast_track(1, '"7"', extensionGoalStates=needing(THUMB))
    bench.fabric.broken["extensionsConfig"] = 404
    with pytest.raises(StatusFailure):
        bench.poll()
    del bench.fabric.broken["extensionsConfig"]
    assert bench.poll().extensions_changed


def test_a_missing_certificate_file_is_downloaded_again_while_fast_track_is_in_use() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    store = bench.connection.certificates
    calls: list[int] = []

    def update(fetch: object) -> tuple[CertificateSummary, ...]:
        calls.append(1)
        return (CertificateSummary(Thumbprint(THUMB), True),)

    store.update = update  # type: ignore[method-assign,assignment]
    bench.poll()
    assert len(calls) == 2  # fetched, then found missing: the file is not there
    bench.world.files.content[f"{PATHS.lib}/{THUMB}.crt"] = PEM
    bench.fabric.fast_track(2, '"8"')
    bench.poll()
    assert len(calls) == 2


# -- what stirs


def test_a_look_at_the_wire_server_alone_tells_what_the_settings_do_not() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"1"')
    bench.poll()
    bench.poll()
    bench.fabric.take()
    assert not bench.connection.reader.wire_stirred()
    assert bench.fabric.take() == ["goalstate"]
    bench.fabric.incarnation = "2"
    assert not bench.connection.reader.stirred()
    assert bench.connection.reader.wire_stirred()
    assert bench.poll().wire_changed
    assert not bench.connection.reader.wire_stirred()


def test_another_container_stirs_although_the_incarnation_is_the_same_and_is_known_to_the_host_plugin_at_once() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"1"')
    bench.poll()
    bench.poll()
    bench.fabric.container = "container-2"
    assert bench.connection.reader.wire_stirred()
    assert not bench.connection.reader.stirred()
    assert bench.fabric.asked[-1].headers["x-ms-containerid"] == "container-2"
