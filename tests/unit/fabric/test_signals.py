import pytest

from waagent.fabric.signals import Signals, plugin_failed
from waagent.model.health import Observation


@pytest.mark.parametrize(
    ("status", "failed"), [(None, True), (500, True), (503, True), (502, False), (200, False), (404, False), (410, False)]
)
def test_what_counts_against_the_plugin(status: int | None, failed: bool) -> None:
    assert plugin_failed(status) is failed


def test_the_heartbeat_is_unhealthy_after_five_minutes_of_failure_and_well_at_once_after_success() -> None:
    signals = Signals()
    healthy = []
    for minute in range(8):
        signals.note("heartbeat", minute < 7, minute * 60.0)
        healthy.append(signals.take()[0].healthy)
    assert healthy == [True] * 5 + [False, False, True]


def test_the_metadata_service_has_three_minutes() -> None:
    signals = Signals()
    for minute in range(4):
        signals.note("metadata", True, minute * 60.0)
    assert [each.healthy for each in signals.take()] == [True, True, True, False]


def test_plugin_calls_are_reported_once_a_minute_at_most() -> None:
    signals = Signals()
    for second in range(0, 130, 6):
        signals.note("status", False, float(second))
    assert signals.take() == tuple([Observation("GuestAgentPluginStatus", True)] * 3)


def test_a_failed_version_query_is_unhealthy_at_once() -> None:
    signals = Signals()
    signals.note("versions", True, 0.0)
    (observation,) = signals.take()
    assert (observation.name, observation.healthy) == ("GuestAgentPluginVersions", False)


def test_ten_observations_are_kept_and_taking_them_empties_the_list() -> None:
    signals = Signals()
    for number in range(12):
        signals.note("versions", False, float(number))
    assert len(signals.take()) == 10
    assert signals.take() == ()
