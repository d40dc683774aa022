"""Provisioning from the medium to the marker (guest.md 2.3)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.guest.families.debian import DEBIAN
from waagent.guest.profile import Guest
from waagent.model.failure import ProvisionFailure
from waagent.model.ovf import OvfEnvironment, PublicKey
from waagent.model.secret import Secret
from waagent.provision import customdata, ending, run
from waagent.system.apply import apply

OVF = OvfEnvironment(
    "web-2",
    "kofi",
    Secret("Tr4nsit-91-quay"),
    public_keys=(PublicKey("$HOME/kofi/.ssh/authorized_keys", value="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 kofi"),),
    custom_data=Secret("IyEvYmluL3NoCmVjaG8gaGkK"),
)
PASSWD = "root:x:0:0:root:/root:/bin/sh\n"


def random(count: int) -> bytes:
    return bytes(range(count))


class Machine:
    """A Debian in memory whose tools do what they should."""

    def __init__(self, config: str = "", **commands: Any) -> None:
        self.files = MemoryFiles(
            {
                "/etc/passwd": PASSWD,
                "/etc/group": "root:x:0:\n",
                "/etc/shadow": "root:x:1::::::\n",
                "/etc/login.defs": "UID_MIN 1000\n",
                "/etc/sudoers": "",
                "/etc/sudoers.d/README": "",
                "/etc/ssh/sshd_config": "Port 22\n",
                "/etc/ssh/ssh_host_rsa_key": "old",
                "/etc/ssh/ssh_host_rsa_key.pub": "old",
                "/etc/ssh/ssh_host_ecdsa_key": "old",
                "/sys/class/dmi/id/product_uuid": "544CDFD0-CB4E-4B4A-9954-5BDF3ED5C3B8",
                "/var/lib/waagent/.keep": "",
                "/dev/.keep": "",
            }
        )
        self.files.put_directory("/home/kofi")
        self.config, _ = parse(config)
        self.paths = Paths.of(self.config)
        self.commands = ScriptedCommands(
            ["ssh-keygen", "useradd", "chpasswd", "visudo", "sshd", "hostname", "systemctl", "eject"]
        )
        self.commands.on("useradd", "-m", "-s", "/bin/bash", "kofi", effect=lambda _: self._add_user())
        self.commands.on("ssh-keygen", "-q", ..., effect=lambda call: self._generate(call.argv[-1]))
        self.commands.on("ssh-keygen", "-lf", ..., stdout="3072 SHA256:abc/+ x (RSA)\n")
        self.commands.on("ssh-keygen", "-E", ..., stdout="3072 MD5:01:02 x (RSA)\n")
        for tool in ("chpasswd", "visudo", "/usr/bin/sshd", "hostname", "systemctl", "eject"):
            self.commands.on(tool, ...)
        self.system = fake_system(files=self.files, commands=self.commands)

    def _add_user(self) -> None:
        self.files.put("/etc/passwd", PASSWD + "kofi:x:1000:1000::/home/kofi:/bin/sh\n")

    def _generate(self, path: str) -> None:
        self.files.put(path, "fresh", mode=0o600).put(f"{path}.pub", "fresh")

    def provision(self, ovf: OvfEnvironment = OVF, guest: Guest = DEBIAN, device: str | None = None) -> run.Outcome:
        return run.provision(self.system, guest, self.config, self.paths, ovf, random, device)

    def owned(self, path: str) -> tuple[int, int]:
        facts = self.files.facts(path)
        assert facts is not None
        return facts.mode, facts.uid


def test_the_whole_way_leads_to_an_account_with_its_rights_and_keys() -> None:
    machine = Machine("Provisioning.ExecuteCustomData=y\n")
    outcome = machine.provision(device="/dev/sr0")
    assert outcome.fingerprint == "SHA256abc/+" and outcome.fingerprint_md5 == "0102"
    assert machine.files.text("/etc/hostname") == "web-2\n"
    assert machine.files.text("/etc/sudoers.d/waagent") == "kofi ALL=(ALL) ALL\n"
    assert machine.owned("/home/kofi/.ssh") == (0o700, 1000)
    assert machine.owned("/home/kofi/.ssh/authorized_keys") == (0o600, 1000)
    assert machine.files.text("/etc/ssh/ssh_host_rsa_key") == "fresh"
    assert not machine.files.exists("/etc/ssh/ssh_host_ecdsa_key")
    assert machine.files.names("/etc/ssh") == ("ssh_host_rsa_key", "ssh_host_rsa_key.pub", "sshd_config")
    assert machine.owned(machine.paths.custom_data) == (0o700, 0)
    assert machine.files.text(machine.paths.provisioned) == "D0DF4C54-4ECB-4A4B-9954-5BDF3ED5C3B8"
    assert ("eject", "/dev/sr0") not in machine.commands.lines
    assert ending.is_left(machine.system, machine.paths) and customdata.is_due(machine.system, machine.paths)


def test_neither_password_nor_hash_reaches_the_log_or_a_command_line() -> None:
    machine = Machine()
    machine.provision()
    (hashed,) = [call.stdin for call in machine.commands.calls if call.argv[0] == "chpasswd"]
    assert isinstance(hashed, Secret) and hashed.reveal().startswith("kofi:$6$")
    said = machine.system.log.text + repr(machine.commands.lines)  # type: ignore[attr-defined]
    assert "Tr4nsit" not in said and hashed.reveal().strip()[5:] not in said


def test_an_existing_account_is_kept_and_its_real_home_is_used() -> None:
    machine = Machine()
    machine.files.put("/etc/passwd", PASSWD + "kofi:x:1000:1000::/srv/kofi:/bin/sh\n").put_directory("/srv/kofi")
    machine.provision()
    assert "useradd" not in [line[0] for line in machine.commands.lines]
    assert machine.files.exists("/srv/kofi/.ssh/authorized_keys")


def test_a_system_user_gets_no_password_unless_allowed() -> None:
    machine = Machine()
    machine.files.put("/etc/passwd", PASSWD + "kofi:x:500:500::/home/kofi:/bin/sh\n")
    with pytest.raises(ProvisionFailure, match="system user"):
        machine.provision()
    assert not machine.files.exists(machine.paths.provisioned)
    assert machine.files.text("/etc/ssh/ssh_host_rsa_key") == "old"
    allowed = Machine("Provisioning.AllowResetSysUser=y\n")
    allowed.files.put("/etc/passwd", PASSWD + "kofi:x:500:500::/home/kofi:/bin/sh\n")
    allowed.provision()


def test_a_failed_step_is_named_with_what_the_tool_said_and_leaves_no_marker() -> None:
    machine = Machine()
    machine.files.put("/etc/group", "root:x:0:\nkofi:x:7:\n")
    machine.commands = ScriptedCommands(["ssh-keygen", "useradd", "chpasswd"])
    machine.commands.on("useradd", ..., exit_code=9, stderr="useradd: group kofi exists - add it with -g\n")
    machine.commands.on("ssh-keygen", ..., effect=lambda call: machine._generate(call.argv[-1])).on("hostname", ...)
    machine.system = fake_system(files=machine.files, commands=machine.commands)
    with pytest.raises(ProvisionFailure, match=r"^account: .*group kofi exists"):
        machine.provision()
    assert not machine.files.exists(machine.paths.provisioned)
    assert not machine.files.exists("/etc/ssh/.waagent-host-keys")


def test_host_keys_that_cannot_be_made_leave_the_old_ones_in_place() -> None:
    machine = Machine()
    commands = ScriptedCommands(["ssh-keygen"]).on("ssh-keygen", ..., exit_code=1, stderr="boom")
    machine.system = fake_system(files=machine.files, commands=commands)
    with pytest.raises(ProvisionFailure, match="no SSH host key could be generated"):
        machine.provision()
    assert machine.files.text("/etc/ssh/ssh_host_rsa_key") == "old"


def test_a_type_that_openssh_no_longer_makes_becomes_rsa_with_a_warning() -> None:
    machine = Machine("Provisioning.SshHostKeyPairType=dsa\n")
    machine.commands.on("ssh-keygen", "-q", "-N", "", "-t", "dsa", ..., exit_code=255, stderr="unknown key type dsa\n")
    machine.provision()
    assert machine.files.text("/etc/ssh/ssh_host_rsa_key") == "fresh"
    assert any("rsa" in line for line in machine.system.log.of("warning"))  # type: ignore[attr-defined]


def test_kept_host_keys_are_not_touched() -> None:
    machine = Machine("Provisioning.RegenerateSshHostKeyPair=n\n")
    machine.provision()
    assert machine.files.text("/etc/ssh/ssh_host_rsa_key") == "old"
    assert machine.files.exists("/etc/ssh/ssh_host_ecdsa_key")


def test_a_missing_certificate_is_named() -> None:
    machine = Machine()
    ovf = replace(OVF, public_keys=(PublicKey("/home/kofi/.ssh/authorized_keys", fingerprint="3f:9a"),))
    with pytest.raises(ProvisionFailure, match="no certificate with the Fingerprint 3F9A"):
        machine.provision(ovf)
    assert not machine.files.exists("/etc/ssh/.waagent-host-keys")


@pytest.mark.parametrize("path", [None, "authorized_keys", "/home/kofi/.ssh/", "/x"])
def test_a_key_needs_the_absolute_path_of_a_file(path: str | None) -> None:
    with pytest.raises(ProvisionFailure):
        Machine().provision(replace(OVF, public_keys=(PublicKey(path, value="ssh-rsa AAAA"),)))


def test_an_appliance_is_refused_before_anything_is_read() -> None:
    machine = Machine()
    with pytest.raises(ProvisionFailure, match="not here"):
        run.read_document(machine.system, Guest(refusal="not here"), machine.config, machine.paths)
    assert machine.commands.lines == []


def _end(machine: Machine) -> dict[str, str]:
    still_to_come = ending.record_path(machine.paths)
    return {path: line for path, line in machine.files.tree().items() if not path.startswith("/dev") and path != still_to_come}


def test_the_same_plan_applied_again_after_any_cut_leads_to_the_same_end() -> None:
    undisturbed = Machine("Provisioning.DecodeCustomData=y\n")
    undisturbed.provision()
    cut = 0
    while True:
        machine = Machine("Provisioning.DecodeCustomData=y\n")
        _, steps = run.prepare(machine.system, DEBIAN, machine.config, machine.paths, OVF, random)
        plan = tuple(action for step in steps for action in step.actions)
        if cut > len(plan):
            break
        apply(machine.system, plan[:cut])
        apply(machine.system, plan)
        assert _end(machine) == _end(undisturbed), f"cut after {cut} actions"
        cut += 1
    assert cut > 10


def test_a_new_run_after_any_cut_leads_to_the_same_end() -> None:
    undisturbed = Machine()
    undisturbed.provision()
    _, steps = run.prepare(Machine().system, DEBIAN, undisturbed.config, undisturbed.paths, OVF, random)
    count = sum(len(step.actions) for step in steps)
    for cut in range(count):
        machine = Machine()
        _, steps = run.prepare(machine.system, DEBIAN, machine.config, machine.paths, OVF, random)
        apply(machine.system, tuple(action for step in steps for action in step.actions)[:cut])
        machine.provision()
        assert _end(machine) == _end(undisturbed), f"cut after {cut} actions"


def test_custom_data_that_is_no_base64_is_refused() -> None:
    with pytest.raises(ProvisionFailure, match="Base64"):
        customdata.decode(Secret("***"))
    assert customdata.decode(Secret(" aGk\n= ")) == b"hi"


def test_a_recorded_document_is_read_and_kept_without_its_password() -> None:
    recorded = Path(__file__).resolve().parents[3] / "../shared/payloads/ovf/ovf-env.xml"
    if not recorded.exists():
        pytest.skip("the folder shared/payloads is not beside the project")
    machine = Machine()
    machine.files.put_other("/dev/sr0").put("/proc/mounts", "/dev/sr0 /media/cd udf ro 0 0\n")
    machine.files.put("/media/cd/ovf-env.xml", recorded.read_bytes())
    document = run.read_document(machine.system, DEBIAN, machine.config, machine.paths)
    assert (document.ovf.host_name, document.ovf.user_name, document.device) == ("HostName", "UserName", "/dev/sr0")
    assert document.ovf.guest_agent_disabled
    kept = machine.files.text(machine.paths.ovf_env)
    assert ">UserPassword<" not in kept and ">*<" in kept
    assert machine.owned(machine.paths.ovf_env) == (0o600, 0)
    assert ("eject", "/dev/sr0") not in machine.commands.lines


def test_a_document_that_does_not_parse_is_a_provisioning_failure_and_keeps_the_medium() -> None:
    machine = Machine()
    machine.files.put_other("/dev/sr0").put("/proc/mounts", "/dev/sr0 /media/cd udf ro 0 0\n")
    machine.files.put("/media/cd/ovf-env.xml", "<Environment/>")
    with pytest.raises(ProvisionFailure, match=r"^reading the provisioning document: "):
        run.read_document(machine.system, DEBIAN, machine.config, machine.paths)
    assert not machine.files.exists(machine.paths.ovf_env)
