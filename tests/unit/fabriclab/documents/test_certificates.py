"""The certificates document, opened with the openssl program."""

import base64
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from fabriclab.documents import certificates, cms
from fabriclab.documents.certificates import BadRecipient, TenantKeys
from fabriclab.world.switches import Certificates, Switches
from fabriclab.world.values import TenantCertificate, World
from unit.fabriclab.documents import openssl
from unit.fabriclab.documents.openssl import Transport

CIPHERS = ("AES128_CBC", "DES_EDE3_CBC")
MANY = World(certificates=(TenantCertificate("one"), TenantCertificate("two", "ec"), TenantCertificate("three", "", "SshCert")))


@pytest.fixture(scope="module")
def keys() -> TenantKeys:
    return TenantKeys()


@pytest.fixture(scope="module")
def transport(tmp_path_factory: pytest.TempPathFactory) -> Transport:
    return openssl.transport(tmp_path_factory.mktemp("transport"))


def mode(wanted: Certificates) -> World:
    return World(switches=Switches(certificates=wanted))


def data(document: bytes) -> str | None:
    return ElementTree.fromstring(document).findtext("Data")


def unpack(document: bytes, transport: Transport, folder: Path) -> str:
    """The PEM text that comes out at the guest."""
    text = data(document)
    assert text
    packed = folder / "Certificates.pfx"
    packed.write_bytes(openssl.decrypt(base64.b64decode(text), transport.key, transport.certificate))
    return openssl.run("pkcs12", "-nodes", "-in", packed, "-password", "pass:").decode()


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("legacy", [True, False])
def test_openssl_opens_the_document(keys: TenantKeys, transport: Transport, tmp_path: Path, cipher: str, legacy: bool) -> None:
    world = replace(MANY, switches=Switches(legacy_pfx=legacy))
    text = unpack(certificates.render(world, keys, transport.der, cipher), transport, tmp_path)
    assert text.count("BEGIN CERTIFICATE") == 3
    assert text.count("BEGIN PRIVATE KEY") == 2
    assert "localKeyID: 01 00 00 00" in text
    assert "friendlyName: SshCert" in text


@pytest.mark.parametrize("cipher", CIPHERS)
def test_the_mac_need_not_be_checked(keys: TenantKeys, transport: Transport, tmp_path: Path, cipher: str) -> None:
    text = data(certificates.render(World(), keys, transport.der, cipher))
    assert text
    packed = tmp_path / "p"
    packed.write_bytes(openssl.decrypt(base64.b64decode(text), transport.key, transport.certificate))
    out = openssl.run("pkcs12", "-nodes", "-nomacver", "-in", packed, "-password", "pass:")
    assert out.count(b"BEGIN") == 2


def test_aes_goes_with_oaep_and_a_subject_key_identifier(keys: TenantKeys, transport: Transport) -> None:
    sealed = base64.b64decode(data(certificates.render(World(), keys, transport.der, "AES128_CBC")) or "")
    shown = openssl.show(sealed)
    assert "pkcs7-envelopedData" in shown
    assert shown.count("version: 2") == 2
    assert "subjectKeyIdentifier" in shown
    assert "algorithm: rsaesOaep (1.2.840.113549.1.1.7) parameter: SEQUENCE: 0:d=0 hl=2 l= 0 cons: SEQUENCE" in shown
    assert "aes-128-cbc" in shown


def test_triple_des_goes_with_pkcs1(keys: TenantKeys, transport: Transport) -> None:
    sealed = base64.b64decode(data(certificates.render(World(), keys, transport.der, "DES_EDE3_CBC")) or "")
    shown = openssl.show(sealed)
    assert shown.count("version: 2") == 2
    assert "subjectKeyIdentifier" in shown
    assert "rsaEncryption (1.2.840.113549.1.1.1) parameter: NULL" in shown
    assert "des-ede3-cbc" in shown


def test_the_pfx_is_protected_as_on_the_real_service(keys: TenantKeys, transport: Transport, tmp_path: Path) -> None:
    sealed = base64.b64decode(data(certificates.render(World(), keys, transport.der)) or "")
    packed = tmp_path / "p"
    packed.write_bytes(openssl.decrypt(sealed, transport.key, transport.certificate))
    told = openssl.run("asn1parse", "-inform", "DER", "-in", packed).decode()
    assert ":sha1" in told
    assert re.search(r"INTEGER +:07D0", told)  # 2000 iterations


