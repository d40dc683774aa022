"""Documents as they are kept for support: without what opens anything (fabric.md 14, traps 36 and 37).

Out go protected settings, encrypted or not, the query of every signed address and of every address the fabric gives us for
reports, and the passwords of just-in-time users. Both kinds of settings are read and written anew, so that no spelling of
JSON or XML hides anything; and when a protected text is still found in the result, nothing is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from waagent.codec import remote_access
from waagent.codec.element import wide_encoding
from waagent.codec.json_document import load
from waagent.codec.xml_rewrite import rewrite
from waagent.model.failure import DocumentFailure
from waagent.model.secret import redact

EXTENSIONS_CONFIG = "ExtensionsConfig.xml"
VM_SETTINGS = "VmSettings.json"
REDACTED = "*** REDACTED ***"
_SETTINGS = frozenset({"runtimesettings", "extensionruntimesettings"})
_ADDRESSES = frozenset({"statusuploadblob", "invmartifactsprofileblob", "healthstatusbloburi"})
_PROTECTED = "protectedsettings"
_NOT_JSON = re.compile(r'("protectedSettings"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|null\b)', re.IGNORECASE | re.DOTALL)
_PROTECTED_KEY = re.compile(r'protectedSettings\s*\\?"', re.IGNORECASE)

_WORD = re.compile(r"[0-9A-Za-z+/=]+")
"""Base64, which protected settings are; looked up in one set, so that many of them cost no more than one."""


def redact_extensions_config(data: bytes) -> bytes:
    """ExtensionsConfig, well formed as before. Errors: ``DocumentFailure`` when it cannot be made safe."""
    secrets: list[str] = []

    def change(name: str, text: str) -> str:
        return _without_query(text) if name in _ADDRESSES else _settings(text, EXTENSIONS_CONFIG, secrets)

    copy = rewrite(data, EXTENSIONS_CONFIG, _SETTINGS | _ADDRESSES, change)
    encoding = wide_encoding(copy) or "utf-8"
    text = redact(copy.decode(encoding, "surrogateescape")).replace("<redacted>", "&lt;redacted&gt;")
    return _checked(text, secrets, EXTENSIONS_CONFIG).encode(encoding, "surrogateescape")


def redact_vm_settings(data: bytes) -> bytes:
    """vmSettings, also of a document that could not be used. Errors: ``DocumentFailure`` when it cannot be made safe."""
    secrets: list[str] = []
    text = _settings(data.rstrip(b"\0").decode("utf-8-sig", "replace"), VM_SETTINGS, secrets, indent=2)
    return _checked(text, secrets, VM_SETTINGS).encode("utf-8")


def redact_remote_access(data: bytes) -> bytes:
    """The just-in-time users without their encrypted passwords. Errors: ``DocumentFailure``."""
    return rewrite(data, remote_access.DOCUMENT, {"password"}, lambda name, text: "*")


def _settings(text: str, document: str, secrets: list[str], indent: int | None = None) -> str:
    """JSON written anew without its secrets, which are added to the list; what is no JSON is treated by its spelling."""
    try:
        value = load(text.encode("utf-8", "surrogatepass"), document)
    except DocumentFailure:
        return _by_spelling(text, document)
    try:
        return json.dumps(_clean(value, "", secrets), indent=indent)
    except RecursionError:
        raise DocumentFailure(document, "", "nested too deeply to be redacted") from None


def _by_spelling(text: str, document: str) -> str:
    copy, count = _NOT_JSON.subn(rf'\1"{REDACTED}"', text)
    if count != len(_PROTECTED_KEY.findall(text)):
        raise DocumentFailure(document, "", "is not JSON, and its protected settings could not be told")
    return redact(copy)


def _clean(value: Any, key: str, secrets: list[str]) -> Any:
    if key == _PROTECTED and value is not None:
        if isinstance(value, str):
            secrets.append(value)
        return REDACTED
    if isinstance(value, dict):
        return {each: _clean(inner, _key(each, key), secrets) for each, inner in value.items()}
    if isinstance(value, list):
        return [_clean(inner, key, secrets) for inner in value]
    if isinstance(value, str):
        return _clean_text(value, key, secrets)
    return value


def _key(key: str, parent: str) -> str:
    return f"{parent}.value" if parent in _ADDRESSES and key.lower() == "value" else key.lower()


def _clean_text(text: str, key: str, secrets: list[str]) -> str:
    if key.rpartition(".")[0] in _ADDRESSES:
        return _without_query(text)
    if key == "publicsettings":  # JSON in JSON: whatever is escaped in there is read as well
        try:
            value = load(text.encode("utf-8", "surrogatepass"), VM_SETTINGS)
        except DocumentFailure:
            return redact(text)
        return json.dumps(_clean(value, "", secrets))
    return redact(text)


def _without_query(address: str) -> str:
    before, mark, _ = address.strip().partition("?")
    return f"{before}{mark}<redacted>" if mark else before


def _checked(text: str, secrets: Iterable[str], document: str) -> str:
    words = set(_WORD.findall(text))
    for secret in set(secrets):
        if secret in words or (secret.strip() and not _WORD.fullmatch(secret) and secret in text):
            raise DocumentFailure(document, "", "a protected setting is still there after redaction")
    return text
