"""PluginSettings of ExtensionsConfig (fabric 4.4), well-formed or with one flaw after another."""

from dataclasses import replace

from fabriclab.documents import handler_settings
from fabriclab.documents.markup import Element, child
from fabriclab.documents.tenant_keys import TenantKeys
from fabriclab.world.extension import Dependency, Extension, Flaw, Settings
from fabriclab.world.values import World

SINGLE, MULTI = "RuntimeSettings", "ExtensionRuntimeSettings"

# What stands in place of the settings' JSON.
TEXTS = {
    Flaw.NO_TEXT: None,
    Flaw.NOT_JSON: "{ this is not JSON",
    Flaw.NO_RUNTIME_SETTINGS: '{"somethingElse": []}',
    Flaw.NO_HANDLER_SETTINGS: '{"runtimeSettings": [{"somethingElse": {}}]}',
    Flaw.EMPTY_RUNTIME_SETTINGS: '{"runtimeSettings": []}',
}


def add(parent: Element, extension: Extension, world: World, keys: TenantKeys) -> None:
    """Nothing for an extension without settings: that is legal."""
    if not extension.settings:
        return
    name = extension.name.swapcase() if Flaw.NAME_CASE in extension.flaws else extension.name
    version = "9999.0.0" if Flaw.VERSION_MISMATCH in extension.flaws else extension.version
    for _ in range(2 if Flaw.DUPLICATE_SETTINGS in extension.flaws else 1):
        plugin = child(parent, "Plugin", None, {"name": name, "version": version})
        _depends_on(plugin, extension)
        _settings(plugin, extension, world, keys)


def _depends_on(plugin: Element, extension: Extension) -> None:
    flaws = extension.flaws
    for settings in extension.settings:
        if not settings.level and not settings.depends_on and Flaw.TWO_DEPENDS_ON not in flaws:
            continue
        attributes = {"dependencyLevel": str(settings.level)}
        if extension.multi_config and Flaw.NAMELESS_DEPENDS_ON not in flaws:
            attributes["name"] = settings.name
        for _ in range(2 if Flaw.TWO_DEPENDS_ON in flaws else 1):
            depends_on = child(plugin, "DependsOn", None, attributes)
            for dependency in settings.depends_on:
                child(depends_on, "DependsOnExtension", None, _names(dependency))


def _names(dependency: Dependency) -> dict[str, str]:
    named = {"handler": dependency.handler}
    return {"extension": dependency.extension, **named} if dependency.extension is not None else named


def _settings(plugin: Element, extension: Extension, world: World, keys: TenantKeys) -> None:
    flaws = extension.flaws
    for settings in extension.settings:
        text = handler_settings.xml_text(settings, world, keys, flaws)
        for flaw in flaws & set(TEXTS):
            text = TEXTS[flaw] or ""
        attributes = _sequence(settings, flaws)
        if extension.multi_config:
            if Flaw.NAMELESS_INSTANCE not in flaws:
                attributes["name"] = settings.name
            attributes["state"] = settings.state
        child(plugin, MULTI if extension.multi_config else SINGLE, text or None, attributes)
    if Flaw.BOTH_KINDS in flaws:
        other = replace(extension.settings[0], name=extension.settings[0].name or "other")
        also = {"seqNo": str(other.sequence)} if extension.multi_config else {"seqNo": str(other.sequence), "name": other.name}
        text = handler_settings.xml_text(other, world, keys)
        child(plugin, SINGLE if extension.multi_config else MULTI, text, also)
    if Flaw.TWO_RUNTIME_SETTINGS in flaws:
        again = extension.settings[0]
        child(plugin, SINGLE, handler_settings.xml_text(again, world, keys), {"seqNo": str(again.sequence)})


def _sequence(settings: Settings, flaws: frozenset[Flaw]) -> dict[str, str]:
    if Flaw.NO_SEQUENCE in flaws:
        return {}
    if Flaw.EMPTY_SEQUENCE in flaws:
        return {"seqNo": ""}
    return {"seqNo": "one" if Flaw.TEXT_SEQUENCE in flaws else str(settings.sequence)}
