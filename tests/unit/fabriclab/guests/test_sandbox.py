"""A real sandbox guest: what it can do, and that this machine stays as it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.guests import dvd, namespace
from fabriclab.guests.control import ControlError
from fabriclab.guests.machine import Machine, azure_dmi
from fabriclab.guests.namespace import FabricNamespace, NamespaceBinder
from fabriclab.guests.partitions import make_mbr
from fabriclab.guests.sandbox import Disk, Sandbox

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest needs root"),
]

IDENTITY = "99999999-8888-4777-8666-555555555555"
PROJECT = Path(__file__).resolve().parents[4]


@pytest.fixture
def fabric() -> Iterator[FabricNamespace]:
    with namespace.running() as made:
        yield made


@pytest.fixture
def guest(fabric: FabricNamespace) -> Sandbox:
    made = Sandbox(fabric, Machine(dmi=azure_dmi(IDENTITY)))
    made.prepare(PROJECT)
    made.insert(Disk("sr0", "dvd.iso", read_only=True), dvd.provisioning(b"<Environment/>", b"data"))
    made.start()
    return made


def host_state() -> dict[str, str]:
    """What a lab must leave alone on this machine."""
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    devices = sorted(os.listdir("/sys/class/net"))
    accounts = {name: Path("/etc", name).read_text() for name in ("passwd", "shadow", "group", "hosts", "resolv.conf")}
    return {**accounts, "mounts": str(mounts), "network": str(devices), "name": os.uname().nodename}


def image_in_use(name: str) -> bool:
    """Other labs of this machine may come and go meanwhile: only an image of our own counts."""
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if path.read_text().strip().endswith(name):
                return True
        except OSError:
            continue
    return False


def test_a_guest_has_users_sudo_and_a_name_of_its_own(guest: Sandbox) -> None:
    done = guest.shell("useradd -m labuser && hostname other && id -u labuser && hostname && getent hosts localhost")
    assert done.ok, done.errors
    assert "other" in done.output.splitlines()


def test_the_provisioning_dvd_mounts_as_azures_agent_mounts_it(guest: Sandbox) -> None:
    place = "/mnt/cdrom/secure"
    mount = f"mkdir -p {place} && mount -o ro -t udf,iso9660,vfat /dev/sr0 {place}"
    done = guest.shell(f"{mount} && cd {place} && cat ovf-env.xml CustomData.bin")
    assert done.output == "<Environment/>data", done.errors


def test_the_guest_finds_azures_dmi_data(guest: Sandbox) -> None:
    assert guest.read("/sys/class/dmi/id/product_uuid") == b"99999999-8888-7747-8666-555555555555\n"


def test_the_source_tree_is_not_there(guest: Sandbox) -> None:
    assert not guest.run(["test", "-e", str(PROJECT)]).ok
    assert str(PROJECT) not in guest.shell("cat /proc/1/cmdline /proc/1/environ").output


def test_the_guest_reaches_a_socket_of_the_fabric(fabric: FabricNamespace, guest: Sandbox) -> None:
    with NamespaceBinder(fabric).tcp("168.63.129.16", 80) as listening:
        asking = guest.spawn(["bash", "-c", "exec 3<>/dev/tcp/168.63.129.16/80 && echo hello >&3"])
        listening.settimeout(10)
        connection, (address, _) = listening.accept()
        with connection:
            assert connection.recv(10) == b"hello\n"
        assert address == "10.77.0.4"
        assert asking.wait(10) == 0


def test_settings_shared_with_the_machine_are_read_only(guest: Sandbox) -> None:
    for command in ("echo 1 >/proc/sys/vm/drop_caches", "date -s 2001-01-01", "mount -o remount,rw /proc/sys/kernel && false"):
        assert not guest.shell(command).ok


def test_a_temporary_disk_is_found_where_azure_puts_it_and_can_be_formatted(fabric: FabricNamespace) -> None:
    size = 64 << 20
    made = Sandbox(fabric, Machine())
    made.prepare()
    made.insert(Disk("sdb", "resource.img"), make_mbr(size, 7), size)
    made.start()
    name = made.shell("ls /sys/bus/vmbus/devices/*/host*/*/*/block").output.strip()
    assert name == "sdb"
    again = "sfdisk --quiet --part-type -f /dev/sdb 1 83; for i in $(seq 50); do test -b /dev/sdb1 && break; sleep 0.02; done"
    done = made.shell(f"{again}; mkfs.ext4 -q -F /dev/sdb1 && mount /dev/sdb1 /mnt && findmnt -no FSTYPE /mnt")
    assert done.output.strip() == "ext4", done.errors


def test_a_reboot_keeps_files_and_ends_processes(guest: Sandbox) -> None:
    guest.shell("touch /kept; echo x >/run/gone")
    before = guest.read("/proc/sys/kernel/random/boot_id")
    sleeping = guest.spawn(["sleep", "1000"])
    guest.reboot()
    assert sleeping.wait(5) == -signal.SIGKILL
    assert guest.shell("test -e /kept && ! test -e /run/gone").ok
    assert guest.read("/proc/sys/kernel/random/boot_id") != before


def test_what_the_guest_did_is_all_in_the_difference(guest: Sandbox) -> None:
    guest.shell("echo x >/etc/new; rm /etc/hostname; chmod 0600 /etc/hosts; cat /etc/passwd")
    assert [(change.what, change.path) for change in guest.changes()] == [
        ("removed", "/etc/hostname"),
        ("changed", "/etc/hosts"),
        ("added", "/etc/new"),
    ]


def test_orphans_are_reaped_by_the_first_process(guest: Sandbox) -> None:
    guest.shell("setsid sh -c 'sleep 0.05 & exit' ")
    done = guest.shell("sleep 0.3; ps -eo stat= | grep -c Z")
    assert done.output.strip() == "0"


def test_a_program_that_is_not_there_is_said_so(guest: Sandbox) -> None:
    done = guest.run(["no-such-program"])
    assert done.status == 127
    assert "no-such-program" in done.errors


def test_a_stopped_guest_cannot_be_asked(guest: Sandbox) -> None:
    guest.stop()
    with pytest.raises(ControlError, match="not running"):
        guest.run(["true"])


def test_the_machine_is_as_before_when_a_lab_ended() -> None:
    before = host_state()
    with namespace.running() as fabric:
        made = Sandbox(fabric, Machine(dmi=azure_dmi(IDENTITY)))
        made.prepare(PROJECT)
        made.insert(Disk("sr0", "ended.iso", read_only=True), dvd.provisioning(b"<x/>"))
        made.start()
        assert made.shell("useradd x; echo y >/etc/hosts; hostname z; ip link add dummy type bridge; mount -t tmpfs t /mnt").ok
        made.spawn(["sleep", "1000"])
        assert image_in_use("ended.iso")
    assert not image_in_use("ended.iso")
    assert host_state() == before


def test_nothing_is_left_when_the_lab_is_killed(tmp_path: Path) -> None:
    before = host_state()
    program = (
        "import os, sys\n"
        "from fabriclab.guests import namespace, dvd\n"
        "from fabriclab.guests.machine import Machine\n"
        "from fabriclab.guests.sandbox import Disk, Sandbox\n"
        "fabric = namespace.start()\n"
        "guest = Sandbox(fabric, Machine())\n"
        "guest.prepare()\n"
        "guest.insert(Disk('sr0', 'killed.iso', read_only=True), dvd.provisioning(b'<x/>'))\n"
        "guest.start()\n"
        "guest.spawn(['sh', '-c', 'mkdir /mnt/c; mount -t udf /dev/sr0 /mnt/c; setsid sleep 1000 & exec sleep 1000'])\n"
        "guest.run(['sleep', '0.2'])\n"
        "print(os.pidfd_open(guest.process), guest.process, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    first = int(done.stdout.split()[1])
    try:
        assert namespace.has_ended(os.pidfd_open(first), 10)
    except ProcessLookupError:
        pass
    end = time.monotonic() + 5
    while image_in_use("killed.iso") and time.monotonic() < end:
        time.sleep(0.02)
    assert not image_in_use("killed.iso")
    assert host_state() == before
