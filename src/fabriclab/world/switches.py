"""What can be switched about the emulated fabric (fabric, appendices C and D): each with the default that is most like Azure.

Where the protocol description says "not determined", the default is what guests are known to accept.
"""

from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from fabriclab.given.spelling import meant


class Certificates(str, Enum):
    """How the certificates document looks (3.4)."""

    NORMAL = "normal"
    NO_DATA = "no-data"
    EMPTY_DATA = "empty-data"
    NO_FORMAT = "no-format"
    WRONG_FORMAT = "wrong-format"
    GARBAGE = "garbage"
    GARBAGE_CONTENT = "garbage-content"  # decrypts, but what comes out is no PFX
    SINGLE_LINE = "single-line"
    ORPHAN_KEY = "orphan-key"  # also a private key that no certificate fits


class VmSettings(str, Enum):
    """How /vmSettings answers (5.4)."""

    NORMAL = "normal"
    NOT_SUPPORTED = "404"
    GONE = "410"
    CLIENT_ERROR = "400"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    TIMEOUT = "timeout"
    NO_ETAG = "no-etag"
    BOM = "bom"
    SHUFFLED_CASE = "shuffled-case"
    NOT_JSON = "not-json"


class Imds(str, Enum):
    """How the metadata service answers (9)."""

    NORMAL = "normal"
    NOT_FOUND = "404"
    GONE = "410"
    THROTTLED = "429"
    SERVER_ERROR = "500"
    NOT_JSON = "not-json"
    SILENT = "silent"


class Profile(str, Enum):
    """How the artifacts profile blob looks (4.7). TEXT: onHold is the text "true" or "false"."""

    NORMAL = "normal"
    NO_ADDRESS = "no-address"
    MISSING = "404"
    EMPTY = "empty"
    NUL_PADDED = "nul-padded"
    NOT_JSON = "not-json"
    TEXT = "text"


@dataclass(frozen=True)
class Switches:
    # wire server
    strict_headers: bool = True  # x-ms-version and x-ms-agent-name are required where 1.5 says so
    strict_report: bool = True  # health and role properties must name the current incarnation, container and instance
    versions: tuple[str, ...] = ("2015-04-05", "2012-11-30", "2011-12-31", "2010-28-10", "2010-12-15")
    preferred_version: str = "2015-04-05"
    goal_state_version: str = "2012-11-30"  # 2010-12-15 is seen as well
    expected_state: str = "Started"
    omit_role_instance: int = 0  # how many more goal states lack RoleInstance
    omit: frozenset[str] = frozenset()  # elements of the goal state's Configuration that are left out
    duplicate_config_name: bool = False
    health_probe: bool = False  # ExtensionsConfig names a load balancer probe and a health blob: unread, but a secret
    padded_addresses: bool = False  # white space around addresses in text nodes
    bom: frozenset[str] = frozenset()  # documents that start with a BOM: goalState, sharedConfig, extensionsConfig, ...
    health_status: int = 200
    telemetry_status: int = 200
    health_description_limit: int = 4096  # bytes
    telemetry_body_limit: int = 65536  # bytes
    telemetry_calls: int = 15  # in ...
    telemetry_window: float = 15.0  # ... seconds; more are answered 429
    # certificates and secrets
    certificates: Certificates = Certificates.NORMAL
    ciphers: frozenset[str] = frozenset({"AES128_CBC", "DES_EDE3_CBC"})  # another is answered 400
    legacy_pfx: bool = True  # 3DES and SHA-1 protect the PFX, as on the real service
    jit_oaep: bool = False  # JIT passwords: RSA-OAEP and AES instead of PKCS#1 v1.5 and 3DES
    # HostGAPlugin
    strict_identity: bool = True  # stale container: 400, stale config name: 410 (appendix C, 6)
    plugin_versions: tuple[str, ...] = ("2015-09-01",)
    plugin_versions_bom: bool = False
    plugin_ranges: bool = False  # a Range in a request for an artifact is passed on to storage; not determined
    plugin_status: int = 200  # of /health
    vm_settings: VmSettings = VmSettings.NORMAL
    # artifacts profile, IMDS
    profile: Profile = Profile.NORMAL
    imds: Imds = Imds.NORMAL
    imds_rate: int = 5  # requests per second, more are answered 429
    retry_after: int | None = None  # seconds, on 429


class UnknownSwitch(ValueError):
    """A name or a value that is not one of a switch; says which there are."""


def switch(switches: Switches, name: str, value: Any) -> Switches:
    """`value` as it comes from a scenario: text for an enumeration, a list for a tuple or a set."""
    known = {item.name: getattr(switches, item.name) for item in fields(switches)}
    if name not in known:
        raise UnknownSwitch(f"{name}: no such switch{meant(name, known) or '; there are ' + ', '.join(sorted(known))}")
    now = known[name]
    try:
        return replace(switches, **{name: _like(now, value)})
    except (TypeError, ValueError) as problem:
        choices = f"; one of {', '.join(item.value for item in type(now))}" if isinstance(now, Enum) else ""
        raise UnknownSwitch(f"{name}: {value!r} does not fit{choices}") from problem


def _like(now: Any, value: Any) -> Any:
    if isinstance(now, Enum):
        return type(now)(value)
    if isinstance(now, (tuple, frozenset)):
        if isinstance(value, str):
            raise TypeError("text where a list is wanted")
        return type(now)(value)
    if now is None:
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise TypeError("a number or nothing is wanted")
    if isinstance(now, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(now) is not type(value):
        raise TypeError(f"{type(now).__name__} is wanted")
    return value
