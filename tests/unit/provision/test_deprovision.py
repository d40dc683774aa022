"""Deprovisioning (guest.md 3; traps 38 to 43)."""

from __future__ import annotations

from typing import Any

import pytest

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.guest.accounts import Account
from waagent.guest.families import debian, networkd, ubuntu
from waagent.guest.profile import Guest
from waagent.provision import deprovision
from waagent.provision.deprovision import DeprovisionFacts
from waagent.system.action import EmptyDirectory, Remove, Run

KOFI = Account("kofi", 1000, 1000, "/home/kofi")


def plan(guest: Guest = debian.DEBIAN, config: str = "", with_user: bool = False, **facts: Any) -> deprovision.Deprovision:
    parsed, _ = parse(config)
    return deprovision.plan(parsed, guest, Paths.of(parsed), DeprovisionFacts(**facts), with_user=with_user)


def removed(planned: deprovision.Deprovision) -> list[str]:
    return [action.path for action in planned.actions if isinstance(action, Remove)]


def test_every_warning_starts_the_way_tools_look_for() -> None:
    planned = plan(config="Provisioning.DeleteRootPassword=y\n", with_user=True, saved_user="kofi", account=KOFI)
    assert len(planned.warnings) == 6
    assert all(line.startswith("WARNING! ") for line in planned.warnings)


def test_host_keys_stay_where_they_are_not_regenerated() -> None:
    assert "/etc/ssh/ssh_host_*key*" in removed(plan())
    assert "/etc/ssh/ssh_host_*key*" not in removed(plan(config="Provisioning.RegenerateSshHostKeyPair=n\n"))


@pytest.mark.parametrize(
    ("guest", "target", "goes"),
    [
        (debian.DEBIAN, None, True),
        (debian.DEBIAN, "/run/systemd/resolve/stub-resolv.conf", False),
        (debian.DEBIAN, "/run/NetworkManager/resolv.conf", False),
        (ubuntu.U18, None, False),
        (ubuntu.U14, None, True),
        (ubuntu.U14, "/run/resolvconf/resolv.conf", False),
        (networkd.COREOS, "/run/systemd/resolve/resolv.conf", False),
    ],
)
def test_resolv_conf_goes_only_where_nothing_makes_it_anew(guest: Guest, target: str | None, goes: bool) -> None:
    planned = plan(guest, resolv_target=target)
    assert ("/etc/resolv.conf" in removed(planned)) is goes
    assert any("resolv.conf" in line for line in planned.warnings)


def test_old_ubuntu_forgets_what_resolvconf_would_write_again() -> None:
    paths = removed(plan(ubuntu.U14, resolv_target="/run/resolvconf/resolv.conf"))
    assert {"/etc/resolvconf/resolv.conf.d/tail", "/etc/resolvconf/resolv.conf.d/original"} <= set(paths)


def test_the_machine_id_goes_last_on_coreos() -> None:
    last = plan(networkd.COREOS).actions[-1]
    assert isinstance(last, Remove) and last.path == "/etc/machine-id"
    assert "/etc/machine-id" not in removed(plan())


def test_the_user_goes_with_its_rights_and_nobody_elses() -> None:
    rules = "kofi ALL=(ALL) ALL\nkofi2 ALL=(ALL) ALL\n"
    planned = plan(with_user=True, saved_user="kofi", account=KOFI, sudo_rules=rules)
    assert ("userdel", "-f", "-r", "kofi") in [action.argv for action in planned.actions if isinstance(action, Run)]
    (write,) = [action for action in planned.actions if getattr(action, "path", "") == "/etc/sudoers.d/waagent"]
    assert write.content == b"kofi2 ALL=(ALL) ALL\n"  # type: ignore[attr-defined]


def test_the_user_goes_before_the_file_that_names_them_and_what_the_tools_keep_of_the_account_goes_too() -> None:
    planned = plan(with_user=True, saved_user="kofi", account=KOFI)
    userdel = next(at for at, action in enumerate(planned.actions) if isinstance(action, Run) and "userdel" in action.argv)
    state = planned.actions.index(EmptyDirectory("/var/lib/waagent", why="forget this VM"))
    assert userdel < state
    assert {"/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-"} <= set(
        removed(planned)
    )
    assert "/etc/shadow-" not in removed(plan())


