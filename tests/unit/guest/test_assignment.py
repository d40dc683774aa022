from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waagent.guest import assignment

KEY = "OPTIONS"


@pytest.mark.parametrize(
    ("line", "words", "longer"),
    [
        ('OPTIONS="quiet splash"', ("quiet", "splash"), 'OPTIONS="quiet splash a=1"'),
        ("OPTIONS='quiet splash'", ("quiet", "splash"), "OPTIONS='quiet splash a=1'"),
        ("OPTIONS=quiet", ("quiet",), 'OPTIONS="quiet a=1"'),
        ('OPTIONS=""', (), 'OPTIONS="a=1"'),
        ("OPTIONS=", (), 'OPTIONS="a=1"'),
        ('OPTIONS="quiet "', ("quiet",), 'OPTIONS="quiet a=1"'),
        ('OPTIONS="quiet"  # really', ("quiet",), 'OPTIONS="quiet a=1"  # really'),
        ('export OPTIONS="quiet"; true', ("quiet",), 'export OPTIONS="quiet a=1"; true'),
        ('OPTIONS="one \\"two\\""', ("one", '"two"'), 'OPTIONS="one \\"two\\" a=1"'),
        ("OPTIONS=\"one\"'two'", ("onetwo",), 'OPTIONS="one"\'two\'" a=1"'),
        ('OPTIONS="one\ntwo"', ("one", "two"), 'OPTIONS="one\ntwo a=1"'),
        ('  OPTIONS="one"', ("one",), '  OPTIONS="one a=1"'),
    ],
)
def test_words_are_found_and_put_in_where_they_belong(line: str, words: tuple[str, ...], longer: str) -> None:
    text = f"A=1\n{line}\nB=2\n"
    (found,) = assignment.find(text, KEY)
    assert found.words == words
    assert assignment.with_words(text, found, ("a=1",)) == f"A=1\n{longer}\nB=2\n"


@pytest.mark.parametrize(
    "line", ['#OPTIONS="a"', '# OPTIONS="a"', 'MORE_OPTIONS="a"', 'OPTIONS_DEFAULT="a"', 'OPTIONS="open', ""]
)
def test_what_is_no_assignment_of_the_key_is_none(line: str) -> None:
    assert assignment.find(f"{line}\n", KEY) == ()


def test_another_word_may_precede_an_assignment() -> None:
    (found,) = assignment.find('set OPTIONS="a b"\n', KEY, "set")
    assert found.words == ("a", "b")
    assert assignment.find('OPTIONS="a b"\n', KEY, "set") == ()


@pytest.mark.parametrize(
    ("value", "refers"),
    [
        ('"$OPTIONS b"', True),
        ('"b ${OPTIONS}"', True),
        ('"${OPTIONS:-x}"', True),
        ("$OPTIONS", True),
        ("'$OPTIONS'", False),
        ('"$OPTIONS_DEFAULT"', False),
        ('"OPTIONS"', False),
    ],
)
def test_a_value_that_takes_up_the_former_one_is_known(value: str, refers: bool) -> None:
    (found,) = assignment.find(f"OPTIONS={value}\n", KEY)
    assert found.refers_to(KEY) is refers


def test_words_go_with_the_blank_before_them_and_nothing_like_them_goes() -> None:
    text = 'OPTIONS="a=1 quiet a=10 xa=1 a=1"\n'
    (found,) = assignment.find(text, KEY)
    assert assignment.without_words(text, found, ("a=1",)) == 'OPTIONS="quiet a=10 xa=1"\n'


PIECE = st.text(st.sampled_from("abc $=./-'\"\\\t"), max_size=12)


@settings(max_examples=50, deadline=None)
@given(PIECE, st.sampled_from(["double", "single", "bare"]))
def test_a_shell_sees_the_old_value_with_the_words_behind_it(raw: str, quoting: str) -> None:
    if quoting == "double":
        value = '"' + raw.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
    elif quoting == "single":
        value = "'" + raw.replace("'", "") + "'"
    else:
        value = "".join(each for each in raw if each in "abc=./-")
    text = f"OPTIONS={value}\n"
    (found,) = assignment.find(text, KEY)
    longer = assignment.with_words(text, found, ("console=ttyS0", "numa=off"))
    old, new = (_shell(each) for each in (text, longer))
    assert new == (*old, "console=ttyS0", "numa=off")
    (again,) = assignment.find(longer, KEY)
    assert again.words == new
    assert _shell(assignment.without_words(longer, again, ("console=ttyS0", "numa=off"))) == old


def _shell(text: str) -> tuple[str, ...]:
    script = f'set -f\n{text}\nfor each in $OPTIONS; do printf "%s\\n" "$each"; done'
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    return tuple(line for line in done.stdout.split("\n") if line)
