"""PKCS#12 with an empty password and any number of keys (fabric 3.4; RFC 7292).

Composed by hand: ready-made builders know one key and refuse an empty password. The legacy form is the one of the real service:
3DES and SHA-1 everywhere, 2000 iterations. The modern one is PBES2 with AES-256 and a SHA-256 MAC. Odd: in the legacy key
derivation an empty password is two NUL bytes (its terminator in UTF-16), in the modern one it is nothing.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import algos, cms, core, keys, pkcs12
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey
ROUNDS = 2000
KEY, VECTOR, MAC = 1, 2, 3  # what the legacy derivation is asked for
PASSWORD = b"\0\0"


@dataclass(frozen=True)
class Item:
    """A certificate, a key, or both. Both carry the same local key id."""

    certificate: x509.Certificate | None
    key: PrivateKey | None
    friendly_name: str = ""


def make(items: Sequence[Item], legacy: bool = True) -> bytes:
    """DER of the PFX: a safe of shrouded keys and an encrypted safe of certificates."""
    key_bags, certificate_bags = [], []
    for number, item in enumerate(items, 1):
        attributes = _attributes(number, item)
        if item.key is not None:
            key_bags.append(_key_bag(item.key, attributes, legacy))
        if item.certificate is not None:
            certificate_bags.append(_certificate_bag(item.certificate, attributes))
    plain = core.OctetString(pkcs12.SafeContents(key_bags).dump())
    parts = [cms.ContentInfo({"content_type": "data", "content": plain})]
    parts.append(_encrypted(bytes(pkcs12.SafeContents(certificate_bags).dump()), legacy))
    safe = bytes(pkcs12.AuthenticatedSafe(parts).dump())
    content = cms.ContentInfo({"content_type": "data", "content": core.OctetString(safe)})
    return bytes(pkcs12.Pfx({"version": "v3", "auth_safe": content, "mac_data": _mac(safe, legacy)}).dump())


def derive(purpose: int, salt: bytes, rounds: int, length: int, algorithm: str = "sha1") -> bytes:
    """RFC 7292, appendix B.2, for the empty password."""
    block = hashlib.new(algorithm).block_size
    diversifier = bytes([purpose]) * block
    inputs = _stretch(salt, block) + _stretch(PASSWORD, block)
    derived = b""
    while len(derived) < length:
        part = diversifier + inputs
        for _ in range(rounds):
            part = hashlib.new(algorithm, part).digest()
        derived += part
        addend = int.from_bytes(_stretch(part, block), "big") + 1
        chunks = [int.from_bytes(inputs[at : at + block], "big") for at in range(0, len(inputs), block)]
        inputs = b"".join(((chunk + addend) % (1 << (8 * block))).to_bytes(block, "big") for chunk in chunks)
    return derived[:length]


def _stretch(text: bytes, block: int) -> bytes:
    """`text` again and again, to the next multiple of a block."""
    wanted = block * -(-len(text) // block)
    return (text * (wanted // len(text) + 1))[:wanted]


def _attributes(number: int, item: Item) -> pkcs12.Attributes | None:
    attributes = []
    if item.key is not None:
        local = core.OctetString(number.to_bytes(4, "little"))
        attributes.append({"type": "local_key_id", "values": [local]})
    if item.friendly_name and item.certificate is not None:
        attributes.append({"type": "friendly_name", "values": [core.BMPString(item.friendly_name)]})
    return pkcs12.Attributes(attributes) if attributes else None


def _key_bag(key: PrivateKey, attributes: pkcs12.Attributes | None, legacy: bool) -> pkcs12.SafeBag:
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    algorithm, data = _protect(plain, legacy)
    shrouded = keys.EncryptedPrivateKeyInfo({"encryption_algorithm": algorithm, "encrypted_data": data})
    return _bag("pkcs8_shrouded_key_bag", shrouded, attributes)


def _certificate_bag(certificate: x509.Certificate, attributes: pkcs12.Attributes | None) -> pkcs12.SafeBag:
    parsed = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    value = pkcs12.CertBag({"cert_id": "x509", "cert_value": core.ParsableOctetString(parsed.dump())})
    return _bag("cert_bag", value, attributes)


def _bag(kind: str, value: core.Asn1Value, attributes: pkcs12.Attributes | None) -> pkcs12.SafeBag:
    bag = {"bag_id": kind, "bag_value": value}
    if attributes is not None:
        bag["bag_attributes"] = attributes
    return pkcs12.SafeBag(bag)


def _encrypted(plain: bytes, legacy: bool) -> cms.ContentInfo:
    algorithm, data = _protect(plain, legacy)
    content = {"content_type": "data", "content_encryption_algorithm": algorithm, "encrypted_content": data}
    return cms.ContentInfo(
        {"content_type": "encrypted_data", "content": cms.EncryptedData({"version": "v0", "encrypted_content_info": content})}
    )


def _protect(plain: bytes, legacy: bool) -> tuple[algos.EncryptionAlgorithm, bytes]:
    salt = os.urandom(20)
    if legacy:
        parameters = algos.Pbes1Params({"salt": salt, "iterations": ROUNDS})
        algorithm = {"algorithm": "pkcs12_sha1_tripledes_3key", "parameters": parameters}
        key, vector = derive(KEY, salt, ROUNDS, 24), derive(VECTOR, salt, ROUNDS, 8)
        return algos.EncryptionAlgorithm(algorithm), _cbc(TripleDES(key), vector, plain)
    vector = os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha256", b"", salt, ROUNDS, 32)
    derivation = algos.Pbkdf2Params(
        {
            "salt": algos.Pbkdf2Salt("specified", core.OctetString(salt)),
            "iteration_count": ROUNDS,
            "prf": {"algorithm": "sha256", "parameters": core.Null()},
        }
    )
    scheme = algos.Pbes2Params(
        {
            "key_derivation_func": {"algorithm": "pbkdf2", "parameters": derivation},
            "encryption_scheme": {"algorithm": "aes256_cbc", "parameters": core.OctetString(vector)},
        }
    )
    return algos.EncryptionAlgorithm({"algorithm": "pbes2", "parameters": scheme}), _cbc(algorithms.AES(key), vector, plain)


def _cbc(block: TripleDES | algorithms.AES, vector: bytes, plain: bytes) -> bytes:
    pad = padding.PKCS7(len(vector) * 8).padder()
    encryptor = Cipher(block, modes.CBC(vector)).encryptor()
    return encryptor.update(pad.update(plain) + pad.finalize()) + encryptor.finalize()


def _mac(safe: bytes, legacy: bool) -> pkcs12.MacData:
    name = "sha1" if legacy else "sha256"
    salt = os.urandom(20)
    key = derive(MAC, salt, ROUNDS, hashlib.new(name).digest_size, name)
    digest = {"digest_algorithm": {"algorithm": name, "parameters": core.Null()}, "digest": hmac.digest(key, safe, name)}
    return pkcs12.MacData({"mac": digest, "mac_salt": salt, "iterations": ROUNDS})
