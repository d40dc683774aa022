"""Accounts and password hashes (guest.md 2.6, 2.7, 2.11)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from waagent.guest import accounts
from waagent.guest.accounts import Account
from waagent.guest.families.bsd import FREEBSD, OPENBSD
from waagent.guest.families.networkd import COREOS
from waagent.guest.profile import Guest
from waagent.model.failure import ProvisionFailure
from waagent.model.secret import Secret
from waagent.system.action import Run, WriteFile

LINUX = Guest()


@pytest.mark.parametrize("crypt_id", ["1", "5", "6", "2a"])
def test_a_hash_of_each_method_verifies(crypt_id: str) -> None:
    length = accounts.salt_length(crypt_id, 10)
    hashed = accounts.hash_password(Secret("pässwörd £"), crypt_id, accounts.salt(bytes(range(64)), length)).reveal()
    assert hashed.startswith(f"${crypt_id}$")
    crypt = accounts._crypt_module()
    assert crypt.crypt("pässwörd £", hashed) == hashed
    assert crypt.crypt("passwort", hashed) != hashed


def test_the_salt_has_the_configured_length_within_the_methods_limits() -> None:
    assert accounts.salt_length("6", 10) == 10
    assert accounts.salt_length("6", 40) == 16
    assert accounts.salt_length("1", 10) == 8
    assert accounts.salt_length("2a", 10) == 22
    text = accounts.salt(bytes(range(64)), 22)
    assert len(text) == 22 and set(text) <= set(accounts.SALT_ALPHABET)
    assert accounts.salt(bytes(range(1, 65)), 22) != text


def test_an_unknown_method_is_refused_by_name() -> None:
    with pytest.raises(ProvisionFailure, match="PasswordCryptId=7"):
        accounts.hash_password(Secret("x"), "7", "abcdefgh")


@pytest.mark.parametrize("guest", [LINUX, FREEBSD, OPENBSD])
def test_no_hash_is_on_a_command_line(guest: Guest) -> None:
    for action in accounts.set_password(guest, "kofi", Secret("$6$SALT$HASH")):
        assert isinstance(action, Run)
        assert "HASH" not in " ".join(action.argv) and "HASH" not in repr(action)
        assert isinstance(action.stdin, Secret) and "HASH" in action.stdin.reveal()


def test_without_chpasswd_the_password_is_refused_in_a_sentence() -> None:
    with pytest.raises(ProvisionFailure, match="chpasswd is missing"):
        accounts.set_password(LINUX, "kofi", Secret("$6$x$y"), tools=frozenset())


def test_status_9_of_useradd_is_fine_only_where_no_group_of_that_name_is_in_the_way() -> None:
    (made,) = accounts.create(LINUX, "kofi")
    assert isinstance(made, Run) and made.ok == (0, 9)
    (made,) = accounts.create(LINUX, "admin", group_exists=True)
    assert isinstance(made, Run) and made.ok == (0,)


@pytest.mark.parametrize("name", ["-x", "", "a b", "a:b", "a/b", "x\n", "$(id)", "ALL,b"])
def test_a_name_that_could_be_an_option_or_a_rule_is_refused(name: str) -> None:
    with pytest.raises(ProvisionFailure):
        accounts.create(LINUX, name)


def test_core_is_no_system_user_on_coreos_and_root_always_is_one() -> None:
    core, root = Account("core", 500, 500, "/home/core"), Account("root", 0, 0, "/root")
    assert not accounts.is_system_user(COREOS, core, 1000)
    assert accounts.is_system_user(LINUX, core, 1000)
    assert accounts.is_system_user(COREOS, root, 1000)


def test_uid_min_is_read_from_login_defs() -> None:
    assert accounts.uid_min("# UID_MIN 1\nUID_MIN\t\t 500\nSYS_UID_MIN 100\n") == 500
    assert accounts.uid_min(None) == 100


def test_passwd_lines_that_are_malformed_are_passed_over() -> None:
    text = "kofi:x\nkofi:x:a:b:::\nkofi:x:1001:1002::/srv/kofi:/bin/sh\n"
    assert accounts.parse_passwd(text, "kofi") == Account("kofi", 1001, 1002, "/srv/kofi")
    assert accounts.parse_passwd(text, "kof") is None


def test_locking_root_edits_the_line_and_keeps_the_accounts_made_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "shadow"
    path.write_text("root:$6$x:19000:0:99999:7:::\nbin:*:1::::::\n")
    path.chmod(0o640)
    (action,) = accounts.lock_root(LINUX, str(path))
    assert isinstance(action, Run)
    path.write_text(path.read_text() + "kofi:$6$new:19000::::::\n")
    for _ in range(2):
        subprocess.run(action.argv, check=True)
        assert path.read_text() == f"{accounts.LOCKED_ROOT}\nbin:*:1::::::\nkofi:$6$new:19000::::::\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_locking_root_where_there_is_no_file_makes_one_for_root_only() -> None:
    (action,) = accounts.lock_root(LINUX, "/etc/shadow", empty=True)
    assert action == WriteFile("/etc/shadow", b"root:*LOCK*:14600::::::\n", mode=0o600, why=action.why)
