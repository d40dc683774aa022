"""Our codecs of what the fabric sends, against recorded documents and the examples of the protocol: outside opinions."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waagent.codec import (
    artifacts_profile,
    certificates,
    event_file,
    extensions_config,
    goal_state,
    handler_status,
    hosting_environment,
    imds,
    remote_access,
    saved,
    version_list,
    versions,
    vm_settings,
)
from waagent.codec.element import tree
from waagent.model.extension import RequestedState
from waagent.model.goal_state import BlobType, Channel, Etag, HostingEnvironment, Incarnation
from waagent.model.version import Version

SHARED = Path(__file__).resolve().parents[2] / "../shared"
PAYLOADS = SHARED / "payloads"
PROTOCOL = SHARED / "protocol/fabric.md"

recorded = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the folder shared/payloads is not beside the project")
specified = pytest.mark.skipif(not PROTOCOL.is_file(), reason="the folder shared/protocol is not beside the project")

Parser = Callable[[bytes], Any]
PARSERS: dict[str, Parser] = {
    "wire/goal_state.xml": goal_state.parse,
    "wire/version_info.xml": versions.parse,
    "wire/hosting_env.xml": hosting_environment.parse,
    "wire/shared_config.xml": lambda data: tree(data, "SharedConfig.xml", "SharedConfig"),
    "wire/ext_conf.xml": lambda data: extensions_config.parse(data, Incarnation("1")),
    "wire/ext_conf_with_multi_config.xml": lambda data: extensions_config.parse(data, Incarnation("1")),
    "wire/ext_conf_sequencing.xml": lambda data: extensions_config.parse(data, Incarnation("1")),
    "hostgaplugin/ext_conf.xml": lambda data: extensions_config.parse(data, Incarnation("1")),
    "wire/manifest.xml": version_list.parse,
    "wire/ga_manifest.xml": version_list.parse,
    "wire/remote_access_single_account.xml": remote_access.parse,
    "wire/in_vm_artifacts_profile.json": artifacts_profile.on_hold,
    "hostgaplugin/vm_settings.json": lambda data: vm_settings.parse(data, Etag("1")),
    "hostgaplugin/vm_settings-no_status_upload_blob.json": lambda data: vm_settings.parse(data, Etag("1")),
    "imds/valid.json": lambda data: imds.parse_compute(json.dumps(json.loads(data)["compute"]).encode()),
    "extension/custom_script_1.tld": lambda data: event_file.parse(data, legacy=True),
    "extension/sample-status.json": lambda data: handler_status.parse(data, "Contoso.Snapshot", 5),
}


def payload(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


def read(name: str) -> Any:
    return PARSERS[name](payload(name))


@recorded
def test_there_is_a_codec_for_every_recorded_document_that_comes_in() -> None:
    folders = ("wire", "hostgaplugin", "imds", "extension")
    names = {str(path.relative_to(PAYLOADS)) for folder in folders for path in (PAYLOADS / folder).iterdir()}
    assert names == set(PARSERS)


@recorded
@pytest.mark.parametrize("name", sorted(PARSERS))
def test_every_recorded_document_is_read(name: str) -> None:
    assert read(name) is not None


@recorded
def test_a_recorded_goal_state_says_who_we_are_and_where_the_rest_is() -> None:
    found = read("wire/goal_state.xml")
    assert (found.incarnation, found.container_id) == ("1", "c6d5526c-5ac2-4200-b6e2-56f2b70c5ab2")
    assert found.instance_id == "b61f93d0-e1ed-40b2-b067-22c243233448.MachineRole_IN_0"
    assert found.config_name == "bc8b9d47-b5ed-4704-85d9-fd74cc967ec2.5.bc8b9d47-b5ed-4704-85d9-fd74cc967ec2.5._canary.1.xml"
    assert found.extensions_config_url.endswith("%5Fcanary?comp=config&type=extensionsConfig&incarnation=1")
    assert found.certificates_url.endswith("?comp=certificates&incarnation=1")
    assert (found.remote_access_url, found.load_balancer_ports) == (None, (16001,))


@recorded
def test_recorded_small_documents_are_read() -> None:
    assert read("wire/version_info.xml") == ("2012-11-30", "2010-12-15", "2010-28-10")
    assert read("wire/hosting_env.xml") == HostingEnvironment(
        "MachineRole_IN_0", "MachineRole", "db00a7755a5e4e8a8fe4b19bc3b330c3"
    )
    assert read("wire/in_vm_artifacts_profile.json") is True
    (user,) = read("wire/remote_access_single_account.xml").users
    assert (user.name, user.encrypted_password, user.expiration) == ("testAccount", "encryptedPasswordString", None)
    assert user.expiration_text == "2019-01-01"
    compute = read("imds/valid.json")
    assert (compute.location, compute.publisher, compute.offer) == ("westus", "Canonical", "UbuntuServer")
    assert compute.vm_id == "e7fdbfc4-2deb-4a4e-8615-ea6aaf50162e"
    assert imds.network_is_valid(payload("imds/valid.json"))


@recorded
def test_recorded_version_lists_are_read_with_their_internal_versions() -> None:
    found = read("wire/manifest.xml")
    assert len(found) == 16
    assert [each.version for each in found if each.internal] == ["1.3.0", "2.3.0", "2.4.0"]
    assert all(len(each.uris) == 1 and Version.parse(each.version) for each in found)
    assert [each.version for each in read("wire/ga_manifest.xml")][-1] == "99999.0.0.0"


@recorded
def test_a_recorded_config_with_several_instances_is_read() -> None:
    found = read("wire/ext_conf_with_multi_config.xml")
    assert (found.created_on_ticks, found.status_blob.blob_type) == (637415129555522297, BlobType.PAGE)
    assert found.required_features == ("MultipleExtensionsPerHandler",)
    assert [handler.invalid for handler in found.handlers] == [None] * 5
    assert [(each.name, each.sequence_number, each.dependency_level) for each in found.handlers[0].extensions] == [
        ("firstRunCommand", 2, 0),
        ("secondRunCommand", 2, 3),
        ("thirdRunCommand", 1, 4),
    ]
    (access,) = found.handlers[4].extensions
    assert (access.dependency_level, access.public_settings) == (2, {"UserName": "test1234"})
    assert access.certificate_thumbprint == "EE22B5ECAC6A83B581A7CAC1772BEBD0E016649F"


@recorded
def test_recorded_settings_and_the_config_of_the_same_moment_ask_for_the_same() -> None:
    settings, config = read("hostgaplugin/vm_settings.json").goal_state, read("hostgaplugin/ext_conf.xml")
    assert (settings.channel, config.channel) == (Channel.FAST_TRACK, Channel.FABRIC)
    assert (settings.in_svd_seq_no, config.in_svd_seq_no) == (1, "1")
    assert settings.created_on_ticks - config.created_on_ticks == 82
    assert settings.families == config.families
    assert settings.status_blob == config.status_blob
    assert settings.required_features == config.required_features
    for ours, theirs in zip(settings.handlers, config.handlers, strict=True):
        assert (ours.name, ours.version, ours.state) == (theirs.name, theirs.version, RequestedState.ENABLED)
        assert ours.manifest_uris == theirs.manifest_uris
        assert len(ours.manifest_uris) == 3
        assert [(each.name, each.dependency_level, each.public_settings) for each in ours.extensions] == [
            (each.name, each.dependency_level, each.public_settings) for each in theirs.extensions
        ]


@recorded
def test_recorded_settings_may_have_no_place_for_the_status() -> None:
    found = read("hostgaplugin/vm_settings-no_status_upload_blob.json")
    assert (found.source, found.goal_state.status_blob, found.goal_state.on_hold) == (Channel.FAST_TRACK, None, True)


@recorded
@pytest.mark.parametrize("name", [name for name in PARSERS if "ext_conf" in name])
def test_the_saved_copy_of_a_recorded_config_keeps_no_secret_and_is_a_config(name: str) -> None:
    data = payload(name)
    copy = saved.redact_extensions_config(data)
    assert b"sig=" in data and b"sig=" not in copy
    assert b'"MII' not in re.sub(rb'encodedSignature="[^"]*"', b"", copy)
    before, after = PARSERS[name](data), PARSERS[name](copy)
    assert [handler.name for handler in after.handlers] == [handler.name for handler in before.handlers]


@recorded
@pytest.mark.parametrize("name", [name for name in PARSERS if "vm_settings" in name])
def test_the_saved_copy_of_recorded_settings_keeps_no_secret_and_is_settings(name: str) -> None:
    copy = saved.redact_vm_settings(payload(name))
    assert b"sig=" not in copy
    protected = [each for handler in json.loads(copy)["extensionGoalStates"] for each in handler["settings"]]
    assert {each.get("protectedSettings", "*** REDACTED ***") for each in protected} == {"*** REDACTED ***"}
    assert len(PARSERS[name](copy).goal_state.handlers) == len(read(name).goal_state.handlers)


# -- the complete examples of the protocol

ROOTS: dict[str, Parser] = {
    "Versions": versions.parse,
    "GoalState": goal_state.parse,
    "HostingEnvironmentConfig": hosting_environment.parse,
    "CertificateFile": certificates.parse,
    "Extensions": lambda data: extensions_config.parse(data, Incarnation("4")),
    "PluginVersionManifest": version_list.parse,
    "RemoteAccess": remote_access.parse,
}
MARKS: dict[str, Parser] = {
    '"hostGAPluginVersion"': lambda data: vm_settings.parse(data, Etag("1")),
    '"inVMArtifactsProfileBlobSeqNo"': artifacts_profile.on_hold,
    '"azEnvironment"': imds.network_is_valid,
}


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PROTOCOL.read_text(encoding="utf-8"), re.DOTALL)


@specified
@pytest.mark.parametrize("root", sorted(ROOTS))
def test_the_example_of_each_document_in_xml_is_read(root: str) -> None:
    found = [each for each in examples("xml") if re.match(rf"<\?xml[^>]*>\s*<{root}\b", each)]
    assert found
    for each in found:
        assert ROOTS[root](each.encode()) == ROOTS[root](b"\xef\xbb\xbf" + each.encode())


@specified
@pytest.mark.parametrize("mark", sorted(MARKS))
def test_the_example_of_each_document_in_json_is_read(mark: str) -> None:
    found = [each for each in examples("json") if mark in each]
    assert found
    for each in found:
        assert MARKS[mark](each.encode()) is not None
