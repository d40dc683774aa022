"""Every kind of package is built twice, far apart, and is the same; what was built has the files that its list says.

The builds share nothing but the state of the tree: another folder, umask, locale, time zone, home, and a clock thirty hours on.
The portable build has tests of its own: it takes too long for this.
"""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]
GOLDEN = PROJECT / "tests/golden/packages"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.registry,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.geteuid() != 0, reason="what builds packages is installed by root"),
    pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="the files of the tree are told by git"),
]


@pytest.fixture(scope="module")
def reproducible(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("reproducible")


@pytest.fixture(scope="module")
def twice(reproducible: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> "tuple[list[str], Path]":
    """What differed, and the folder of the first build."""
    place = tmp_path_factory.mktemp("twice")
    problems = list(reproducible.compared(place, [reproducible.SCRIPTS[kind] for kind in reproducible.USUAL]))
    return problems, place / reproducible.FIRST.folder / "dist"


def test_two_builds_far_apart_are_the_same(twice: "tuple[list[str], Path]") -> None:
    problems, first = twice
    assert problems == []
    assert {".deb", ".whl", ".gz", ".rpm", ".pp"} <= {path.suffix for path in first.iterdir()}


def test_what_is_built_has_the_files_that_its_list_says(
    load: Callable[[str], ModuleType], twice: "tuple[list[str], Path]"
) -> None:
    listing = load("listing")
    artifacts = [path for path in listing.versions.artifacts(twice[1]) if listing.laying(path)]
    kept = {path.name for path in GOLDEN.glob("*.txt") if path.name.endswith((".deb.txt", ".rpm.txt", ".whl.txt"))}
    assert {listing.golden(path) for path in artifacts} == kept
    for path in artifacts:
        assert listing.lines(path) == (GOLDEN / listing.golden(path)).read_text().splitlines(), "run: make places"


def test_what_is_built_is_described(load: Callable[[str], ModuleType], twice: "tuple[list[str], Path]") -> None:
    describe = load("describe")
    artifacts = list(describe.versions.artifacts(twice[1]))
    assert len(artifacts) >= 9
    for path in artifacts:
        describe.describe(path, describe.versions.current())
        describe.verify(path)
