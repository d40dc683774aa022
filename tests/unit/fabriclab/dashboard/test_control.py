"""What may be done to a lab from outside: checked as a scenario's steps are, and refused in one sentence."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabriclab.dashboard import presets
from fabriclab.dashboard.control import Control, Refused, wanted
from fabriclab.faults.effects import Status
from fabriclab.faults.rule import Rule
from fabriclab.scenario.runner import Runner
from fabriclab.scenario.step import Happen, Inject, Lift, Publish
from fabriclab.world.events import BumpIncarnation, PublishExtensions
from fabriclab.world.extension import Extension, Settings
from fabriclab.world.values import World


class Recorder:
    """A runner that only writes down, or fails as it is told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.done: list[Any] = []
        self._failure = failure

    def do_now(self, what: Any) -> None:
        if self._failure is not None:
            raise self._failure
        self.done.append(what)


def control(recorder: Recorder) -> Control:
    return Control(cast(Runner, recorder))


def test_a_step_is_done_as_a_scenario_writes_it() -> None:
    recorder = Recorder()
    assert control(recorder).do({"do": "bump-incarnation", "to": 9}) == "done: bump-incarnation"
    assert recorder.done == [Happen(BumpIncarnation(9))]


def test_an_extension_is_published_with_its_sample() -> None:
    recorder = Recorder()
    control(recorder).do({"do": "publish", "extension": [{"sample": "good", "name": "Lab.Good", "public": {"a": 1}}]})
    (done,) = recorder.done
    assert isinstance(done, Publish) and done.wanted[0].extension.settings[0].public == {"a": 1}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"do": "nonsense"}, 'request: do: "nonsense" is none of'),
        ({}, "request: do: missing"),
        ({"do": "bump-incarnation", "too": 1}, "request: too: unknown key; did you mean to?"),
        ({"do": "publish"}, "request: extension: missing"),
        ({"do": "reboot", "at": "ready"}, "request: at: a step from outside is done at once"),
        ({"do": "fault", "effect": "nonsense"}, "request: "),
    ],
)
def test_a_mistake_is_named(document: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused) as refused:
        control(Recorder()).do(document)
    assert str(refused.value).startswith(said)


def test_what_the_guest_cannot_do_is_one_sentence() -> None:
    with pytest.raises(Refused, match="the namespace is gone"):
        control(Recorder(OSError("the namespace is gone"))).do({"do": "clear-faults"})


def test_a_fault_is_lifted_by_the_table_that_made_it() -> None:
    recorder = Recorder()
    table = presets.TABLES["storage: 503"]
    control(recorder).do({"do": "fault", **table})
    control(recorder).do({"do": "lift-fault", **table})
    rule = Rule(Status(503), service="blob")
    assert recorder.done == [Inject(rule), Lift(rule)]


def test_switches_tell_what_is_in_force_and_what_else() -> None:
    other = Rule(Status(418), path="*x*", nth=(2,))
    on, others = presets.switches((presets.RULES["garbage"], other))
    assert [one["name"] for one in on if one["on"]] == ["garbage"]
    assert len(others) == 1 and "418" in others[0] and "path *x*" in others[0] and "nth" in others[0]


TEXT = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=8)
SETTINGS = st.builds(
    Settings,
    sequence=st.integers(0, 99),
    public=st.none() | st.dictionaries(TEXT, st.integers() | TEXT, max_size=3),
    protected=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    level=st.integers(0, 3),
)
EXTENSIONS = st.lists(
    st.builds(
        Extension,
        name=TEXT,
        version=TEXT,
        state=st.sampled_from(["enabled", "disabled", "uninstall"]),
        settings=st.lists(SETTINGS, max_size=1).map(tuple),
    ),
    max_size=3,
    unique_by=lambda one: one.name,
).map(tuple)


@given(EXTENSIONS)
def test_what_is_wanted_can_be_published_again_as_it_is_shown(extensions: tuple[Extension, ...]) -> None:
    recorder, world = Recorder(), World(extensions=extensions)
    control(recorder).want(wanted(world), world, "wire")
    assert recorder.done == [Happen(PublishExtensions(extensions, "wire"))]


def test_protected_settings_are_not_shown_and_can_be_replaced() -> None:
    world = World(extensions=(Extension("Lab.Good", "1.0.0", settings=(Settings(protected={"secret": "x"}),)),))
    shown = wanted(world)
    assert "secret" not in str(shown)
    recorder = Recorder()
    shown[0]["settings"][0]["protected"] = {"secret": "y"}
    control(recorder).want(shown, world, "fast-track")
    assert recorder.done[0].event.extensions[0].settings[0].protected == {"secret": "y"}


@pytest.mark.parametrize("document", [None, 3, "text", [3], [{"name": "x"}], [{"name": "x", "version": 1}]])
def test_what_is_no_list_of_extensions_is_refused(document: Any) -> None:
    with pytest.raises(Refused, match="request: extensions"):
        control(Recorder()).want(document, World(), "wire")