def test_the_data_is_wrapped_at_64_columns(keys: TenantKeys, transport: Transport) -> None:
    text = data(certificates.render(World(), keys, transport.der))
    assert text and text.endswith("\n")
    lines = text.removesuffix("\n").split("\n")
    assert {len(line) for line in lines[:-1]} == {64}
    assert 0 < len(lines[-1]) <= 64


def test_a_single_line_is_one_of_the_modes(keys: TenantKeys, transport: Transport) -> None:
    text = data(certificates.render(mode(Certificates.SINGLE_LINE), keys, transport.der))
    assert text and "\n" not in text and len(text) > 64


@pytest.mark.parametrize("empty", [mode(Certificates.EMPTY_DATA), mode(Certificates.NO_DATA), World(certificates=())])
def test_there_may_be_no_certificates(keys: TenantKeys, transport: Transport, empty: World) -> None:
    assert not data(certificates.render(empty, keys, transport.der))


def test_no_data_leaves_the_element_out(keys: TenantKeys, transport: Transport) -> None:
    assert b"Data" not in certificates.render(mode(Certificates.NO_DATA), keys, transport.der)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (Certificates.NORMAL, "Pkcs7BlobWithPfxContents"),
        (Certificates.WRONG_FORMAT, "CertificatesNonPfxPackage"),
        (Certificates.NO_FORMAT, None),
    ],
)
def test_the_format_is_a_mode_too(keys: TenantKeys, transport: Transport, wanted: Certificates, text: str | None) -> None:
    assert ElementTree.fromstring(certificates.render(mode(wanted), keys, transport.der)).findtext("Format") == text


def test_garbage_is_base64_of_no_structure(keys: TenantKeys, transport: Transport) -> None:
    garbage = base64.b64decode(data(certificates.render(mode(Certificates.GARBAGE), keys, transport.der)) or "")
    with pytest.raises(AssertionError):
        openssl.decrypt(garbage, transport.key, transport.certificate)


def test_garbage_content_decrypts_to_no_pfx(keys: TenantKeys, transport: Transport, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        unpack(certificates.render(mode(Certificates.GARBAGE_CONTENT), keys, transport.der), transport, tmp_path)


def test_an_orphan_key_is_one_more_key(keys: TenantKeys, transport: Transport, tmp_path: Path) -> None:
    text = unpack(certificates.render(mode(Certificates.ORPHAN_KEY), keys, transport.der), transport, tmp_path)
    assert (text.count("BEGIN PRIVATE KEY"), text.count("BEGIN CERTIFICATE")) == (2, 1)


def test_a_thumbprint_is_that_of_openssl(keys: TenantKeys, transport: Transport, tmp_path: Path) -> None:
    text = unpack(certificates.render(World(), keys, transport.der), transport, tmp_path)
    told = openssl.run("x509", "-fingerprint", "-sha1", "-noout", stdin=text.encode()).decode()
    thumbprint = told.strip().partition("=")[2].replace(":", "")
    assert certificates.thumbprints(World(), keys) == (("TenantEncryptionCert", thumbprint),)


def test_a_key_is_made_once_per_id(keys: TenantKeys) -> None:
    assert keys.get(TenantCertificate("same")) is keys.get(TenantCertificate("same"))
    assert keys.get(TenantCertificate("same")).thumbprint != keys.get(TenantCertificate("other")).thumbprint


def test_a_certificate_without_subject_key_identifier_is_refused(keys: TenantKeys) -> None:
    bare = cms.der(keys.get(TenantCertificate("bare")).certificate)
    with pytest.raises(BadRecipient, match="no subject key identifier"):
        certificates.render(World(), keys, bare)


@pytest.mark.parametrize("cipher", ["RC4", "DES_EDE3_CBC"])
def test_a_cipher_that_is_not_offered_is_refused(keys: TenantKeys, transport: Transport, cipher: str) -> None:
    world = World(switches=Switches(ciphers=frozenset({"AES128_CBC"})))
    with pytest.raises(BadRecipient, match=cipher):
        certificates.render(world, keys, transport.der, cipher)


def test_a_header_is_one_line_of_base64(transport: Transport) -> None:
    line = base64.b64encode(transport.der).decode()
    assert certificates.recipient(line) == transport.der
    for bad in (f"-----BEGIN CERTIFICATE----- {line}", line[:64] + "\n" + line[64:], "abc"):
        with pytest.raises(BadRecipient):
            certificates.recipient(bad)


def test_bytes_that_are_no_certificate_are_refused(keys: TenantKeys) -> None:
    with pytest.raises(BadRecipient, match="not a DER certificate"):
        certificates.render(World(), keys, b"nonsense")
