"""Makes a release in dist/: `release.py make [--without KIND]`; begins the next one: `release.py next VERSION`.

A release is what a clean commit gives: every artifact with its documents, the changes, and SHA256SUMS over all. It is refused
with one sentence where it would not be what it says. Nothing is tagged, signed or sent from here: docs/releasing.md says what
the maintainer does then. `next` moves the fragments into docs/changelog.md and writes the new version, and commits nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from packaging.version import Version

sys.path.insert(0, str(Path(__file__).resolve().parent))

import changes
import describe
import listing
import sbom
import versions

PROJECT = Path(__file__).resolve().parents[1]
KINDS = ("wheel", "deb", "rpm", "selinux", "portable")
"""Targets of the Makefile, in the order in which they are built."""


class Refused(Exception):
    """There is no release of this tree; the text says why, and what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Make a release, or begin the next one.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("make", help="build everything into dist")
    making.add_argument(
        "--without", action="append", default=[], choices=KINDS, help="leave out what this machine cannot build"
    )
    following = verbs.add_parser("next", help="after a release: its changes into the changelog, and another version")
    following.add_argument("version")
    for verb in (making, following):
        verb.add_argument("--project", type=Path, default=PROJECT, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    try:
        if arguments.verb == "make":
            check(arguments.project)
            make(arguments.project, [kind for kind in KINDS if kind not in arguments.without])
        else:
            begin(arguments.project, arguments.version)
    except (Refused, changes.Untold, versions.Misspelt, sbom.Unsound, listing.Unreadable) as problem:
        print(f"release.py: {problem}", file=sys.stderr)
        return 1
    return 0


def check(project: Path) -> str:
    """The version that can be released from this tree. Errors: ``Refused``, ``Misspelt``, ``Untold``."""
    version = versions.spelt(versions.current(project / "src/waagent/__init__.py"))
    clean(project)
    if tagged(project, version):
        raise Refused(f"version {version} was released: the tag v{version} is there. Begin the next one: make next VERSION=...")
    if not list(changes.fragments(project)):
        raise Refused(f"version {version} has no changes to tell: docs/changes is empty (docs/releasing.md says what goes in)")
    for past in changes.past(project):
        if Version(past.version) >= Version(version):
            raise Refused(f"version {version} is not newer than {past.version}, which docs/changelog.md has")
    return version


def make(project: Path, kinds: list[str]) -> None:
    """Builds, describes, compares, and sums up."""
    dist, version = project / "dist", versions.current(project / "src/waagent/__init__.py")
    for stale in _all(dist, version):
        stale.unlink()
    os.environ["SOURCE_DATE_EPOCH"] = _git(project, "log", "-1", "--format=%ct").strip()
    for kind in kinds:
        print(f"building: {kind}", flush=True)
        if subprocess.run(["make", "--silent", kind], cwd=project, timeout=4 * 3600, check=False).returncode != 0:
            raise Refused(f"`make {kind}` failed; if this machine cannot build that, leave it out: make release WITHOUT={kind}")
    for artifact in versions.artifacts(dist, version):
        describe.describe(artifact, version)
        describe.verify(artifact)
        compare(project, artifact)
    changes_of(project, dist, version)
    clean(project)  # nothing that was built came of something else than this commit
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(_all(dist, version))]
    (dist / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    print("".join(line for line in lines if not line.rstrip().endswith((".cdx.json", ".licences.txt"))), end="")
    print(f"dist/SHA256SUMS has {len(lines)} files of version {version}. What comes now: docs/releasing.md")


def compare(project: Path, artifact: Path) -> None:
    """Errors: ``Refused`` when a package has other files than its list, which `make check` compares with section 10."""
    if listing.laying(artifact):
        kept = project / "tests/golden/packages" / listing.golden(artifact)
        lines = listing.lines(artifact)
        if not kept.is_file() or kept.read_text(encoding="utf-8").splitlines() != lines:
            raise Refused(
                f"{artifact.name} has other files than tests/golden/packages/{kept.name} says: run make places, and look"
            )


def changes_of(project: Path, dist: Path, version: str) -> None:
    """What is new, as towncrier will write it into the changelog."""
    date = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc).date().isoformat()
    text = _towncrier(project, "--draft", "--version", version, "--date", date)
    (dist / f"waagent-{version}.changes.md").write_text(text.strip() + "\n", encoding="utf-8")


def begin(project: Path, version: str) -> None:
    """The tree of the next version. Errors: ``Refused``, ``Misspelt``."""
    source = project / "src/waagent/__init__.py"
    released = versions.current(source)
    versions.spelt(version)
    clean(project)
    if not tagged(project, released):
        raise Refused(f"version {released} is not released yet: there is no tag v{released}")
    if Version(version) <= Version(released):
        raise Refused(f"version {version} is not newer than {released}")
    if list(changes.fragments(project)):
        date = _git(project, "log", "-1", "--format=%cs", f"v{released}").strip()
        _towncrier(project, "--yes", "--version", released, "--date", date)
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace(f'"{released}"', f'"{version}"'), encoding="utf-8")
    print(f"This tree is version {version}; look at `git diff HEAD`, and commit it.")


def clean(project: Path) -> None:
    status = _git(project, "status", "--porcelain").splitlines()
    if status:
        names = ", ".join(line[3:] for line in status[:3]) + (f" and {len(status) - 3} more" if len(status) > 3 else "")
        raise Refused(f"the tree is not that of a commit: {names}. Commit or remove what has changed")


def tagged(project: Path, version: str) -> bool:
    return bool(_git(project, "tag", "--list", f"v{version}", version).strip())


def _all(dist: Path, version: str) -> Iterator[Path]:
    """The artifacts of a version and what lies beside them."""
    for artifact in versions.artifacts(dist, version):
        beside = (artifact.with_name(artifact.name + ending) for ending in (".cdx.json", ".licences.txt"))
        yield from (path for path in (artifact, *beside) if path.is_file())
    yield from dist.glob(f"waagent-{version}.changes.md")


def _git(project: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(project), *words], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise Refused(f"a release is made in a clone of the repository; git says: {done.stderr.strip()}")
    return done.stdout


def _towncrier(project: Path, *words: str) -> str:
    command = [sys.executable, "-m", "towncrier", "build", *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise Refused(f"towncrier could not tell the changes: {(done.stderr or done.stdout).strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
