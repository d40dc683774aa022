"""sshd's configuration as text, and OpenSSH public keys (guest.md 2.8 and 2.9). Pure.

sshd takes the *first* value it meets for a keyword, ``Include`` files in their place, and everything after a ``Match``
line belongs to that block. Whoever appends a global keyword to a file that ends with a block locks everybody out.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

from waagent.model.failure import DocumentFailure

DROP_IN = "00-waagent.conf"
ALIASES = {"kbdinteractiveauthentication": "challengeresponseauthentication"}
"""OpenSSH 8.7 renamed a keyword; the old name still works, and either may stand in the file."""

Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Line:
    """One line of sshd's configuration, read."""

    text: str
    keyword: str
    """Lower case, aliases resolved, empty for comments and blanks."""
    argument: str
    in_block: bool
    spelled: str = ""


def settings(*, password_login: bool, client_alive_interval: int) -> Settings:
    """The keywords that provisioning sets, in the order they are written."""
    answer = "yes" if password_login else "no"
    return (
        ("PasswordAuthentication", answer),
        ("ChallengeResponseAuthentication", answer),
        ("ClientAliveInterval", str(client_alive_interval)),
    )


def edit(text: str, wanted: Settings, *, add: bool = True) -> str:
    """``text`` with each keyword set outside Match blocks.

    Every global line of a keyword gets the value; where there is none, one is put before the first block that is open at
    the end of the file, else at the end (``add`` False: only correct what is there).
    """
    for keyword, value in wanted:
        text = _edit_one(text, keyword, value, add)
    return text


def _edit_one(text: str, keyword: str, value: str, add: bool) -> str:
    lines = _parse(text)
    edited: list[str] = []
    found = False
    for line in lines:
        if line.keyword == keyword.lower() and not line.in_block:
            found = True
            edited.append(f"{line.spelled if line.keyword != line.spelled.lower() else keyword} {value}")
        else:
            edited.append(line.text)
    if not found and add:
        edited.insert(_insertion_point(lines), f"{keyword} {value}")
    return "\n".join(edited) + "\n" if edited else text


def _insertion_point(lines: tuple[_Line, ...]) -> int:
    """Before the first Match line after the last ``Match all``; at the end when no block is open there."""
    point = None
    for number, line in enumerate(lines):
        if line.keyword == "match":
            if line.argument.lower() == "all":
                point = None
            elif point is None:
                point = number
    return len(lines) if point is None else point


def _parse(text: str) -> tuple[_Line, ...]:
    lines = []
    in_block = False
    for raw in text.splitlines():
        match = re.match(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+|$)(.*)", raw)
        spelled = match[1] if match else ""
        keyword = ALIASES.get(spelled.lower(), spelled.lower())
        argument = match[2].strip().strip('"') if match else ""
        if keyword == "match":
            in_block = argument.lower() != "all"
        lines.append(_Line(raw, keyword, argument, in_block, spelled))
    return tuple(lines)


def includes(text: str, ssh_dir: str) -> tuple[str, ...]:
    """The absolute patterns of the global ``Include`` lines, in order; relative ones belong to ``ssh_dir``."""
    patterns: list[str] = []
    for line in _parse(text):
        if line.keyword == "include" and not line.in_block:
            words = (word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line.argument))
            patterns.extend(word if word.startswith("/") else f"{ssh_dir}/{word}" for word in words)
    return tuple(patterns)


def drop_in_path(text: str, ssh_dir: str) -> str | None:
    """Where a drop-in of ours would be read and sort first, or None when the file includes no such directory."""
    for pattern in includes(text, ssh_dir):
        directory, _, name = pattern.rpartition("/")
        if "*" not in directory and fnmatchcase(DROP_IN, name):
            return f"{directory}/{DROP_IN}"
    return None


def drop_in(wanted: Settings) -> str:
    return "# Written by waagent while provisioning: the first value that sshd reads wins.\n" + "".join(
        f"{keyword} {value}\n" for keyword, value in wanted
    )


# -- public keys


