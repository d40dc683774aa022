"""scenario.table and scenario.fitting: every complaint names file, key and reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import pytest

from fabriclab.scenario.table import BadScenario, Table


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    size: int = 1
    note: str | None = None


@dataclass(frozen=True)
class Outer:
    name: str
    colour: Colour = Colour.RED
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    marks: frozenset[str] = frozenset()
    pair: tuple[int, str] = (0, "")
    wait: float = 1.0
    maybe: Inner | None = None
    flag: bool | None = None
    raw: bytes = b""
    free: Mapping[str, Any] | None = None
    word: Literal["a", "b"] = "a"


def table(**values: object) -> Table:
    return Table(values, "some.toml", "part")


def test_a_dataclass_is_built_from_keys_of_every_sort() -> None:
    made = table(
        name="x",
        colour="blue",
        inner={"size": 3},
        many=[{"note": "n"}, {}],
        marks=["p", "q"],
        pair=[1, "one"],
        wait=2,
        maybe={"size": 9},
        flag=False,
        raw="bytes",
        free={"any": [1]},
        word="b",
    ).build(Outer)
    assert made == Outer(
        name="x",
        colour=Colour.BLUE,
        inner=Inner(3),
        many=(Inner(note="n"), Inner()),
        marks=frozenset({"p", "q"}),
        pair=(1, "one"),
        wait=2.0,
        maybe=Inner(9),
        flag=False,
        raw=b"bytes",
        free={"any": [1]},
        word="b",
    )


def test_false_stands_for_nothing_where_nothing_is_allowed_and_no_flag() -> None:
    before = Outer("x", maybe=Inner(), flag=True)
    after = table(maybe=False, flag=False).lay_over(before)
    assert (after.maybe, after.flag) == (None, False)


def test_laying_over_keeps_what_a_nested_table_does_not_name() -> None:
    after = table(inner={"size": 7}).lay_over(Outer("x", inner=Inner(1, "kept")))
    assert after.inner == Inner(7, "kept")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "part.name: missing"),
        ({"name": 1}, "part.name: not text"),
        ({"name": "x", "nam": 1}, "part.nam: unknown key; did you mean name?"),
        ({"name": "x", "inner": {"size": "big"}}, "part.inner.size: not a whole number"),
        ({"name": "x", "inner": {"size": True}}, "part.inner.size: not a whole number"),
        ({"name": "x", "many": [{}, {"zzz": 1}]}, "part.many[2].zzz: unknown key; there are note, size"),
        ({"name": "x", "many": {}}, "part.many: not a list"),
        ({"name": "x", "colour": "green"}, "part.colour: 'green' is none of red, blue"),
        ({"name": "x", "pair": [1]}, "part.pair: not 2 values"),
        ({"name": "x", "word": "c"}, "part.word: 'c' is none of a, b"),
        ({"name": "x", "wait": "long"}, "part.wait: not a number"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_key(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadScenario) as refused:
        table(**values).build(Outer)
    assert str(refused.value) == f"some.toml: {complaint}"


@pytest.mark.parametrize(
    ("read", "complaint"),
    [
        (lambda part: part.text("absent"), "part.absent: missing"),
        (lambda part: part.text("number"), "part.number: not text"),
        (lambda part: part.flag("text"), "part.text: not true or false"),
        (lambda part: part.whole("flag"), "part.flag: not a whole number"),
        (lambda part: part.seconds("less"), "part.less: -1 is negative"),
        (lambda part: part.choice("text", ("a", "b")), 'part.text: "t" is none of a, b'),
        (lambda part: part.texts("text"), "part.text: not a list of text"),
        (lambda part: part.texts("mixed"), "part.mixed: not a list of text"),
        (lambda part: part.table("text"), "part.text: not a table"),
        (lambda part: part.tables("mixed"), "part.mixed: not an array of tables ([[...]])"),
        (lambda part: part.words("deep"), "part.deep.key: neither text nor a number"),
        (lambda part: part.moment("less", "start"), "part.less: neither a name nor a number of seconds"),
    ],
)
def test_a_value_of_another_kind_is_refused(read: Callable[[Table], object], complaint: str) -> None:
    part = table(number=1, text="t", flag=True, less=-1, mixed=["a", 1], deep={"key": []})
    with pytest.raises(BadScenario) as refused:
        read(part)
    assert str(refused.value) == f"some.toml: {complaint}"


def test_what_nobody_read_is_an_unknown_key() -> None:
    part = table(known=1, unknwon=2)
    part.whole("known")
    with pytest.raises(BadScenario, match=r"some\.toml: part\.unknwon: unknown key"):
        part.finish()


def test_a_moment_is_a_name_or_seconds_after_the_start() -> None:
    part = table(named="ready", counted=2)
    assert part.moment("named", "start") == ("ready", 0.0)
    assert part.moment("counted", "start") == ("start", 2.0)
    assert part.moment("absent", "end") == ("end", 0.0)
