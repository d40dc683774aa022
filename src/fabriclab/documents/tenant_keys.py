"""Tenant certificates and their keys, made once per id, and the settings encrypted to them.

A world only names certificates; keys are random and live here, for the time of a lab. What was encrypted once stays the same
bytes, as on the real fabric, where the text is made when an extension is published and not when a guest asks.
"""

import base64
import datetime
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from fabriclab.documents import cms
from fabriclab.documents.pfx import PrivateKey
from fabriclab.world.values import TenantCertificate

SUBJECT = x509.Name([x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "Windows Azure CRP Certificate Generator")])
NOT_BEFORE = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
NOT_AFTER = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)
LONG_OVER = datetime.datetime(2020, 2, 1, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True)
class TenantKey:
    """`key` None: the certificate is published without one."""

    certificate: x509.Certificate
    key: PrivateKey | None

    @property
    def thumbprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()


class TenantKeys:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, TenantKey] = {}
        self._protected: dict[tuple[str, str], str] = {}
        self._orphan: PrivateKey | None = None

    def get(self, wanted: TenantCertificate) -> TenantKey:
        with self._lock:
            if wanted.name not in self._made:
                self._made[wanted.name] = _make(wanted)
            return self._made[wanted.name]

    def named(self, name: str, known: Iterable[TenantCertificate] = ()) -> TenantKey:
        """By id: as the world describes it, else with an RSA key."""
        return self.get(next((item for item in known if item.name == name), TenantCertificate(name)))

    def orphan(self) -> PrivateKey:
        """A private key that no certificate fits."""
        with self._lock:
            if self._orphan is None:
                self._orphan = rsa.generate_private_key(65537, 2048)
            return self._orphan

    def protect(self, name: str, text: str, known: Iterable[TenantCertificate] = ()) -> str:
        """protectedSettings: base64 of `text` encrypted to the certificate."""
        key = self.named(name, known)
        with self._lock:
            if (name, text) not in self._protected:
                sealed = cms.by_issuer(text.encode(), key.certificate)
                self._protected[name, text] = base64.b64encode(sealed).decode()
            return self._protected[name, text]


def _make(wanted: TenantCertificate) -> TenantKey:
    key: PrivateKey = ec.generate_private_key(ec.SECP256R1()) if wanted.key == "ec" else rsa.generate_private_key(65537, 2048)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(SUBJECT)
        .issuer_name(SUBJECT)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(LONG_OVER if wanted.expired else NOT_AFTER)
        .sign(key, hashes.SHA256())
    )
    return TenantKey(certificate, key if wanted.key else None)
