"""Between the marker and Ready: done by the process that provisioned, or by the next one (guest.md 2.3, 2.10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.guest.families.debian import DEBIAN
from waagent.model.ovf import OvfEnvironment
from waagent.provision import customdata, ending, pool
from waagent.system.real.commands import RealCommands
from waagent.system.real.files import RealFiles

SAVED = """<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:w="http://schemas.microsoft.com/windowsazure">
<w:ProvisioningSection><w:Version>1.0</w:Version><w:LinuxProvisioningConfigurationSet>
<w:HostName>web-2</w:HostName><w:UserName>kofi</w:UserName></w:LinuxProvisioningConfigurationSet></w:ProvisioningSection>
<w:PlatformSettingsSection><w:Version>1.0</w:Version><w:PlatformSettings>
<w:ProvisionGuestAgent>false</w:ProvisionGuestAgent></w:PlatformSettings></w:PlatformSettingsSection></Environment>"""


class Machine:
    def __init__(self) -> None:
        self.config, _ = parse("")
        self.paths = Paths.of(self.config)
        self.files = MemoryFiles({self.paths.ovf_env: SAVED, self.paths.custom_data: "#!/bin/sh\n", "/sys/block/sr0/dev": ""})
        self.commands = ScriptedCommands().on("eject", ...)
        self.commands.on_spawn("/bin/sh", ..., effect=lambda *_: self.files.remove(customdata.due_path(self.paths)))
        self.system = fake_system(files=self.files, commands=self.commands)

    def begin(self, device: str | None = "/dev/sr0", run_custom_data: bool = True) -> None:
        ending.begin(self.system, self.paths, device, run_custom_data=run_custom_data)

    def finish(self, ovf: OvfEnvironment | None = None) -> ending.Ended:
        return ending.finish(self.system, DEBIAN, self.config, self.paths, ovf)


def test_the_next_process_finishes_what_the_one_before_it_began() -> None:
    machine = Machine()
    machine.files.put(pool.marker_path(machine.paths), "")
    machine.begin()
    assert ending.is_left(machine.system, machine.paths)
    assert machine.finish() == ending.Ended(custom_data=True, agent_disabled=True)
    assert machine.commands.lines == [("eject", "/dev/sr0")] and len(machine.commands.spawned) == 1
    assert machine.files.exists(machine.paths.disable_agent)
    assert not machine.files.exists(pool.marker_path(machine.paths))
    assert not ending.is_left(machine.system, machine.paths)


def test_what_was_done_to_its_end_is_not_begun_again_but_for_the_custom_data_that_was_started() -> None:
    machine = Machine()
    machine.begin()
    machine.finish()
    machine.begin(run_custom_data=False)
    assert machine.finish().custom_data is None
    assert len(machine.commands.spawned) == 1


def test_a_document_without_a_medium_has_nothing_to_eject() -> None:
    machine = Machine()
    machine.begin(None, run_custom_data=False)
    machine.finish()
    assert machine.commands.lines == []


def test_a_saved_document_that_is_gone_keeps_nothing_from_being_finished() -> None:
    machine = Machine()
    machine.files.remove(machine.paths.ovf_env)
    machine.begin()
    assert machine.finish() == ending.Ended(custom_data=True, agent_disabled=False)


def test_a_copy_of_the_machine_has_nothing_to_finish() -> None:
    machine = Machine()
    machine.begin()
    ending.forget(machine.system, machine.paths)
    assert not ending.is_left(machine.system, machine.paths) and not customdata.is_due(machine.system, machine.paths)


def test_custom_data_runs_with_its_own_interpreter_or_the_shell() -> None:
    for content, script in (("#!/bin/sh\n", ("{}",)), ("echo hi\n", ("/bin/sh", "{}"))):
        machine = Machine()
        path = machine.paths.custom_data
        machine.files.put(path, content)
        ran = ending.run_custom_data(machine.system, machine.config, machine.paths)
        assert ran is not None and ran.exit_code == 0
        argv = machine.commands.spawned[0][0].argv
        assert argv[4:] == (customdata.due_path(machine.paths), *(word.format(path) for word in script))


def test_custom_data_that_never_ends_is_not_waited_for_for_ever() -> None:
    machine = Machine()
    machine.commands.on_spawn("/bin/sh", ..., exit_code=None)
    ran = ending.run_custom_data(machine.system, machine.config, machine.paths)
    assert ran is not None and ran.exit_code is None


def test_of_two_processes_that_start_the_custom_data_only_one_runs_it(tmp_path: Path) -> None:
    config, _ = parse(f"Lib.Dir={tmp_path}\nExtension.LogDir={tmp_path}/log\n")
    paths = Paths.of(config)
    script = tmp_path / "CustomData"
    script.write_text(f"#!/bin/sh\necho ran >>{tmp_path}/ran\nexit 3\n")
    script.chmod(0o700)
    system = fake_system(files=RealFiles(), commands=RealCommands())
    customdata.make_due(system, paths)
    ran = [customdata.execute(system, config, paths).exit_code for _ in range(2)]
    assert ran == [3, 0]
    assert (tmp_path / "ran").read_text() == "ran\n"


@pytest.mark.parametrize(("text", "disabled"), [("true", False), ("", False), ("False", True), ("no", False)])
def test_only_the_text_false_disables_the_agent(text: str, disabled: bool) -> None:
    machine = Machine()
    ovf = OvfEnvironment("web-2", "kofi", provision_guest_agent=text)
    assert ending.obey_guest_agent(machine.system, machine.paths, ovf) is disabled
    assert machine.files.exists(machine.paths.disable_agent) is disabled
