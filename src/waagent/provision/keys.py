"""Keys for the user: public keys by value or by certificate, and key pairs (guest.md 2.9). Pure.

REF writes the private half world-readable and the public half 0600, an obvious swap (trap 10); we do not keep that.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from waagent.guest import selinux, ssh
from waagent.guest.accounts import Account
from waagent.model.failure import ProvisionFailure
from waagent.model.ovf import KeyPair, OvfEnvironment, PublicKey
from waagent.model.secret import Secret
from waagent.system.action import MakeDirectory, Plan, WriteFile


@dataclass(frozen=True)
class Certificate:
    """A certificate the fabric sent: its public key as OpenSSH writes it, and its private key when that came too."""

    fingerprint: str
    public: str
    private: Secret | None = None


def normal_fingerprint(text: str) -> str:
    """Upper case without separators: the file name of the certificate."""
    return re.sub(r"[^0-9A-Fa-f]", "", text).upper()


def resolve(path: str | None, user: str, home_dir: str, account: Account | None) -> str:
    """The absolute path a key goes to.

    ``$HOME`` becomes the base of home directories; ``<base>/USER/…`` follows the account where it really lives. Errors:
    ``ProvisionFailure`` for a path that is missing, relative, no file name, or in nobody's home: its directory becomes the
    user's own and closed to all others, which /etc would not bear.
    """
    if not path:
        raise ProvisionFailure("its Path is missing")
    given = path.replace("$HOME", home_dir)
    if not given.startswith("/") or given.endswith("/"):
        raise ProvisionFailure(f"the Path {path!r} is not the absolute path of a file")
    clean = posixpath.normpath(given)
    if "/" not in clean[1:] or any(character in clean for character in "\0\n\r"):
        raise ProvisionFailure(f"the Path {path!r} is not below a directory of its own")
    base = f"{home_dir}/{user}"
    if account and account.home.startswith("/") and account.home != base and clean.startswith(f"{base}/"):
        return posixpath.normpath(account.home + clean.removeprefix(base))
    homes = (home_dir.rstrip("/"), account.home.rstrip("/") if account else "")
    if not any(home and clean.startswith(f"{home}/") for home in homes) or posixpath.dirname(clean) == homes[0]:
        raise ProvisionFailure(f"the Path {path!r} is not in a home directory")
    return clean


def public_line(key: PublicKey, certificates: tuple[Certificate, ...]) -> str:
    """The line for authorized_keys; a value wins over a fingerprint. Errors: ``ProvisionFailure``."""
    if key.value:
        line = ssh.clean_key(key.value)
        if not ssh.is_public_key(line):
            raise ProvisionFailure(f"the Value of the PublicKey for {key.path} is not an OpenSSH public key")
        return line
    if not key.fingerprint:
        raise ProvisionFailure(f"the PublicKey for {key.path} has neither Value nor Fingerprint")
    return _certificate(key.fingerprint, certificates).public


def _certificate(fingerprint: str, certificates: tuple[Certificate, ...]) -> Certificate:
    wanted = normal_fingerprint(fingerprint)
    for certificate in certificates:
        if certificate.fingerprint == wanted:
            return certificate
    raise ProvisionFailure(f"the platform sent no certificate with the Fingerprint {wanted}")


def deploy_public(
    ovf: OvfEnvironment,
    home_dir: str,
    account: Account | None,
    certificates: tuple[Certificate, ...],
    existing: dict[str, str],
    tools: frozenset[str],
) -> Plan:
    """Add the public keys, in document order, each once. ``existing``: resolved path to the text there now."""
    files: dict[str, list[str]] = {}
    for key in ovf.public_keys:
        path = resolve(key.path, ovf.user_name, home_dir, account)
        files.setdefault(path, []).append(public_line(key, certificates))
    plan: Plan = ()
    for path, lines in files.items():
        text = ssh.with_keys(existing.get(path, ""), tuple(lines))
        write = WriteFile(
            path,
            text.encode("utf-8", "surrogateescape"),
            mode=0o600,
            owner=ovf.user_name,
            why=f"let {ovf.user_name} log in by key",
        )
        plan = (*plan, *_directory(path, ovf.user_name), write, *selinux.label_keys(posixpath.dirname(path), (path,), tools))
    return plan


def deploy_pairs(
    pairs: tuple[KeyPair, ...],
    ovf: OvfEnvironment,
    home_dir: str,
    account: Account | None,
    certificates: tuple[Certificate, ...],
    tools: frozenset[str],
) -> Plan:
    """Give the user the private keys that came with the certificates, and their public halves beside them."""
    plan: Plan = ()
    for pair in pairs:
        path = resolve(pair.path, ovf.user_name, home_dir, account)
        if not pair.fingerprint:
            raise ProvisionFailure(f"the KeyPair for {pair.path} has no Fingerprint")
        certificate = _certificate(pair.fingerprint, certificates)
        if certificate.private is None:
            raise ProvisionFailure(f"the platform sent no private key for the Fingerprint {certificate.fingerprint}")
        why = f"give {ovf.user_name} a key pair"
        public = f"{path}.pub"
        plan = (
            *plan,
            *_directory(path, ovf.user_name),
            WriteFile(path, certificate.private, mode=0o600, owner=ovf.user_name, why=why),
            WriteFile(public, f"{certificate.public}\n".encode(), mode=0o644, owner=ovf.user_name, why=why),
            *selinux.label_keys(posixpath.dirname(path), (path, public), tools),
        )
    return plan


def _directory(path: str, user: str) -> Plan:
    return (MakeDirectory(posixpath.dirname(path), mode=0o700, owner=user, why="have a private place for keys"),)
