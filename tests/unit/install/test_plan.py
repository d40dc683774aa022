"""Registering and taking it back, on machines in memory of every family."""

import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from unit.test_golden_plans import FAMILIES, os_release, shown
from waagent.cli import register as verb
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest.detect import choose, detect
from waagent.guest.families.debian import DEBIAN
from waagent.guest.profile import Guest, Identity
from waagent.install import mark, observe, plan, values
from waagent.install.placement import Placement, place
from waagent.model.failure import SystemFailure
from waagent.system.action import Action, Remove, WriteFile
from waagent.system.apply import apply
from waagent.system.port import System

MORE: dict[str, dict[str, Any]] = {
    "debian7": {"files": {"/etc/debian_version": "7.11\n"}},
    "kali": {"files": os_release("kali", "2024.1")},
    "centos7.1": {"files": os_release("centos", "7.1.1503")},
    "oracle8": {"files": os_release("ol", "8.10")},
    "euleros": {"files": os_release("euleros", "2.0")},
    "iosxe": {"files": {"/home/guestshell/azure": "", "/etc/redhat-release": "CentOS Linux release 8.2\n"}},
    "alpaquita": {"files": os_release("alpaquita", "stream") | {"/etc/alpaquita-release": ""}},
    "coreos": {"files": os_release("coreos", "2512.3.0")},
    "slemicro": {"files": os_release("sle-micro", "5.5")},
    "devuan3": {"files": os_release("devuan", "3")},
    "devuan": {"files": os_release("devuan", "5")},
    "fedora": {"files": os_release("fedora", "40")},
    "opensuse123": {"files": os_release("opensuse", "12.3", "openSUSE")},
    "arch": {"files": os_release("arch", "")},
    "photon": {"files": os_release("photon", "5.0")},
    "clear": {"files": os_release("clear-linux-os", "40000", "Clear Linux OS")},
    "chainguard": {"files": os_release("chainguard", "1")},
    "openwrt": {"files": os_release("openwrt", "23.05")},
    "oracle6": {"files": {"/etc/oracle-release": "Oracle Linux Server release 6.10\n"}},
}
ALL = FAMILIES | MORE
WITH_SYSTEMD = (
    *("fedora", "arch", "photon", "clear", "chainguard", "kali", "centos7.1", "oracle8", "euleros", "iosxe"),
    *("coreos", "slemicro"),
)


def machine(name: str) -> tuple[Guest, bool]:
    given = ALL[name]
    kernel, release = given.get("kernel", ("Linux", "6.1"))
    files = MemoryFiles(given.get("files", {}))
    systemd = files.exists("/run/systemd/system") or name in WITH_SYSTEMD
    return detect(files, kernel, release), systemd


def ready(
    files: dict[str, str] | None = None, *, active: bool = False, more: Iterable[str] = ()
) -> tuple[System, ScriptedCommands]:
    commands = ScriptedCommands(["systemctl", "/usr/bin/python3", *observe.NEEDED, *more])
    commands.on("/usr/bin/python3", "-B", ...)
    commands.on("systemctl", "status", ..., exit_code=0 if active else 3)
    for word in ("enable", "disable", "stop", "start", "daemon-reload"):
        commands.on("systemctl", word, ...)
    usual = {"/run/systemd/system/.keep": "", "/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/etc/group": "root:x:0:\n"}
    return fake_system(files=MemoryFiles(usual | (files or {})), commands=commands), commands


def register(system: System, **more: Any) -> list[str]:
    said: list[str] = []
    assert (
        verb.register(system, DEBIAN, "/usr/bin/python3", say=said.append, **({"force": False, "dry_run": False} | more)) == 0
    )
    return said


def unregister(system: System) -> list[str]:
    said: list[str] = []
    assert verb.unregister(system, DEBIAN, "/usr/bin/python3", Paths.of(Config()), dry_run=False, say=said.append) == 0
    return said


