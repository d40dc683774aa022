"""The Certificates document: a base64 CMS envelope and what is in it (fabric.md 3.4).

Odd: no data means no certificates and is no error; a missing or empty format means a PFX.
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.codec.element import tree, value

DOCUMENT = "Certificates.xml"


@dataclass(frozen=True)
class CertificatesDocument:
    """``data`` is base64 text, as wrapped by the sender; ``format`` names the content of the envelope."""

    format: str | None = None
    data: str | None = None


def parse(data: bytes) -> CertificatesDocument:
    """What the document says. Errors: ``DocumentFailure``."""
    root = tree(data, DOCUMENT, "CertificateFile")
    return CertificatesDocument(value(root, "Format"), value(root, "Data"))
