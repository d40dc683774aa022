"""The lab's documents against recorded ones: the same elements, attributes and nesting where both say the same.

Compared are outlines: every path of element names with its attributes (JSON: of property names with the kind of value). What
the lab renders must hold every path of the recorded document but for those named here, each with its reason.
"""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from fabriclab.documents import (
    extensions_config,
    goal_state,
    imds,
    manifest,
    ovf,
    remote_access,
    role_configuration,
    versions,
    vm_settings,
)
from fabriclab.documents.tenant_keys import TenantKeys
from fabriclab.world.extension import Dependency, Extension, Package, Settings
from fabriclab.world.switches import Switches
from fabriclab.world.values import AgentFamily, FastTrack, JitUser, World
from unit.fabriclab.documents import openssl

PAYLOADS = Path(__file__).resolve().parents[3] / "shared/payloads"

pytestmark = pytest.mark.skipif(not PAYLOADS.is_dir(), reason=f"no recorded payloads in {PAYLOADS}")

LOCATIONS = ("http://mirror.example/manifest.xml",)
SEALED = Settings(0, {"a": 1}, protected={"b": 2})
EXTENSIONS = (
    Extension("Contoso.Lab.Good", "1.0.0", settings=(SEALED,), additional_locations=LOCATIONS, encoded_signature="MIIB"),
    Extension(
        "Contoso.Lab.Script", "2.0.0", settings=(Settings(3, {}, level=1, depends_on=(Dependency("Contoso.Lab.Good"),)),)
    ),
    Extension(
        "Contoso.Lab.Multi",
        "1.0.3",
        multi_config=True,
        settings=(
            Settings(0, {"x": "y"}, name="jobA", level=2, depends_on=(Dependency("Contoso.Lab.Good"),)),
            Settings(1, {}, name="jobB", level=3, depends_on=(Dependency("Contoso.Lab.Multi", "jobA"),)),
        ),
    ),
)
WORLD = World(
    extensions=EXTENSIONS,
    fast_track=FastTrack(extensions=EXTENSIONS),
    required_features=("MultipleExtensionsPerHandler",),
    families=(
        AgentFamily("Prod", version="9.9.9.10", version_from_rsm=True, enabled_for_rsm_upgrades=True),
        AgentFamily("Test"),
    ),
    probe_port=16001,
    switches=Switches(health_probe=True),
    jit_users=(JitUser("jit", "secret", "Fri, 02 Jan 2026 12:00:00 UTC"),),
)


