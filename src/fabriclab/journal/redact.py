"""What a journal may show outside the lab: the text without credentials (fabric.md 14, rules 36 to 38).

Every `sig=` loses its value wherever it stands and however its `=` is written; passwords, protected settings and custom data
lose theirs by element or key, whatever the prefix or the line breaks.
"""

import re

MARK = "REDACTED"

_SIGNATURE = re.compile(r"(?i)(?:\b|(?<=%[0-9a-f]{2}))sig(=|%3d|\\u003d|&#61;|&#x3d;)(?!REDACTED)[^&\s\"'<>\\]+")
_ELEMENTS = re.compile(
    r"(?is)<((?:[\w.-]+:)?(?:User|Admin)?Password|(?:[\w.-]+:)?CustomData|(?:[\w.-]+:)?Data)((?:\s[^<>]*)?)>(?!\s*<).*?</\1\s*>"
)
_SECRET_KEYS = r"(?:protectedSettings|adminPassword|userPassword|password|userData|customData)"
_KEYS = re.compile(rf'(?i)("{_SECRET_KEYS}"\s*:\s*")(?:[^"\\]|\\.)*(")')
# The same inside a JSON text that is itself a JSON string: a quote in the value is three backslashes and the quote.
_NESTED_KEYS = re.compile(rf'(?i)(\\"{_SECRET_KEYS}\\"\s*:\s*\\")(?:\\\\\\"|\\\\|\\[^"\\]|[^"\\])*(\\")')
_HOST_STATUS = re.compile(r"(\"content\"\s*:\s*\")[^\"]*(\")")


def text(value: str) -> str:
    """`value` without credentials; what has none comes back unchanged, and redacting twice changes nothing more."""
    value = _SIGNATURE.sub(lambda found: f"sig{found.group(1)}{MARK}", value)
    value = _ELEMENTS.sub(lambda found: f"<{found.group(1)}{found.group(2)}>{MARK}</{found.group(1)}>", value)
    for pattern in (_KEYS, _NESTED_KEYS):
        value = pattern.sub(rf"\g<1>{MARK}\g<2>", value)
    return value


def body(value: str, service: str) -> str:
    """A body as `text`; a status document that travels in base64 to the HostGAPlugin is left out (the facts hold it)."""
    if service == "hostplugin":
        value = _HOST_STATUS.sub(rf"\g<1>{MARK}\g<2>", value)
    return text(value)


def plain(value: object) -> object:
    """Facts: mappings, lists and scalars, with every text redacted and every key that names a secret emptied."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {str(key): MARK if _is_secret(str(key)) and item else plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _is_secret(key: str) -> bool:
    return key.lower() in {"protectedsettings", "adminpassword", "userpassword", "password", "userdata", "customdata"}
