"""Who provisions (guest.md 2.2)."""

from __future__ import annotations

import pytest

from unit.fakes import FrozenClock, ListLog, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.model.failure import DocumentFailure, ProvisionFailure
from waagent.provision import cloudinit
from waagent.provision.cloudinit import Owner

B, C, N = Owner.BUILT_IN, Owner.CLOUD_INIT, Owner.NOBODY


@pytest.mark.parametrize(
    ("enabled", "agent", "use", "cloud_init", "expected"),
    [
        (True, "auto", False, False, B),
        (True, "auto", False, True, C),
        (True, "", False, False, B),
        (True, "AUTO", False, False, B),
        (True, "waagent", False, False, B),
        (True, "cloud-init", False, False, C),
        (True, "disabled", False, True, N),
        (True, "something", False, False, N),
        (False, "auto", False, False, N),
        (False, "auto", False, True, C),
        (False, "auto", True, False, C),
        (False, "waagent", False, False, N),
        (False, "waagent", True, True, N),
        (False, "cloud-init", False, False, C),
        (False, "disabled", True, True, N),
    ],
)
def test_the_table_of_owners(enabled: bool, agent: str, use: bool, cloud_init: bool, expected: Owner) -> None:
    choice = cloudinit.choose(enabled=enabled, agent=agent, use_cloud_init=use, cloud_init=cloud_init)
    assert choice.owner is expected and choice.conflict is None


def test_two_provisioners_are_a_conflict_said_out_loud() -> None:
    choice = cloudinit.choose(enabled=True, agent="waagent", use_cloud_init=False, cloud_init=True)
    assert choice.owner is B and choice.conflict is not None


def test_contradicting_lines_are_warned_about() -> None:
    choice = cloudinit.choose(enabled=False, agent="waagent", use_cloud_init=False, cloud_init=False)
    assert choice.warning is not None and "contradict" in choice.warning


UNIT = ("systemctl", "is-enabled", "cloud-init-local.service")
SCRIPT = ("service", "cloud-init", "status")


def test_cloud_init_is_enabled_by_its_unit_or_by_its_script() -> None:
    assert cloudinit.is_enabled(fake_system(commands=ScriptedCommands().on(*UNIT, stdout="enabled\n")))
    both = ScriptedCommands().on(*UNIT, stdout="enabled-runtime\n").on(*SCRIPT)
    assert cloudinit.is_enabled(fake_system(commands=both))
    neither = ScriptedCommands().on(*UNIT, exit_code=1, stderr="Failed to get unit file state").on(*SCRIPT, exit_code=3)
    assert not cloudinit.is_enabled(fake_system(commands=neither))
    assert not cloudinit.is_enabled(fake_system(commands=ScriptedCommands([])))


RESULT = "/run/cloud-init/result.json"
OVF = (
    "<Environment xmlns='http://schemas.dmtf.org/ovf/environment/1' xmlns:w='http://schemas.microsoft.com/windowsazure'>"
    "<w:ProvisioningSection><w:Version>1.0</w:Version><w:LinuxProvisioningConfigurationSet><w:HostName>h</w:HostName>"
    "<w:UserName>maria</w:UserName></w:LinuxProvisioningConfigurationSet></w:ProvisioningSection><w:PlatformSettingsSection>"
    "<w:PlatformSettings><w:ProvisionGuestAgent>true</w:ProvisionGuestAgent></w:PlatformSettings>"
    "</w:PlatformSettingsSection></Environment>"
)
PATHS = Paths.of(Config())


class Waiting:
    """A machine whose cloud-init does things after some seconds."""

    def __init__(self) -> None:
        self.clock, self.files, self.log = FrozenClock(), MemoryFiles(), ListLog()
        self.commands = ScriptedCommands()
        self.system = fake_system(files=self.files, clock=self.clock, log=self.log, commands=self.commands)

    def write(self, seconds: float, path: str, text: str) -> None:
        self.files.later(seconds, lambda: self.files.put(path, text))

    @property
    def waited(self) -> float:
        return sum(self.clock.pauses)


def test_the_saved_document_is_seen_in_the_moment_it_is_complete() -> None:
    machine = Waiting()
    machine.write(90.0, PATHS.ovf_env, "")
    machine.write(90.2, PATHS.ovf_env, OVF[:300])
    machine.write(90.3, PATHS.ovf_env, OVF)
    assert cloudinit.wait_for_document(machine.system, PATHS).user_name == "maria"
    assert machine.waited == pytest.approx(90.3)
    assert [text.rpartition("(")[2] for text in machine.log.of("info")] == [f"{n} s so far)" for n in (0, 20, 40, 80)]


