"""Pre-provisioned VMs (guest.md 1.7)."""

from __future__ import annotations

import pytest

from unit.fakes import FakeSockets, FrozenClock, MemoryFiles, ReplayHttp, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest.families.bsd import FREEBSD
from waagent.guest.profile import Guest
from waagent.model.failure import HttpFailure, ProvisionFailure
from waagent.model.ovf import PoolType
from waagent.provision import pool
from waagent.provision.pool import Stage

PATHS = Paths.of(Config())
STATE = {f"{PATHS.lib}/.keep": ""}
CHANGES = "/sys/class/net/eth0/carrier_changes"


@pytest.mark.parametrize(
    ("document", "metadata", "reported", "expected"),
    [
        (PoolType.NONE, None, False, Stage.ORDINARY),
        (PoolType.NONE, "None", False, Stage.ORDINARY),
        (PoolType.NONE, "Running", False, Stage.RUNNING),
        (PoolType.RUNNING, None, False, Stage.RUNNING),
        (PoolType.RUNNING, "Savable", False, Stage.SAVABLE),
        (PoolType.OS_DISK, "Running", False, Stage.OS_DISK),
        (PoolType.SAVABLE, None, True, Stage.REBOOTED),
        (PoolType.NONE, None, True, Stage.REBOOTED),
    ],
)
def test_the_stage_follows_the_precedence(document: PoolType, metadata: str | None, reported: bool, expected: Stage) -> None:
    assert pool.decide(document, metadata, reported) is expected


def test_an_ordinary_vm_asks_nobody_about_pools() -> None:
    assert pool.stage(fake_system(http=ReplayHttp()), PATHS, PoolType.NONE) is Stage.ORDINARY


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"extended": {"compute": {"ppsType": "Savable"}}}', Stage.SAVABLE),
        ('{"extended": {"compute": {"ppsType": "PreprovisionedOSDisk"}}}', Stage.OS_DISK),
        ('{"extended": {"compute": {"ppsType": "None"}}}', Stage.RUNNING),
        ('{"extended": {"compute": {"ppsType": 7}}}', Stage.RUNNING),
        ('{"extended": 3}', Stage.RUNNING),
        ("[]", Stage.RUNNING),
        ("{", Stage.RUNNING),
    ],
)
def test_the_metadata_service_says_which_kind_of_pool(answer: str, expected: Stage) -> None:
    http = ReplayHttp().on("GET", pool.INSTANCE_URL, answer)
    assert pool.stage(fake_system(http=http), PATHS, PoolType.RUNNING) is expected
    assert http.requests[0].headers == {"Metadata": "true"} and not http.requests[0].proxied


def test_a_metadata_service_that_fails_leaves_the_documents_word() -> None:
    http = ReplayHttp().on("GET", pool.INSTANCE_URL, status=400).fail("GET", pool.INSTANCE_URL)
    system = fake_system(http=http)
    assert [pool.stage(system, PATHS, PoolType.OS_DISK) for _ in range(2)] == [Stage.OS_DISK, Stage.OS_DISK]


def test_a_running_vm_reports_ready_once_and_waits_for_the_link_to_go_down_and_up() -> None:
    files, clock, sockets = MemoryFiles({CHANGES: "4\n", **STATE}), FrozenClock(), FakeSockets()
    http = ReplayHttp().on("GET", pool.URL, status=404).fail("GET", pool.URL).on("GET", pool.URL, "<ovf/>")
    system = fake_system(files=files, clock=clock, http=http, sockets=sockets, commands=ScriptedCommands([]))
    reports: list[float] = []
    sockets.later(1000.0, lambda: files.put(CHANGES, "5\n")).later(1000.4, lambda: files.put(CHANGES, "6\n"))
    found = pool.wait_for_customer(system, Guest(), PATHS, Stage.RUNNING, "eth0", lambda: reports.append(clock.monotonic()))
    assert found == b"<ovf/>" and len(reports) == 1
    assert sum(clock.pauses) == pytest.approx(1000.4 + 2 * pool.PERIOD), "the link's return is seen in its moment"
    assert http.requests[0].headers == {"Metadata": "true"}
    assert pool.was_reported(system, PATHS)
    pool.finish(system, PATHS)
    assert not pool.was_reported(system, PATHS)


def test_a_vm_rebooted_in_the_pool_only_asks() -> None:
    http = ReplayHttp().on("GET", pool.URL, "<ovf/>")
    system = fake_system(http=http, commands=ScriptedCommands([]))
    never = lambda: pytest.fail("reported twice")  # noqa: E731
    assert pool.wait_for_customer(system, Guest(), PATHS, Stage.REBOOTED, "eth0", never) == b"<ovf/>"


def test_a_savable_vm_expects_its_report_to_fail_and_its_interface_to_go() -> None:
    clock, sockets = FrozenClock(), FakeSockets()
    http = ReplayHttp().on("GET", pool.URL, "<ovf/>")
    system = fake_system(files=MemoryFiles(STATE), clock=clock, http=http, sockets=sockets, commands=ScriptedCommands([]))
    sockets.later(30.0, lambda: sockets.set_interfaces()).later(90.0, lambda: sockets.set_interfaces("eth0"))

    def report() -> None:
        raise HttpFailure("reset", "connection reset")

    assert pool.wait_for_customer(system, Guest(), PATHS, Stage.SAVABLE, "eth0", report) == b"<ovf/>"
    assert sum(clock.pauses) == pytest.approx(90)
    assert not [text for text in system.log.of("warning") if "Ready" in text]  # type: ignore[attr-defined]


def test_an_os_disk_vm_waits_until_it_is_shut_down() -> None:
    clock = FrozenClock()
    clock.ends_after_pauses = 50
    with pytest.raises(ProvisionFailure, match="shut this VM down"):
        pool.wait_for_customer(
            fake_system(files=MemoryFiles(STATE), clock=clock), Guest(), PATHS, Stage.OS_DISK, "eth0", lambda: None
        )


def test_freebsd_has_no_pools() -> None:
    with pytest.raises(ProvisionFailure, match="not supported on freebsd"):
        pool.wait_for_customer(fake_system(), FREEBSD, PATHS, Stage.RUNNING, "hn0", lambda: None)
