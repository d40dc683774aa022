"""Signatures of packages, made and checked by the real openssl (extensions.md 5.6)."""

from __future__ import annotations

import base64
import hashlib
import shutil
import ssl
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from unit.extension.packages import NAME, PATHS, PLACE, package
from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.extension import root_certificate, signature
from waagent.model.extension import HandlerManifest, SigningInfo
from waagent.system.apply import apply
from waagent.system.port import System
from waagent.system.real.commands import RealCommands
from waagent.system.real.files import RealFiles

ROOT = PATHS.root_certificate


class Publisher:
    """An authority, and a signer below it whose certificate was valid for one day long ago."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory / name
        self.directory.mkdir()
        authority_key = rsa.generate_private_key(65537, 2048)
        authority = _certificate(name, authority_key, name, authority_key, days=10_000)
        self.certificate = authority.public_bytes(Encoding.PEM)
        key = rsa.generate_private_key(65537, 2048)
        signer = _certificate("signer", key, name, authority_key, days=1)
        (self.directory / "signer.crt").write_bytes(signer.public_bytes(Encoding.PEM))
        (self.directory / "signer.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def sign(self, content: bytes) -> str:
        (self.directory / "p.zip").write_bytes(content)
        files = ("-in", "p.zip", "-signer", "signer.crt", "-inkey", "signer.key", "-out", "signature")
        command = ["openssl", "cms", "-sign", "-binary", "-outform", "der", "-md", "sha256", *files]
        subprocess.run(command, cwd=self.directory, check=True, capture_output=True)
        return base64.b64encode((self.directory / "signature").read_bytes()).decode()


def _certificate(name: str, key: rsa.RSAPrivateKey, issuer: str, issuer_key: rsa.RSAPrivateKey, days: int) -> x509.Certificate:
    start = datetime(2015, 1, 1, tzinfo=timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def publishers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Publisher, Publisher]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl program on this machine")
    directory = tmp_path_factory.mktemp("publishers")
    return Publisher(directory, "trusted"), Publisher(directory, "stranger")


CONTENT = package(("bin/run.sh", b"#!/bin/sh\n"))


def machine(root: Path, trusted: Publisher, content: bytes = CONTENT) -> System:
    files = RealFiles(str(root))
    files.make_directory(PATHS.lib)
    files.write(PLACE.package, content)
    files.write(ROOT, trusted.certificate, 0o600)
    return fake_system(files=files, commands=RealCommands())


def problem(system: System, encoded: str | None) -> str | None:
    found = signature.signature_problem(system, PLACE, encoded, ROOT, None)
    assert not [name for name in system.files.names(PATHS.lib) if "signature" in name]
    return found


def test_a_signature_of_the_trusted_publisher_holds_although_it_is_old(
    tmp_path: Path, publishers: tuple[Publisher, Publisher]
) -> None:
    trusted, _ = publishers
    assert problem(machine(tmp_path, trusted), trusted.sign(CONTENT)) is None


def test_a_changed_package_is_found_out(tmp_path: Path, publishers: tuple[Publisher, Publisher]) -> None:
    trusted, _ = publishers
    found = problem(machine(tmp_path, trusted, CONTENT + b" "), trusted.sign(CONTENT))
    assert found is not None and found.startswith("the signature does not hold: ")


def test_a_stranger_is_found_out(tmp_path: Path, publishers: tuple[Publisher, Publisher]) -> None:
    trusted, stranger = publishers
    found = problem(machine(tmp_path, trusted), stranger.sign(CONTENT))
    assert found is not None and found.startswith("the signature does not hold: ")


def test_the_machines_own_trusted_certificates_are_not_asked() -> None:
    commands = ScriptedCommands().on("openssl", ...)
    system = fake_system(commands=commands, files=MemoryFiles().put(PLACE.package, CONTENT))
    assert problem(system, "AAAA") is None
    (call,) = commands.calls
    assert "-no-CApath" in call.argv
    assert dict(call.environment)["SSL_CERT_DIR"] == "/dev/null/none"


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        (None, "not signed"),
        ("", "not signed"),
        ("###", "not base64"),
        ("QUJD", "does not hold"),
        (base64.b64encode(b"x" * (signature.SIGNATURE_LIMIT + 1)).decode(), "longer than"),
    ],
)
def test_what_is_no_signature_is_said(
    encoded: str | None, why: str, tmp_path: Path, publishers: tuple[Publisher, Publisher]
) -> None:
    assert why in (problem(machine(tmp_path, publishers[0]), encoded) or "")


def test_without_the_root_nothing_holds(tmp_path: Path, publishers: tuple[Publisher, Publisher]) -> None:
    trusted, _ = publishers
    system = machine(tmp_path, trusted)
    system.files.remove(ROOT)
    assert problem(system, trusted.sign(CONTENT)) is not None


def test_a_disk_that_refuses_is_a_problem_not_an_exception() -> None:
    files = MemoryFiles().break_at(f"{PLACE.package}_signature.pem", "No space left on device")
    assert "No space left" in (signature.signature_problem(fake_system(files=files), PLACE, "AAAA", ROOT, None) or "")


@pytest.mark.parametrize(
    ("said", "good"),
    [
        ("OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)", True),
        ("OpenSSL 1.1.0 1 Jan 2016", True),
        ("OpenSSL 1.0.2k-fips 26 Jan 2017", False),
        ("LibreSSL 3.8.2", False),
    ],
)
def test_only_an_openssl_that_can_leave_dates_unchecked_is_asked(said: str, good: bool) -> None:
    system = fake_system(commands=ScriptedCommands().on("/opt/openssl", "version", stdout=said))
    assert (signature.unsupported(system, "/opt/openssl") is None) is good


def test_no_openssl_at_all_is_said() -> None:
    system = fake_system(commands=ScriptedCommands().on("openssl", "version", exit_code=127))
    assert signature.unsupported(system, None) is not None


def test_signing_info_is_compared_without_case() -> None:
    manifest = HandlerManifest(signing_info=SigningInfo("contoso.LAB", "script", "1.2.3"))
    assert signature.signing_info_problem(manifest, NAME, "1.2.3") is None
    found = signature.signing_info_problem(manifest, NAME, "1.2.4")
    assert found == "signingInfo: version is '1.2.3', not '1.2.4'"
    assert signature.signing_info_problem(HandlerManifest(), NAME, "1.2.3") is not None


def test_passing_both_checks_leaves_a_mark() -> None:
    files = MemoryFiles().put_directory(PLACE.base)
    apply(fake_system(files=files), signature.mark_validated(PLACE))
    assert files.read(PLACE.package_validated) == b""


def test_the_root_certificate_is_the_one_of_the_contract() -> None:
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(root_certificate.PEM.decode())).hexdigest().upper()
    assert digest == "847DF6A78497943F27FC72EB93F9A637320A02B561D0A91B09E87A7807ED7C61"


def test_the_root_certificate_is_written_for_root_only() -> None:
    files = MemoryFiles().put(ROOT, b"of somebody else", 0o644)
    apply(fake_system(files=files), root_certificate.plan(PATHS))
    facts = files.facts(ROOT)
    assert facts is not None and facts.mode == 0o600
    assert files.read(ROOT) == root_certificate.PEM
