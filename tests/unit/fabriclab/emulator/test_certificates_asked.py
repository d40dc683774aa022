"""Certificates and remote access for a real transport certificate, opened again with its key."""

import base64
import datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from fabriclab.world.events import AddJitUser
from fabriclab.world.values import JitUser
from unit.fabriclab.emulator.bench import AGENT, Bench, running

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def header() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LinuxTransport")])
    now = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=730))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()), critical=False)
        .sign(KEY, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def target(bench: Bench, element: str) -> str:
    root = ElementTree.fromstring(bench.wire("/machine/?comp=goalstate").body)
    parts = urlsplit((root.findtext(f".//{element}") or "").strip())
    return f"{parts.path}?{parts.query}"


@pytest.mark.parametrize(
    ("cipher", "scheme"),
    [
        ("AES128_CBC", padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)),
        ("DES_EDE3_CBC", padding.PKCS1v15()),
    ],
)
def test_certificates_are_encrypted_to_the_certificate_of_the_request(cipher: str, scheme: padding.AsymmetricPadding) -> None:
    with running() as bench:
        given = {**AGENT, "x-ms-guest-agent-public-x509-cert": header(), "x-ms-cipher-name": cipher}
        answer = bench.wire(target(bench, "Certificates"), given)
        assert answer.status == 200
        assert bench.last.facts == {"kind": "certificates", "cipher": cipher}
    data = ElementTree.fromstring(answer.body).findtext("Data") or ""
    envelope = cms.ContentInfo.load(base64.b64decode(data))["content"]
    wrapped = envelope["recipient_infos"][0].chosen["encrypted_key"].native
    assert len(KEY.decrypt(wrapped, scheme)) in (16, 24)


def test_remote_access_is_encrypted_to_the_same_certificate() -> None:
    with running() as bench:
        bench.fabric.apply(AddJitUser(JitUser("labjit", "secret", "Fri, 02 Jan 2026 12:00:00 UTC")))
        given = {**AGENT, "x-ms-guest-agent-public-x509-cert": header(), "x-ms-cipher-name": "AES128_CBC"}
        answer = bench.wire(target(bench, "RemoteAccessInfo"), given)
        assert answer.status == 200
        assert ElementTree.fromstring(answer.body).findtext("Users/User/Name") == "labjit"
        assert b"secret" not in answer.body
