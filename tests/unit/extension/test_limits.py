"""Scopes, slices and limits, with prepared commands."""

from __future__ import annotations

from unit import fakes
from unit.fakes import ListLog, MemoryFiles, ScriptedCommands
from waagent.extension import limits
from waagent.model.extension import HandlerManifest, Limits

SYSTEMD = {"/run/systemd/system/x": ""}
MANIFEST = HandlerManifest(limits=Limits(20, 200), services=(("sampled.service", Limits(5)), ("absent", Limits(1))))


def test_a_slice_is_named_after_the_handler() -> None:
    assert limits.slice_name("Contoso.Sample-X") == "azure-vmextensions-Contoso.Sample_X.slice"


def test_with_systemd_a_command_gets_a_scope_in_the_slice() -> None:
    system = fakes.system(files=MemoryFiles(SYSTEMD))
    found = limits.surroundings(system, "enable", "Contoso.Sample.job")
    assert found.scope[0] == "/usr/bin/systemd-run"
    assert "--scope" in found.scope
    assert found.scope[-1] == "--slice=azure-vmextensions-Contoso.Sample.job.slice"
    assert any(each.startswith("--unit=enable_") for each in found.scope)
    other = limits.surroundings(system, "enable", "Contoso.Sample.job")
    assert other.scope != found.scope


def test_without_systemd_there_is_no_scope() -> None:
    assert limits.surroundings(fakes.system(), "enable", "A").scope == ()
    bare = fakes.system(files=MemoryFiles(SYSTEMD), commands=ScriptedCommands(installed=()))
    assert limits.surroundings(bare, "enable", "A").scope == ()


def test_the_way_out_of_the_agents_group_is_the_root_of_each_hierarchy() -> None:
    files = MemoryFiles(
        {
            "/proc/self/cgroup": "4:cpu,cpuacct:/azure.slice/waagent.service\n3:pids:/\n1:name=systemd:/a\n0::/b\n",
            "/sys/fs/cgroup/cpu,cpuacct/cgroup.procs": "",
            "/sys/fs/cgroup/systemd/cgroup.procs": "",
            "/sys/fs/cgroup/unified/cgroup.procs": "",
        }
    )
    assert limits.outside(files) == (
        "/sys/fs/cgroup/cpu,cpuacct/cgroup.procs",
        "/sys/fs/cgroup/systemd/cgroup.procs",
        "/sys/fs/cgroup/unified/cgroup.procs",
    )


def test_version_two_has_one_way_out_and_an_agent_at_the_root_needs_none() -> None:
    files = MemoryFiles({"/proc/self/cgroup": "0::/system.slice/waagent.service\n", "/sys/fs/cgroup/cgroup.procs": ""})
    assert limits.outside(files) == ("/sys/fs/cgroup/cgroup.procs",)
    assert limits.outside(MemoryFiles({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cgroup.procs": ""})) == ()
    assert limits.outside(MemoryFiles()) == ()


def commands() -> ScriptedCommands:
    return (
        ScriptedCommands()
        .on("systemctl", "show", ..., stdout="LoadState=not-found\n")
        .on("systemctl", "show", "--property=LoadState", "--", "sampled.service", stdout="LoadState=loaded\n")
        .on("systemctl", "set-property", ...)
    )


def properties(said: ScriptedCommands) -> list[tuple[str, ...]]:
    return [line[4:] for line in said.lines if line[1] == "set-property"]


def test_limits_of_the_manifest_are_set_on_the_slice_and_on_loaded_services() -> None:
    said = commands()
    limits.apply(fakes.system(files=MemoryFiles(SYSTEMD), commands=said), "Contoso.Sample", MANIFEST)
    assert properties(said) == [
        ("azure-vmextensions-Contoso.Sample.slice", "CPUAccounting=yes", "CPUQuota=20%", "MemoryAccounting=yes"),
        ("sampled.service", "CPUAccounting=yes", "CPUQuota=5%", "MemoryAccounting=yes"),
    ]


def test_limits_are_set_in_the_order_of_their_names_so_that_systemd_wants_no_reload() -> None:
    said = commands()
    limits.apply(fakes.system(files=MemoryFiles(SYSTEMD), commands=said), "Contoso.Sample", MANIFEST)
    for _, *asked in properties(said):
        assert asked == sorted(asked)


def test_limits_are_taken_away_again() -> None:
    said = commands()
    limits.withdraw(fakes.system(files=MemoryFiles(SYSTEMD), commands=said), "Contoso.Sample", MANIFEST)
    assert properties(said) == [
        ("azure-vmextensions-Contoso.Sample.slice", "CPUQuota="),
        ("sampled.service", "CPUQuota="),
    ]


def test_nothing_is_run_where_there_is_nothing_to_limit_or_no_systemd() -> None:
    limits.apply(fakes.system(files=MemoryFiles(SYSTEMD)), "A", HandlerManifest())
    limits.apply(fakes.system(), "A", MANIFEST)
    limits.withdraw(fakes.system(files=MemoryFiles(SYSTEMD)), "A", None)


def test_trouble_with_limits_is_a_warning() -> None:
    log = ListLog()
    said = ScriptedCommands().on("systemctl", "set-property", ..., exit_code=1)
    manifest = HandlerManifest(limits=Limits(20))
    limits.apply(fakes.system(files=MemoryFiles(SYSTEMD), commands=said, log=log), "A", manifest)
    assert len(log.of("warning")) == 1


def test_the_time_for_which_a_slice_was_held_up_is_found_in_both_versions() -> None:
    place = "azure.slice/azure-vmextensions.slice/azure-vmextensions-A.slice"
    root = "/sys/fs/cgroup"
    two = MemoryFiles(
        {
            "/proc/self/cgroup": "0::/system.slice/waagent.service\n",
            f"{root}/cgroup.controllers": "cpu\n",
            f"{root}/{place}/cgroup.procs": "",
            f"{root}/{place}/cpu.stat": "usage_usec 9\nnr_throttled 4\nthrottled_usec 2500000\n",
        }
    )
    one = MemoryFiles(
        {
            "/proc/self/cgroup": "4:cpu,cpuacct:/system.slice/waagent.service\n",
            f"{root}/cpu,cpuacct/{place}/cpu.stat": "nr_throttled 4\nthrottled_time 1500000000\n",
        }
    )
    assert limits.throttled(two, limits.slice_name("A")) == 2.5
    assert limits.throttled(one, limits.slice_name("A")) == 1.5
    assert limits.throttled(two, limits.slice_name("B")) is None
    assert limits.throttled(two, "") is None
