"""The transport key pair, and the certificates the fabric sends us (fabric.md 3.4).

The reply is a base64 CMS envelope, addressed to the transport certificate by its subject key identifier (so that
extension is mandatory, trap 41), holding a PFX with an empty password. All cryptography is the openssl program's. Odd:
AES is asked for first, 3DES second (trap 42); a PFX is converted without checking its MAC first (trap 43); a wrong key
may decrypt to garbage without an error (trap 45); nothing here may fail a goal state (trap 49). Private keys are in no
file that was ever readable by others, on no command line, and the PFX is in no file at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from waagent.codec import certificates as certificates_document
from waagent.config.paths import Paths
from waagent.fabric.pem import CERTIFICATE, PemBlock, der_length, is_private_key, rewrap, split_pem, thumbprint
from waagent.model.failure import CommandFailure, DocumentFailure, ExchangeFailure, Failure, SystemFailure
from waagent.model.goal_state import CertificateSummary, Thumbprint
from waagent.model.secret import Secret
from waagent.system.port import System

CIPHERS = ("AES128_CBC", "DES_EDE3_CBC")
PFX_FORMATS = ("", "Pkcs7BlobWithPfxContents")
REMOTE_ACCESS_CIPHER = CIPHERS[0]
VALID_DAYS = 730
COMMAND_TIMEOUT = 30.0
LINUX_TRANSPORT = b"""\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
string_mask = utf8only
[name]
CN = LinuxTransport
[extensions]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
basicConstraints = CA:TRUE
"""
PFX_CONVERSIONS: tuple[tuple[str, ...], ...] = (("-nomacver",), (), ("-nomacver", "-legacy"), ("-legacy",))


class CertificateStore:
    """The key pair and the certificate files under ``<lib>``; nothing is done before a method is called."""

    def __init__(self, system: System, paths: Paths, openssl_path: str | None) -> None:
        self._system = system
        self._paths = paths
        self._openssl_path = openssl_path or "openssl"
        self._pair_is_due = False

    # -- the transport pair

    def renew_transport_pair(self) -> None:
        """A detection is over: a new pair is made when it is first needed, not on the way to the first report."""
        self._pair_is_due = True

    def ensure_transport_pair(self) -> None:
        """Make the pair that is due, if it is. Errors: ``SystemFailure``."""
        if self._pair_is_due:
            self.create_transport_pair()
            self._pair_is_due = False

    def create_transport_pair(self) -> None:
        """Make a new RSA 2048 pair, self-signed for 730 days (fabric.md 3.4). Errors: ``SystemFailure``.

        The key goes from openssl's output into a file that is 0600 from its first byte.
        """
        files, paths = self._system.files, self._paths
        key = self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        files.write(paths.transport_key, key, 0o600)
        certificate = self._openssl(
            "req", "-new", "-x509", "-sha256", "-days", str(VALID_DAYS),
            "-key", files.real_path(paths.transport_key), "-config", "/dev/stdin",
            stdin=LINUX_TRANSPORT,
        )  # fmt: skip
        files.write(paths.transport_certificate, certificate, 0o600)

    def transport_certificate(self) -> str:
        """The certificate as one base64 line, for the request header. Errors: ``SystemFailure``."""
        self.ensure_transport_pair()
        text = self._system.files.read(self._paths.transport_certificate).decode("ascii", "replace")
        for block in split_pem(text):
            if block.label == CERTIFICATE:
                return block.base64
        raise SystemFailure(f"{self._paths.transport_certificate}: holds no certificate")

    # -- the certificates of a goal state

    def update(self, fetch: Callable[[str, str], bytes]) -> tuple[CertificateSummary, ...] | None:
        """Fetch, unpack and write the certificates; ``fetch(certificate, cipher)`` makes one request.

        Never raises: problems are logged and the list is empty (fabric.md 3.4, trap 49). None when no request was
        answered with a document: worth asking again.
        """
        answered = False
        for cipher in CIPHERS:
            try:
                document = certificates_document.parse(data := fetch(self.transport_certificate(), cipher))
            except (ExchangeFailure, SystemFailure, DocumentFailure) as failure:
                self._warn(f"certificates ({cipher})", failure)
                continue
            answered = True
            if not document.data:
                return ()
            if (document.format or "") not in PFX_FORMATS:
                self._system.log.warning(f"certificates: the format {document.format} is not a PFX; skipped")
                return ()
            try:
                self._system.files.write(self._paths.certificates_xml, data, 0o600)
                pfx = self.decrypt(document.data)
            except (SystemFailure, DocumentFailure) as failure:
                self._warn(f"certificates ({cipher})", failure)
                continue
            try:
                return self.install(self.convert(pfx))
            except (SystemFailure, DocumentFailure) as failure:
                self._warn("certificates", failure)
                return ()
        return () if answered else None

    def decrypt(self, data: str) -> bytes:
        """The content of a base64 CMS envelope. Errors: ``CommandFailure``, or ``DocumentFailure`` when it is no DER."""
        path = self._paths.certificates_p7m
        envelope = mime_envelope(self._system.files.real_path(path), data)
        self._system.files.write(path, envelope, 0o600)
        content = self._decrypted(("-in", self._system.files.real_path(path)))
        if not 0 < (der_length(content) or 0) <= len(content):  # a wrong key can yield random bytes (trap 45)
            raise DocumentFailure("Certificates", "Data", "what was decrypted is not a PFX: another key?")
        return content

    def decrypt_password(self, data: str) -> Secret:
        """A just-in-time user's password (fabric.md 10): base64 CMS to the transport certificate, UTF-16LE inside.

        Errors: ``CommandFailure``, ``DocumentFailure``.
        """
        content = self._decrypted(("-inform", "DER"), der_of(data))
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le"
        try:
            return Secret(content.decode(encoding))
        except UnicodeDecodeError:
            raise DocumentFailure("RemoteAccess", "Users/User/Password", "what was decrypted is not UTF-16 text") from None

    def convert(self, pfx: bytes) -> str:
        """The PFX as unencrypted PEM text, also kept in ``Certificates.pem`` (0600). Errors: ``SystemFailure``, all causes.

        The MAC is not checked first, and old ciphers are asked for by name only where they are needed (``-legacy``).
        """
        causes: list[CommandFailure] = []
        for options in PFX_CONVERSIONS:
            try:
                pem = self._openssl("pkcs12", "-nodes", "-password", "pass:", *options, stdin=pfx)
            except CommandFailure as failure:
                causes.append(failure)
                continue
            text = pem.decode("utf-8", "replace")
            if split_pem(text):
                self._system.files.write(self._paths.certificates_pem, pem, 0o600)
                return text
        self._system.files.remove(self._paths.certificates_pem)  # never leave a file of a former run (trap 46)
        raise SystemFailure("openssl cannot read the PFX of the certificates", causes=tuple(causes))

    def install(self, pem: str) -> tuple[CertificateSummary, ...]:
        """Write ``<THUMBPRINT>.crt`` for each certificate and ``.prv`` for each key that belongs to one (traps 47, 48)."""
        certificates: dict[Thumbprint, PemBlock] = {}
        keys: list[PemBlock] = []
        for block in split_pem(pem):
            if block.label == CERTIFICATE:
                certificates.setdefault(thumbprint(block), block)
            elif is_private_key(block):
                keys.append(block)
        owners = self._public_keys(certificates) if keys else {}
        paired: dict[Thumbprint, PemBlock] = {}
        for key in keys:
            public = self._public_key(("pkey", "-pubout"), key)
            owner = [name for name, its in owners.items() if public is not None and its == public]
            if not owner:
                self._system.log.warning("certificates: a private key belongs to no certificate; dropped")
            for name in owner:
                paired[name] = key
        for name, block in certificates.items():
            self._system.files.write(f"{self._paths.lib}/{name}.crt", block.text.encode(), 0o600)
        for name, block in paired.items():
            self._system.files.write(f"{self._paths.lib}/{name}.prv", block.text.encode(), 0o600)
        return tuple(CertificateSummary(name, name in paired) for name in certificates)

    def missing(self, summary: Sequence[CertificateSummary]) -> tuple[Thumbprint, ...]:
        """Those of the last summary whose ``.crt`` file is gone."""
        return tuple(
            each.thumbprint for each in summary if not self._system.files.exists(f"{self._paths.lib}/{each.thumbprint}.crt")
        )

    def restrict(self) -> None:
        """Set key material under ``<lib>`` to 0400, once at the start of the goal-state process (fabric.md 3.4)."""
        files, lib = self._system.files, self._paths.lib
        spared = f"{lib}/microsoft_root_certificate.pem"
        patterns = ("*.crt", "*.prv", "*.pem", "*.p7m", "Certificates.xml", "ovf-env.xml")
        for pattern in patterns:
            for path in files.glob(f"{lib}/{pattern}"):
                if path != spared:
                    files.set_mode(path, 0o400)

    # -- openssl

    def _public_keys(self, certificates: dict[Thumbprint, PemBlock]) -> dict[Thumbprint, bytes | None]:
        return {name: self._public_key(("x509", "-noout", "-pubkey"), block) for name, block in certificates.items()}

    def _public_key(self, command: tuple[str, ...], block: PemBlock) -> bytes | None:
        try:
            return self._openssl(*command, stdin=block.armour.encode("ascii"))
        except CommandFailure as failure:
            self._warn("certificates: no public key", failure)
            return None

    def _decrypted(self, source: tuple[str, ...], stdin: bytes | None = None) -> bytes:
        real = self._system.files.real_path
        return self._openssl(
            "cms", "-decrypt", *source,
            "-inkey", real(self._paths.transport_key), "-recip", real(self._paths.transport_certificate),
            stdin=stdin,
        )  # fmt: skip

    def _openssl(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        argv = (self._openssl_path, *arguments)
        return self._system.commands.run(argv, stdin=stdin, timeout=COMMAND_TIMEOUT).stdout_bytes

    def _warn(self, what: str, failure: Failure) -> None:
        detail = failure.stderr.strip() if isinstance(failure, CommandFailure) else ""
        self._system.log.warning(f"{what}: {failure}{': ' + detail[-400:] if detail else ''}")


def mime_envelope(path: str, data: str) -> bytes:
    """The S/MIME wrapper that openssl reads, around ``data`` in lines of 64 (trap 44); exactly the text of fabric.md 3.4."""
    head = (
        "MIME-Version:1.0\n"
        f'Content-Disposition: attachment; filename="{path}"\n'
        f'Content-Type: application/x-pkcs7-mime; name="{path}"\n'
        "Content-Transfer-Encoding: base64\n\n"
    )
    return (head + rewrap(data) + "\n").encode("ascii", "replace")


def der_of(data: str) -> bytes:
    """The bytes of base64 text with any white space. Errors: ``DocumentFailure``."""
    import base64
    import binascii

    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise DocumentFailure("RemoteAccess", "Users/User/Password", "is not base64") from None