def test_a_document_that_was_there_before_is_not_waited_for() -> None:
    machine = Waiting()
    machine.files.put(PATHS.ovf_env, OVF)
    assert cloudinit.wait_for_document(machine.system, PATHS).host_name == "h"
    assert machine.clock.pauses == []


def test_the_wait_for_the_document_has_an_end() -> None:
    machine = Waiting()
    with pytest.raises(ProvisionFailure, match="cloud-init was given 1800 seconds to save"):
        cloudinit.wait_for_document(machine.system, PATHS)
    assert machine.waited == pytest.approx(1800)
    assert len(machine.log.of("info")) == 10


def test_a_document_that_stays_unreadable_says_what_is_wrong_with_it() -> None:
    machine = Waiting()
    machine.files.put(PATHS.ovf_env, OVF.replace("w:UserName", "w:Other"))
    with pytest.raises(DocumentFailure, match="UserName"):
        cloudinit.wait_for_document(machine.system, PATHS)


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        (
            '{"v1": {"datasource": null, "errors": ["no disk", "no net"]}}',
            "never came to save .*; it complains of no disk; no net",
        ),
        (
            '{"v1": {"datasource": "DataSourceNone", "errors": []}}',
            r"never came to save .* \(its data source: DataSourceNone\)",
        ),
    ],
)
def test_a_cloud_init_that_has_ended_is_not_waited_for(result: str, complaint: str) -> None:
    machine = Waiting()
    machine.write(12.0, RESULT, result)
    with pytest.raises(ProvisionFailure, match=complaint):
        cloudinit.wait_for_document(machine.system, PATHS)
    assert machine.waited == pytest.approx(12)


def test_errors_of_a_cloud_init_that_made_everything_are_its_own_affair() -> None:
    machine = Waiting()
    machine.files.put(RESULT, '{"v1": {"datasource": "DataSourceAzure", "errors": ["runcmd"]}}').put(PATHS.ovf_env, OVF)
    assert cloudinit.wait_for_document(machine.system, PATHS).user_name == "maria"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v1": 3}', '{"v1": null}', "7"])
def test_a_word_of_cloud_init_that_cannot_be_understood_is_no_word(text: str) -> None:
    assert cloudinit.report(fake_system(files=MemoryFiles({RESULT: text}))) is None


def test_the_end_of_the_program_ends_the_wait() -> None:
    machine = Waiting()
    machine.clock.ends_after_pauses = 1
    with pytest.raises(ProvisionFailure, match="stopped while waiting for cloud-init"):
        cloudinit.wait_for_document(machine.system, PATHS)


KEY = "/etc/ssh/ssh_host_rsa_key.pub"


def test_the_host_key_is_waited_for_until_it_can_be_read() -> None:
    machine = Waiting()
    machine.write(3.0, KEY, "")
    machine.write(3.5, KEY, "ssh-rsa AAAA")
    machine.commands.on("ssh-keygen", ..., exit_code=255).on("ssh-keygen", ..., stdout="2048 SHA256:abc x (RSA)\n")
    assert cloudinit.wait_for_host_key(machine.system, Config()) == ("SHA256abc", KEY)
    assert machine.waited == pytest.approx(3.5)


def test_another_type_of_host_key_will_do_once_cloud_init_has_ended() -> None:
    machine = Waiting()
    other = "/etc/ssh/ssh_host_ed25519_key.pub"
    machine.commands.on("ssh-keygen", "-lf", other, stdout="256 SHA256:def x (ED25519)\n")
    machine.write(2.0, other, "ssh-ed25519 AAAA")
    machine.write(9.0, RESULT, '{"v1": {"datasource": "DataSourceAzure", "errors": []}}')
    assert cloudinit.wait_for_host_key(machine.system, Config()) == ("SHA256def", other)
    assert machine.waited == pytest.approx(9)


def test_a_host_key_of_the_image_does_not_count_while_cloud_init_is_about_to_replace_it() -> None:
    machine = Waiting()
    machine.files.put(KEY, "ssh-rsa old").put("/run/cloud-init/status.json", '{"v1": {"init": {"start": 1, "finished": null}}}')
    machine.write(4.0, "/run/cloud-init/status.json", '{"v1": {"init": {"start": 1, "finished": 5.5}}}')
    machine.commands.on("ssh-keygen", ..., stdout="2048 SHA256:abc x (RSA)\n")
    assert cloudinit.wait_for_host_key(machine.system, Config()) == ("SHA256abc", KEY)
    assert machine.waited == pytest.approx(4)
