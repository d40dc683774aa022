"""The extension policy of this machine's administrator (extensions.md 5.7).

Strict, because an unclear policy must allow nothing: attribute names are case-sensitive, unknown ones are refused, and
any failure disallows every extension. Odd: null counts as absent, except for an entry of ``extensions``; handler names
are looked up ignoring case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from waagent.codec.json_document import kind, load, require_object
from waagent.model.failure import DocumentFailure

NEWEST = (0, 1, 0)
_TOP = frozenset({"policyVersion", "extensionPolicies"})
_EXTENSIONS = frozenset({"allowListedExtensionsOnly", "signatureRequired", "extensions"})
_ENTRY = frozenset({"signatureRequired", "runtimePolicy"})
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,2}")


@dataclass(frozen=True)
class ExtensionPolicy:
    """What the policy says of one handler; ``signature_required`` None: the general rule applies."""

    name: str
    signature_required: bool | None = None
    runtime_policy: Any = None


@dataclass(frozen=True)
class Policy:
    """What the owner of this machine lets extensions do: the whole policy document."""

    path: str
    version: str
    allow_listed_only: bool = False
    signature_required: bool = False
    extensions: tuple[ExtensionPolicy, ...] = ()

    def entry(self, handler: str) -> ExtensionPolicy | None:
        """The entry of a handler, whatever the case of its name."""
        return next((each for each in self.extensions if each.name.lower() == handler.lower()), None)

    def allows(self, handler: str) -> bool:
        return not self.allow_listed_only or self.entry(handler) is not None

    def wants_signature(self, handler: str) -> bool:
        """Whether the package of a handler must be signed."""
        entry = self.entry(handler)
        own = entry.signature_required if entry else None
        return self.signature_required if own is None else own


def parse(data: bytes, path: str) -> Policy:
    """The policy in the file at ``path``. Errors: ``DocumentFailure`` naming the file and the attribute, dotted."""
    top = _object(load(data, path), path, "", _TOP)
    version = _version(top.get("policyVersion"), path)
    policies = _optional_object(top, "extensionPolicies", path, "", _EXTENSIONS)
    where = "extensionPolicies"
    entries = _optional_object(policies, "extensions", path, where, None)
    return Policy(
        path=path,
        version=version,
        allow_listed_only=_flag(policies, "allowListedExtensionsOnly", path, where) or False,
        signature_required=_flag(policies, "signatureRequired", path, where) or False,
        extensions=tuple(_entry(name, value, path, f"{where}.extensions.{name}") for name, value in entries.items()),
    )


def _entry(name: str, value: Any, path: str, where: str) -> ExtensionPolicy:
    entry = _object(value, path, where, _ENTRY)
    return ExtensionPolicy(name, _flag(entry, "signatureRequired", path, where), entry.get("runtimePolicy"))


def _version(value: Any, path: str) -> str:
    if value is None:
        raise DocumentFailure(path, "policyVersion", "the attribute is missing")
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise DocumentFailure(path, "policyVersion", 'a string like "0.1.0" is expected')
    numbers = tuple(int(part) for part in value.split("."))
    if (*numbers, 0, 0)[:3] > NEWEST:
        newest = ".".join(map(str, NEWEST))
        raise DocumentFailure(path, "policyVersion", f"version {value} is not supported; the newest that is is {newest}")
    return value


def _flag(parent: dict[str, Any], key: str, path: str, where: str) -> bool | None:
    value = parent.get(key)
    if value is not None and not isinstance(value, bool):
        raise DocumentFailure(path, f"{where}.{key}", f"a boolean is expected, not {kind(value)}")
    return value


def _optional_object(parent: dict[str, Any], key: str, path: str, where: str, known: frozenset[str] | None) -> dict[str, Any]:
    value = parent.get(key)
    return {} if value is None else _object(value, path, f"{where}.{key}".lstrip("."), known)


def _object(value: Any, path: str, where: str, known: frozenset[str] | None) -> dict[str, Any]:
    found = require_object(value, path, where)
    unknown = next((key for key in found if known is not None and key not in known), None)
    if unknown is not None:
        raise DocumentFailure(path, f"{where}.{unknown}".lstrip("."), "the attribute is not known")
    return found
