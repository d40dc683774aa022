"""The samples that do odd things: each does what its first lines say, run as agents run them in a temporary directory."""

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fabriclab.documents.tenant_keys import TenantKey, TenantKeys
from fabriclab.samples import package
from fabriclab.world.values import TenantCertificate
from unit.fabriclab.samples.test_handlers import Handler, eventually


def lay_certificate(lib: Path, made: TenantKey) -> None:
    """Where and as agents put it."""
    assert made.key is not None
    (lib / f"{made.thumbprint}.crt").write_bytes(made.certificate.public_bytes(Encoding.PEM))
    (lib / f"{made.thumbprint}.prv").write_bytes(made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize("command", ["install", "enable", "update", "disable", "uninstall"])
def test_failing_fails_in_the_command_that_the_settings_name(tmp_path: Path, command: str) -> None:
    handler = Handler(tmp_path, "failing")
    handler.settings(0, {"fails": command, "exit": 51})
    assert {one: handler.run(one).returncode for one in ("install", command, "disable")}[command] == 51


def test_runner_runs_the_command_of_the_protected_settings_once(tmp_path: Path) -> None:
    keys = TenantKeys()
    made = keys.get(TenantCertificate("tenant-1"))
    lay_certificate(tmp_path, made)
    handler = Handler(tmp_path, "runner")
    sealed = keys.protect("tenant-1", '{"commandToExecute":"echo run >>../../ran"}')
    handler.settings(4, {"skip": "false"}, sealed, made.thumbprint)
    assert handler.run("enable", 4).returncode == 0
    assert eventually(lambda: handler.status(4)["status"] == "success")
    assert (handler.status(4)["code"], handler.status(4)["operation"]) == ("0", "Daemon")
    assert "was run before" in handler.run("enable", 4).stdout
    assert (handler.base / "mrseq").read_text() == "4\n"
    assert (handler.base / "ran").read_text() == "run\n"


def test_runner_reports_a_command_that_fails(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "runner")
    handler.settings(0, {"commandToExecute": "exit 3"})
    handler.run("enable")
    assert eventually(lambda: handler.status(0)["status"] == "error")


def test_huge_writes_more_than_an_agent_passes_on(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "huge")
    assert handler.run("enable").returncode == 0
    assert len((handler.base / "status/0.status").read_bytes()) > 2 * 131072
    assert len(handler.status(0)["substatus"]) == 300


def test_logging_grows_with_each_enable(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "logging")
    handler.settings(0, {"mib": 1})
    for _ in range(2):
        assert handler.run("enable").returncode == 0
    assert (handler.log / "growing.log").stat().st_size == 2 * 1024 * 1024


def test_harmful_puts_links_in_the_place_of_its_directories(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "harmful")
    handler.settings(0, {"harm": "links"})
    assert handler.run("enable").returncode == 0
    assert [os.readlink(handler.base / name) for name in ("status", "config")] == ["/etc", "/etc"]


@pytest.mark.parametrize("lie", ["", *sorted(name[4:] for name in package.files("lying") if name.startswith("lie."))])
def test_lying_writes_the_lie_it_is_told(tmp_path: Path, lie: str) -> None:
    handler = Handler(tmp_path, "lying")
    handler.settings(0, {"lie": lie} if lie else {})
    assert handler.run("enable").returncode == 0
    assert (handler.base / "status/0.status").read_bytes() == package.files("lying")[f"lie.{lie}" if lie else "lie"]


@pytest.mark.parametrize("sample", package.names())
def test_every_sample_says_what_it_is_for(sample: str) -> None:
    assert len(package.about(sample)) > 40
    manifest = package.files(sample).get("HandlerManifest.json")
    assert manifest is None or json.loads(manifest)[0]["handlerManifest"]["enableCommand"] == "handler.sh enable"
