"""What may be done to a lab from outside: checked as a scenario's steps are, and refused in one sentence."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabriclab.dashboard import presets
from fabriclab.dashboard.control import Control, Refused, wanted
from fabriclab.faults.effects import Status
from fabriclab.faults.plan import Counted
from fabriclab.faults.rule import Rule
from fabriclab.scenario.runner import Runner
from fabriclab.scenario.step import AttachDisk, ClearFaults, DetachDisk, Happen, Inject, Lift, Publish, Source
from fabriclab.world.events import BumpIncarnation, PublishExtensions
from fabriclab.world.extension import Extension, Settings
from fabriclab.world.values import World


class Recorder:
    """A runner that only writes down, or fails as it is told."""

    def __init__(self, failure: Exception | None = None, output: str | None = None) -> None:
        self.done: list[Any] = []
        self._failure = failure
        self._output = output

    def do_now(self, what: Any) -> str | None:
        if self._failure is not None:
            raise self._failure
        self.done.append(what)
        return self._output


def control(recorder: Recorder) -> Control:
    return Control(cast(Runner, recorder))


def test_a_step_is_done_as_a_scenario_writes_it() -> None:
    recorder = Recorder()
    assert control(recorder).do({"do": "bump-incarnation", "to": 9}).text == "done: bump-incarnation"
    assert recorder.done == [Happen(BumpIncarnation(9))]


def test_an_extension_is_published_with_its_sample() -> None:
    recorder = Recorder()
    control(recorder).do({"do": "publish", "extension": [{"sample": "good", "name": "Lab.Good", "public": {"a": 1}}]})
    (done,) = recorder.done
    assert isinstance(done, Publish) and done.wanted[0].extension.settings[0].public == {"a": 1}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"do": "publsh"}, 'request: do: "publsh" is no verb; did you mean publish'),
        (
            {"do": "disk"},
            'request: do: "disk" is no verb; did you mean attach-disk or detach-disk or remove-disk or replace-disk',
        ),
        ({"do": "nonsense"}, 'request: do: "nonsense" is no verb; `fabriclab do` lists them all'),
        ({}, "request: do: missing"),
        ({"do": "bump-incarnation", "too": 1}, "request: too: unknown key; did you mean to?"),
        ({"do": "note", "text": "x", "foo": 1}, "request: foo: unknown key; there are do, text"),
        (
            {"do": "publish", "extension": [{"sample": "good", "name": "Lab.Good", "sequense": 1}]},
            "request: extension[1].sequense: unknown key; did you mean sequence?",
        ),
        (
            {"do": "publish", "extension": [{"sample": "good", "name": "../../x"}]},
            'request: extension[1].name: "../../x" is no name of an extension',
        ),
        (
            {"do": "put-extension", "extension": {"name": "a b", "version": "1.0"}},
            'request: extension.name: "a b" is no name of an extension',
        ),
        (
            {"do": "publish", "extension": [{"sample": "multi", "name": "Lab.M", "settings": [{"name": "a/b"}]}]},
            'request: extension[1].settings: "a/b" is no name of an instance',
        ),
        (
            {"do": "insert-dvd", "ovf": {"custom_data": "hello"}},
            "request: ovf.custom_data: no base64; text goes into custom_text",
        ),
        ({"do": "attach-disk", "name": "../sdc"}, 'request: name: "../sdc" is no name of a disk'),
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
    on, others = presets.switches((Counted(presets.RULES["garbage"], 9, 9), Counted(other, 5, 1)))
    assert [one for one in on if one["on"]] == [{"name": "garbage", "on": True, "struck": 9}]
    assert others == [
        {
            "text": "answered 418: path *x*, the 2nd",
            "table": {"effect": "status", "code": 418, "path": "*x*", "nth": [2]},
            "struck": 1,
        }
    ]


def test_what_a_command_prints_is_handed_on_and_of_other_steps_there_is_nothing() -> None:
    assert control(Recorder(output="uid=0(root)\n")).do({"do": "run", "command": "id"}).output == "uid=0(root)\n"
    assert control(Recorder()).do({"do": "clear-faults"}).output is None


def test_a_disk_comes_as_an_empty_data_disk_unless_the_keys_say_more() -> None:
    recorder = Recorder()
    control(recorder).do({"do": "attach-disk"})
    control(recorder).do({"do": "attach-disk", "name": "sdd", "content": "ext4", "mib": 128})
    control(recorder).do({"do": "detach-disk", "name": "sdd"})
    first, second, gone = recorder.done
    assert isinstance(first, AttachDisk) and isinstance(second, AttachDisk)
    assert (first.drive.name, first.drive.image.content, first.drive.seat.at, first.drive.seat.lun) == (
        "sdc",
        "nothing",
        "data",
        0,
    )
    assert (second.drive.image.content, second.drive.image.size >> 20, second.drive.seat.lun) == ("ext4", 128, 1)
    assert gone == DetachDisk("sdd")


def test_where_a_package_came_from_is_remembered() -> None:
    one = control(Recorder())
    one.do({"do": "publish", "extension": [{"sample": "good", "name": "Lab.Good"}]})
    assert one.sources == {"Lab.Good": Source("sample", "good")}


def test_a_step_of_a_scenario_file_may_carry_its_name() -> None:
    recorder = Recorder()
    control(recorder).do({"do": "clear-faults", "id": "calm"})
    assert recorder.done == [ClearFaults()]


TEXT = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=8)
NAME = st.from_regex(r"[A-Z][a-z]{1,5}\.[A-Za-z0-9_-]{1,5}", fullmatch=True)
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
        name=NAME,
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


@pytest.mark.parametrize(
    "document",
    [None, 3, "text", [3], [{"name": "x"}], [{"name": "x", "version": 1}], [{"name": "a/b", "version": "1.0"}]],
)
def test_what_is_no_list_of_extensions_is_refused(document: Any) -> None:
    with pytest.raises(Refused, match="request: extensions"):
        control(Recorder()).want(document, World(), "wire")
