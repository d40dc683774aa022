"""The verbs as data: complete, and true to what is read."""

from pathlib import Path

from fabriclab.cli.control import document, listed
from fabriclab.scenario import reference, schema, steps

DOCS = Path(__file__).resolve().parents[4] / "docs"


def test_every_verb_says_what_it_does_or_has_keys_that_do() -> None:
    verbs = schema.verbs()
    assert set(verbs) == set(steps.VERBS)
    assert [name for name, verb in verbs.items() if not verb["about"] and not verb["keys"]] == []


def test_events_have_their_fields_as_keys() -> None:
    rotate = {key["name"]: key for key in schema.verbs()["rotate-certificate"]["keys"]}
    assert rotate["certificate"] == {"name": "certificate", "kind": "a table", "needed": True}
    assert rotate["keep_old"] == {"name": "keep_old", "kind": "true or false", "default": False}
    assert schema.verbs()["bump-incarnation"]["keys"] == [{"name": "to", "kind": "a whole number or false"}]


def test_the_list_for_people_names_each_verb_once() -> None:
    heads = [line.split()[0] for line in listed().splitlines() if not line.startswith(" ")]
    assert heads == sorted(steps.VERBS)


def test_the_keys_of_a_command_line_are_json_or_text() -> None:
    assert document("run", ["command=true", "status=3"]) == {"do": "run", "command": "true", "status": 3}
    assert document("rename", ["vm_name=web-2"]) == {"do": "rename", "vm_name": "web-2"}


def test_a_published_extension_is_written_without_brackets() -> None:
    made = document("publish", ["sample=good", "name=Lab.Good", 'public={"a": 1}', "channel=fast-track"])
    assert made == {
        "do": "publish",
        "channel": "fast-track",
        "extension": [{"sample": "good", "name": "Lab.Good", "public": {"a": 1}}],
    }


def test_the_reference_is_what_the_code_declares() -> None:
    assert (DOCS / "reference.md").read_text() == reference.page(), "run `make docs`"
