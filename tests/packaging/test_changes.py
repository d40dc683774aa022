"""The changes that packages tell: read from docs/changes and docs/changelog.md, which towncrier writes."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def changes(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("changes")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of the same settings, with two changes."""
    for name in ("pyproject.toml", "packaging/changes.md.jinja", "src/waagent/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    (tmp_path / "src/waagent/__init__.py").write_text('__version__ = "3.1.0.0"\n')
    (tmp_path / "docs/changes").mkdir(parents=True)
    (tmp_path / "docs/changes/b-thing.packages.md").write_text("The package is smaller,\nby 100 % of nothing.\n")
    (tmp_path / "docs/changes/a-thing.provisioning.md").write_text("Ready comes sooner.\n")
    heading = (PROJECT / "docs/changelog.md").read_text().partition("\n## ")[0]
    (tmp_path / "docs/changelog.md").write_text(heading)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], timeout=60, check=True)  # towncrier stages what it writes
    return tmp_path


def released(project: Path, version: str, date: str) -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", version, "--date", date]
    subprocess.run(command, cwd=project, capture_output=True, timeout=60, check=True)


def test_this_tree_tells_its_changes_in_places_and_words_that_are_right(changes: ModuleType) -> None:
    found = list(changes.releases(PROJECT))
    assert found[0].version == changes.versions.current()
    for release in found:
        assert release.changes
        for change in release.changes:
            assert change.text.endswith(".") and not change.text.startswith(("#", "-", "*")), change


def test_towncrier_and_we_read_the_same_areas(changes: ModuleType) -> None:
    areas = changes.AREA.findall((PROJECT / "pyproject.toml").read_text())
    assert [area for area, _ in areas] == ["provisioning", "fabric", "extensions", "system", "commands", "packages", "lab"]
    assert ("lab", changes.LAB) in areas
    readme = (PROJECT / "docs/changes/README.md").read_text()
    assert all(f"`{area}`" in readme for area, _ in areas)


def test_what_towncrier_writes_into_the_changelog_is_read_back(changes: ModuleType, project: Path) -> None:
    before = list(changes.fragments(project))
    released(project, "3.1.0.0", "2026-02-03")
    (release,) = changes.past(project)
    assert (release.version, release.time.date().isoformat()) == ("3.1.0.0", "2026-02-03")
    assert sorted(release.changes, key=str) == sorted(before, key=str)
    assert list(changes.fragments(project)) == []
    (project / "docs/changes/c-thing.lab.md").write_text("More of it.\n")
    released(project, "3.2.0.0", "2026-03-04")
    assert [release.version for release in changes.past(project)] == ["3.2.0.0", "3.1.0.0"]


def test_the_version_that_is_built_is_told_once_whether_or_not_its_changes_have_been_moved(
    changes: ModuleType, project: Path
) -> None:
    assert [release.version for release in changes.releases(project)] == ["3.1.0.0"]
    released(project, "3.1.0.0", "2026-02-03")
    assert [release.version for release in changes.releases(project)] == ["3.1.0.0"]


def test_a_tree_without_a_change_yet_can_be_built(changes: ModuleType, project: Path) -> None:
    for path in (project / "docs/changes").iterdir():
        path.unlink()
    (release,) = changes.releases(project)
    assert [change.text for change in release.changes] == ["No change that is worth a word yet."]


def test_debians_changelog_is_in_debians_form(changes: ModuleType) -> None:
    release = changes.Release("3.1.0.0rc1", TIME, (changes.Change("Installing", "word " * 40 + "end."),))
    lines = changes.debian(release).splitlines()
    assert lines[0] == "waagent (3.1.0.0~rc1) unstable; urgency=medium"
    assert lines[2].startswith("  * Installing: word")
    assert lines[-1] == " -- The waagent authors <waagent@localhost.localdomain>  Fri, 02 Jan 2026 03:04:05 +0000"
    assert all(len(line) <= 80 for line in lines[:-1])


def test_rpms_changelog_is_in_rpms_form(changes: ModuleType) -> None:
    release = changes.Release("3.1.0.0rc1", TIME, (changes.Change("Installing", "By 100 % of nothing."),))
    lines = changes.rpm(release).splitlines()
    assert lines[0] == "* Fri Jan 02 2026 The waagent authors <waagent@localhost.localdomain> - 3.1.0.0~rc1-1"
    assert lines[1] == "- Installing: By 100 %% of nothing."


def test_packages_say_nothing_of_the_lab(changes: ModuleType) -> None:
    release = changes.Release("3.1.0.0", TIME, (changes.Change("Installing", "A."), changes.Change(changes.LAB, "B.")))
    assert [change.text for change in changes.agents(release).changes] == ["A."]


@pytest.mark.parametrize("name", ["thing.md", "thing.colour.md", "thing.lab.txt", "a.b.lab.md"])
def test_a_file_whose_name_is_no_change_is_told_by_its_name(changes: ModuleType, project: Path, name: str) -> None:
    (project / "docs/changes" / name).write_text("Something.\n")
    with pytest.raises(changes.Untold, match=re.escape(name)):
        list(changes.fragments(project))


def test_an_empty_change_is_refused(changes: ModuleType, project: Path) -> None:
    (project / "docs/changes/thing.lab.md").write_text("\n")
    with pytest.raises(changes.Untold, match="is empty"):
        list(changes.fragments(project))
