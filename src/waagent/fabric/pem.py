"""PEM text taken apart, purely: blocks with the text before their armour, thumbprints, and how long a DER value is.

Readers of ``.crt`` and ``.prv`` files meet the bag attributes that openssl prints before the armour (fabric.md 3.4);
we keep them with the block they precede.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from importlib import import_module

from waagent.model.goal_state import Thumbprint

CERTIFICATE = "CERTIFICATE"
_ARMOUR = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\r?\n(.*?)\r?\n?-----END \1-----[ \t]*(?:\r?\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class PemBlock:
    """One block; ``preamble`` is everything between the former block and this one's armour. Its repr shows no key."""

    label: str
    preamble: str
    armour: str

    @property
    def text(self) -> str:
        return self.preamble + self.armour

    @property
    def base64(self) -> str:
        """The payload as one line."""
        return "".join(line for line in self.armour.splitlines() if line and not line.startswith("-----"))

    @property
    def der(self) -> bytes:
        return base64.b64decode(self.base64)

    def __repr__(self) -> str:
        return f"<{self.label}>"


def split_pem(text: str) -> tuple[PemBlock, ...]:
    """The blocks of ``text`` in order; blocks whose payload is not base64 are left out."""
    blocks = []
    end = 0
    for match in _ARMOUR.finditer(text):
        armour = match[0] if match[0].endswith("\n") else match[0] + "\n"
        block = PemBlock(match[1], text[end : match.start()], armour)
        end = match.end()
        try:
            base64.b64decode(block.base64, validate=True)
        except (binascii.Error, ValueError):
            continue
        blocks.append(block)
    return tuple(blocks)


def is_private_key(block: PemBlock) -> bool:
    """True for PKCS#8 and for the older forms named after RSA and EC; EC parameters are no key."""
    return block.label.endswith("PRIVATE KEY")


def thumbprint(certificate: PemBlock) -> Thumbprint:
    """SHA-1 over the DER certificate, 40 upper-case hex digits (fabric.md 3.4)."""
    return Thumbprint(_sha1(certificate.der).upper())


def rewrap(data: str, width: int = 64) -> str:
    """Base64 text in lines of ``width`` characters, whatever its white space was."""
    text = "".join(data.split())
    return "\n".join(text[start : start + width] for start in range(0, len(text), width))


def der_length(data: bytes) -> int | None:
    """How many bytes the DER sequence at the start of ``data`` says it has; None when there is no sequence.

    An indefinite length (BER, seen from some PFX makers) counts as all of ``data``.
    """
    if len(data) < 2 or data[0] != 0x30:
        return None
    first = data[1]
    if first < 0x80:
        return 2 + first
    if first == 0x80:
        return len(data)
    size = first & 0x7F
    if size > 4 or len(data) < 2 + size:
        return None
    return 2 + size + int.from_bytes(data[2 : 2 + size], "big")


def _sha1(data: bytes) -> str:
    """In hexadecimal. ``hashlib`` loads libcrypto for it (3.7 MB that stay); nearly every interpreter has one of its own."""
    try:
        made = import_module("_sha1")
    except ImportError:
        made = import_module("hashlib")
    digest: str = made.sha1(data, usedforsecurity=False).hexdigest()
    return digest
