"""Sample handlers, run as an agent runs them but in a temporary directory: what they read, write and answer."""

import json
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fabriclab.documents.tenant_keys import TenantKeys
from fabriclab.samples import package
from fabriclab.world.values import TenantCertificate

NAME = "Contoso.Lab.Sample"
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]


class Handler:
    """An unpacked handler, its folders and environment as an agent prepares them."""

    def __init__(self, lib: Path, sample: str, version: str = "1.0.0", **packing: Any) -> None:
        self.lib = lib
        self.base = lib / f"{NAME}-{version}"
        self.log = lib / "log" / NAME
        with zipfile.ZipFile(BytesIO(package.pack(sample, NAME, version, **packing))) as packed:
            packed.extractall(self.base)
        for folder in (self.base / "config", self.base / "status", self.log / "events"):
            folder.mkdir(parents=True, exist_ok=True)
        environment = {
            "logFolder": str(self.log),
            "configFolder": str(self.base / "config"),
            "statusFolder": str(self.base / "status"),
            "heartbeatFile": str(self.base / "heartbeat.log"),
            "eventsFolder": str(self.log / "events"),
            "eventsFolder_preview": str(self.log / "events"),
        }
        document = [{"name": NAME, "version": 1.0, "handlerEnvironment": environment}]
        (self.base / "HandlerEnvironment.json").write_text(json.dumps(document))

    def settings(
        self, sequence: int, public: Any, sealed: str | None = None, thumbprint: str | None = None, name: str = ""
    ) -> None:
        members = {"publicSettings": public, "protectedSettings": sealed, "protectedSettingsCertThumbprint": thumbprint}
        file = self.base / "config" / f"{name + '.' if name else ''}{sequence}.settings"
        file.write_text(json.dumps({"runtimeSettings": [{"handlerSettings": members}]}))

    def run(
        self, command: str, sequence: int | None = 0, name: str = "", shell: str = "sh"
    ) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": os.environ["PATH"]}
        if sequence is not None:
            variables["ConfigSequenceNumber"] = str(sequence)
        if name:
            variables["ConfigExtensionName"] = name
        script = str(self.base / "handler.sh")
        return subprocess.run(
            [shell, script, command], cwd=self.base, env=variables, capture_output=True, text=True, timeout=30, check=False
        )

    def status(self, sequence: int, name: str = "") -> Any:
        return json.loads((self.base / "status" / f"{name + '.' if name else ''}{sequence}.status").read_text())[0]["status"]

    def commands(self) -> list[str]:
        """Command and sequence number of each line of its log."""
        lines = (self.log / "commands.log").read_text().splitlines()
        return [" ".join(line.split(";")[1:3]) for line in lines]


def eventually(found: Callable[[], bool], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while not found():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("shell", SHELLS)
def test_good_enables_and_tells_a_public_value(tmp_path: Path, shell: str) -> None:
    handler = Handler(tmp_path, "good")
    handler.settings(3, {"message": 'he said "hello" \\ ünder €'})
    done = handler.run("enable", 3, shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    status = handler.status(3)
    assert (status["status"], status["code"], status["operation"]) == ("success", 0, "Enable")
    assert status["formattedMessage"]["message"] == 'good: he said "hello" \\ ünder €; protected settings: absent'
    assert handler.commands() == ["enable 3"]


@pytest.mark.parametrize("shell", SHELLS)
def test_good_reads_protected_settings_and_keeps_them_secret(tmp_path: Path, shell: str) -> None:
    keys = TenantKeys()
    key = keys.get(TenantCertificate("tenant-1"))
    assert key.key is not None
    private = key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / f"{key.thumbprint}.crt").write_bytes(
        b"Bag Attributes\n    localKeyID: 01\n" + key.certificate.public_bytes(Encoding.PEM)
    )
    (tmp_path / f"{key.thumbprint}.prv").write_bytes(b"Bag Attributes: <Empty>\n" + private)
    handler = Handler(tmp_path, "good")
    handler.settings(0, {"message": "m"}, keys.protect("tenant-1", '{"password":"Swordfish"}'), key.thumbprint)
    done = handler.run("enable", shell=shell)
    assert handler.status(0)["formattedMessage"]["message"] == "good: m; protected settings: read"
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"Swordfish" in content for content in written)
    assert "Swordfish" not in done.stdout + done.stderr


def test_good_says_when_the_certificate_is_not_there(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "good")
    handler.settings(0, None, "MIIB", "AB" * 20)
    handler.run("enable")
    told = handler.status(0)["formattedMessage"]["message"]
    assert told == f"good: no message; protected settings: unreadable (no {'AB' * 20}.prv and .crt)"


