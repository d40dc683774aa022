"""Logging in to the guest over the bridge, as a person would after the first boot: by key or by password.

The program `ssh` of this machine runs in the fabric's network namespace alone. Its files (private key, known hosts) lie in a
temporary directory and never in the home of whoever runs the lab. Odd: `ssh` takes a password from a terminal or from a program
that it asks; the program prints a file that only we can read.
"""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fabriclab.guests.namespace import FabricNamespace
from fabriclab.guests.process import Completed

OPTIONS = (
    "-F/dev/null",
    "-oStrictHostKeyChecking=no",
    "-oConnectTimeout=10",
    "-oLogLevel=ERROR",
    "-oIdentityAgent=none",
    "-oNumberOfPasswordPrompts=1",
    "-oGSSAPIAuthentication=no",
)


@dataclass(frozen=True)
class KeyPair:
    """An Ed25519 pair: private in OpenSSH's file format, public as one line."""

    private: bytes
    public: str


def make_key_pair(comment: str = "lab@example") -> KeyPair:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return KeyPair(private, f"{public.decode()} {comment}")


def log_in(
    namespace: FabricNamespace,
    user: str,
    command: str,
    *,
    key: KeyPair | None = None,
    password: str | None = None,
    address: str = "10.77.0.4",
    timeout: float = 30.0,
) -> Completed:
    """Runs `command` as `user` in the guest over ssh. Exit status 255: no log-in."""
    with tempfile.TemporaryDirectory(prefix="fabriclab-login-") as directory:
        place = Path(directory)
        options = [*OPTIONS, f"-oUserKnownHostsFile={place / 'known_hosts'}"]
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": directory, "LANG": "C.UTF-8"}
        if key is not None:
            _write(place / "key", key.private)
            options += [f"-i{place / 'key'}", "-oIdentitiesOnly=yes", "-oPreferredAuthentications=publickey", "-oBatchMode=yes"]
        if password is not None:
            _write(place / "password", f"{password}\n".encode())
            _write(place / "answer", f"#!/bin/sh\nexec cat {place / 'password'}\n".encode(), 0o700)
            environment |= {"SSH_ASKPASS": str(place / "answer"), "SSH_ASKPASS_REQUIRE": "force"}
            options += ["-oPreferredAuthentications=password,keyboard-interactive", "-oPubkeyAuthentication=no"]
        done = subprocess.run(
            ["nsenter", "--target", str(namespace.process), "--net", "--", "ssh", *options, f"{user}@{address}", command],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=timeout,
            start_new_session=True,
            check=False,
        )
    return Completed(done.returncode, done.stdout, done.stderr)


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
