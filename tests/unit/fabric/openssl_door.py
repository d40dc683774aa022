"""A door to a temporary directory with the real openssl: for tests of what only the program itself can prove."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from unit.fabric.doubles import FakeFiles, World
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.model.failure import CommandFailure
from waagent.system.port import Completed, Files


class DiskFiles(FakeFiles):
    """Files below a directory of the test, so that openssl can read them; remembers the mode of the first byte."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def real_path(self, path: str) -> str:
        return str(self._root / path.lstrip("/"))

    def write(self, path: str, content: bytes, mode: int | None = None, owner: str | None = None) -> None:
        target = Path(self.real_path(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644 if mode is None else mode), "wb") as stream:
            stream.write(content)
        super().write(path, content, mode, owner)

    def remove(self, path: str) -> None:
        Path(self.real_path(path)).unlink(missing_ok=True)
        super().remove(path)

    def mode_of(self, path: str) -> int:
        return stat.S_IMODE(Path(self.real_path(path)).stat().st_mode)


class OpensslOnly:
    """Runs openssl for real and nothing else; keeps each command line."""

    def __init__(self) -> None:
        self.argvs: list[tuple[str, ...]] = []

    def run(self, argv: Sequence[str], *, stdin: Any = None, timeout: float = 60.0, **options: Any) -> Completed:
        assert argv[0] == "openssl"
        self.argvs.append(tuple(argv))
        done = subprocess.run(list(argv), input=stdin, capture_output=True, timeout=timeout, check=False)
        if done.returncode:
            error = done.stderr.decode("utf-8", "replace")
            raise CommandFailure(
                f"openssl {argv[1]}: exit {done.returncode}", argv=argv, exit_code=done.returncode, stderr=error
            )
        return Completed(tuple(argv), 0, done.stdout.decode("utf-8", "replace"), done.stderr.decode(), done.stdout)

    def find(self, program: str) -> str | None:
        return None


def world_on(root: Path) -> tuple[World, DiskFiles, OpensslOnly]:
    files, commands = DiskFiles(root), OpensslOnly()
    return replace(World(), files=files, commands=cast(Any, commands)), files, commands


def paths() -> Paths:
    return Paths.of(Config())


def files_of(files: DiskFiles) -> Files:
    return cast(Files, files)


# -- the fabric's side, by an independent library


def tenant(kind: str = "rsa", name: str = "Windows Azure CRP Certificate Generator") -> tuple[Any, Any]:
    """A private key and its self-signed certificate."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import NameOID

    key: Any = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.DOMAIN_COMPONENT, name)])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def pfx(key: Any, certificate: Any, extra: Sequence[Any] = ()) -> bytes:
    """A PFX that is neither encrypted nor has a MAC; ``extra`` certificates come without keys."""
    from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12

    return pkcs12.serialize_key_and_certificates(b"TenantEncryptionCert", key, certificate, list(extra) or None, NoEncryption())


def openssl_pfx(root: Path, key: Any, certificate: Any, *options: str) -> bytes:
    """A PFX with an empty password, encrypted and with a MAC, by openssl: what the real fabric sends."""
    (root / "tenant.pem").write_bytes(pem(key) + pem(certificate))
    command = ["openssl", "pkcs12", "-export", "-in", str(root / "tenant.pem"), "-passout", "pass:", *options]
    return subprocess.run(command, capture_output=True, check=True).stdout


def pem(what: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if hasattr(what, "private_bytes"):
        return bytes(what.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return bytes(what.public_bytes(Encoding.PEM))


def thumbprint_of(certificate: Any) -> str:
    from cryptography.hazmat.primitives import hashes

    return str(certificate.fingerprint(hashes.SHA1()).hex().upper())


def envelope(root: Path, content: bytes, certificate_line: str, cipher: str) -> str:
    """CMS to the certificate of the request header, as the fabric encrypts for each cipher name (base64, 64 columns)."""
    wrapped = "\n".join(certificate_line[start : start + 64] for start in range(0, len(certificate_line), 64))
    recipient = root / "recipient.pem"
    recipient.write_text(f"-----BEGIN CERTIFICATE-----\n{wrapped}\n-----END CERTIFICATE-----\n")
    how = ["-aes-128-cbc", "-recip", str(recipient), "-keyopt", "rsa_padding_mode:oaep"]
    if cipher == "DES_EDE3_CBC":
        how = ["-des3", "-recip", str(recipient)]
    command = ["openssl", "cms", "-encrypt", "-binary", "-keyid", "-outform", "DER", *how]
    der = subprocess.run(command, input=content, capture_output=True, check=True).stdout
    text = base64.b64encode(der).decode()
    return "\n".join(text[start : start + 64] for start in range(0, len(text), 64)) + "\n"


def reply(data: str | None, form: str | None = "Pkcs7BlobWithPfxContents") -> bytes:
    """A Certificates document."""
    body = "" if form is None else f"<Format>{form}</Format>"
    body += "" if data is None else f"<Data>{data}</Data>"
    return f"<CertificateFile><Version>2012-11-30</Version><Incarnation>4</Incarnation>{body}</CertificateFile>".encode()