def unpacked(step: Action) -> Action:
    """What is laid compressed, as it was before: its bytes are the library's business."""
    if isinstance(step, WriteFile) and step.path.endswith(".gz"):
        assert isinstance(step.content, bytes)
        return replace(step, content=gzip.decompress(step.content))
    return step


def placed() -> Placement:
    return place(DEBIAN, systemd=True, python="/usr/bin/python3")


def tree(system: System) -> dict[str, bytes]:
    return {
        path: system.files.read(path)
        for file in placed().files
        for path in (file.path, file.path + observe.SAVED)
        if system.files.facts(path) is not None
    }


def bodies(found: dict[str, bytes]) -> dict[str, bytes]:
    """Without what their marks say: a directory that was made before the cut was there already."""
    return {path: marked.body if (marked := mark.read(content)) else content for path, content in found.items()}


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_a_family_is_given_is_the_reviewed_list(name: str, golden: Callable[[str, Any], None]) -> None:
    guest, systemd = machine(name)
    found = place(guest, systemd=systemd, manual=".TH WAAGENT 1\n")
    steps = plan.register(guest, found, observe.Facts(running=True))
    rows = [shown(unpacked(step)) for step in steps]
    for row in rows:  # the configuration is long, and its own test looks at it; of it those values that are this family's
        if str(row.get("path", "")).endswith("waagent.conf") and row["do"] == "WriteFile":
            row["content"] = dict(values.of(guest))
        elif row["do"] == "WriteFile" and "udev" in row["path"]:
            row["content"] = "…"
    back = [shown(step) for step in plan.unregister(guest, found, observe.Facts(running=True))]
    given = {"family": guest.family, "init": found.init.value, "service": found.service}
    golden(f"install/{name}", json.loads(json.dumps({"given": given, "register": rows, "unregister": back})))


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_configuration_of_a_family_is_understood(name: str) -> None:
    guest, systemd = machine(name)
    conf = next(file for file in place(guest, systemd=systemd).files if file.path.endswith("waagent.conf"))
    _, remarks = parse(conf.content)
    assert remarks == ()
    said = dict(line.split("=", 1) for line in conf.content.splitlines() if line and not line.startswith("#"))
    assert dict(values.of(guest)).items() <= said.items()


def test_registering_enables_and_starts_nothing_that_did_not_run() -> None:
    system, commands = ready()
    said = register(system)
    assert [call.argv for call in commands.calls if call.argv[0] == "systemctl"] == [
        ("systemctl", "status", "walinuxagent"),
        ("systemctl", "enable", "walinuxagent"),
    ]
    assert "It was not started" in said[-1]


def test_an_agent_that_runs_is_started_anew() -> None:
    system, commands = ready(active=True)
    register(system)
    words = [call.argv[1] for call in commands.calls if call.argv[0] == "systemctl"]
    assert words == ["status", "enable", "stop", "start"]


def test_registering_again_writes_nothing_and_taking_it_back_leaves_nothing() -> None:
    system, _ = ready()
    register(system)
    before = tree(system)
    said = register(system)
    assert tree(system) == before
    assert not [line for line in said if "write" in line]
    unregister(system)
    assert tree(system) == {}


def test_a_configuration_that_is_there_is_kept_and_stays() -> None:
    system, _ = ready({"/etc/waagent.conf": "Provisioning.Enabled=n\n"})
    register(system)
    said = unregister(system)
    assert tree(system) == {"/etc/waagent.conf": b"Provisioning.Enabled=n\n"}
    assert "/etc/waagent.conf" in said[-1]


def test_a_configuration_that_was_edited_after_it_was_laid_stays() -> None:
    system, _ = ready()
    register(system)
    edited = system.files.read("/etc/waagent.conf").replace(b"Provisioning.Enabled=y", b"Provisioning.Enabled=n")
    system.files.write("/etc/waagent.conf", edited)
    register(system)
    unregister(system)
    assert tree(system) == {"/etc/waagent.conf": edited}


