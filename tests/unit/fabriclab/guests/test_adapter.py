"""guests.adapter: files that describe an agent, and the configuration lines it sets."""

from pathlib import Path

import pytest

from fabriclab.guests.adapter import BadAdapter, configure, find, lay, load, names


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return path


def test_every_shipped_adapter_loads() -> None:
    assert {"ours", "debian"} <= set(names())
    assert all(find(name).command for name in names())


def test_a_name_nobody_knows_is_answered_with_those_that_are() -> None:
    with pytest.raises(BadAdapter, match="debian, ours"):
        find("nonsense")


def test_a_misspelt_key_is_refused_with_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, '[start]\ncommand = ["x"]\n[root]\nsuit = "bookworm"\n')
    with pytest.raises(BadAdapter, match=r"agent\.toml: root\.suit: unknown key"):
        load(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "start.command: missing"),
        ("[start]\ncommand = 'x'", "start.command: not a list of text"),
        ('root = "x"\n[start]\ncommand = ["x"]', "root: not a table"),
        ('[start]\ncommand = ["x"]\n[root]\nkind = "vm"', '"vm" is neither'),
        ("[start", "agent.toml"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadAdapter) as refused:
        load(written(tmp_path, text))
    assert complaint in str(refused.value)


def test_a_directory_with_an_agent_in_it_is_laid_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "tree/usr/sbin").mkdir(parents=True)
    (tmp_path / "tree/usr/sbin/waagent").write_text("#!/bin/sh\n")
    layer = tmp_path / "layer"
    layer.mkdir()
    lay(find(str(tmp_path / "tree")), layer)
    assert (layer / "usr/sbin/waagent").is_file()


def test_a_failing_lay_program_is_told_with_its_last_words(tmp_path: Path) -> None:
    path = written(tmp_path, '[start]\ncommand = ["x"]\n[lay]\nrun = ["sh", "-c", "echo no such tree >&2; exit 3"]\n')
    with pytest.raises(BadAdapter, match="exit status 3: no such tree"):
        lay(load(path), tmp_path)


def test_a_setting_replaces_its_line_once_and_is_appended_when_absent() -> None:
    assert configure("# A=1\nA=1\nB=2\nA=3\n", {"A": "9", "C": "4"}) == "# A=1\nA=9\nB=2\nC=4\n"
