"""vmSettings, the host plugin's extensions goal state (fabric.md 5.4; extensions.md 3.3).

Names of properties are matched ignoring case at every level (trap 5); null counts as missing. Unlike in ExtensionsConfig a
fault anywhere rejects the whole document, so that nothing is run from half of it, and it is sent again at every poll. Odd:
``publicSettings`` is text that holds JSON (trap 7); a byte order mark makes the document unreadable, here only; the
sequence number is echoed as the integer it is (trap 15); ticks may be text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from waagent.codec.handler_request import INSTANCE_STATES, STATES, addresses, blob_type, safe, unsafe_name
from waagent.codec.json_document import kind, load
from waagent.codec.number_text import ZERO_GUID, flag, integer, level, ticks
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.failure import DocumentFailure
from waagent.model.goal_state import AgentFamily, Channel, Etag, ExtensionsGoalState, StatusBlob, VmSettings
from waagent.model.secret import Secret

DOCUMENT = "vmSettings"
_MARK = b"\xef\xbb\xbf"
_SOURCES = {channel.value.lower(): channel for channel in Channel}


def parse(data: bytes, etag: Etag) -> VmSettings:
    """The whole document. Errors: ``DocumentFailure``, also for a fault of one extension."""
    top = _top(data)
    goal_state = ExtensionsGoalState(
        channel=Channel.FAST_TRACK,
        identity=f"etag_{etag}",
        created_on_ticks=ticks(_whole(top.get("extensionsLastModifiedTickCount"))),
        in_svd_seq_no=_in_svd_seq_no(top),
        activity_id=top.text("activityId") or ZERO_GUID,
        correlation_id=top.text("correlationId") or ZERO_GUID,
        status_blob=_status_blob(top),
        on_hold=bool(_flag(top.get("onHold"))),
        required_features=tuple(each.required_text("name") for each in top.objects("requiredFeatures")),
        families=tuple(_family(each) for each in top.objects("gaFamilies")),
        handlers=tuple(_handler(each) for each in top.objects("extensionGoalStates")),
    )
    source = _SOURCES.get((top.text("extensionGoalStatesSource") or "").lower())
    return VmSettings(etag, _host_version(top), source, goal_state)


def host_plugin_version(data: bytes) -> str:
    """The version of the host alone: of one that is too old nothing else counts. Errors: ``DocumentFailure``."""
    return _host_version(_top(data))


def _top(data: bytes) -> _Object:
    if data.startswith(_MARK):
        raise DocumentFailure(DOCUMENT, "", "begins with a byte order mark")
    return _Object.of(load(data, DOCUMENT), "")


def _host_version(top: _Object) -> str:
    return top.text("hostGAPluginVersion") or "0.0.0.0"


def _in_svd_seq_no(top: _Object) -> int | str:
    said = top.get("inSvdSeqNo")
    number = _whole(said)
    if number is not None:
        return number
    return said if isinstance(said, str) and said else ZERO_GUID


def _status_blob(top: _Object) -> StatusBlob | None:
    if top.get("statusUploadBlob") is None:
        return None
    blob = _Object.of(top.get("statusUploadBlob"), "statusUploadBlob")
    url = blob.required_text("value").strip()
    kind_of_blob = blob.get("statusBlobType")
    return StatusBlob(url, blob_type(kind_of_blob if isinstance(kind_of_blob, str) else None)) if url else None


def _family(family: _Object) -> AgentFamily:
    return AgentFamily(
        name=family.required_text("name"),
        version=family.text("version"),
        from_version=family.text("fromVersion"),
        is_version_from_rsm=_flag(family.get("isVersionFromRSM")),
        is_vm_enabled_for_rsm=_flag(family.get("isVMEnabledForRSMUpgrades")),
        uris=addresses(*family.texts("uris")),
    )


# -- one handler


def _handler(wanted: _Object) -> RequestedHandler:
    name, version, word = (wanted.required_text(key) for key in ("name", "version", "state"))
    state = STATES.get(word)
    if state is None:
        raise wanted.fault("state", f"the state {word[:40]!r} is unknown")
    multi_config = bool(_flag(wanted.get("isMultiConfig")))
    extensions = _multi_config(wanted) if multi_config else _single_config(wanted, name)
    locations = (wanted.text("location"), wanted.text("failoverLocation"), *wanted.texts("additionalLocations"))
    fault = unsafe_name(name, version, *(each.name for each in extensions))
    return RequestedHandler(
        name=safe(name),
        version=safe(version),
        state=state,
        manifest_uris=addresses(*locations),
        multi_config=multi_config,
        extensions=extensions if fault is None else (),
        encoded_signature=wanted.text("encodedSignature"),
        invalid=fault and f"{DOCUMENT}: {wanted.path}: {fault}",
    )


def _single_config(wanted: _Object, name: str) -> tuple[RequestedExtension, ...]:
    settings, depends = wanted.objects("settings"), wanted.objects("dependsOn")
    if not settings:
        return ()
    for key, found in (("settings", settings), ("dependsOn", depends)):
        if len(found) > 1:
            raise wanted.fault(key, f"has {len(found)} items, but this is no multi-config handler")
    number = wanted.sequence_number("settingsSeqNo")
    own_level = _level(depends[0]) if depends else 0
    return (_extension(settings[0], name, number, RequestedState.ENABLED, own_level),)


def _multi_config(wanted: _Object) -> tuple[RequestedExtension, ...]:
    settings, depends = wanted.objects("settings"), wanted.objects("dependsOn")
    if not settings:
        return ()
    names = [each.required_text("extensionName") for each in settings]
    levels: dict[str, int] = {}
    for each in depends:
        name = each.required_text("name")
        if name not in names:
            raise each.fault("name", f"{name[:60]!r} is no extensionName of the settings")
        levels.setdefault(name, _level(each))
    return tuple(
        _extension(each, name, each.sequence_number("seqNo"), _instance_state(each), levels.get(name, 0))
        for name, each in zip(names, settings, strict=True)
    )


def _instance_state(settings: _Object) -> RequestedState:
    word = settings.required_text("extensionState")
    state = INSTANCE_STATES.get(word.lower())
    if state is None:
        raise settings.fault("extensionState", f"the state {word[:40]!r} is unknown")
    return state


def _extension(settings: _Object, name: str, number: int, state: RequestedState, own_level: int) -> RequestedExtension:
    protected, thumbprint = settings.text("protectedSettings"), settings.text("protectedSettingsCertThumbprint")
    if protected is not None and not thumbprint:
        raise settings.fault("protectedSettings", "there is no protectedSettingsCertThumbprint beside them")
    return RequestedExtension(
        name=name,
        sequence_number=number,
        state=state,
        dependency_level=own_level,
        public_settings=_public(settings),
        protected_settings=None if protected is None else Secret(protected),
        certificate_thumbprint=thumbprint,
    )


def _public(settings: _Object) -> Any:
    said = settings.text("publicSettings")
    if said is None:
        return None
    try:
        return load(said.encode("utf-8", "surrogatepass"), DOCUMENT)
    except DocumentFailure:
        raise settings.fault("publicSettings", "the text is not JSON") from None


def _level(depends: _Object) -> int:
    return level(_whole(depends.get("dependencyLevel")))


# -- values


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        return integer(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(value: Any) -> bool | None:
    """A boolean, or the word of one; None for everything else."""
    return value if isinstance(value, bool) else flag(value if isinstance(value, str) else None)


@dataclass(frozen=True)
class _Object:
    """A JSON object whose keys are found ignoring case, and where it stands in the document."""

    keys: dict[str, Any]
    path: str

    @staticmethod
    def of(value: Any, path: str) -> _Object:
        if not isinstance(value, dict):
            raise DocumentFailure(DOCUMENT, path, f"an object is expected, not {kind(value)}")
        return _Object({key.lower(): each for key, each in value.items()}, path)

    def get(self, key: str) -> Any:
        return self.keys.get(key.lower())

    def text(self, key: str) -> str | None:
        """Text, or None when the key is missing or null; any other value is a fault."""
        found = self.get(key)
        if found is None or isinstance(found, str):
            return found
        raise self.fault(key, f"text is expected, not {kind(found)}")

    def required_text(self, key: str) -> str:
        found = self.text(key)
        if not found:
            raise self.fault(key, "is missing or empty")
        return found

    def sequence_number(self, key: str) -> int:
        number = _whole(self.get(key))
        if number is None or number < 0:
            raise self.fault(key, "a sequence number is required")
        return number

    def objects(self, key: str) -> tuple[_Object, ...]:
        return tuple(_Object.of(each, f"{self._at(key)}[{index}]") for index, each in enumerate(self._array(key)))

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._array(key)
        bad = next((each for each in found if each is not None and not isinstance(each, str)), None)
        if bad is not None:
            raise self.fault(key, f"an array of texts is expected; there is {kind(bad)} in it")
        return tuple(each for each in found if each)

    def fault(self, key: str, reason: str) -> DocumentFailure:
        return DocumentFailure(DOCUMENT, self._at(key), reason)

    def _array(self, key: str) -> list[Any]:
        found = self.get(key)
        if found is None:
            return []
        if not isinstance(found, list):
            raise self.fault(key, f"an array is expected, not {kind(found)}")
        return found

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key
