"""The comparison of two builds finds what differs, by name; the copies that are built are the tree's, by the umask of each."""

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = """\
mkdir -p dist
printf '%s' "{word}" >dist/thing.tar
echo same >dist/other
"""


@pytest.fixture(scope="module")
def reproducible(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("reproducible")


def told(module: ModuleType, tmp_path: Path, script: str) -> list[str]:
    """What two builds of a tree with one script differ in."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/build.sh").write_text(script)
    return list(module.compared(tmp_path / "place", ["build.sh"], tmp_path / "tree"))


@pytest.mark.parametrize("word", ["$PWD", "$TZ", "$LC_ALL", "$HOME", "$(umask)", "$(date +%d)", "$PYTHONHASHSEED"])
def test_whatever_of_its_surroundings_gets_into_an_artifact_is_found(
    reproducible: ModuleType, tmp_path: Path, word: str
) -> None:
    if "date" in word and not Path(reproducible.FAKETIME).is_file():
        pytest.skip("this machine has no libfaketime, so both builds have the same time")
    (problem,) = told(reproducible, tmp_path, SCRIPT.replace("{word}", word))
    assert problem.startswith("thing.tar differs")


@pytest.mark.parametrize("word", ["$SOURCE_DATE_EPOCH", "always the same"])
def test_what_is_given_by_the_commit_is_the_same(reproducible: ModuleType, tmp_path: Path, word: str) -> None:
    assert told(reproducible, tmp_path, SCRIPT.replace("{word}", word)) == []


def test_a_build_that_fails_is_told_with_its_last_words(reproducible: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(reproducible.Unbuilt, match=r"(?s)build\.sh failed in a.*no compiler"):
        told(reproducible, tmp_path, "echo no compiler; exit 3\n")


def test_the_members_of_wheels_that_differ_are_named(reproducible: ModuleType, tmp_path: Path) -> None:
    for folder, text in (("a", "1"), ("b", "2")):
        (tmp_path / folder).mkdir()
        with zipfile.ZipFile(tmp_path / folder / "x.whl", "w") as wheel:
            wheel.writestr(zipfile.ZipInfo("same.py"), "")
            wheel.writestr(zipfile.ZipInfo("other.py"), text)
    assert reproducible.differing(tmp_path / "a/x.whl", tmp_path / "b/x.whl") == ["other.py"]


def test_copies_have_the_modes_of_their_umask_and_stay_programs(reproducible: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "text").write_text("")
    (source / "program").write_text("")
    (source / "program").chmod(0o755)
    before = os.umask(0o077)
    try:
        reproducible.copy(source, tmp_path / "copy")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "copy").iterdir()}
    assert modes == {"text": 0o600, "program": 0o700}
