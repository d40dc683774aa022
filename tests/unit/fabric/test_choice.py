from dataclasses import replace

import pytest

from waagent.fabric.choice import (
    choose,
    empty,
    history_tag,
    host_is_too_old,
    lacking_certificates,
    marked_outdated,
    timestamp,
)
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.goal_state import (
    CertificateSummary,
    Channel,
    Etag,
    ExtensionsGoalState,
    Incarnation,
    Thumbprint,
    VmSettings,
)
from waagent.model.secret import Secret

BASE = 638_900_000_000_000_000


def fabric(ticks: int, name: str = "incarnation_1") -> ExtensionsGoalState:
    return ExtensionsGoalState(Channel.FABRIC, name, created_on_ticks=BASE + ticks)


def fast(ticks: int, source: Channel | None = Channel.FAST_TRACK) -> VmSettings:
    goal_state = ExtensionsGoalState(Channel.FAST_TRACK, "etag_1", created_on_ticks=BASE + ticks)
    return VmSettings(Etag("1"), "1.0.8.175", source, goal_state)


W, V = "incarnation_1", "etag_1"


@pytest.mark.parametrize(
    ("current", "wire", "settings", "wire_changed", "settings_changed", "expected"),
    [
        (None, 0, None, True, False, W),
        (None, 5, fast(6), True, True, V),  # the newer of both
        (None, 6, fast(6), True, True, W),  # only strictly newer settings win
        (None, 6, fast(6 + 1), True, False, V),  # an incarnation alone re-chooses the newer (certificate rotation)
        (None, 1, fast(9, Channel.FABRIC), True, True, W),  # Fabric's own settings duplicate W
        (None, 1, fast(9, None), True, True, V),  # unknown source: usable
        (fabric(5, "c"), 5, fast(6), False, True, V),
        (fabric(5, "c"), 5, fast(5), False, True, V),  # not older: replaces
        (fabric(5, "c"), 5, fast(4), False, True, "c"),  # older: stays
        (fabric(5, "c"), 4, None, True, False, "c"),
        (fabric(5, "c"), 5, None, True, False, W),
        (fabric(5, "c"), 9, fast(9, Channel.FABRIC), False, True, "c"),
        (fabric(5, "c"), 9, fast(9), False, False, "c"),
    ],
)
def test_the_goal_state_in_force_follows_the_five_rules(
    current: ExtensionsGoalState | None,
    wire: int,
    settings: VmSettings | None,
    wire_changed: bool,
    settings_changed: bool,
    expected: str,
) -> None:
    chosen = choose(current, fabric(wire), settings, wire_changed=wire_changed, settings_changed=settings_changed)
    assert chosen.identity == expected


def test_two_goal_states_one_tick_apart_are_ordered() -> None:
    newer = VmSettings(Etag("1"), "", Channel.FAST_TRACK, fabric(1, "v"))
    assert choose(None, fabric(0), newer, wire_changed=True, settings_changed=True).identity == "v"


def test_an_empty_goal_state_counts_as_the_minimum_date() -> None:
    nothing = empty(Incarnation("4"))
    assert (nothing.identity, nothing.in_svd_seq_no, nothing.created_on_ticks) == ("incarnation_4", "4", 0)
    assert choose(empty(Incarnation("3")), nothing, None, wire_changed=True, settings_changed=False) is nothing


@pytest.mark.parametrize(
    ("version", "old"),
    [("1.0.8.133", False), ("1.0.8.175", False), ("1.0.8.132", True), ("0.0.0.0", True), ("", True), ("latest", True)],
)
def test_the_version_floor_of_the_host_plugin(version: str, old: bool) -> None:
    assert host_is_too_old(version) is old


@pytest.mark.parametrize(
    ("ticks", "text"),
    [
        (0, "0001-01-01T00:00:00.000000Z"),
        (638_900_000_000_000_000, "2025-08-05T14:13:20.000000Z"),
        (638_900_000_000_000_011, "2025-08-05T14:13:20.000001Z"),
        (10**30, "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_ticks_become_text_with_six_fraction_digits(ticks: int, text: str) -> None:
    assert timestamp(ticks) == text


def test_a_fabric_goal_state_older_than_the_last_fast_track_one_is_outdated() -> None:
    assert marked_outdated(fabric(0), timestamp(BASE + 10_000_000)).outdated
    assert not marked_outdated(fabric(0), timestamp(BASE)).outdated
    assert not marked_outdated(fabric(0), None).outdated


def test_thumbprints_without_a_certificate_are_named_ignoring_case() -> None:
    secret = RequestedExtension("x", 0, protected_settings=Secret("MII"), certificate_thumbprint="aa")
    goal_state = replace(
        fabric(0),
        handlers=(
            RequestedHandler(
                "A.B",
                "1.0",
                RequestedState.ENABLED,
                extensions=(
                    secret,
                    replace(secret, certificate_thumbprint="BB"),
                    replace(secret, certificate_thumbprint="CC", protected_settings=None),
                ),
            ),
        ),
    )
    assert lacking_certificates(goal_state, (CertificateSummary(Thumbprint("AA"), True),)) == ("BB",)


def test_history_is_tagged_with_incarnation_and_etag() -> None:
    assert history_tag(Incarnation("4"), None) == "4"
    assert history_tag(Incarnation("4"), '"638/../x"') == "4-638_.._x"
