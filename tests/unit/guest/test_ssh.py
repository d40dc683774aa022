"""sshd_config edits and public keys (guest.md 2.8, 2.9)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.guest import ssh
from waagent.model.failure import DocumentFailure

OFF = ssh.settings(password_login=False, client_alive_interval=180)
THREE = "PasswordAuthentication no\nChallengeResponseAuthentication no\nClientAliveInterval 180\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Port 22\n#PasswordAuthentication yes\nUsePAM yes\n", "Port 22\n#PasswordAuthentication yes\nUsePAM yes\n" + THREE),
        (
            "Port 22\nMatch User bob\n  PasswordAuthentication yes\n",
            f"Port 22\n{THREE}Match User bob\n  PasswordAuthentication yes\n",
        ),
        (
            "Port 22\nmatch host a\n  X11Forwarding no\nmatch all\n#end\n",
            f"Port 22\nmatch host a\n  X11Forwarding no\nmatch all\n#end\n{THREE}",
        ),
        ("Port 22", f"Port 22\n{THREE}"),
        ("", THREE),
    ],
)
def test_keywords_are_added_where_sshd_takes_them_as_global(before: str, after: str) -> None:
    assert ssh.edit(before, OFF) == after


def test_with_several_trailing_blocks_the_lines_go_before_the_first() -> None:
    text = "Match all\nPort 22\nMatch User a\n  X11Forwarding no\nMatch User b\n  X11Forwarding no\n"
    edited = ssh.edit(text, OFF).splitlines()
    assert edited.index("PasswordAuthentication no") < edited.index("Match User a")


@pytest.mark.parametrize("line", ["passwordauthentication yes", "  PasswordAuthentication yes", "PasswordAuthentication=yes"])
def test_a_keyword_is_found_however_it_is_spelled(line: str) -> None:
    edited = ssh.edit(f"{line}\nPort 22\n", OFF)
    assert edited.startswith("PasswordAuthentication no\nPort 22\n")
    assert edited.lower().count("passwordauthentication") == 1


def test_a_longer_keyword_that_starts_alike_is_left_alone() -> None:
    assert "PasswordAuthenticationExtra yes\n" in ssh.edit("PasswordAuthenticationExtra yes\n", OFF)


def test_every_global_line_of_a_keyword_gets_the_value() -> None:
    edited = ssh.edit("PasswordAuthentication yes\nPort 22\nPasswordAuthentication yes\n", OFF)
    assert edited.count("PasswordAuthentication no") == 2 and "yes" not in edited


def test_the_new_name_of_the_second_keyword_is_the_same_keyword() -> None:
    edited = ssh.edit("KbdInteractiveAuthentication yes\n", OFF)
    assert edited.startswith("KbdInteractiveAuthentication no\n")
    assert "ChallengeResponseAuthentication" not in edited


@given(
    st.lists(st.sampled_from(["Port 22", "", "# c", "Match User a", "Match all", "  PasswordAuthentication yes", "UsePAM yes"]))
)
def test_editing_twice_is_editing_once(lines: list[str]) -> None:
    once = ssh.edit("\n".join(lines), OFF)
    assert ssh.edit(once, OFF) == once


def test_an_include_of_a_directory_gives_a_drop_in_that_sorts_first() -> None:
    text = "# x\nInclude /etc/ssh/sshd_config.d/*.conf\nPort 22\n"
    assert ssh.drop_in_path(text, "/etc/ssh") == "/etc/ssh/sshd_config.d/00-waagent.conf"
    assert ssh.drop_in_path("include sshd_config.d/*.conf\n", "/etc/ssh") == "/etc/ssh/sshd_config.d/00-waagent.conf"


@pytest.mark.parametrize(
    "text", ["Port 22\n", "#Include /etc/ssh/sshd_config.d/*.conf\n", "Match all\nInclude /etc/one.conf\n"]
)
def test_no_include_of_a_directory_gives_no_drop_in(text: str) -> None:
    assert ssh.drop_in_path(text, "/etc/ssh") is None


@pytest.mark.skipif(
    shutil.which("openssl") is None or shutil.which("ssh-keygen") is None, reason="needs openssl and ssh-keygen"
)
@pytest.mark.parametrize(
    "options",
    [
        ("RSA", "rsa_keygen_bits:2048"),
        ("EC", "ec_paramgen_curve:P-256"),
        ("EC", "ec_paramgen_curve:P-384"),
        ("EC", "ec_paramgen_curve:P-521"),
        ("ED25519",),
    ],
)
def test_a_converted_key_is_the_one_that_openssh_derives(options: tuple[str, ...], tmp_path: Path) -> None:
    private = tmp_path / "key"
    flags = [word for option in options[1:] for word in ("-pkeyopt", option)]
    subprocess.run(["openssl", "genpkey", "-algorithm", options[0], *flags, "-out", private], check=True, capture_output=True)
    pem = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True, text=True).stdout
    line = ssh.from_spki(pem)
    public = tmp_path / "key.pub"
    public.write_text(line + "\n")
    said = subprocess.run(["ssh-keygen", "-lf", public], check=True, capture_output=True, text=True).stdout
    assert "SHA256:" in said
    if options[0] != "ED25519":
        public.write_text(pem)
        other = subprocess.run(["ssh-keygen", "-i", "-m", "PKCS8", "-f", public], check=True, capture_output=True, text=True)
        assert other.stdout.strip() == line


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\n*\n"]
)
def test_text_that_is_no_key_is_a_document_failure(text: str) -> None:
    with pytest.raises(DocumentFailure):
        ssh.from_spki(text)


@given(st.binary(max_size=80))
def test_no_bytes_crash_the_conversion(data: bytes) -> None:
    import base64

    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(data).decode()}\n-----END PUBLIC KEY-----\n"
    with pytest.raises(DocumentFailure):
        ssh.from_spki(pem)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ssh-rsa AAAANOTAREALKEY== foo@bar.local", True),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== x", True),
        ("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAI x", True),
        ("sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t x", True),
        ('no-pty,command="ls" ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB x', True),
        ("ssh-rsa", False),
        ("hello world", False),
        ("", False),
    ],
)
def test_public_keys_of_every_type_are_recognised(line: str, expected: bool) -> None:
    assert ssh.is_public_key(line) is expected


def test_a_key_is_added_once_and_line_breaks_inside_it_are_dropped() -> None:
    key = ssh.clean_key("ssh-rsa AAAA\r\nBBBB me\n")
    assert key == "ssh-rsa AAAABBBB me"
    once = ssh.with_keys("ssh-rsa other\n", (key,))
    assert once == f"ssh-rsa other\n{key}\n"
    assert ssh.with_keys(once, (key,)) == once