def clean_key(value: str) -> str:
    """One line without the line breaks that documents were seen to carry inside."""
    return value.replace("\r", "").replace("\n", "").strip()


def is_public_key(line: str) -> bool:
    """Whether a line looks like a key of authorized_keys: a type name and its data, options before them allowed.

    Truncated data passes: the platform's own test documents hold such, and sshd passes over what it cannot read.
    """
    words = line.split()
    for kind, data in pairwise(words):
        if re.fullmatch(r"(ssh-|ecdsa-sha2-|sk-)[A-Za-z0-9@.-]+", kind) or _names(data, kind):
            return True
    return False


def _names(data: str, kind: str) -> bool:
    try:
        blob = base64.b64decode(data[: len(data) // 4 * 4])
    except (binascii.Error, ValueError):
        return False
    return blob[4 : 4 + len(kind)] == kind.encode() and int.from_bytes(blob[:4], "big") == len(kind)


def with_keys(text: str, keys: tuple[str, ...]) -> str:
    """``text`` of an authorized_keys file with ``keys`` added, each once (trap 11)."""
    lines = text.splitlines()
    for key in keys:
        if key not in lines:
            lines.append(key)
    return "\n".join(lines) + "\n" if lines else ""


_CURVES = {
    bytes.fromhex("2a8648ce3d030107"): "nistp256",
    bytes.fromhex("2b81040022"): "nistp384",
    bytes.fromhex("2b81040023"): "nistp521",
}
_RSA = bytes.fromhex("2a864886f70d010101")
_EC = bytes.fromhex("2a8648ce3d0201")
_ED25519 = bytes.fromhex("2b6570")


def from_spki(pem: str, document: str = "public key") -> str:
    """The OpenSSH line of a ``BEGIN PUBLIC KEY`` text (RSA, ECDSA, Ed25519), as ``ssh-keygen -i -m PKCS8`` makes it.

    Own code because OpenSSH 5.3 has no ``-m PKCS8``. Errors: ``DocumentFailure``.
    """
    match = re.search(r"-----BEGIN PUBLIC KEY-----(.+?)-----END PUBLIC KEY-----", pem, re.DOTALL)
    if match is None:
        raise DocumentFailure(document, "", "there is no PUBLIC KEY in it")
    try:
        (_, spki), *_rest = _items(base64.b64decode("".join(match[1].split()), validate=True))
        (_, algorithm), (_, bits) = _items(spki)
        (_, oid), *parameters = _items(algorithm)
        return _line(oid, parameters, bits[1:])
    except (ValueError, IndexError, KeyError) as error:
        raise DocumentFailure(document, "SubjectPublicKeyInfo", f"cannot be read as a key: {error}") from error


def _line(oid: bytes, parameters: list[tuple[int, bytes]], key: bytes) -> str:
    parts: tuple[bytes, ...]
    if oid == _RSA:
        (_, sequence), *_ = _items(key)
        (_, modulus), (_, exponent) = _items(sequence)
        name, parts = "ssh-rsa", (exponent, modulus)  # DER integers have the very form that OpenSSH wants
    elif oid == _EC:
        curve = _CURVES[parameters[0][1]]
        name, parts = f"ecdsa-sha2-{curve}", (curve.encode(), key)
    elif oid == _ED25519:
        name, parts = "ssh-ed25519", (key,)
    else:
        raise ValueError(f"unknown algorithm {oid.hex()}")
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (name.encode(), *parts))
    return f"{name} {base64.b64encode(blob).decode()}"


def _items(der: bytes) -> list[tuple[int, bytes]]:
    """The (tag, content) pairs of a run of DER values with one-byte tags."""
    items = []
    while der:
        tag, length, start = der[0], der[1], 2
        if length & 0x80:
            start = 2 + (length & 0x7F)
            length = int.from_bytes(der[2:start], "big")
        if len(der) < start + length:
            raise ValueError("it ends too early")
        items.append((tag, der[start : start + length]))
        der = der[start + length :]
    return items