def recorded(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


def outline(document: bytes) -> set[str]:
    """Every element's path from the root, and every attribute's below it."""
    found: set[str] = set()

    def walk(element: ElementTree.Element, above: str) -> None:
        here = f"{above}/{element.tag}"
        found.add(here)
        found.update(f"{here}@{name}" for name in element.attrib)
        for below in element:
            walk(below, here)

    walk(ElementTree.fromstring(document), "")
    return found


def shape(value: Any, above: str = "") -> set[str]:
    """Every property's path in lower case, with the kind of the value; items of a list share one path."""
    if isinstance(value, dict):
        return {path for name, item in value.items() for path in shape(item, f"{above}/{name.lower()}")}
    if isinstance(value, list):
        return {path for item in value for path in shape(item, f"{above}[]")} | {f"{above}[]"}
    return {f"{above}: {type(value).__name__}"}


@pytest.fixture(scope="module")
def keys() -> TenantKeys:
    return TenantKeys()


def test_the_list_of_versions() -> None:
    assert outline(versions.render(WORLD)) == outline(recorded("wire/version_info.xml"))


def test_the_goal_state() -> None:
    ours, theirs = outline(goal_state.render(WORLD)), outline(recorded("wire/goal_state.xml"))
    assert theirs <= ours
    added = {"/GoalState/Machine/StopRolesDeadlineHint", "/GoalState/Machine/ExpectHealthReport"}  # of other real documents
    assert ours - theirs == added | {"/GoalState/Container/RemoteAccessInfo"}


def test_addresses_in_the_goal_state_have_the_recorded_form() -> None:
    def forms(document: bytes) -> dict[str, tuple[str, ...]]:
        configuration = ElementTree.fromstring(document).find("Container/RoleInstanceList/RoleInstance/Configuration")
        assert configuration is not None
        texts = {part.tag: part.text or "" for part in configuration if part.tag != "ConfigName"}
        return {tag: (text.split("/machine/")[0], text.split("?")[1]) for tag, text in texts.items()}

    assert forms(goal_state.render(WORLD)) == forms(recorded("wire/goal_state.xml"))


def test_the_hosting_environment() -> None:
    ours = outline(role_configuration.hosting_environment(WORLD, [("TenantEncryptionCert", "AB" * 20)]))
    theirs = outline(recorded("wire/hosting_env.xml"))
    diagnostics = {path for path in theirs if "/ResourceReferences/Resource" in path}  # of a classic service's own
    assert ours == theirs - diagnostics


def test_the_shared_config() -> None:
    ours, theirs = outline(role_configuration.shared_config(WORLD)), outline(recorded("wire/shared_config.xml"))
    rdp = {path for path in theirs if "/OutputEndpoints/Endpoint" in path}  # a remote desktop; a Linux VM has none
    assert ours == theirs - rdp


@pytest.mark.parametrize("name", ["wire/ext_conf_with_multi_config.xml", "hostgaplugin/ext_conf.xml", "wire/ext_conf.xml"])
def test_the_extensions_config(name: str, keys: TenantKeys) -> None:
    ours, theirs = outline(extensions_config.render(WORLD, keys)), outline(recorded(name))
    legacy = {  # attributes of old documents that no guest reads (fabric 4.3)
        "/Extensions/Plugins/Plugin@config",
        "/Extensions/Plugins/Plugin@upgradeGuid",
        "/Extensions/Plugins/Plugin@manifestVersion",
    }
    profile = {"/Extensions/InVMArtifactsProfileBlob@statusBlobType"}  # ... nor this one
    assert theirs - ours - legacy - profile == set()


def test_the_extensions_config_of_ordered_extensions(keys: TenantKeys) -> None:
    theirs = outline(recorded("wire/ext_conf_sequencing.xml"))
    assert theirs - outline(extensions_config.render(WORLD, keys)) == {"/Extensions/Plugins/Plugin@config"}


def test_settings_in_the_extensions_config_have_the_recorded_members(keys: TenantKeys) -> None:
    def members(document: bytes) -> set[str]:
        texts = ElementTree.fromstring(document).findall("PluginSettings/Plugin/RuntimeSettings")
        parsed = [json.loads(text.text or "") for text in texts]
        assert all(len(item["runtimeSettings"]) == 1 for item in parsed)
        return {name for item in parsed for name in item["runtimeSettings"][0]["handlerSettings"]}

    assert members(extensions_config.render(WORLD, keys)) == members(recorded("hostgaplugin/ext_conf.xml"))


@pytest.mark.parametrize("name", ["vm_settings.json", "vm_settings-no_status_upload_blob.json"])
def test_the_vm_settings(name: str, keys: TenantKeys) -> None:
    theirs = shape(json.loads(recorded(f"hostgaplugin/{name}")))
    ours = shape(json.loads(vm_settings.render(WORLD, keys)))
    assert theirs - ours == set()


def test_the_manifest_of_an_extension() -> None:
    packages = (Package("1.0.0"), Package("1.1.0", disallow_major_upgrade=True), Package("2.0.0", internal=True))
    ours, theirs = outline(manifest.render("Contoso.Lab.Good", packages)), outline(recorded("wire/manifest.xml"))
    assert theirs - ours == set()


def test_the_manifest_of_an_agent_family() -> None:
    ours = outline(manifest.of_family(AgentFamily(packages=(Package("9.9.9.9"),))))
    assert outline(recorded("wire/ga_manifest.xml")) == ours


def test_remote_access(tmp_path: Path) -> None:
    ours = outline(remote_access.render(WORLD, openssl.transport(tmp_path).der))
    assert ours == outline(recorded("wire/remote_access_single_account.xml"))


def test_the_instance_metadata_of_the_recorded_version() -> None:
    assert shape(imds.instance(WORLD, "2018-02-01")) == shape(json.loads(recorded("imds/valid.json")))


@pytest.mark.parametrize("name", ["ovf-env.xml", "ovf-env-2.xml"])
def test_the_provisioning_document(name: str) -> None:
    document = ovf.Ovf(
        password="p",
        custom_data="Y3VzdG9t",
        public_keys=(ovf.PublicKey("$HOME/labuser/.ssh/authorized_keys", "ssh-rsa AAAA lab", "AB" * 20),),
        key_pairs=(ovf.KeyPair("$HOME/labuser/.ssh/id_rsa", "AB" * 20),),
        provision_guest_proxy_agent=None,
        preprovisioned_vm_type=None,
    )
    assert outline(ovf.render(document)) == outline(recorded(f"ovf/{name}"))
