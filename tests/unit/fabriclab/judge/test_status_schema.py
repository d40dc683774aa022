"""Status files against their schema: the sample `lying` has a file for each way to be wrong or merely odd."""

import pytest

from fabriclab.judge.status_schema import check
from fabriclab.samples import package

WRONG = {
    "status-null": 'no object "status"',
    "status-missing": 'no object "status"',
    "status-number": 'no object "status"',
    "element-null": 'no object "status"',
    "element-number": 'no object "status"',
    "not-an-array": "not an array",
    "empty-array": "an empty array",
    "null": "not an array",
    "empty": "not JSON",
    "word-unknown": "'failed' is none of",
    "word-case": "'Success' is none of",
    "word-missing": "None is none of",
    "message-number": "formattedMessage is no object",
    "message-without-lang": 'lacks "lang"',
    "substatus-number": "substatus is no array",
    "substatus-word": "'Succeeded' is none of",
}
TOLERATED = {
    "code-text": 'code "0" is text',
    "code-missing": "",
    "message-null": "",
    "substatus-null": "substatus is null",
    "substatus-null-entry": "substatus[0] is null",
    "substatus-without-message": "",
    "unknown-keys": "only the first element is read",
    "transitioning": "",
    "warning": "",
    "error": "",
}


def lie(name: str) -> bytes:
    return package.files("lying")[f"lie.{name}"]


@pytest.mark.parametrize(("name", "reason"), WRONG.items())
def test_wrong(name: str, reason: str) -> None:
    assert any(reason in text for text in check(lie(name)).wrong)


@pytest.mark.parametrize(("name", "note"), TOLERATED.items())
def test_tolerated(name: str, note: str) -> None:
    checked = check(lie(name))
    assert not checked.wrong
    assert not note or note in checked.tolerated


def test_every_lie_is_in_one_of_the_tables() -> None:
    assert {name[4:] for name in package.files("lying") if name.startswith("lie.")} == {*WRONG, *TOLERATED}


def test_an_unknown_word_counts_as_error() -> None:
    assert (check(lie("word-unknown")).word, check(lie("warning")).word, check(lie("empty")).word) == ("error", "warning", None)
