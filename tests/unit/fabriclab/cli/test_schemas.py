"""cli.schemas: what a schema says of the types, and that a document is what its schema says."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypedDict

import jsonschema
import pytest

from fabriclab.cli import documents
from fabriclab.cli.schemas import Form, schema

PAGE = Path(__file__).resolve().parents[4] / "docs/json.md"


class Colour(Enum):
    RED = "red"


class _Told(TypedDict):
    name: str


class Told(_Told, total=False):
    """A thing that is told."""

    more: int


@dataclass(frozen=True)
class Inner:
    pair: tuple[int, str]
    many: tuple[float, ...]
    free: Mapping[str, Any]


@dataclass(frozen=True)
class Outer:
    """What is outside."""

    also: ClassVar = ("whole",)

    inner: Inner | None
    colour: Colour
    word: Literal["a", "b"]
    place: Annotated[Path | None, "where it is"]

    @property
    def whole(self) -> bool:
        return self.inner is not None


FORM = Form("A form.", (Outer,), {"told": list[Told]})
OUTER = Outer(Inner((1, "x"), (0.5,), {"k": [1]}), Colour.RED, "a", Path("/x"))


def test_a_document_is_what_its_schema_says() -> None:
    document = FORM.document(OUTER, told=[{"name": "n"}, {"name": "n", "more": 1}])
    assert document == {
        "schema_version": 1,
        "whole": True,
        "inner": {"pair": [1, "x"], "many": [0.5], "free": {"k": [1]}},
        "colour": "red",
        "word": "a",
        "place": "/x",
        "told": [{"name": "n"}, {"name": "n", "more": 1}],
    }
    jsonschema.Draft202012Validator(schema("form", FORM, closed=True)).validate(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("whole",), 1),
        (("colour",), "blue"),
        (("word",), "c"),
        (("place",), 3),
        (("inner", "pair"), [1]),
        (("inner", "many"), [0.5, "x"]),
        (("told",), [{"more": 1}]),
        (("schema_version",), 2),
        (("extra",), 1),
    ],
)
def test_a_document_that_says_something_else_is_not(path: tuple[str, ...], value: object) -> None:
    document = FORM.document(OUTER, told=[])
    *above, last = path
    place = document
    for one in above:
        place = place[one]
    place[last] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema("form", FORM, closed=True)).validate(document)


def test_readers_get_a_schema_that_allows_keys_to_come() -> None:
    document = {**FORM.document(OUTER, told=[]), "new": 1}
    jsonschema.Draft202012Validator(schema("form", FORM)).validate(document)


def test_texts_of_the_types_are_its_descriptions() -> None:
    made = schema("form", FORM)
    assert made["properties"]["place"] == {"type": ["string", "null"], "description": "where it is"}
    assert made["$defs"]["Told"]["description"] == "A thing that is told."
    assert made["$defs"]["Told"]["required"] == ["name"]
    assert "description" not in made["$defs"]["Inner"], "a dataclass's signature is no description"


def test_other_parts_or_keys_are_no_document_of_the_form() -> None:
    for parts, more in (((), {"told": []}), ((OUTER,), {}), ((OUTER,), {"told": [], "else": 1})):
        with pytest.raises(TypeError, match="not of this form"):
            FORM.document(*parts, **more)


@pytest.mark.parametrize("name", documents.FORMS)
def test_every_schema_of_the_lab_is_one(name: str) -> None:
    for closed in (True, False):
        jsonschema.Draft202012Validator.check_schema(schema(name, documents.FORMS[name], closed=closed))


def test_the_page_of_the_documents_is_up_to_date_and_names_each() -> None:
    assert PAGE.read_text() == documents.page(), "run: make docs"
    assert [name for name in documents.FORMS if f"## `{name}`" not in PAGE.read_text()] == []
