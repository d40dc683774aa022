"""guests.diff over plain directories that look like an overlay's layers."""

import os
from pathlib import Path

import pytest

from fabriclab.guests.diff import ADDED, CHANGED, REMOVED, compare


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    upper.mkdir()
    (lower / "etc/ssh").mkdir(parents=True)
    (lower / "etc/passwd").write_text("root:x:0:0\n")
    (lower / "etc/ssh/key").write_text("old")
    return upper, lower


def whiteout(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a whiteout is a device node: only root makes it")
    os.mknod(path, 0o020000, os.makedev(0, 0))


def summary(layers: tuple[Path, Path]) -> list[tuple[str, str]]:
    return [(change.what, change.path) for change in compare(*layers)]


def test_an_empty_upper_layer_means_no_change(layers: tuple[Path, Path]) -> None:
    assert compare(*layers) == ()


def test_a_directory_that_was_only_passed_through_is_no_change(layers: tuple[Path, Path]) -> None:
    (layers[0] / "etc").mkdir()
    (layers[0] / "etc/new").write_text("x")
    assert summary(layers) == [(ADDED, "/etc/new")]


def test_a_copy_with_the_same_content_is_no_change(layers: tuple[Path, Path]) -> None:
    (layers[0] / "etc").mkdir()
    (layers[0] / "etc/passwd").write_text("root:x:0:0\n")
    os.utime(layers[0] / "etc/passwd", (1, 1))
    assert compare(*layers) == ()


def test_the_same_size_with_other_content_is_a_change(layers: tuple[Path, Path]) -> None:
    (layers[0] / "etc").mkdir()
    (layers[0] / "etc/passwd").write_text("root:y:0:0\n")
    assert summary(layers) == [(CHANGED, "/etc/passwd")]


def test_a_mode_alone_is_a_change_and_shows_both(layers: tuple[Path, Path]) -> None:
    (layers[0] / "etc").mkdir()
    (layers[0] / "etc/passwd").write_text("root:x:0:0\n")
    (layers[0] / "etc/passwd").chmod(0o600)
    (change,) = compare(*layers)
    assert "0600" in change.text() and "0644" in change.text()


def test_a_whiteout_removes_a_whole_tree(layers: tuple[Path, Path]) -> None:
    (layers[0] / "etc").mkdir()
    whiteout(layers[0] / "etc/ssh")
    assert summary(layers) == [(REMOVED, "/etc/ssh"), (REMOVED, "/etc/ssh/key")]


def test_a_whiteout_over_nothing_is_no_change(layers: tuple[Path, Path]) -> None:
    whiteout(layers[0] / "never-there")
    assert compare(*layers) == ()


def test_a_directory_made_again_has_lost_what_was_in_it(layers: tuple[Path, Path]) -> None:
    (layers[0] / "etc/ssh").mkdir(parents=True)
    try:
        os.setxattr(layers[0] / "etc/ssh", "trusted.overlay.opaque", b"y")
    except OSError:
        pytest.skip("this file system or user has no trusted attributes")
    (layers[0] / "etc/ssh/other").write_text("new")
    assert summary(layers) == [(REMOVED, "/etc/ssh/key"), (ADDED, "/etc/ssh/other")]


def test_a_file_in_place_of_a_directory_removes_what_was_below(layers: tuple[Path, Path]) -> None:
    (layers[0] / "etc").mkdir()
    (layers[0] / "etc/ssh").write_text("")
    assert summary(layers) == [(CHANGED, "/etc/ssh"), (REMOVED, "/etc/ssh/key")]


def test_a_link_is_compared_by_its_target(layers: tuple[Path, Path]) -> None:
    (layers[1] / "link").symlink_to("a")
    (layers[0] / "link").symlink_to("b")
    (change,) = compare(*layers)
    assert change.what == CHANGED
    assert change.after is not None and change.after.target == "b"
