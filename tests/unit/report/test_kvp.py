"""The record that the host reads with a health report."""

from __future__ import annotations

from unit.fakes import FrozenClock, ListLog, MemoryFiles, system
from waagent.codec import kvp_pool, provisioning_report
from waagent.model.health import READY, STARTING, provisioning_failed
from waagent.report import kvp

POOL = "/var/lib/hyperv/.kvp_pool_1"
VM = "D0DF4C54-4ECB-4A4B-9954-5BDF3ED5C3B8"


def machine() -> MemoryFiles:
    files = MemoryFiles(now=lambda: FrozenClock().now().timestamp())
    files.make_directory("/var/lib/hyperv")
    return files


def test_success_and_failure_are_one_record_each_and_the_last_one_wins() -> None:
    files = machine()
    door = system(files=files)
    kvp.write(door, provisioning_failed("no medium | was found"), agent_version="9.9", vm_id=VM)
    found = provisioning_report.parse(kvp_pool.latest(files.read(POOL))["PROVISIONING_REPORT"])
    assert (found["result"], found["reason"], found["vm_id"]) == ("error", "no medium | was found", VM.lower())
    kvp.write(door, READY, agent_version="9.9", vm_id=VM)
    assert len(files.read(POOL)) == 2 * kvp_pool.RECORD_SIZE
    found = provisioning_report.parse(kvp_pool.latest(files.read(POOL))["PROVISIONING_REPORT"])
    assert (found["result"], found["agent"]) == ("success", "WALinuxAgent/9.9")


def test_a_starting_report_and_a_machine_without_the_daemon_write_nothing() -> None:
    files = machine()
    kvp.write(system(files=files), STARTING, agent_version="9.9", vm_id=VM)
    assert not files.exists(POOL)
    bare = MemoryFiles()
    kvp.write(system(files=bare), READY, agent_version="9.9", vm_id=VM)
    assert not bare.exists(POOL)


def test_a_pool_from_before_this_boot_is_emptied_and_one_of_this_boot_is_not() -> None:
    files = machine()
    files.put(POOL, b"\1" * kvp_pool.RECORD_SIZE)
    written = FrozenClock().now().timestamp()
    files.put("/proc/stat", f"cpu 1 2 3\nbtime {written - 10:.0f}\n")
    kvp.write(system(files=files), READY, agent_version="9.9", vm_id=VM)
    assert len(files.read(POOL)) == 2 * kvp_pool.RECORD_SIZE
    files.put("/proc/stat", f"cpu 1 2 3\nbtime {written + 10:.0f}\n")
    kvp.write(system(files=files), READY, agent_version="9.9", vm_id=VM)
    assert len(files.read(POOL)) == kvp_pool.RECORD_SIZE


def test_a_pool_that_cannot_be_written_is_a_warning() -> None:
    files, log = machine(), ListLog()
    files.make_directory(POOL)
    kvp.write(system(files=files, log=log), READY, agent_version="9.9", vm_id=VM)
    assert "key-value pool" in log.of("warning")[0]
