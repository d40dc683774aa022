"""What is shown of a guest's file: a difference, a text, no credential, and never a file of the machine."""

import os
from pathlib import Path

import pytest

from fabriclab.dashboard import files
from fabriclab.guests.diff import compare


class Trees:
    def __init__(self, place: Path) -> None:
        self.before, self.after = place / "before", place / "after"
        self.before.mkdir()
        self.after.mkdir()

    def shown(self, path: str) -> dict[str, object]:
        change = next(one for one in compare(self.after, self.before) if one.path == path)
        return files.shown(change, self.before, self.after)


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)


def test_a_changed_file_is_shown_as_a_difference(trees: Trees) -> None:
    (trees.before / "passwd").write_text("root:x\ndaemon:x\n")
    (trees.after / "passwd").write_text("root:x\ndaemon:x\nkofi:x\n")
    told = trees.shown("/passwd")
    assert told["diff"] is True
    assert str(told["text"]).splitlines() == ["--- before", "+++ after", "@@ -1,2 +1,3 @@", " root:x", " daemon:x", "+kofi:x"]


def test_an_added_file_is_shown_whole(trees: Trees) -> None:
    (trees.after / "new").write_text("hello\n")
    assert (trees.shown("/new")["diff"], trees.shown("/new")["text"]) == (False, "hello\n")
    (trees.after / "none").touch()
    assert trees.shown("/none")["text"] == "(empty)"


def test_what_is_no_text_is_told_by_size_and_sum(trees: Trees) -> None:
    (trees.after / "key").write_bytes(b"\0\1\2")
    assert str(trees.shown("/key")["text"]).startswith(
        "No text: 3 bytes, SHA-256 ae4b3280e56e2faf83f414a6e3dabe9d5fbe18976544c05fed121accb85b53fc"
    )
    (trees.after / "folder").mkdir()
    assert trees.shown("/folder")["text"] == "It has no content to show."


def test_no_credential_is_shown(trees: Trees) -> None:
    (trees.after / "all").write_text(
        "kofi:$6$salt$c2VjcmV0hash:19000:0\nroot:$y$j9T$c2VjcmV0$hash:1\n"
        "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n"
        '{"protectedSettings": "c2VjcmV0"}\nhttp://x/y?sig=c2VjcmV0\n<Password>c2VjcmV0</Password>\n'
    )
    text = str(trees.shown("/all")["text"])
    assert "c2VjcmV0" not in text and text.count("REDACTED") == 6
    assert "kofi:" in text and ":19000:0" in text


def test_a_large_file_is_shown_in_part(trees: Trees) -> None:
    (trees.after / "large").write_text("é" * files.MOST)
    assert str(trees.shown("/large")["text"]).endswith("… (only the beginning)")


@pytest.mark.parametrize("path", ["link", "folder/secret", "../secret", "folder/../secret", "pipe", "."])
def test_no_link_is_followed_and_no_pipe_is_waited_for(trees: Trees, path: str) -> None:
    outside = trees.after.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("of the machine")
    (trees.after.parent / "secret").write_text("of the machine")
    (trees.after / "link").symlink_to(outside / "secret")
    (trees.after / "folder").symlink_to(outside)
    os.mkfifo(trees.after / "pipe")
    assert files.read(trees.after, path) is None
