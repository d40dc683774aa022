"""Whether a package is what its publisher signed (extensions.md 5.6; fabric.md 8.5).

The signature of the goal state is base64 of a detached CMS SignedData over the bytes of the zip, whose chain ends at one
root (``root_certificate``); the manifest inside must then name the same publisher, type and version. Odd: validity dates
and purposes are deliberately not checked; a failure is only told, unless the policy wants signatures (``policy``).

Unlike the reference's command line, ours leaves no way to the machine's own trusted certificates: by default openssl
accepts a chain to any of them beside ``-CAfile``.
"""

from __future__ import annotations

import base64
import binascii
import re

from waagent.extension.place import Place
from waagent.model.extension import HandlerManifest
from waagent.model.failure import CommandFailure, SystemFailure
from waagent.system.action import Plan, WriteFile
from waagent.system.port import System

OLDEST = (1, 1, 0)
"""Older versions of openssl cannot leave the dates unchecked."""
TIMEOUT = 120.0
SIGNATURE_LIMIT = 1024 * 1024
_NOWHERE = {"SSL_CERT_DIR": "/dev/null/none"}
"""Turns off the default directory and, since openssl 3, the default store; ``-no-CAstore`` is not known before."""
_VERSION = re.compile(r"OpenSSL (\d+)\.(\d+)\.(\d+)")


def unsupported(system: System, openssl: str | None) -> str | None:
    """Why signatures cannot be checked on this machine; None when they can. Runs ``openssl version``."""
    try:
        said = system.commands.run((openssl or "openssl", "version")).stdout.strip()
    except CommandFailure as failure:
        return failure.reason
    found = _VERSION.match(said)
    if found is None or tuple(map(int, found.groups())) < OLDEST:
        return f"{said[:100]!r} is not OpenSSL {'.'.join(map(str, OLDEST))} or newer"
    return None


def signature_problem(system: System, place: Place, encoded: str | None, root: str, openssl: str | None) -> str | None:
    """Why the signature of ``place.package`` does not hold; None when it does. Asked before the package is unpacked.

    ``root`` is the path of the one trusted certificate. The file of the signature is always removed.
    """
    if not encoded:
        return "the package is not signed"
    try:
        signature = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return "the signature is not base64"
    if len(signature) > SIGNATURE_LIMIT:
        return f"the signature is longer than {SIGNATURE_LIMIT} bytes"
    files = system.files
    path = f"{place.package}_signature.pem"
    try:
        files.write(path, signature, 0o600)
        try:
            system.commands.run(
                _verify(openssl, *map(files.real_path, (path, place.package, root))), environment=_NOWHERE, timeout=TIMEOUT
            )
        finally:
            files.remove(path)
    except CommandFailure as failure:
        return f"the signature does not hold: {_last_line(failure.stderr) or failure.reason}"
    except SystemFailure as failure:
        return f"the signature cannot be checked: {failure.reason}"
    return None


def signing_info_problem(manifest: HandlerManifest, name: str, version: str) -> str | None:
    """Why the manifest is not the one of this handler and version; None when it is. Asked after unpacking."""
    info = manifest.signing_info
    if info is None:
        return "HandlerManifest.json has no usable signingInfo"
    publisher, _, kind = name.rpartition(".")
    wanted = (("publisher", info.publisher, publisher), ("type", info.type, kind), ("version", info.version, version))
    wrong = [f"{key} is {said!r}, not {right!r}" for key, said, right in wanted if said.lower() != right.lower()]
    return "signingInfo: " + ", ".join(wrong) if wrong else None


def mark_validated(place: Place) -> Plan:
    """Remember that both checks were passed."""
    return (WriteFile(place.package_validated, b"", 0o644, why="remember that the package was validated"),)


def _verify(openssl: str | None, signature: str, package: str, root: str) -> tuple[str, ...]:
    return (
        openssl or "openssl", "cms", "-verify", "-binary", "-inform", "der", "-in", signature, "-content", package,
        "-purpose", "any", "-CAfile", root, "-no-CApath", "-no_check_time", "-out", "/dev/null",
    )  # fmt: skip


def _last_line(text: str) -> str:
    """The line of openssl that names the cause, without its address and place in the sources."""
    lines = [line for line in text.splitlines() if "error:" in line]
    return lines[-1].rpartition(":")[2].strip() if lines else ""
