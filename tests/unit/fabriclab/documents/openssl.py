"""The openssl program as the guest's side: makes a transport key pair and opens what the fabric encrypted to it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Transport:
    """A key pair as an agent makes one: self-signed, with a subject key identifier."""

    key: Path
    certificate: Path
    der: bytes


def run(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def transport(folder: Path) -> Transport:
    key, certificate = folder / "TransportPrivate.pem", folder / "TransportCert.pem"
    subject = ("-subj", "/CN=LinuxTransport", "-days", "2", "-nodes")
    run("req", "-x509", "-newkey", "rsa:2048", *subject, "-keyout", key, "-out", certificate)
    return Transport(key, certificate, run("x509", "-in", certificate, "-outform", "DER"))


def decrypt(enveloped: bytes, key: Path, recipient: Path) -> bytes:
    return run("cms", "-decrypt", "-inform", "DER", "-inkey", key, "-recip", recipient, stdin=enveloped)


def show(enveloped: bytes) -> str:
    """The structure, in openssl's words, one space between them."""
    return " ".join(run("cms", "-cmsout", "-print", "-inform", "DER", stdin=enveloped).decode(errors="replace").split())
