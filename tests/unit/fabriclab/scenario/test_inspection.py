"""scenario.inspection: the tree against globs (what asks a guest is tested with one, in test_runner)."""

import pytest

from fabriclab.guests.diff import ADDED, Change, Entry
from fabriclab.scenario.expected import Tree
from fabriclab.scenario.inspection import compare, glob


def added(*paths: str) -> tuple[Change, ...]:
    return tuple(Change(path, ADDED, None, Entry("file", 0o644, 0, 0)) for path in paths)


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("/etc/passwd*", ["/etc/passwd", "/etc/passwd-"], ["/etc/passwd/x", "/etc/shadow"]),
        ("/home/maria/**", ["/home/maria", "/home/maria/.ssh/x"], ["/home/mariaa", "/home"]),
        ("/var/**/x", ["/var/a/b/x"], ["/var/x.y"]),
        ("/a?c", ["/abc"], ["/ac", "/a/c"]),
        ("/a.c", ["/a.c"], ["/abc"]),
    ],
)
def test_a_star_stays_in_its_directory_and_two_do_not(pattern: str, fits: list[str], others: list[str]) -> None:
    assert all(glob(pattern).fullmatch(path) for path in fits)
    assert not any(glob(pattern).fullmatch(path) for path in others)


def test_every_change_must_fit_and_the_odd_ones_are_named() -> None:
    changes = added("/etc/hostname", *(f"/tmp/{number}" for number in range(8)))
    seen = compare(Tree(("/etc/*",)), changes)
    assert seen.held is False
    assert seen.detail.startswith("added /tmp/0 file 0644 0:0 0 bytes; ") and seen.detail.endswith(" and 2 more")
    assert compare(Tree(("/etc/*", "/tmp/*")), changes).held is True


def test_what_must_have_changed_is_missed() -> None:
    changes = added("/etc/hostname")
    assert compare(Tree(None, ("/etc/host*",)), changes).held is True
    assert compare(Tree(None, ("/etc/passwd",)), changes).detail == "unchanged: /etc/passwd"
    assert compare(Tree(()), ()).held is True and compare(Tree(()), changes).held is False
