"""Our codecs of media, packages and reports against recorded documents, an outside opinion."""

import json
from pathlib import Path

import pytest

from waagent.codec import event_file, handler_status, ovf_env, status_blob
from waagent.codec.event_file import EventFile
from waagent.model.event import AGENT_PROVIDER
from waagent.model.ovf import KeyPair, PoolType, PublicKey

PAYLOADS = Path(__file__).resolve().parents[2] / "../shared/payloads"

pytestmark = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the folder shared/payloads is not beside the project")


def payload(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


@pytest.mark.parametrize(("name", "guest_agent"), [("ovf-env.xml", "false"), ("ovf-env-2.xml", "true")])
def test_a_recorded_provisioning_document_is_read_whole(name: str, guest_agent: str) -> None:
    found = ovf_env.parse(payload(f"ovf/{name}"))
    assert (found.host_name, found.user_name) == ("HostName", "UserName")
    assert found.user_password is not None and found.user_password.reveal() == "UserPassword"
    assert found.custom_data is not None and found.custom_data.reveal() == "CustomData"
    assert found.disable_ssh_password_authentication is False
    assert found.provision_guest_agent == guest_agent
    assert found.guest_agent_disabled is (guest_agent == "false")
    assert found.pool_type is PoolType.NONE
    thumbprint = "EB0C0AB4B2D5FC35F2F0658D19F44C8283E2DD62"
    path = "$HOME/UserName/.ssh/authorized_keys"
    assert found.public_keys == (PublicKey(path, "ssh-rsa AAAANOTAREALKEY== foo@bar.local", thumbprint),)
    assert found.key_pairs == (KeyPair("$HOME/UserName/.ssh/id_rsa", thumbprint),)
    assert found.remarks == ()


@pytest.mark.parametrize("name", ["ovf-env.xml", "ovf-env-2.xml"])
def test_the_saved_copy_of_a_recorded_document_differs_in_the_password_only(name: str) -> None:
    data = payload(f"ovf/{name}")
    kept = data.replace(b">UserPassword<", b">*<").removeprefix(b"\xef\xbb\xbf").strip()
    assert kept != data.strip()
    assert ovf_env.redact(data) == kept


def test_a_recorded_status_file_is_passed_on() -> None:
    found = handler_status.parse(payload("extension/sample-status.json"), "Contoso.Snapshot", 5)
    assert (found.name, found.sequence_number) == ("Contoso.Snapshot", 5)
    assert (found.status, found.code, found.operation, found.lang) == ("success", 1, "Enable", "en-US")
    assert (found.message or "").startswith("Aenean semper nunc nisl")
    (step,) = found.substatus
    assert (step.status, step.code, step.message) == ("success", "0", None)
    assert isinstance(json.loads(step.name or ""), list)
    assert json.dumps(status_blob._extension(found)).isascii()


def test_a_recorded_event_of_an_extension_is_read() -> None:
    found = event_file.parse(payload("extension/custom_script_1.tld"), legacy=True)
    assert isinstance(found, EventFile) and found.from_extension and found.file_type == "json"
    assert (found.event.provider, found.event.event_id) == (AGENT_PROVIDER, 1)
    assert found.event.parameters == (
        ("Name", "Microsoft.Azure.Extensions.CustomScript"),
        ("Version", "2.0.4"),
        ("Operation", "ThisIsATestEventOperation"),
        ("OperationSuccess", True),
        ("Message", "A test telemetry message."),
        ("Duration", 150000),
    )
