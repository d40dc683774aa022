"""What never comes through the redaction, however the text is cut into pieces; and that everything else does."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from waagent.bundle import redaction
from waagent.bundle.redaction import LINE, Redaction
from waagent.model.secret import redact

BODY = "QkFTRTY0Qk9EWQ=="
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----"
SECRETS = {
    "https://a.blob.example.net/c/b?sv=1&sig=TOPSECRET%3D&se=2": "TOPSECRET",
    "sig=TOPSECRET": "TOPSECRET",
    "DefaultEndpointsProtocol=https;AccountKey=TOPSECRETTOPSECRET==;End": "TOPSECRET",
    '{"accountKey": "TOPSECRETTOPSECRET=="}': "TOPSECRET",
    '{"adminPassword": "TOPSECRET"}': "TOPSECRET",
    '"{\\"client_secret\\": \\"TOPSECRET\\"}"': "TOPSECRET",
    "//nas/share /mnt cifs username=maria,password=TOPSECRET,uid=0 0 0": "TOPSECRET",
    "Authorization: Bearer TOPSECRETTOPSECRET.TOPSECRET": "TOPSECRET",
    "maria:$6$saltsalt$TOPSECRETTOPSECRETTOPSECRET:19000:0:99999:7:::": "TOPSECRET",
    "root:$y$j9T$saltsalt$TOPSECRETTOPSECRET:1:": "TOPSECRET",
    '"protectedSettings": "TOPSECRETTOPSECRET", "x": 1': "TOPSECRET",
    '"{\\"protectedSettings\\": \\"TOPSECRETTOPSECRET\\"}"': "TOPSECRET",
    KEY: BODY,
    json.dumps({"key": KEY}): BODY,
    KEY.replace("RSA ", "ENCRYPTED "): BODY,
    KEY.replace("RSA ", ""): BODY,
}


def through(text: bytes, *cuts: int) -> bytes:
    """The text in pieces that end at these places."""
    passed, out = Redaction(), b""
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in itertools.pairwise(places):
        out += passed.feed(text[start:end])
    return out + passed.finish()


@pytest.mark.parametrize("line", SECRETS)
def test_a_secret_never_comes_through(line: str) -> None:
    out = through(f"before\n{line}\nafter\n".encode())
    assert SECRETS[line].encode() not in out
    assert b"<redacted>" in out
    assert out.startswith(b"before\n") and out.endswith(b"after\n")


@settings(max_examples=150)
@given(
    some.lists(some.sampled_from([*SECRETS, "plain words", "h\xe9llo", "x" * 300]), max_size=8),
    some.lists(some.integers(min_value=0, max_value=4000), max_size=12),
)
def test_the_pieces_do_not_matter(lines: list[str], cuts: list[int]) -> None:
    text = "\n".join(lines).encode()
    out = through(text, *cuts)
    assert b"TOPSECRET" not in out and BODY.encode() not in out
    assert out == through(text)


@settings(max_examples=60)
@given(some.text(max_size=400), some.lists(some.integers(min_value=0, max_value=400), max_size=5))
def test_other_text_comes_through_as_it_is(text: str, cuts: list[int]) -> None:
    if redact(text) != text or any(word in text.lower() for word in ("private key", "passw", "secret")):
        return
    assert through(text.encode(), *cuts) == text.encode()


@settings(max_examples=30)
@given(some.binary(max_size=2000), some.lists(some.integers(min_value=0, max_value=2000), max_size=5))
def test_bytes_that_are_no_text_come_through_too(data: bytes, cuts: list[int]) -> None:
    assert through(data, *cuts) == through(data)


@settings(max_examples=40, deadline=None)
@given(some.integers(min_value=-200, max_value=200), some.sampled_from(sorted(SECRETS)))
def test_a_line_without_end_is_cut_between_words(offset: int, line: str) -> None:
    text = b"w" * 7 + b" word" * ((LINE + offset) // 5) + b" " + line.replace("\n", "\\n").encode() + b" word" * 40000
    out = through(text, *range(0, len(text), 65536))
    assert b"TOPSECRET" not in out and BODY.encode() not in out
    assert out.startswith(b"w" * 7 + b" word") and out.endswith(b" word")


def test_a_word_without_end_is_left_out_and_what_follows_is_not() -> None:
    text = b"a" * (3 * LINE) + b" next\n"
    out = through(text, *range(0, len(text), 65536))
    assert out == b"<redacted> next\n"


def test_a_key_that_never_ends_does_not_swallow_the_rest() -> None:
    text = b"-----BEGIN PRIVATE KEY-----\n" + b"x\n" * redaction.KEY + b"the end\n"
    assert through(text).endswith(b"x\nthe end\n")


def test_settings_lose_their_protected_part_and_keep_the_public_one() -> None:
    handler = {"protectedSettings": "MIIB", "protectedSettingsCertThumbprint": "AB", "publicSettings": {"a": 1}}
    found = json.loads(redaction.settings(json.dumps({"runtimeSettings": [{"handlerSettings": handler}]}).encode()))
    assert found["runtimeSettings"][0]["handlerSettings"] == {**handler, "protectedSettings": "<redacted>"}
    assert redaction.settings(b"") == b""
    with pytest.raises(ValueError):
        redaction.settings(b'{"protectedSettings": "MI')
    with pytest.raises(ValueError):
        redaction.settings(b"[" * 100000)


@pytest.mark.parametrize(
    "line",
    [
        "sshd[7]: Accepted password for maria from 10.0.0.4 port 50112 ssh2",
        "sshd[7]: Failed password for invalid user admin from 10.0.0.4 port 1 ssh2",
        "PasswordAuthentication no",
        "a secret place",
        "price: $5 or $6",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_only_looks_like_a_secret_comes_through(line: str) -> None:
    assert through(f"{line}\n".encode()) == f"{line}\n".encode()
