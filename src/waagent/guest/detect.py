"""Which system this is, and the family value for it (guest.md 9.1 and 9.2).

An unknown id is no dead end: ``ID_LIKE`` names relatives, and systemd's presence gives working service verbs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace

from waagent.guest import services
from waagent.guest.families import appliance, bsd, debian, networkd, redhat, small, suse, ubuntu
from waagent.guest.profile import SYSTEMCTL, Guest, Identity
from waagent.system.port import Files

FAMILIES: tuple[Callable[[Identity], Guest | None], ...] = (
    networkd.select,
    ubuntu.select,
    debian.select,
    redhat.select,
    suse.select,
    small.select,
    bsd.select,
    appliance.select,
)
SYSTEMD_MARK = "/run/systemd/system"
_ALIASES = {"ol": "oracle", "opensuse-leap": "opensuse", "red hat enterprise linux": "rhel"}
_MARKERS = (
    ("/etc/euleros-release", "euleros"),
    ("/etc/UnionTech-release", "uos"),
    ("/etc/mariner-release", "mariner"),
    ("/etc/cp-release", "gaia"),
    ("/home/guestshell/azure", "iosxe"),
    ("/etc/photon-release", "photonos"),
    ("/etc/alpaquita-release", "alpaquita"),
)
_LEGACY = (
    ("/etc/oracle-release", "oracle"),
    ("/etc/centos-release", "centos"),
    ("/etc/redhat-release", "rhel"),
    ("/etc/SuSE-release", "suse"),
    ("/etc/debian_version", "debian"),
    ("/etc/alpine-release", "alpine"),
)
TEXTS = (
    *("/etc/os-release", "/usr/lib/os-release", "/etc/lsb-release", "/VERSION", "/etc/openwrt_release"),
    *(path for path, _ in (*_MARKERS, *_LEGACY)),
)


def detect(files: Files, kernel: str = "Linux", release: str = "") -> Guest:
    """The guest we run in. ``kernel`` and ``release`` are what ``uname`` says; every file may be missing."""
    texts: dict[str, str] = {}
    for path in TEXTS:
        content = files.read_if_there(path)
        if content is not None:
            texts[path] = content.decode("utf-8", "replace")
    marks = frozenset(path for path in ("/shared/vadc", "/home/guestshell/azure", SYSTEMD_MARK) if files.exists(path))
    systemd = SYSTEMD_MARK in marks
    guest = choose(identify(texts, marks, kernel, release), systemd=systemd)
    return guest if systemd else services.without_systemd(guest)


def identify(texts: Mapping[str, str], marks: frozenset[str], kernel: str = "Linux", release: str = "") -> Identity:
    """The identity that files (path to text) and existing paths (``marks``) tell; later corrections win."""
    if kernel in ("FreeBSD", "OpenBSD", "NS-BSD"):
        name = kernel.lower().replace("-", "")
        return Identity(name, release.split("-")[0], "", name)
    identity = _from_os_release(texts) or _from_lsb(texts) or _from_legacy(texts) or Identity()
    if "/etc/oracle-release" in texts:
        identity = replace(identity, code_name="oracle", full_name="Oracle Linux")
    if "/shared/vadc" in marks:
        identity = _from_f5(texts.get("/VERSION", ""), identity)
    for path, name in _MARKERS:
        if path in texts or path in marks:
            identity = replace(identity, id=name, version="csr1000v" if name == "iosxe" else identity.version)
    if identity.id == "mariner":
        versions = re.findall(r"\d+(?:\.\d+)+", texts.get("/etc/mariner-release", ""))
        identity = replace(identity, version=max([identity.version, *versions], key=len))
    return identity


def choose(identity: Identity, systemd: bool = False) -> Guest:
    """The family value of an identity; relatives named by ``ID_LIKE`` are tried after the id itself."""
    for candidate in (identity.id, *identity.like):
        for select in FAMILIES:
            guest = select(replace(identity, id=candidate, version=identity.version if candidate == identity.id else ""))
            if guest is not None:
                return identity.named(replace(guest, known=candidate == identity.id))
    guest = Guest(known=False)
    if systemd:
        guest = replace(
            guest,
            service_control=SYSTEMCTL,
            service_register=redhat.ENABLE,
            service_unregister=redhat.DISABLE,
            sshd_restart=("systemctl", "--job-mode=ignore-dependencies", "try-reload-or-restart", "sshd"),
        )
    return identity.named(guest)


def _from_os_release(texts: Mapping[str, str]) -> Identity | None:
    text = texts.get("/etc/os-release") or texts.get("/usr/lib/os-release")
    values = _assignments(text or "")
    name = values.get("ID", "").strip().lower()
    if not name:
        return None
    version = values.get("VERSION_ID", "").strip()
    if not version and name == "debian":
        version = texts.get("/etc/debian_version", "").strip()
    return Identity(
        _ALIASES.get(name, name),
        version,
        values.get("VERSION_CODENAME", ""),
        values.get("NAME", "").strip(),
        tuple(_ALIASES.get(word, word) for word in values.get("ID_LIKE", "").lower().split()),
    )


def _from_lsb(texts: Mapping[str, str]) -> Identity | None:
    values = _assignments(texts.get("/etc/lsb-release", "") + "\n" + texts.get("/etc/openwrt_release", ""))
    name = values.get("DISTRIB_ID", "").strip()
    if not name:
        return None
    return Identity(name.lower(), values.get("DISTRIB_RELEASE", ""), values.get("DISTRIB_CODENAME", ""), name)


def _from_legacy(texts: Mapping[str, str]) -> Identity | None:
    for path, name in _LEGACY:
        if path not in texts:
            continue
        text = texts[path].strip()
        first = text.splitlines()[0] if text else ""
        version = re.search(r"\d+(?:\.\d+)*", text)
        full = re.split(r"\s+release\s+|\s+\d", first)[0]
        return Identity(name, first if name == "debian" else version[0] if version else "", "", full)
    return None


def _from_f5(text: str, identity: Identity) -> Identity:
    values = dict(re.findall(r"^(Version|Product):\s*(.+?)\s*$", text, re.MULTILINE))
    product = values.get("Product", "BIG-IP")
    name = {"BIG-IP": "bigip", "BIG-IQ": "bigiq", "iWorkflow": "iworkflow"}.get(product, identity.id)
    return Identity(name, values.get("Version", ""), "", product)


def _assignments(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if not equals or key.startswith("#"):
            continue
        try:
            values[key] = " ".join(shlex.split(value))
        except ValueError:  # an unbalanced quote
            values[key] = value.strip("\"' ")
    return values
