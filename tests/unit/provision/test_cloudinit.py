"""Who provisions (guest.md 2.2)."""

from __future__ import annotations

import pytest

from unit.fakes import FrozenClock, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.model.failure import ProvisionFailure
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


def test_the_saved_document_is_waited_for_and_the_wait_has_an_end() -> None:
    paths, clock, files = Paths.of(Config()), FrozenClock(), MemoryFiles()
    system = fake_system(files=files, clock=clock)
    with pytest.raises(ProvisionFailure, match="within 1800 seconds"):
        cloudinit.wait_for_document(system, paths)
    assert sum(clock.pauses) == 1800
    files.put(paths.ovf_env, "<x/>")
    assert cloudinit.wait_for_document(system, paths) == b"<x/>"


def test_the_host_key_is_waited_for_until_it_can_be_read() -> None:
    clock, files = FrozenClock(), MemoryFiles({"/etc/ssh/ssh_host_rsa_key.pub": ""})
    commands = ScriptedCommands().on("ssh-keygen", ..., exit_code=255).on("ssh-keygen", ..., stdout="2048 SHA256:abc x (RSA)\n")
    found = cloudinit.wait_for_host_key(fake_system(files=files, clock=clock, commands=commands), Config())
    assert (found, clock.pauses) == ("SHA256abc", [1.0])
