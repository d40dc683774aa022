"""The goal state, complete: what is fetched, in which order, and what a poll brings."""

from __future__ import annotations

import pytest

from unit.fabric.doubles import Answer
from unit.fabric.goal_states import PARTS, PATHS, Bench
from waagent.model.failure import HttpFailure, StatusFailure


def test_the_first_poll_fetches_everything_in_the_order_of_the_protocol() -> None:
    bench = Bench()
    bench.fabric.remote_access = True
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", "vmSettings", *PARTS, "remoteaccess"]
    assert (refresh.wire_changed, refresh.extensions_changed) == (True, True)
    goal_state = refresh.goal_state
    assert goal_state.extensions.identity == "incarnation_1"
    assert (goal_state.hosting.vm_name, goal_state.hosting.role_name, goal_state.hosting.tenant_name) == (
        "_labvm01",
        "LabRole",
        "tenant",
    )
    assert goal_state.remote_access is not None


def test_a_goal_state_that_comes_between_the_two_questions_of_a_poll_stirs_the_next() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"1"')
    bench.poll()
    bench.poll()
    assert not bench.connection.reader.stirred()

    def publish() -> None:
        bench.fabric.incarnation = "2"
        bench.fabric.fast_track(2, '"2"', extensionGoalStatesSource="Fabric")

    bench.fabric.after_goal_state = publish
    bench.poll()
    bench.fabric.after_goal_state = None
    assert bench.connection.reader.stirred(), "the new tag is taken for a sign that nothing is new"
    assert bench.poll().wire_changed
    assert not bench.connection.reader.stirred()


def test_a_poll_without_news_asks_for_the_goal_state_alone_once_fast_track_is_not_supported() -> None:
    bench = Bench()
    bench.poll()
    bench.fabric.take()
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate"]
    assert (refresh.wire_changed, refresh.extensions_changed) == (False, False)


def test_in_another_container_a_host_is_asked_anew_whether_it_supports_fast_track() -> None:
    bench = Bench()
    bench.poll()
    bench.fabric.container = "container-2"
    bench.fabric.fast_track(1, '"1"')
    bench.fabric.take()
    assert bench.poll().goal_state.extensions.identity == 'etag_"1"'
    assert bench.fabric.take()[:2] == ["goalstate", "vmSettings"]


@pytest.mark.parametrize("incarnation", ["2", "0"])
def test_another_incarnation_is_new_whether_higher_or_lower(incarnation: str) -> None:
    bench = Bench()
    bench.poll()
    bench.fabric.take()
    bench.fabric.incarnation = incarnation
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", *PARTS]
    assert refresh.goal_state.extensions.identity == f"incarnation_{incarnation}"
    assert refresh.wire_changed
    assert refresh.extensions_changed


def test_the_identity_is_renewed_by_every_poll_although_nothing_else_changed() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"1"')
    bench.poll()
    bench.fabric.container = "container-2"
    refresh = bench.poll()
    assert refresh.goal_state.wire.container_id == "container-2"
    assert not refresh.wire_changed
    settings = [request for request in bench.fabric.asked if request.url.endswith("/vmSettings")][-1]
    assert settings.headers["x-ms-containerid"] == "container-2"
    assert settings.headers["x-ms-host-config-name"] == "config.container-2"


def test_force_fetches_everything_and_keeps_the_etag() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"1"')
    bench.poll()
    bench.fabric.asked.clear()
    refresh = bench.poll(force=True)
    assert bench.fabric.asked[1].headers["if-none-match"] == '"1"'
    assert bench.fabric.take() == ["goalstate", "vmSettings", *PARTS]
    assert (refresh.wire_changed, refresh.extensions_changed) == (True, False)


@pytest.mark.parametrize("part", ["extensionsConfig", "hostingEnvironmentConfig", "sharedConfig", "remoteaccess"])
def test_a_part_that_cannot_be_fetched_fails_the_update_and_the_next_poll_tries_again(part: str) -> None:
    bench = Bench()
    bench.fabric.remote_access = True
    bench.poll()
    bench.fabric.incarnation = "2"
    bench.fabric.broken[part] = 404
    with pytest.raises(StatusFailure):
        bench.poll()
    assert bench.connection.reader.goal_state is not None
    assert bench.connection.reader.goal_state.extensions.identity == "incarnation_1"
    del bench.fabric.broken[part]
    assert bench.poll().goal_state.extensions.identity == "incarnation_2"


def test_certificates_that_cannot_be_fetched_do_not_fail_the_update() -> None:
    bench = Bench()
    bench.fabric.broken["certificates"] = 404
    assert bench.poll().goal_state.certificates == ()
    assert "certificates" in bench.world.log.text


def test_a_missing_extensions_config_is_an_empty_goal_state() -> None:
    bench = Bench()
    bench.fabric.parts = []
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", "vmSettings"]
    extensions = refresh.goal_state.extensions
    assert (extensions.identity, extensions.in_svd_seq_no, extensions.handlers) == ("incarnation_1", "1", ())


def test_a_goal_state_that_lacks_its_role_for_a_moment_is_asked_for_again() -> None:
    bench = Bench()
    bench.fabric.role_missing = 2
    bench.poll()
    assert bench.world.clock.pauses == [0.5, 0.5]


def test_the_shared_config_is_written_as_received_without_its_mark_and_only_when_it_changed() -> None:
    bench = Bench()
    bench.poll()
    assert bench.world.files.content[PATHS.shared_config] == b'<SharedConfig version="1.0.0.0"/>'
    bench.poll(force=True)
    assert bench.world.files.writes.count(PATHS.shared_config) == 1


@pytest.mark.parametrize(
    ("answer", "on_hold"),
    [
        ((200, b'{"onHold": true}'), True),
        ((200, b'{"onHold": false}'), False),
        ((200, b""), False),
        ((200, b"\0\0\0\0"), False),
        (404, False),
        (HttpFailure("refused", "x"), False),
    ],
)
def test_the_artifacts_profile_is_fetched_with_the_config_and_any_problem_means_not_on_hold(
    answer: Answer, on_hold: bool
) -> None:
    bench = Bench()
    bench.fabric.profile = answer
    assert bench.poll().goal_state.extensions.on_hold is on_hold
    assert "profile" in bench.fabric.take()
