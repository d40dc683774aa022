"""Making a release, and beginning the next: what is refused, in which words, and what is there in the end."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# `wheel` stands in for what builds a wheel
MAKEFILE = """\
wheel:
\t@mkdir -p dist
\t@%s -c 'import zipfile as z; a = z.ZipFile("dist/waagent-@-py3-none-any.whl", "w"); \\
\t  a.writestr("waagent-@.dist-info/METADATA", "Name: waagent\\nRequires-Dist: urllib3\\n"); a.close()'
broken:
\t@exit 1
"""


@pytest.fixture(scope="module")
def release(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("release")


def git(project: Path, *words: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
    return subprocess.run(
        ["git", "-C", str(project), *who, *words], capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.fixture
def project(release: ModuleType, tmp_path: Path) -> Path:
    """A clean clone with this tree's version, two changes, and a wheel that is quickly built."""
    for name in ("pyproject.toml", "packaging/changes.md.jinja", "src/waagent/__init__.py", ".gitignore"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((PROJECT / name).read_bytes())
    version = release.versions.current()
    (tmp_path / "Makefile").write_text(
        (MAKEFILE % sys.executable).replace("@-", f"{version}-").replace("@.dist", f"{version}.dist")
    )
    (tmp_path / "docs/changes").mkdir(parents=True)
    (tmp_path / "docs/changes/thing.packages.md").write_text("The package is smaller.\n")
    (tmp_path / "docs/changes/other.lab.md").write_text("The lab is larger.\n")
    (tmp_path / "docs/changelog.md").write_text("# Changes\n\n<!-- releases begin here -->\n")
    golden = tmp_path / "tests/golden/packages"
    golden.mkdir(parents=True)
    mode = "0600"  # as zipfile writes it
    (golden / "waagent-VERSION-py3-none-any.whl.txt").write_text(f"{mode} - SITE/waagent-VERSION.dist-info/METADATA\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "x")
    return tmp_path


def run(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(PROJECT / "packaging/release.py"), *words, "--project", str(project)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def refused(release: ModuleType, project: Path, version: str = "") -> str:
    """Why there is no release of ``project``, or no next ``version``."""
    with pytest.raises((release.Refused, release.versions.Misspelt, release.changes.Untold)) as problem:
        if version:
            release.begin(project, version)
        else:
            release.check(project)
            release.make(project, ["wheel"])
    assert not (project / "dist/SHA256SUMS").exists()
    assert "\n" not in str(problem.value)
    return str(problem.value)


OTHERS = ("--without=deb", "--without=rpm", "--without=selinux", "--without=portable")


def test_a_release_has_artifacts_documents_changes_and_the_sums_of_all(release: ModuleType, project: Path) -> None:
    version = release.versions.current()
    (project / "dist").mkdir()
    (project / f"dist/waagent_{version}_all.deb").write_text("of an earlier build, from another tree")
    done = run(project, "make", *OTHERS)
    assert done.returncode == 0, done.stderr
    wheel = f"waagent-{version}-py3-none-any.whl"
    sums = dict(reversed(line.split()) for line in (project / "dist/SHA256SUMS").read_text().splitlines())
    assert set(sums) == {wheel, f"{wheel}.cdx.json", f"{wheel}.licences.txt", f"waagent-{version}.changes.md"}
    for name, digest in sums.items():
        assert hashlib.sha256((project / "dist" / name).read_bytes()).hexdigest() == digest
    assert [row["name"] for row in json.loads((project / f"dist/{wheel}.cdx.json").read_text())["components"]] == ["urllib3"]
    changes = (project / f"dist/waagent-{version}.changes.md").read_text()
    assert f"## {version} (" in changes and "- The package is smaller." in changes and "- The lab is larger." in changes
    assert git(project, "status", "--porcelain") == "" and git(project, "tag") == ""


def test_a_tree_that_is_no_commits_is_refused_by_what_has_changed(release: ModuleType, project: Path) -> None:
    (project / "stray").touch()
    (project / "Makefile").write_text("")
    told = refused(release, project)
    assert "the tree is not that of a commit: Makefile, stray." in told


def test_a_version_that_was_released_is_refused(release: ModuleType, project: Path) -> None:
    git(project, "tag", f"v{release.versions.current()}")
    assert f"the tag v{release.versions.current()} is there" in refused(release, project)


def test_a_version_without_a_change_to_tell_is_refused(release: ModuleType, project: Path) -> None:
    git(project, "rm", "--quiet", "-r", "docs/changes")
    git(project, "commit", "--quiet", "--message", "x")
    assert "has no changes to tell: docs/changes is empty" in refused(release, project)


def test_a_version_that_is_not_newer_than_the_changelogs_is_refused(release: ModuleType, project: Path) -> None:
    (project / "docs/changelog.md").write_text("# Changes\n\n<!-- releases begin here -->\n## 99.0.0.0 (2026-01-01)\n")
    git(project, "commit", "--quiet", "--all", "--message", "x")
    assert "is not newer than 99.0.0.0" in refused(release, project)


def test_a_version_that_does_not_compare_alike_everywhere_is_refused(release: ModuleType, project: Path) -> None:
    (project / "src/waagent/__init__.py").write_text('__version__ = "3.1"\n')
    assert '"3.1" is no version of a release' in refused(release, project)


def test_outside_of_a_clone_there_is_no_release(release: ModuleType, project: Path) -> None:
    (project / ".git").rename(project / "away")
    assert "a release is made in a clone" in refused(release, project)


def test_a_build_that_fails_is_told_with_the_way_around_it(project: Path) -> None:
    done = run(project, "make", "--without=wheel", "--without=rpm", "--without=selinux", "--without=portable")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "release.py: `make deb` failed; if this machine cannot build that, leave it out: make release WITHOUT=deb"
    )
    assert not (project / "dist/SHA256SUMS").exists()


def test_a_package_with_other_files_than_its_list_is_refused(release: ModuleType, project: Path) -> None:
    (project / "tests/golden/packages/waagent-VERSION-py3-none-any.whl.txt").write_text("0644 - SITE/waagent/**\n")
    git(project, "commit", "--quiet", "--all", "--message", "x")
    assert "has other files than tests/golden/packages/waagent-VERSION-py3-none-any.whl.txt says" in refused(release, project)


def test_the_next_version_begins_with_the_changes_of_the_last_in_the_changelog(release: ModuleType, project: Path) -> None:
    version = release.versions.current()
    assert f"version {version} is not released yet: there is no tag v{version}" in refused(release, project, "99.0.0.0")
    git(project, "tag", f"v{version}")
    assert "is not newer than" in refused(release, project, "1.0.0.0")
    assert "no version of a release" in refused(release, project, "99")
    release.begin(project, "99.0.0.0")
    assert release.versions.current(project / "src/waagent/__init__.py") == "99.0.0.0"
    assert list(release.changes.fragments(project)) == []
    (told,) = release.changes.past(project)
    assert (told.version, len(told.changes)) == (version, 2)
    assert git(project, "log", "--format=%s").split() == ["x"]  # the maintainer looks, and commits
    git(project, "commit", "--quiet", "--all", "--message", "next")
    assert "has no changes to tell" in refused(release, project)
