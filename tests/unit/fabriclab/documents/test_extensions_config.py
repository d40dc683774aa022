"""ExtensionsConfig and manifests: what is wanted, in order and form, and every flaw on its own."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from fabriclab.documents import extensions_config, manifest
from fabriclab.documents.tenant_keys import TenantKeys
from fabriclab.world.extension import AgentFamily, Dependency, Extension, Flaw, Package, Settings
from fabriclab.world.switches import Profile, Switches
from fabriclab.world.values import StatusBlob, World

GOOD = Extension("Contoso.Lab.Good", "1.0.0", settings=(Settings(3, {"command": 'echo "<a>" & b'}),))
MULTI = Extension(
    "Contoso.Lab.Multi",
    "1.0.3",
    multi_config=True,
    settings=(Settings(0, {}, name="jobA", level=1), Settings(5, {}, name="jobB", state="disabled")),
)


@pytest.fixture(scope="module")
def keys() -> TenantKeys:
    return TenantKeys()


def parse(world: World, keys: TenantKeys) -> ElementTree.Element:
    return ElementTree.fromstring(extensions_config.render(world, keys))


def flawed(extension: Extension, *flaws: Flaw) -> World:
    return World(extensions=(replace(extension, flaws=frozenset(flaws)),))


def test_plugins_say_where_the_manifest_is_and_what_is_wanted(keys: TenantKeys) -> None:
    plugin = parse(World(extensions=(GOOD,)), keys).find("Plugins/Plugin")
    assert plugin is not None
    assert (plugin.get("name"), plugin.get("version"), plugin.get("state")) == (GOOD.name, "1.0.0", "enabled")
    assert plugin.get("location", "").startswith("http://10.77.0.1/extensions/Contoso.Lab.Good_manifest.xml?sv=")
    assert "sig=" in plugin.get("location", "")
    assert plugin.get("failoverlocation")


def test_settings_are_json_whose_text_survives_the_markup(keys: TenantKeys) -> None:
    settings = parse(World(extensions=(GOOD,)), keys).find("PluginSettings/Plugin/RuntimeSettings")
    assert settings is not None and settings.get("seqNo") == "3"
    handler = {"publicSettings": {"command": 'echo "<a>" & b'}}
    assert json.loads(settings.text or "") == {"runtimeSettings": [{"handlerSettings": handler}]}


def test_settings_without_anything_are_an_empty_object(keys: TenantKeys) -> None:
    settings = parse(World(extensions=(replace(GOOD, settings=(Settings(),)),)), keys)
    text = settings.findtext("PluginSettings/Plugin/RuntimeSettings")
    assert json.loads(text or "") == {"runtimeSettings": [{"handlerSettings": {}}]}


def test_an_extension_without_settings_has_no_entry(keys: TenantKeys) -> None:
    root = parse(World(extensions=(replace(GOOD, settings=()),)), keys)
    assert root.find("Plugins/Plugin") is not None and root.find("PluginSettings/Plugin") is None


def test_multi_config_has_an_element_for_each_instance(keys: TenantKeys) -> None:
    plugin = parse(World(extensions=(MULTI,)), keys).find("PluginSettings/Plugin")
    assert plugin is not None
    told = [(item.get("name"), item.get("seqNo"), item.get("state")) for item in plugin.findall("ExtensionRuntimeSettings")]
    assert told == [("jobA", "0", "enabled"), ("jobB", "5", "disabled")]
    assert [(item.get("name"), item.get("dependencyLevel")) for item in plugin.findall("DependsOn")] == [("jobA", "1")]


def test_dependencies_are_named(keys: TenantKeys) -> None:
    settings = Settings(0, {}, level=2, depends_on=(Dependency("A.B"), Dependency("C.D", "jobA")))
    found = parse(World(extensions=(replace(GOOD, settings=(settings,)),)), keys).find("PluginSettings/Plugin/DependsOn")
    assert found is not None and found.attrib == {"dependencyLevel": "2"}
    assert [item.attrib for item in found] == [{"handler": "A.B"}, {"extension": "jobA", "handler": "C.D"}]


def test_the_settings_sealed_once_stay_the_same_text(keys: TenantKeys) -> None:
    world = World(extensions=(replace(GOOD, settings=(Settings(0, protected={"p": "q"}),)),))
    assert extensions_config.render(world, keys) == extensions_config.render(replace(world, on_hold=True), keys)


FLAWS = {
    Flaw.VERSION_MISMATCH: lambda root: root.find("PluginSettings/Plugin").get("version") != GOOD.version,
    Flaw.DUPLICATE_SETTINGS: lambda root: len(root.findall("PluginSettings/Plugin")) == 2,
    Flaw.BOTH_KINDS: lambda root: (
        {item.tag for item in root.find("PluginSettings/Plugin")} == {"RuntimeSettings", "ExtensionRuntimeSettings"}
    ),
    Flaw.TWO_RUNTIME_SETTINGS: lambda root: len(root.findall("PluginSettings/Plugin/RuntimeSettings")) == 2,
    Flaw.TWO_DEPENDS_ON: lambda root: len(root.findall("PluginSettings/Plugin/DependsOn")) == 2,
    Flaw.NO_SEQUENCE: lambda root: "seqNo" not in root.find("PluginSettings/Plugin/RuntimeSettings").attrib,
    Flaw.EMPTY_SEQUENCE: lambda root: root.find("PluginSettings/Plugin/RuntimeSettings").get("seqNo") == "",
    Flaw.TEXT_SEQUENCE: lambda root: not root.find("PluginSettings/Plugin/RuntimeSettings").get("seqNo").isdigit(),
    Flaw.NO_TEXT: lambda root: root.find("PluginSettings/Plugin/RuntimeSettings").text is None,
    Flaw.NOT_JSON: lambda root: root.find("PluginSettings/Plugin/RuntimeSettings").text.startswith("{ this"),
    Flaw.NO_RUNTIME_SETTINGS: lambda root: "runtimeSettings" not in settings_of(root),
    Flaw.NO_HANDLER_SETTINGS: lambda root: "handlerSettings" not in settings_of(root)["runtimeSettings"][0],
    Flaw.EMPTY_RUNTIME_SETTINGS: lambda root: settings_of(root) == {"runtimeSettings": []},
    Flaw.NO_THUMBPRINT: lambda root: set(handler_of(root)) == {"protectedSettings", "publicSettings"},
    Flaw.NAME_CASE: lambda root: root.find("PluginSettings/Plugin").get("name") == "cONTOSO.lAB.gOOD",
}


def settings_of(root: ElementTree.Element) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(root.findtext("PluginSettings/Plugin/RuntimeSettings") or "")
    return found


def handler_of(root: ElementTree.Element) -> object:
    return settings_of(root)["runtimeSettings"][0]["handlerSettings"]


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_shows_and_shows_only_when_it_is_wanted(flaw: Flaw, keys: TenantKeys) -> None:
    extension = replace(GOOD, settings=(Settings(3, {"a": 1}, protected={"b": 2}),))
    assert FLAWS[flaw](parse(flawed(extension, flaw), keys))
    assert not FLAWS[flaw](parse(flawed(extension), keys))


def test_instances_can_lack_their_names(keys: TenantKeys) -> None:
    plugin = parse(flawed(MULTI, Flaw.NAMELESS_INSTANCE, Flaw.NAMELESS_DEPENDS_ON), keys).find("PluginSettings/Plugin")
    assert plugin is not None and [item.get("name") for item in plugin] == [None] * 3
    assert set(Flaw) == set(FLAWS) | {Flaw.NAMELESS_INSTANCE, Flaw.NAMELESS_DEPENDS_ON}


def test_the_status_blob_is_writable_and_may_be_missing(keys: TenantKeys) -> None:
    blob = parse(World(), keys).find("StatusUploadBlob")
    assert blob is not None and blob.get("statusBlobType") == "BlockBlob"
    assert blob.text is not None and blob.text.startswith("http://10.77.0.1/$system/labvm01.") and blob.text.endswith("&sp=w")
    assert parse(World(status_blob=StatusBlob(present=False)), keys).find("StatusUploadBlob") is None
    bare = parse(World(status_blob=StatusBlob(kind="", address="http://a/b")), keys).find("StatusUploadBlob")
    assert bare is not None and bare.text == "http://a/b" and bare.attrib == {}


def test_the_profile_can_be_unmentioned(keys: TenantKeys) -> None:
    assert parse(World(), keys).findtext("InVMArtifactsProfileBlob", "").split("?")[0].endswith(".vmSettings")
    without = World(switches=Switches(profile=Profile.NO_ADDRESS))
    assert parse(without, keys).find("InVMArtifactsProfileBlob") is None


def test_a_health_probe_comes_with_an_address_that_is_a_secret(keys: TenantKeys) -> None:
    root = parse(World(switches=Switches(health_probe=True)), keys)
    assert "sig=" in root.findtext("HealthStatusBlobUri", "")
    assert parse(World(), keys).find("HealthProbe") is None


def test_a_family_says_only_what_is_known(keys: TenantKeys) -> None:
    families = (AgentFamily(), AgentFamily("Test", "9.9.9.10", "9.9.9.9", True, False, uris=()))
    plain, full = parse(World(families=families), keys).findall("GuestAgentExtension/GAFamilies/GAFamily")
    assert [item.tag for item in plain] == ["Name", "Uris"]
    assert [item.text for item in full][:5] == ["Test", "9.9.9.10", "9.9.9.9", "true", "false"]
    assert len(full[5]) == 0


def test_ticks_are_written_to_the_last_digit(keys: TenantKeys) -> None:
    metadata = replace(World().metadata, ticks=638_900_000_000_000_001)
    found = parse(World(metadata=metadata), keys).find("InVMGoalStateMetaData")
    assert found is not None and found.get("createdOnTicks") == "638900000000000001"


def test_a_manifest_lists_internal_versions_apart() -> None:
    packages = (Package("1.0.0"), Package("2.0.0", uris=()), Package("3.0.0", internal=True))
    root = ElementTree.fromstring(manifest.render("Contoso.Lab.Good", packages))
    assert [item.text for item in root.findall("Plugins/Plugin/Version")] == ["1.0.0", "2.0.0"]
    assert [item.text for item in root.findall("InternalPlugins/Plugin/Version")] == ["3.0.0"]
    addresses = [len(item) for item in root.findall("Plugins/Plugin/Uris")]
    assert addresses == [1, 0]
    assert "extensions/Contoso.Lab.Good__1.0.0?" in root.findtext("Plugins/Plugin/Uris/Uri", "")


def test_every_manifest_lists_what_either_channel_asks_for() -> None:
    newer = replace(GOOD, version="1.1.0")
    fast = World().fast_track
    assert fast is not None
    world = World(extensions=(GOOD, MULTI), fast_track=replace(fast, extensions=(newer,)))
    found = manifest.every(world)
    assert set(found) == {GOOD.manifest_blob, MULTI.manifest_blob}
    listed = ElementTree.fromstring(found[GOOD.manifest_blob]).findall("Plugins/Plugin/Version")
    assert [item.text for item in listed] == ["1.0.0", "1.1.0"]
