"""The certificates document (fabric 3.4): a PFX, encrypted to the certificate that came with the request."""

import base64
import binascii
import textwrap

from fabriclab.documents import cms, pfx
from fabriclab.documents.cms import BadRecipient
from fabriclab.documents.markup import XSI, Element, child, document
from fabriclab.documents.tenant_keys import TenantKey, TenantKeys
from fabriclab.world.switches import Certificates
from fabriclab.world.values import World

__all__ = ["DEFAULT_CIPHER", "BadRecipient", "TenantKey", "TenantKeys", "recipient", "render", "thumbprints"]

DEFAULT_CIPHER = "AES128_CBC"  # when the request names none
FORMAT = "Pkcs7BlobWithPfxContents"


def render(world: World, keys: TenantKeys, recipient_der: bytes, cipher: str = DEFAULT_CIPHER) -> bytes:
    """`recipient_der`: the transport certificate. Raises BadRecipient when nothing can be encrypted to it or with `cipher`."""
    mode = world.switches.certificates
    root = Element("CertificateFile", {"xmlns:xsi": XSI, "xsi:noNamespaceSchemaLocation": "certificates10.xsd"})
    child(root, "Version", "2012-11-30")
    child(root, "Incarnation", str(world.incarnation))
    if mode is not Certificates.NO_FORMAT:
        child(root, "Format", "CertificatesNonPfxPackage" if mode is Certificates.WRONG_FORMAT else FORMAT)
    data = _data(world, keys, recipient_der, cipher)
    if mode is not Certificates.NO_DATA:
        child(root, "Data", data)
    return document(root, "certificates" in world.switches.bom)


def recipient(header: str) -> bytes:
    """DER of the certificate in x-ms-guest-agent-public-x509-cert. Raises BadRecipient."""
    try:
        return base64.b64decode(header, validate=True)
    except binascii.Error as problem:
        raise BadRecipient("the header is not one line of base64") from problem


def thumbprints(world: World, keys: TenantKeys) -> tuple[tuple[str, str], ...]:
    """Friendly name of each tenant certificate and its thumbprint."""
    return tuple((item.friendly_name, keys.get(item).thumbprint) for item in world.certificates)


def _data(world: World, keys: TenantKeys, recipient_der: bytes, cipher: str) -> str | None:
    mode = world.switches.certificates
    if cipher not in cms.SUITES or cipher not in world.switches.ciphers:
        raise BadRecipient(f"the cipher {cipher} is not supported")
    if mode is Certificates.EMPTY_DATA or not world.certificates:
        return None
    if mode is Certificates.GARBAGE:
        return _wrapped(b"this is no CMS structure, however long one looks at it" * 5)
    content = b"this is no PFX" * 20 if mode is Certificates.GARBAGE_CONTENT else _pfx(world, keys)
    sealed = cms.by_key_identifier(content, cms.certificate(recipient_der), cipher)
    return base64.b64encode(sealed).decode() if mode is Certificates.SINGLE_LINE else _wrapped(sealed)


def _pfx(world: World, keys: TenantKeys) -> bytes:
    items = []
    for wanted in world.certificates:
        made = keys.get(wanted)
        items.append(pfx.Item(made.certificate, made.key, wanted.friendly_name))
    if world.switches.certificates is Certificates.ORPHAN_KEY:
        items.append(pfx.Item(None, keys.orphan()))
    return pfx.make(items, world.switches.legacy_pfx)


def _wrapped(content: bytes) -> str:
    return "\n".join(textwrap.wrap(base64.b64encode(content).decode(), 64)) + "\n"
