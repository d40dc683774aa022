import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from unit.fabric import openssl_door as door
from unit.fabric.doubles import World
from waagent.fabric.certificates import CertificateStore, mime_envelope
from waagent.model.failure import DocumentFailure, ExchangeFailure, Failure, SystemFailure
from waagent.model.goal_state import CertificateSummary, Thumbprint

PATHS = door.paths()


class Bench:
    """A store in a temporary directory with its transport pair."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world, self.files, self.commands = door.world_on(root)
        self.store = CertificateStore(self.world.system, PATHS, None)
        self.store.create_transport_pair()

    def fabric(self, content: bytes) -> Any:
        """A fabric that encrypts ``content`` to whoever asks, by the cipher asked for."""
        self.asked: list[str] = []

        def fetch(certificate: str, cipher: str) -> bytes:
            self.asked.append(cipher)
            return door.reply(door.envelope(self.root, content, certificate, cipher))

        return fetch

    def file(self, name: str) -> bytes:
        return self.files.content[f"{PATHS.lib}/{name}"]

    @property
    def log(self) -> str:
        return self.world.log.text


@pytest.fixture(scope="module")
def rsa() -> tuple[Any, Any]:
    return door.tenant("rsa")


@pytest.fixture(scope="module")
def elliptic() -> tuple[Any, Any]:
    return door.tenant("ec", "elliptic")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_transport_pair_is_what_the_fabric_can_address(bench: Bench) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys

    certificate = x509.load_der_x509_certificate(base64.b64decode(bench.store.transport_certificate()))
    assert certificate.subject.rfc4514_string() == certificate.issuer.rfc4514_string() == "CN=LinuxTransport"
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 730
    assert certificate.version is x509.Version.v3
    assert certificate.signature_hash_algorithm is not None
    assert certificate.signature_hash_algorithm.name == "sha256"
    key = certificate.public_key()
    assert isinstance(key, rsa_keys.RSAPublicKey)
    assert key.key_size == 2048
    ski = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    aki = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert ski.digest == aki.key_identifier
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_transport_key_is_unreadable_to_others_from_its_first_byte(bench: Bench) -> None:
    assert bench.files.mode_of(PATHS.transport_key) == 0o600
    assert bench.files.mode_of(PATHS.transport_certificate) == 0o600


def test_the_header_value_is_one_line_without_armour(bench: Bench) -> None:
    line = bench.store.transport_certificate()
    assert "\n" not in line
    assert not line.startswith("-")


@pytest.mark.parametrize("cipher", ["AES128_CBC", "DES_EDE3_CBC"])
def test_either_cipher_is_decrypted(bench: Bench, rsa: tuple[Any, Any], cipher: str) -> None:
    content = door.pfx(*rsa)
    data = door.envelope(bench.root, content, bench.store.transport_certificate(), cipher)
    assert bench.store.decrypt(data) == content


@pytest.mark.parametrize(
    "options",
    [
        ("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-iter", "2000"),
        ("-nomac", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES"),
        ("-legacy", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-RC2-40", "-macalg", "sha1"),
        ("-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC"),
    ],
)
def test_every_pfx_the_fabric_may_send_becomes_files(bench: Bench, rsa: tuple[Any, Any], options: tuple[str, ...]) -> None:
    key, certificate = rsa
    name = door.thumbprint_of(certificate)
    summary = bench.store.update(bench.fabric(door.openssl_pfx(bench.root, key, certificate, *options)))
    assert summary == (CertificateSummary(Thumbprint(name), True),), bench.log
    assert bench.asked == ["AES128_CBC"]
    for suffix in ("crt", "prv"):
        assert bench.files.mode_of(f"{PATHS.lib}/{name}.{suffix}") == 0o600
    written = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha1"], input=bench.file(f"{name}.crt"), capture_output=True, check=True
    )
    assert written.stdout.decode().strip().rpartition("=")[2].replace(":", "") == name
    public = subprocess.run(["openssl", "pkey", "-pubout"], input=bench.file(f"{name}.prv"), capture_output=True, check=True)
    assert (
        public.stdout
        in subprocess.run(
            ["openssl", "x509", "-noout", "-pubkey"], input=bench.file(f"{name}.crt"), capture_output=True, check=True
        ).stdout
    )


def test_an_old_cipher_needs_the_legacy_option_and_only_then_is_it_used(bench: Bench, rsa: tuple[Any, Any]) -> None:
    plain = door.openssl_pfx(bench.root, *rsa, "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1")
    bench.store.convert(plain)
    assert not any("-legacy" in argv for argv in bench.commands.argvs)


def test_keys_are_matched_by_public_key_whatever_the_order_and_kind(
    bench: Bench, rsa: tuple[Any, Any], elliptic: tuple[Any, Any]
) -> None:
    text = (door.pem(elliptic[1]) + door.pem(rsa[0]) + door.pem(rsa[1]) + door.pem(elliptic[0])).decode()
    summary = bench.store.install(text)
    assert {each.thumbprint: each.has_private_key for each in summary} == {
        door.thumbprint_of(rsa[1]): True,
        door.thumbprint_of(elliptic[1]): True,
    }
    assert door.pem(elliptic[0]) in bench.file(f"{door.thumbprint_of(elliptic[1])}.prv")


def test_a_certificate_without_a_key_is_written_and_a_key_without_one_dropped(
    bench: Bench, rsa: tuple[Any, Any], elliptic: tuple[Any, Any]
) -> None:
    summary = bench.store.install((door.pem(rsa[1]) + door.pem(elliptic[0])).decode())
    name = door.thumbprint_of(rsa[1])
    assert summary == (CertificateSummary(Thumbprint(name), False),)
    assert f"{PATHS.lib}/{name}.crt" in bench.files.content
    assert not [path for path in bench.files.content if path.endswith(".prv")]
    assert "belongs to no certificate" in bench.log


def test_extra_certificates_of_the_pfx_are_written_too(bench: Bench, rsa: tuple[Any, Any], elliptic: tuple[Any, Any]) -> None:
    summary = bench.store.update(bench.fabric(door.pfx(*rsa, extra=[elliptic[1]])))
    assert {(each.thumbprint, each.has_private_key) for each in summary} == {
        (door.thumbprint_of(rsa[1]), True),
        (door.thumbprint_of(elliptic[1]), False),
    }


def test_what_openssl_prints_before_the_armour_stays_with_its_file(bench: Bench, rsa: tuple[Any, Any]) -> None:
    bench.store.update(bench.fabric(door.pfx(*rsa)))
    assert b"Bag Attributes" in bench.file(f"{door.thumbprint_of(rsa[1])}.crt")


def test_data_in_one_long_line_is_read(bench: Bench, rsa: tuple[Any, Any]) -> None:
    content = door.pfx(*rsa)
    data = door.envelope(bench.root, content, bench.store.transport_certificate(), "AES128_CBC")
    assert bench.store.decrypt(data.replace("\n", "")) == content


def test_a_failed_request_is_repeated_with_the_other_cipher(bench: Bench, rsa: tuple[Any, Any]) -> None:
    good = bench.fabric(door.pfx(*rsa))

    def fetch(certificate: str, cipher: str) -> bytes:
        if cipher == "AES128_CBC":
            raise ExchangeFailure("GET certificates: answered 500")
        return bytes(good(certificate, cipher))

    assert len(bench.store.update(fetch)) == 1
    assert bench.asked == ["DES_EDE3_CBC"]


def test_an_envelope_for_another_key_ends_empty_after_both_ciphers(bench: Bench, rsa: tuple[Any, Any], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = Bench(tmp_path / "other").store.transport_certificate()
    asked: list[str] = []

    def fetch(certificate: str, cipher: str) -> bytes:
        asked.append(cipher)
        return door.reply(door.envelope(bench.root, door.pfx(*rsa), stranger, cipher))

    assert bench.store.update(fetch) == ()
    assert asked == ["AES128_CBC", "DES_EDE3_CBC"]
    assert not [path for path in bench.files.content if path.endswith((".crt", ".prv"))]


def test_garbage_that_decrypts_is_told_from_a_pfx(bench: Bench) -> None:
    data = door.envelope(bench.root, b"\x17\x03random bytes of a wrong key", bench.store.transport_certificate(), "AES128_CBC")
    with pytest.raises(DocumentFailure, match="another key"):
        bench.store.decrypt(data)


def test_a_pfx_that_cannot_be_converted_is_not_asked_for_again(bench: Bench) -> None:
    assert bench.store.update(bench.fabric(b"\x30\x03\x02\x01\x05")) == ()
    assert bench.asked == ["AES128_CBC"]
    assert PATHS.certificates_pem not in bench.files.content
    assert "cannot read the PFX" in bench.log


def test_a_failed_conversion_names_every_way_that_was_tried(bench: Bench) -> None:
    with pytest.raises(SystemFailure) as caught:
        bench.store.convert(b"\x30\x03\x02\x01\x05")
    assert len(caught.value.causes) == 4


@pytest.mark.parametrize("data", [None, ""])
def test_no_data_means_no_certificates(bench: Bench, data: str | None) -> None:
    asked: list[str] = []

    def fetch(certificate: str, cipher: str) -> bytes:
        asked.append(cipher)
        return door.reply(data)

    assert bench.store.update(fetch) == ()
    assert asked == ["AES128_CBC"]
    assert [line for level, line in bench.world.log.lines if level == "warning"] == []


def test_another_format_is_logged_and_skipped(bench: Bench) -> None:
    assert bench.store.update(lambda certificate, cipher: door.reply("QUJD", "CertificatesNonPfxPackage")) == ()
    assert "CertificatesNonPfxPackage" in bench.log


@pytest.mark.parametrize("form", [None, ""])
def test_a_missing_format_means_a_pfx(bench: Bench, rsa: tuple[Any, Any], form: str | None) -> None:
    def fetch(certificate: str, cipher: str) -> bytes:
        return door.reply(door.envelope(bench.root, door.pfx(*rsa), certificate, cipher), form)

    assert len(bench.store.update(fetch)) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"<CertificateFile><Data>%%%%</Data></CertificateFile>"])
def test_a_bad_document_leaves_an_empty_list(bench: Bench, body: bytes) -> None:
    assert not bench.store.update(lambda certificate, cipher: body)


@pytest.mark.parametrize("mark", [b"", b"\xff\xfe"])
def test_a_remote_users_password_is_utf16_with_or_without_a_mark(bench: Bench, mark: bytes) -> None:
    content = mark + "Lab-Pässw0rd".encode("utf-16-le")
    data = door.envelope(bench.root, content, bench.store.transport_certificate(), "DES_EDE3_CBC")
    password = bench.store.decrypt_password(data)
    assert password.reveal() == "Lab-Pässw0rd"
    assert "Lab" not in repr(password)


@pytest.mark.parametrize("data", ["not base64!", base64.b64encode(b"\x30\x00").decode()])
def test_a_password_that_cannot_be_decrypted_is_a_failure(bench: Bench, data: str) -> None:
    with pytest.raises(Failure):
        bench.store.decrypt_password(data)


def test_no_key_and_no_password_is_on_a_command_line_or_in_the_log(bench: Bench, rsa: tuple[Any, Any]) -> None:
    bench.store.update(bench.fabric(door.pfx(*rsa)))
    key_body = door.pem(rsa[0]).decode().splitlines()[1]
    assert key_body not in " ".join(word for argv in bench.commands.argvs for word in argv) + bench.log
    assert not [path for path in bench.files.content if path.endswith(".pfx")]


def test_a_missing_certificate_file_is_noticed(bench: Bench, rsa: tuple[Any, Any]) -> None:
    summary = bench.store.update(bench.fabric(door.pfx(*rsa)))
    assert bench.store.missing(summary) == ()
    bench.files.remove(f"{PATHS.lib}/{summary[0].thumbprint}.crt")
    assert bench.store.missing(summary) == (summary[0].thumbprint,)


def test_key_material_is_restricted_but_not_microsofts_root() -> None:
    world = World()
    names = ("A.crt", "A.prv", "TransportPrivate.pem", "Certificates.xml", "ovf-env.xml", "Certificates.p7m")
    for name in (*names, "microsoft_root_certificate.pem", "SharedConfig.xml"):
        world.files.content[f"{PATHS.lib}/{name}"] = b""
    CertificateStore(world.system, PATHS, None).restrict()
    assert {path.rpartition("/")[2] for path, mode in world.files.modes.items() if mode == 0o400} == set(names)


def test_the_envelope_on_disk_is_exactly_that_of_the_protocol() -> None:
    assert mime_envelope("/lib/Certificates.p7m", "QUJD" * 20) == (
        b"MIME-Version:1.0\n"
        b'Content-Disposition: attachment; filename="/lib/Certificates.p7m"\n'
        b'Content-Type: application/x-pkcs7-mime; name="/lib/Certificates.p7m"\n'
        b"Content-Transfer-Encoding: base64\n"
        b"\n" + b"QUJD" * 16 + b"\n" + b"QUJD" * 4 + b"\n"
    )
