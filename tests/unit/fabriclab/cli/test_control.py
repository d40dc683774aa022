"""`fabriclab do` and `fabriclab shell`: how a command line becomes a step, and how a lab is named."""

from pathlib import Path

import pytest

from fabriclab.cli.control import document, said
from fabriclab.cli.shell import choose, named
from fabriclab.cli.verbs import parser
from fabriclab.guests.presence import Lab


def test_what_is_to_be_text_stays_text_although_it_looks_like_a_number() -> None:
    step = document("publish", ["sample=good", "name=Lab.Good", "version=2.10", "sequence=3", 'public={"a": 1}'])
    given = {"sample": "good", "name": "Lab.Good", "version": "2.10", "sequence": 3, "public": {"a": 1}}
    assert step == {"do": "publish", "extension": [given]}


@pytest.mark.parametrize("command", ["false", "true", "7", "null", "[ -e /tmp ]", "[1]"])
def test_a_command_that_looks_like_json_is_a_command(command: str) -> None:
    assert document("run", [f"command={command}"]) == {"do": "run", "command": command}


def test_false_stays_false_where_a_text_may_be_left_out() -> None:
    assert document("set-fast-track", ["source=false", "supported=true"])["source"] is False


def test_a_key_of_a_fault_is_json_else_text() -> None:
    step = document("fault", ["effect=status", "code=503", "path=*Lab*"])
    assert step == {"do": "fault", "effect": "status", "code": 503, "path": "*Lab*"}


def test_a_key_does_not_change_the_verb() -> None:
    with pytest.raises(ValueError, match="do=reboot: the verb stands before the keys"):
        document("note", ["do=reboot", "text=x"])


@pytest.mark.parametrize(
    ("answer", "printed"),
    [
        ({"done": "done: run", "output": "uid=0(root)\n"}, "uid=0(root)\n"),
        ({"done": "done: run", "output": ""}, ""),
        ({"done": "done: reboot"}, "done: reboot\n"),
    ],
)
def test_of_a_command_its_output_is_printed_and_of_anything_else_that_it_was_done(answer: dict[str, str], printed: str) -> None:
    assert said(answer) == printed


@pytest.mark.parametrize(
    ("words", "where", "command"),
    [
        ([], "guest", []),
        (["fabric", "ip", "-br", "a"], "fabric", ["ip", "-br", "a"]),
        (["--lab", "7", "guest", "sh", "-c", "exit 7"], "guest", ["sh", "-c", "exit 7"]),
    ],
)
def test_a_command_in_a_lab_has_options_of_its_own(words: list[str], where: str, command: list[str]) -> None:
    options = parser().parse_args(["shell", *words])
    assert (options.where, options.command) == (where, command)


def test_one_of_several_labs_is_known_by_the_command_that_made_it(tmp_path: Path) -> None:
    for number, words in {7: ["python3", "/usr/bin/fabriclab", "up", "my.toml"], 8: ["pytest"]}.items():
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_text("".join(f"{word}\0" for word in words))
    assert [named(number, tmp_path) for number in (7, 8, 9)] == ["7 (up my.toml)", "8", "9"]


def test_several_labs_are_all_named() -> None:
    said = choose((Lab(2**22 + 1, 1, 1), Lab(2**22 + 2, 1, 1)), None, "guest")
    assert said == f"Several labs run; choose one with --lab: {2**22 + 1}, {2**22 + 2}."