def test_run_again_after_the_account_went_its_rights_and_backups_still_go() -> None:
    paths = removed(plan(with_user=True, saved_user="kofi", sudo_rules="kofi ALL=(ALL) ALL\n"))
    assert {"/etc/shadow-", "/etc/sudoers.d/waagent"} <= set(paths)


def test_a_stop_that_fails_is_judged_by_whether_the_agent_still_runs() -> None:
    stop = plan().actions[0]
    assert isinstance(stop, Run) and "stop" in stop.argv and stop.optional


@pytest.mark.parametrize(
    ("account", "config", "deleted"),
    [
        (Account("root", 0, 0, "/root"), "", False),
        (Account("root", 0, 0, "/root"), "Provisioning.AllowResetSysUser=y\n", False),
        (Account("svc", 500, 500, "/srv"), "", False),
        (Account("svc", 500, 500, "/srv"), "Provisioning.AllowResetSysUser=y\n", True),
    ],
)
def test_system_users_are_not_deleted(account: Account, config: str, deleted: bool) -> None:
    planned = plan(config=config, with_user=True, saved_user=account.name, account=account)
    assert any(isinstance(action, Run) and action.argv[0] == "userdel" for action in planned.actions) is deleted
    assert any(account.name in line for line in planned.warnings)


def test_without_a_saved_document_the_rest_still_goes() -> None:
    planned = plan(with_user=True)
    assert len([line for line in planned.warnings if "not found" in line or "skipped" in line]) == 2
    assert EmptyDirectory in {type(action) for action in planned.actions}


def test_every_action_is_tried_and_every_failure_kept() -> None:
    commands = ScriptedCommands().on("false", exit_code=1)
    files = MemoryFiles({"/a/b": "", "/c": ""}).break_at("/c")
    failures = deprovision.run(
        fake_system(files=files, commands=commands), (Run(("false",)), Remove("/c"), EmptyDirectory("/a"))
    )
    assert len(failures) == 2
    assert files.names("/a") == ()


def test_what_is_left_is_said() -> None:
    config, _ = parse("Provisioning.DeleteRootPassword=y\n")
    paths = Paths.of(config)
    files = MemoryFiles(
        {
            "/etc/ssh/ssh_host_rsa_key": "",
            "/etc/passwd": "kofi:x:1000:1000::/home/kofi:/bin/sh\n",
            "/etc/shadow": "root:$6$:1::::::\n",
            f"{paths.lib}/Protocol": "",
            paths.pid: "4242",
            "/proc/4242/cmdline": "",
            "/etc/machine-id": "x",
        }
    )
    facts = DeprovisionFacts(saved_user="kofi", account=KOFI)
    left = deprovision.leftovers(fake_system(files=files), debian.DEBIAN, config, paths, facts, with_user=True)
    assert [one.expected for one in left] == [False] * 5 + [True]
    clean = MemoryFiles({"/etc/shadow": "root:*LOCK*:1::::::\n", "/etc/passwd": ""})
    nothing = fake_system(files=clean, commands=ScriptedCommands([]))
    assert deprovision.leftovers(nothing, debian.DEBIAN, config, paths, facts, with_user=True) == ()


def test_a_changed_id_forgets_the_state_and_keeps_users_names_and_handler_state() -> None:
    paths = Paths.of(parse("")[0])
    names = ("Microsoft.Azure.Ext-1.2.3", "WALinuxAgent-2.15.0.1", "events", "a-b-1.0")
    found = [action.path for action in deprovision.changed_id_plan(debian.DEBIAN, paths, names) if isinstance(action, Remove)]
    assert f"{paths.lib}/Microsoft.Azure.Ext-1.2.3/config/HandlerStatus" in found
    assert not [
        path for path in found if "WALinuxAgent-2" in path or "a-b-1.0" in path or path.rpartition("/")[2] == "HandlerState"
    ]
    assert not [path for path in found if "resolv" in path or "ssh" in path]