def test_the_files_of_a_package_are_neither_written_nor_taken_away() -> None:
    system, _ = ready({file.path: file.content for file in placed().files if not file.target})
    system.files.symlink("/lib/systemd/system/waagent.service", "walinuxagent.service")
    before = tree(system)
    register(system)
    unregister(system)
    assert tree(system) == before


def test_a_unit_of_somebody_else_is_refused_by_name_and_nothing_is_done() -> None:
    system, _ = ready({"/lib/systemd/system/walinuxagent.service": "[Service]\n"})
    before = tree(system)
    with pytest.raises(SystemFailure, match=r"walinuxagent\.service is there and was not laid by this agent"):
        register(system)
    assert tree(system) == before


def test_with_force_it_is_put_aside_and_comes_back() -> None:
    system, _ = ready({"/lib/systemd/system/walinuxagent.service": "[Service]\n"})
    register(system, force=True)
    register(system, force=True)
    assert b"ExecStart" in system.files.read("/lib/systemd/system/walinuxagent.service")
    unregister(system)
    assert tree(system) == {"/lib/systemd/system/walinuxagent.service": b"[Service]\n"}


def test_a_dry_run_tells_and_does_nothing() -> None:
    system, commands = ready()
    said = register(system, dry_run=True)
    assert tree(system) == {}
    assert "Nothing was done (dry run)." in said
    assert not [call for call in commands.calls if "enable" in call.argv]


def test_an_interpreter_that_does_not_find_the_agent_is_said_before_anything_is_laid() -> None:
    system, _ = ready()
    commands = ScriptedCommands(["/usr/bin/python3"])
    commands.on(
        "/usr/bin/python3", "-B", ..., exit_code=1, stderr="Traceback\nModuleNotFoundError: No module named 'waagent'\n"
    )
    broken = fake_system(files=system.files, commands=commands)
    with pytest.raises(SystemFailure, match="No module named 'waagent'") as caught:
        register(broken)
    assert "pip install" in caught.value.hint
    assert tree(broken) == {}


def test_a_plan_that_is_cut_short_anywhere_and_made_again_ends_the_same() -> None:
    whole, _ = ready({"/lib/systemd/system/walinuxagent.service": "[Service]\n"})
    register(whole, force=True)
    steps = len(plan.register(DEBIAN, placed(), observe.Facts()))
    for cut in range(steps + 1):
        system, _ = ready({"/lib/systemd/system/walinuxagent.service": "[Service]\n"})
        facts = observe.observe(system, DEBIAN, placed())
        apply(system, plan.register(DEBIAN, placed(), facts, force=True)[:cut])
        register(system, force=True)
        assert bodies(tree(system)) == bodies(tree(whole))


def test_an_appliance_is_refused() -> None:
    with pytest.raises(SystemFailure, match="gaia"):
        place(choose(Identity("gaia")), systemd=False)


def test_what_is_laid_compressed_is_known_again_and_taken_away() -> None:
    guest = choose(Identity("rhel", "9.4"))
    found = place(guest, systemd=True, manual=".TH WAAGENT 1\n")
    page = next(file for file in found.files if file.path == "/usr/share/man/man1/waagent.1.gz")
    laid = {file.path: file.data(mark.remark()) for file in found.files}
    assert gzip.decompress(laid[page.path]).decode().splitlines()[-1].startswith('.\\" laid by')
    assert not [step for step in plan.register(guest, found, observe.Facts(laid)) if isinstance(step, WriteFile)]
    removed = [step.path for step in plan.unregister(guest, found, observe.Facts(laid)) if isinstance(step, Remove)]
    assert page.path in removed
    packaged = plan.unregister(guest, found, observe.Facts(laid | {page.path: page.data()}))
    assert page.path not in [step.path for step in packaged if isinstance(step, Remove)]
    broken = plan.unregister(guest, found, observe.Facts(laid | {page.path: b"\x1f\x8bbroken"}))
    assert page.path not in [step.path for step in broken if isinstance(step, Remove)]


