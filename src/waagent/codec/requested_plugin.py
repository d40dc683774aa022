"""``Plugins`` and ``PluginSettings`` of ExtensionsConfig: what is asked of each handler (fabric.md 4.3, 4.4).

The two lists are matched by name ignoring case and by equal text of the version; the name reported is that of ``Plugins``
(trap 6). Odd: nothing in here rejects the document, each fault makes one handler invalid (trap 10); settings that are no
JSON, or not the JSON they should be, still give an instance with three nulls, so that a status can be reported for its
sequence number (trap 9); ``publicSettings`` is a JSON value here (trap 7); the names of ``DependsOnExtension`` mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from waagent.codec.element import attribute, children, first, text
from waagent.codec.handler_request import INSTANCE_STATES, STATES, addresses, safe, unsafe_name
from waagent.codec.json_document import kind, load
from waagent.codec.number_text import integer, level
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.failure import DocumentFailure
from waagent.model.secret import Secret

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DOCUMENT = "ExtensionsConfig.xml"
_PATH = "PluginSettings/Plugin"


def handlers(plugins: Element | None, settings: Element | None) -> tuple[RequestedHandler, ...]:
    """Every plugin that has a name, in the order of the document. Raises nothing."""
    by_name: dict[str, _Entries] = {}
    for entry in children(settings, "Plugin"):
        by_name.setdefault((attribute(entry, "name") or "").lower(), _Entries()).add(entry)
    return tuple(
        _handler(plugin, name, by_name.get(name.lower(), _Entries()))
        for plugin in children(plugins, "Plugin")
        if (name := attribute(plugin, "name"))
    )


class _Entries:
    """The settings entries of one name."""

    def __init__(self) -> None:
        self.by_version: dict[str, list[Element]] = {}
        self.multi_config = False

    def add(self, entry: Element) -> None:
        self.by_version.setdefault(attribute(entry, "version") or "", []).append(entry)
        self.multi_config = self.multi_config or any(True for _ in children(entry, "ExtensionRuntimeSettings"))


def _handler(plugin: Element, name: str, entries: _Entries) -> RequestedHandler:
    version = attribute(plugin, "version") or ""
    word = plugin.get("state") or ""
    state = STATES.get(word)
    extensions: tuple[RequestedExtension, ...] = ()
    invalid = _own_fault(name, version, word)
    try:
        extensions = _extensions(name, version, entries)
    except DocumentFailure as failure:
        invalid = invalid or failure.reason
    return RequestedHandler(
        name=safe(name),
        version=safe(version),
        state=state,
        manifest_uris=_manifest_uris(plugin),
        multi_config=entries.multi_config,
        extensions=extensions,
        encoded_signature=attribute(plugin, "encodedSignature"),
        invalid=invalid,
    )


def _own_fault(name: str, version: str, state: str) -> str | None:
    if not version:
        return f"{DOCUMENT}: Plugins/Plugin: {safe(name)} has no version"
    if state not in STATES:
        what = f"the unknown state {state!r}" if state else "no state"
        return f"{DOCUMENT}: Plugins/Plugin: {safe(name)} has {what}"
    fault = unsafe_name(name, version)
    return fault and f"{DOCUMENT}: Plugins/Plugin: {fault}"


def _manifest_uris(plugin: Element) -> tuple[str, ...]:
    more = children(first(plugin, "additionalLocations"), "additionalLocation")
    return addresses(plugin.get("location"), plugin.get("failoverlocation"), *(text(each) for each in more))


def _extensions(name: str, version: str, entries: _Entries) -> tuple[RequestedExtension, ...]:
    """The settings instances of one handler. Errors: ``DocumentFailure``, for this handler only."""
    other = next((each for each in entries.by_version if each != version), None)
    if other is not None:
        raise _fault(f"settings of {name} are for version {other}, but version {version} is requested")
    matching = entries.by_version.get(version, [])
    if not matching:
        return ()
    if len(matching) > 1:
        raise _fault(f"there are {len(matching)} settings entries of {name} {version}")
    (entry,) = matching
    single, multi = list(children(entry, "RuntimeSettings")), list(children(entry, "ExtensionRuntimeSettings"))
    if single and multi:
        raise _fault(f"{name} has both RuntimeSettings and ExtensionRuntimeSettings")
    depends = list(children(entry, "DependsOn"))
    return _multi_config(name, multi, depends) if multi else _single_config(name, single, depends)


def _single_config(name: str, settings: Sequence[Element], depends: Sequence[Element]) -> tuple[RequestedExtension, ...]:
    if len(settings) > 1:
        raise _fault(f"{name} has {len(settings)} RuntimeSettings")
    if len(depends) > 1:
        raise _fault(f"{name} has {len(depends)} DependsOn, but it is no multi-config handler")
    if not settings:
        return ()  # a level without settings means nothing
    own_level = _level(depends[0]) if depends else 0
    return _instances(settings[0], name, safe(name), RequestedState.ENABLED, own_level)


def _multi_config(handler: str, settings: Sequence[Element], depends: Sequence[Element]) -> tuple[RequestedExtension, ...]:
    levels: dict[str, int] = {}
    for each in depends:
        name = attribute(each, "name")
        if name is None:
            raise _fault(f"a DependsOn of {handler} has no name")
        levels.setdefault(name, _level(each))
    found: list[RequestedExtension] = []
    for each in settings:
        name = attribute(each, "name")
        if name is None:
            raise _fault(f"an ExtensionRuntimeSettings of {handler} has no name")
        fault = unsafe_name(name)
        if fault:
            raise _fault(fault)
        found.extend(
            _instances(each, f"{handler}.{name}", name, _instance_state(each, f"{handler}.{name}"), levels.get(name, 0))
        )
    return tuple(found)


def _instance_state(element: Element, full_name: str) -> RequestedState:
    word = attribute(element, "state") or "enabled"
    state = INSTANCE_STATES.get(word.lower())
    if state is None:
        raise _fault(f"{full_name} has the unknown state {word!r}")
    return state


def _level(depends: Element) -> int:
    return level(integer(depends.get("dependencyLevel")))


# -- one settings node


def _instances(
    element: Element, full_name: str, name: str, state: RequestedState, own_level: int
) -> tuple[RequestedExtension, ...]:
    number = _sequence_number(element, full_name)
    return tuple(
        RequestedExtension(
            name=name,
            sequence_number=number,
            state=state,
            dependency_level=own_level,
            public_settings=each.get("publicSettings"),
            protected_settings=_protected(each, full_name),
            certificate_thumbprint=_text(each, "protectedSettingsCertThumbprint", full_name),
        )
        for each in _settings(element.text or "")
    )


def _sequence_number(element: Element, full_name: str) -> int:
    word = attribute(element, "seqNo")
    if word is None:
        raise _fault(f"the settings of {full_name} have no seqNo")
    number = integer(word)
    if number is None or number < 0:
        raise _fault(f"the seqNo {word[:40]!r} of {full_name} is not a sequence number")
    return number


def _settings(json_text: str) -> list[dict[str, Any]]:
    """The ``handlerSettings`` of each element; one empty object for text that does not say what it must."""
    try:
        document = load(json_text.encode("utf-8"), DOCUMENT)
    except DocumentFailure:
        return [{}]
    elements = document.get("runtimeSettings") if isinstance(document, dict) else None
    return [_handler_settings(each) for each in elements] if isinstance(elements, list) else [{}]


def _handler_settings(element: Any) -> dict[str, Any]:
    inner = element.get("handlerSettings") if isinstance(element, dict) else None
    return inner if isinstance(inner, dict) else {}


def _protected(settings: dict[str, Any], full_name: str) -> Secret | None:
    protected = _text(settings, "protectedSettings", full_name)
    return None if protected is None else Secret(protected)


def _text(settings: dict[str, Any], key: str, full_name: str) -> str | None:
    found = settings.get(key)
    if found is None or isinstance(found, str):
        return found
    # Running it without what it was meant to get could do harm; running it with nulls is for settings nobody can read.
    raise _fault(f"the {key} of {full_name} are {kind(found)}, not text")


def _fault(reason: str) -> DocumentFailure:
    return DocumentFailure(DOCUMENT, _PATH, reason)
