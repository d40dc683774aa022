"""CMS enveloped data (fabric 3.4), composed part by part: ready-made encryptors address a recipient only by issuer and serial.

The fabric addresses by subject key identifier (version 2) what it encrypts to a guest's transport certificate, and by issuer
and serial number (version 0) what it encrypts to a tenant certificate.
"""

import os
from dataclasses import dataclass

from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding


class BadRecipient(ValueError):
    """A certificate that nothing can be encrypted to; says what it lacks."""


@dataclass(frozen=True)
class Suite:
    """A content cipher and a key transport that go together. `transport`: the DER of its algorithm identifier."""

    content: str
    key_bytes: int
    transport: bytes
    oaep: bool


OAEP = bytes.fromhex("300d06092a864886f70d0101073000")  # parameters are there and empty: SHA-1 and MGF1 with SHA-1
PKCS1 = bytes.fromhex("300d06092a864886f70d0101010500")
SUITES = {
    "AES128_CBC": Suite("aes128_cbc", 16, OAEP, oaep=True),
    "DES_EDE3_CBC": Suite("tripledes_3key", 24, PKCS1, oaep=False),
}


def by_key_identifier(content: bytes, recipient: x509.Certificate, cipher: str) -> bytes:
    """DER of `content` for the transport certificate. Raises BadRecipient."""
    try:
        identifier = recipient.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound as problem:
        raise BadRecipient("the certificate has no subject key identifier") from problem
    named = cms.RecipientIdentifier("subject_key_identifier", core.OctetString(identifier))
    return _envelope(content, recipient, named, SUITES[cipher], version=2)


def by_issuer(content: bytes, recipient: x509.Certificate, cipher: str = "DES_EDE3_CBC") -> bytes:
    """DER of `content` for a tenant certificate."""
    issuer = asn1_x509.Name.load(recipient.issuer.public_bytes())
    serial = cms.IssuerAndSerialNumber({"issuer": issuer, "serial_number": recipient.serial_number})
    return _envelope(content, recipient, cms.RecipientIdentifier("issuer_and_serial_number", serial), SUITES[cipher], version=0)


def certificate(der: bytes) -> x509.Certificate:
    """Raises BadRecipient."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as problem:
        raise BadRecipient("not a DER certificate") from problem


def der(item: x509.Certificate) -> bytes:
    return item.public_bytes(Encoding.DER)


def _envelope(content: bytes, recipient: x509.Certificate, named: cms.RecipientIdentifier, suite: Suite, version: int) -> bytes:
    public = recipient.public_key()
    if not isinstance(public, RSAPublicKey):
        raise BadRecipient("the certificate's key is not RSA")
    key, vector = os.urandom(suite.key_bytes), os.urandom(16 if suite.oaep else 8)
    wrapping = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA1()), hashes.SHA1(), None) if suite.oaep else rsa_padding.PKCS1v15()
    transport = cms.KeyTransRecipientInfo(
        {
            "version": cms.CMSVersion(version),
            "rid": named,
            "key_encryption_algorithm": cms.KeyEncryptionAlgorithm.load(suite.transport),
            "encrypted_key": public.encrypt(key, wrapping),
        }
    )
    encrypted = {
        "content_type": "data",
        "content_encryption_algorithm": {"algorithm": suite.content, "parameters": core.OctetString(vector)},
        "encrypted_content": _encrypt(content, key, vector, suite),
    }
    enveloped = cms.EnvelopedData(
        {"version": cms.CMSVersion(version), "recipient_infos": [transport], "encrypted_content_info": encrypted}
    )
    return bytes(cms.ContentInfo({"content_type": "enveloped_data", "content": enveloped}).dump())


def _encrypt(content: bytes, key: bytes, vector: bytes, suite: Suite) -> bytes:
    pad = padding.PKCS7(len(vector) * 8).padder()
    block = algorithms.AES(key) if suite.content.startswith("aes") else TripleDES(key)
    encryptor = Cipher(block, modes.CBC(vector)).encryptor()
    return encryptor.update(pad.update(content) + pad.finalize()) + encryptor.finalize()