def test_the_units_of_the_oem_and_of_the_machine_say_the_same() -> None:
    files = {file.path: file.content for file in place(choose(Identity("coreos", "2512")), systemd=True).files}
    config = files["/usr/share/oem/cloud-config.yml"]
    unit = files["/etc/systemd/system/waagent.service"]
    assert config.startswith("#cloud-config\n")
    assert "Condition" not in config and "[Install]" not in config
    inner = [line.strip() for line in config.partition("content: |\n")[2].splitlines() if line.strip()]
    assert inner == [
        line for line in unit.partition("[Install]")[0].splitlines() if line and line[0] != "#" and "Condition" not in line
    ]


def test_what_the_agent_did_while_it_ran_is_taken_back() -> None:
    lib, rules = "/var/lib/waagent", "70-persistent-net.rules"
    unit, grub = "/lib/systemd/system/walinuxagent-network-setup.service", "/etc/default/grub"
    wants = f"/etc/systemd/system/network.target.wants/{unit.rpartition('/')[2]}"
    system, commands = ready(
        {
            f"{lib}/{rules}": 'NAME="eth0"\n',
            f"{lib}/75-persistent-net-generator.rules": "generator\n",
            "/lib/udev/rules.d/75-persistent-net-generator.rules": "a newer one\n",
            f"{lib}/waagent-network-setup.py": "setup-firewall=168.63.129.16",
            unit: "[Unit]\n",
            wants: "[Unit]\n",
            "/lib/systemd/system/walinuxagent.service.d/12-CPUQuota.conf": "[Service]\n",
            grub: 'GRUB_CMDLINE_LINUX_DEFAULT="quiet numa=off"\n',
            f"{grub}.waagent-numa": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n',
        },
        more=["update-grub"],
    )
    commands.on("update-grub", ...)
    register(system)
    unregister(system)
    files = system.files
    assert files.read(f"/etc/udev/rules.d/{rules}") == b'NAME="eth0"\n'
    assert files.read("/lib/udev/rules.d/75-persistent-net-generator.rules") == b"a newer one\n"
    for gone in (f"{lib}/{rules}", unit, wants, f"{lib}/waagent-network-setup.py", f"{grub}.waagent-numa"):
        assert files.facts(gone) is None, gone
    assert files.facts("/lib/systemd/system/walinuxagent.service.d/12-CPUQuota.conf") is None
    assert files.read(grub) == b'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'


def test_directories_that_were_made_for_it_go_with_the_last_file() -> None:
    system, _ = ready({"/lib/.keep": "", "/lib/systemd/system/other.service": "[Unit]\n"})
    register(system)
    assert b"with /lib/udev; " in system.files.read("/lib/udev/rules.d/66-azure-storage.rules")
    assert b" with " not in system.files.read("/lib/systemd/system/walinuxagent.service").splitlines()[-1]
    unregister(system)
    assert system.files.facts("/lib/udev") is None
    assert system.files.facts("/lib/systemd/system/other.service") is not None


def test_a_directory_that_somebody_else_uses_by_now_stays() -> None:
    system, _ = ready({"/lib/.keep": ""})
    register(system)
    system.files.write("/lib/udev/rules.d/70-mine.rules", b"mine\n")
    unregister(system)
    assert system.files.names("/lib/udev/rules.d") == ("70-mine.rules",)
    assert system.files.facts("/lib/udev/rules.d/66-azure-storage.rules") is None


def test_a_newer_version_keeps_what_the_mark_says() -> None:
    system, _ = ready({"/lib/.keep": ""})
    register(system)
    path = "/lib/udev/rules.d/66-azure-storage.rules"
    system.files.write(path, b"# as an old version had it\n" + system.files.read(path).splitlines(keepends=True)[-1])
    register(system)
    assert b"with /lib/udev; " in system.files.read(path)
    assert b"old version" not in system.files.read(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"text", b"# laid by waagent -register-service\nmore\n", b"\x1f\x8b"])
def test_a_file_without_the_last_line_is_somebody_elses(content: bytes) -> None:
    assert mark.read(content) is None
