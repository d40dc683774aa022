"""Sudo and doas rules (guest.md 2.6)."""

from __future__ import annotations

from typing import Any

from waagent.guest import sudo
from waagent.guest.families.bsd import OPENBSD
from waagent.guest.profile import Guest
from waagent.system.action import MakeDirectory, WriteFile


def grant(guest: Guest = Guest(), **changes: Any) -> tuple[Any, ...]:  # noqa: B008
    facts: dict[str, Any] = {
        "with_password": True,
        "sudoers_dir": "/etc/sudoers.d",
        "rules": None,
        "sudoers": "root ALL=(ALL) ALL\n",
        "directory_exists": True,
        "visudo": True,
    }
    return sudo.grant(guest, "kofi", **(facts | changes))


def test_the_rule_asks_for_a_password_only_where_there_is_one() -> None:
    (asked,), (unasked,) = grant(), grant(with_password=False)
    assert asked.content == b"kofi ALL=(ALL) ALL\n"
    assert unasked.content == b"kofi ALL=(ALL) NOPASSWD: ALL\n"
    assert asked.path == "/etc/sudoers.d/waagent" and asked.mode == 0o440


def test_the_file_is_checked_before_it_replaces_the_old_one() -> None:
    assert grant()[0].check == ("visudo", "-c", "-f", "{}")
    assert grant(visudo=False)[0].check == ()


def test_a_rule_is_appended_once() -> None:
    (write,) = grant(rules="maria ALL=(ALL) ALL")
    assert write.content == b"maria ALL=(ALL) ALL\nkofi ALL=(ALL) ALL\n"
    (again,) = grant(rules=write.content.decode())
    assert again.content == write.content


def test_a_missing_directory_is_made_and_included() -> None:
    directory, main, rules = grant(directory_exists=False)
    assert isinstance(directory, MakeDirectory) and directory.path == "/etc/sudoers.d"
    assert isinstance(main, WriteFile) and main.path == "/etc/sudoers"
    assert main.content == b"root ALL=(ALL) ALL\n\n#includedir /etc/sudoers.d\n"
    assert rules.path == "/etc/sudoers.d/waagent"


def test_a_directory_that_is_included_already_is_not_included_twice() -> None:
    plan = grant(directory_exists=False, sudoers="@includedir /etc/sudoers.d\n")
    assert [action.path for action in plan] == ["/etc/sudoers.d", "/etc/sudoers.d/waagent"]


def test_openbsd_has_doas() -> None:
    (write,) = grant(OPENBSD, with_password=False)
    assert write.path == "/etc/doas.conf" and write.mode == 0o644
    assert write.content == b"permit keepenv root\npermit keepenv nopass kofi\n"


def test_revoking_ann_leaves_joanna_alone() -> None:
    rules = "joanna ALL=(ALL) ALL\nann ALL=(ALL) NOPASSWD: ALL\n"
    (write,) = sudo.revoke(Guest(), "ann", sudoers_dir="/etc/sudoers.d", rules=rules)
    assert isinstance(write, WriteFile) and write.content == b"joanna ALL=(ALL) ALL\n"
    assert sudo.revoke(Guest(), "bob", sudoers_dir="/etc/sudoers.d", rules=rules) == ()