def test_good_does_not_take_garbage_for_settings(tmp_path: Path) -> None:
    keys = TenantKeys()
    made = keys.get(TenantCertificate("a"))
    assert made.key is not None
    (tmp_path / f"{made.thumbprint}.crt").write_bytes(made.certificate.public_bytes(Encoding.PEM))
    (tmp_path / f"{made.thumbprint}.prv").write_bytes(made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    handler = Handler(tmp_path, "good")
    handler.settings(0, None, keys.protect("b", '{"a":1}'), made.thumbprint)
    handler.run("enable")
    assert handler.status(0)["formattedMessage"]["message"].endswith("unreadable (not decrypted)")


def test_good_works_without_settings_and_without_the_variable(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "good")
    (handler.base / "config/0.settings").write_text("")
    assert handler.run("enable", None).returncode == 0
    assert handler.status(0)["status"] == "success"


def test_without_the_variable_the_highest_settings_file_counts(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "good")
    for sequence in (2, 9, 10):
        handler.settings(sequence, {"message": str(sequence)})
    handler.run("enable", None)
    assert handler.status(10)["formattedMessage"]["message"].startswith("good: 10;")


def test_good_leaves_one_whole_telemetry_event(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "good")
    handler.run("enable")
    (event,) = (handler.log / "events").iterdir()
    assert event.stem.isdigit() and event.suffix == ".json"
    keys = {"Version", "Timestamp", "TaskName", "EventLevel", "Message", "EventPid", "EventTid", "OperationId"}
    assert set(json.loads(event.read_text())) == keys


def test_every_command_of_every_sample_but_enable_succeeds(tmp_path: Path) -> None:
    for sample in package.names():
        handler = Handler(tmp_path / sample, sample)
        for command in ("install", "update", "disable", "uninstall"):
            assert handler.run(command).returncode == 0, (sample, command)
        assert handler.commands() == ["install 0", "update 0", "disable 0", "uninstall 0"]


def test_failing_fails_in_enable_and_says_why(tmp_path: Path) -> None:
    done = Handler(tmp_path, "failing").run("enable")
    assert (done.returncode, done.stderr) == (1, "failing: enable was told to fail\n")


def test_failing_can_be_packed_to_fail_in_another_command(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "failing", replace={"fails": b"install 52\n"})
    assert handler.run("install").returncode == 52
    assert handler.run("enable").returncode == 0


def test_slow_is_transitioning_until_it_is_done(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "slow")
    handler.settings(0, {"seconds": 0})
    assert handler.run("enable").returncode == 0
    assert handler.commands() == ["enable 0", "enabled 0"]
    assert handler.status(0)["formattedMessage"]["message"] == "slow: done"


def test_hanging_waits_with_its_child(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "hanging")
    running = subprocess.Popen(["sh", str(handler.base / "handler.sh"), "enable"], cwd=handler.base, start_new_session=True)
    try:
        assert eventually((handler.log / "processes").exists)
        assert running.poll() is None
    finally:
        os.killpg(running.pid, 9)
        running.wait()


def test_detached_answers_at_once_and_finishes_later_and_only_once(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "detached")
    handler.settings(0, {"seconds": "1"})
    assert handler.run("enable").returncode == 0
    status = handler.status(0)
    assert (status["status"], status["code"]) == ("transitioning", "0")
    assert eventually(lambda: handler.status(0)["status"] == "success")
    assert handler.status(0)["operation"] == "Daemon"
    assert "was done before" in handler.run("enable").stdout
    assert handler.status(0)["status"] == "success"


def test_multi_keeps_its_instances_apart(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "multi")
    for name, sequence in (("jobA", 0), ("jobB", 4)):
        handler.settings(sequence, {"message": name}, name=name)
        assert handler.run("enable", sequence, name).returncode == 0
    assert handler.status(0, "jobA")["name"] == "jobA"
    assert handler.status(4, "jobB")["formattedMessage"]["message"].startswith("multi: jobB: jobB;")


def test_lying_leaves_a_status_that_is_no_json(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "lying")
    assert handler.run("enable").returncode == 0
    with pytest.raises(ValueError):
        handler.status(0)


def test_heartbeat_reports_itself_ready(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "heartbeat")
    handler.run("enable")
    assert json.loads((handler.base / "heartbeat.log").read_text())[0]["heartbeat"]["status"] == "Ready"


def test_a_handler_without_its_environment_says_so(tmp_path: Path) -> None:
    handler = Handler(tmp_path, "good")
    (handler.base / "HandlerEnvironment.json").unlink()
    done = handler.run("enable")
    assert done.returncode == 3 and "HandlerEnvironment.json" in done.stderr
