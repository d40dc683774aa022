"""Which requests a fault strikes, counted, timed and by chance."""

from dataclasses import replace

import pytest

from fabriclab.faults.effects import Delay, Drop, Reset, Status
from fabriclab.faults.plan import FaultPlan
from fabriclab.faults.rule import Occasion, Rule, fits, strikes

GOAL_STATE = Occasion("wireserver", "GET", "/machine/?comp=goalstate", 1.0)


@pytest.mark.parametrize(
    ("rule", "fitting"),
    [
        (Rule(Drop()), True),
        (Rule(Drop(), service="wireserver"), True),
        (Rule(Drop(), service="imds"), False),
        (Rule(Drop(), method="get"), True),
        (Rule(Drop(), method="POST"), False),
        (Rule(Drop(), path="*comp=GoalState*"), True),
        (Rule(Drop(), path="/machine/?comp=goalstate"), True),
        (Rule(Drop(), path="comp=goalstate"), False),
        (Rule(Drop(), path="*[a-z]*"), False),
    ],
)
def test_a_rule_fits_by_service_method_and_path(rule: Rule, fitting: bool) -> None:
    assert fits(rule, GOAL_STATE) is fitting


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        (Rule(Drop(), nth=(2, 4)), [2, 4]),
        (Rule(Drop(), first=3), [1, 2, 3]),
        (Rule(Drop(), every=2), [2, 4, 6]),
        (Rule(Drop(), every=2, first=4), [2, 4]),
        (Rule(Drop()), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_rule_strikes_the_requests_it_counts(rule: Rule, struck: list[int]) -> None:
    assert [count for count in range(1, 7) if strikes(rule, GOAL_STATE, count)] == struck


def test_a_time_window_holds_its_start_and_not_its_end() -> None:
    rule = Rule(Drop(), since=1.0, until=2.0)
    times = [0.9, 1.0, 1.9, 2.0]
    assert [strikes(rule, replace(GOAL_STATE, now=now), 1) for now in times] == [False, True, True, False]


def test_chance_is_the_same_for_the_same_seed_and_about_as_likely_as_asked() -> None:
    rule = Rule(Drop(), probability=0.3, seed=7)
    thrown = [strikes(rule, GOAL_STATE, count) for count in range(1, 1001)]
    assert thrown == [strikes(rule, GOAL_STATE, count) for count in range(1, 1001)]
    assert 240 < sum(thrown) < 360
    assert thrown != [strikes(replace(rule, seed=8), GOAL_STATE, count) for count in range(1, 1001)]


def test_delays_add_up_and_the_first_other_effect_counts() -> None:
    plan = FaultPlan([Rule(Delay(1.0)), Rule(Status(503)), Rule(Delay(0.5)), Rule(Reset())])
    verdict = plan.judge(GOAL_STATE)
    assert (verdict.delay, verdict.effect) == (1.5, Status(503))
    assert verdict.name is not None and "503" in verdict.name and "reset" not in verdict.name


def test_each_rule_counts_only_what_fits_it() -> None:
    plan = FaultPlan([Rule(Drop(), service="wireserver", nth=(2,))])
    plan.judge(replace(GOAL_STATE, service="imds"))
    assert plan.judge(GOAL_STATE).effect is None
    assert plan.judge(GOAL_STATE).effect == Drop()


def test_a_cleared_plan_strikes_nothing_and_a_new_rule_counts_from_one() -> None:
    plan = FaultPlan([Rule(Drop())])
    plan.clear()
    assert plan.judge(GOAL_STATE).effect is None
    plan.add(Rule(Reset(), nth=(1,)))
    assert plan.judge(GOAL_STATE).effect == Reset()


@pytest.mark.parametrize(
    ("rule", "requests", "now", "left"),
    [
        (Rule(Drop(), first=2), 1, 0.0, True),
        (Rule(Drop(), first=2), 2, 0.0, False),
        (Rule(Drop(), nth=(1, 3)), 2, 0.0, True),
        (Rule(Drop(), nth=(1, 3)), 3, 0.0, False),
        (Rule(Drop(), until=5.0), 9, 4.9, True),
        (Rule(Drop(), until=5.0), 0, 5.0, False),
        (Rule(Drop(), every=2), 9, 99.0, True),
    ],
)
def test_a_fault_that_cannot_strike_any_more_is_not_in_force(rule: Rule, requests: int, now: float, left: bool) -> None:
    plan = FaultPlan([rule])
    for _ in range(requests):
        plan.judge(GOAL_STATE)
    assert [one.rule for one in plan.in_force(now)] == ([rule] if left else [])
    assert plan.lift(rule)


def test_what_is_in_force_says_how_many_requests_it_has_seen_and_struck() -> None:
    plan = FaultPlan([Rule(Drop(), every=2)])
    for _ in range(5):
        plan.judge(GOAL_STATE)
    (one,) = plan.in_force(0.0)
    assert (one.fitted, one.struck) == (5, 2)
