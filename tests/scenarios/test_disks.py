"""The temporary disk and its swap file in guests: as the platform hands it over, as others have left it, and in trouble.

Disks are loop devices, file systems and tools are real; swapon is the lab's stand-in, which judges a file as the kernel does,
and so is the driver of NTFS, which shows names alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fabriclab.scenario import document
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("disks")]

PLAYED = ("resource-disk", "resource-disk-gen2", "resource-disk-redeployed", "resource-disk-foreign", "swap")
QUIET = '"Provisioning.Agent" = "disabled"'
READY = """
[[expect]]
id = "ready"
health = "Ready"
within = 40
"""
UNTOUCHED = """
[[step]]
do = "run"
command = "sha256sum /dev/sdb >/run/disk"
[[expect]]
about = "every byte of the disk is as it was"
command = "sha256sum -c --status /run/disk"
[[expect]]
about = "nothing of it is mounted by us"
command = "grep -c ' /mnt/resource ' /proc/mounts"
status = 1
prints = "0"
"""


def mounted(filesystem: str, device: str = "/dev/sdb1", place: str = "/mnt/resource") -> str:
    return f"""
[[expect]]
about = "{device} is mounted"
command = "grep -c '^{device} {place} {filesystem} ' /proc/mounts"
prints = "1"
within = 30
[[expect]]
file = "{place}/DATALOSS_WARNING_README.txt"
[[expect]]
command = "ls /var/lib/waagent | grep resource_disk"
status = 1
"""


def logged(*texts: str) -> str:
    return "".join(f'[[expect]]\nfile = "/var/log/waagent.log"\ncontains = ["""{text}"""]\nwithin = 30\n' for text in texts)


def play(tmp_path: Path, *parts: str, machine: str = "", settings: str = "") -> None:
    text = "\n".join([f"[machine]\n{machine}\n[configuration]\n{QUIET}\n{settings}", READY, *parts])
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, text))) == []


def run(*commands: str) -> str:
    return f'[[step]]\ndo = "run"\ncommand = """{" && ".join(commands)}"""\n'


def disk(**keys: object) -> str:
    lines = [f"{name} = {_toml(value)}" for name, value in keys.items()]
    return "\n".join(["[[machine.disk]]", *lines])


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{name}" = {_toml(text)}' for name, text in value.items()) + " }"
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).lower()


@pytest.mark.parametrize("name", PLAYED)
def test_the_librarys_scenario_holds(name: str) -> None:
    assert labs.not_held(labs.run(document.find(name))) == []


# -- what is formatted


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "filesystem", "scheme"),
    [
        (disk(content="mbr"), "ext4", "dos"),
        (disk(content="ntfs"), "ext3", "dos"),
        (disk(content="nothing"), "ext4", "dos"),
        (disk(content="gpt-ntfs", mib=400), "xfs", "gpt"),
        (disk(content="ntfs", on="gen1-old"), "ext4", "dos"),
        (disk(content="ntfs", mib=160), "btrfs", "dos"),
    ],
)
def test_a_disk_that_nobody_has_used_is_formatted_and_has_one_partition(
    tmp_path: Path, given: str, filesystem: str, scheme: str
) -> None:
    one = f"""
[[expect]]
command = "sfdisk -d /dev/sdb | grep ^label:; sfdisk -d /dev/sdb | grep -c ^/dev/sdb"
prints = "label: {scheme}\\n1"
"""
    play(tmp_path, given, mounted(filesystem), one, settings=f'"ResourceDisk.Filesystem" = "{filesystem}"')


def test_without_a_driver_for_ntfs_its_label_says_that_it_is_fresh(tmp_path: Path) -> None:
    no_driver = '[[step]]\ndo = "run"\ncommand = "rm -f /usr/sbin/mount.ntfs* /sbin/mount.ntfs*"\n'
    play(tmp_path, disk(content="ntfs"), no_driver, mounted("ext4"))


@pytest.mark.slow
def test_without_a_driver_for_ntfs_another_label_than_the_platforms_protects_it(tmp_path: Path) -> None:
    no_driver = '[[step]]\ndo = "run"\ncommand = "rm -f /usr/sbin/mount.ntfs* /sbin/mount.ntfs*"\n'
    given = disk(content="ntfs", label="Backups")
    play(tmp_path, given, no_driver, logged('there is ntfs "Backups" on /dev/sdb1'), UNTOUCHED)


def test_local_nvme_disks_are_formatted_when_the_configuration_says_so(tmp_path: Path) -> None:
    disks = (
        disk(content="ntfs"),
        disk(on="nvme", name="nvme0n1", serial="b"),
        disk(on="nvme", name="nvme1n1", serial="a"),
        disk(on="nvme-remote", name="nvme2n1", content="ext4"),
    )
    remote = """
[[step]]
do = "run"
command = "sha256sum /dev/nvme2n1 >/run/remote"
[[expect]]
command = "sha256sum -c --status /run/remote"
"""
    places = (
        mounted("ext4"),
        mounted("ext4", "/dev/nvme1n1", "/mnt/resource-2"),
        mounted("ext4", "/dev/nvme0n1", "/mnt/resource-3"),
    )
    play(tmp_path, *disks, remote, *places, settings='"ResourceDisk.FormatNvme" = true')


# -- what is kept


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "filesystem", "mib"), [("ext4", "ext4", 64), ("ext3", "ext4", 64), ("btrfs", "btrfs", 160), ("xfs", "xfs", 400)]
)
def test_a_disk_that_has_the_wanted_file_system_keeps_what_is_on_it(
    tmp_path: Path, content: str, filesystem: str, mib: int
) -> None:
    files = {} if content == "xfs" else {"files": {"kept.txt": "of last week"}}
    kept = '[[expect]]\nfile = "/mnt/resource/kept.txt"\ncontent = "of last week"\n' if files else ""
    given = disk(content=content, mib=mib, label="mine", **files)
    label = '[[expect]]\ncommand = "blkid -p -s LABEL -o value /dev/sdb1"\nprints = "mine"\n'
    play(tmp_path, given, mounted(filesystem), kept, label, settings=f'"ResourceDisk.Filesystem" = "{filesystem}"')


@pytest.mark.slow
def test_an_old_type_of_a_partition_is_corrected_and_its_data_stay(tmp_path: Path) -> None:
    was = '[[step]]\ndo = "run"\ncommand = "sfdisk -q --part-type /dev/sdb 1 7"\n'
    kept = """
[[expect]]
file = "/mnt/resource/kept.txt"
[[expect]]
command = "sfdisk --part-type /dev/sdb 1"
prints = "83"
"""
    play(tmp_path, disk(content="ext4", files={"kept.txt": "x"}), was, mounted("ext4"), kept)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (disk(content="ntfs", files={"work.txt": "x"}), "an NTFS volume"),
        (disk(content="gpt-ntfs", files={"work.txt": "x"}), "an NTFS volume"),
        (disk(content="ext4", files={"work.txt": "x"}), "there is ext4 on /dev/sdb1"),
        (disk(content="ext4", whole=True), "without any partition"),
        (disk(content="noise"), "something that is no file system known here"),
        (disk(content="noise", whole=True), "without any partition"),
    ],
)
def test_a_disk_with_something_else_on_it_is_left_as_it_is(tmp_path: Path, given: str, said: str) -> None:
    play(tmp_path, given, logged(said, "it may be somebody's data"), UNTOUCHED, settings='"ResourceDisk.Filesystem" = "ext3"')


@pytest.mark.slow
def test_with_ntfs_nothing_is_ever_formatted(tmp_path: Path) -> None:
    there = '[[expect]]\nfile = "/mnt/resource/work.txt"\nwithin = 20\n'  # by the lab's driver
    given = disk(content="ntfs", files={"work.txt": "x"})
    play(tmp_path, given, mounted("tmpfs"), there, settings='"ResourceDisk.Filesystem" = "ntfs"')


def test_a_disk_that_cloud_init_has_a_line_for_in_fstab_is_left_to_it(tmp_path: Path) -> None:
    fstab = "/dev/disk/cloud/azure_resource-part1\\t/mnt\\tauto\\tdefaults,nofail,comment=cloudconfig\\t0\\t2\\n"
    machine = f'files = {{ "/etc/fstab" = "{fstab}" }}'
    play(tmp_path, disk(content="ntfs"), logged("whoever wrote that line has it"), UNTOUCHED, machine=machine)


@pytest.mark.slow
def test_a_disk_that_is_mounted_already_is_used_where_it_is(tmp_path: Path) -> None:
    before = '[[step]]\ndo = "run"\ncommand = "mkdir /srv/scratch && mount /dev/sdb1 /srv/scratch"\n'
    used = """
[[expect]]
command = "grep /dev/sdb /proc/mounts | cut -d' ' -f2"
prints = "/srv/scratch"
[[expect]]
command = "tail -n +2 /proc/swaps | cut -d' ' -f1"
prints = "/srv/scratch/swapfile"
within = 20
[[expect]]
file = "/srv/scratch/kept.txt"
"""
    swap = '"ResourceDisk.EnableSwap" = true\n"ResourceDisk.SwapSizeMB" = 8'
    given = disk(content="ext4", files={"kept.txt": "x"})
    play(tmp_path, given, before, logged("mounted at /srv/scratch already"), used, settings=swap)


# -- what goes wrong


@pytest.mark.slow
def test_a_mount_point_that_is_taken_leaves_the_disk_alone(tmp_path: Path) -> None:
    taken = run("mkdir /mnt/resource", "mount -t tmpfs other /mnt/resource", "sha256sum /dev/sdb >/run/disk")
    same = '[[expect]]\ncommand = "sha256sum -c --status /run/disk"\n'
    play(tmp_path, disk(content="ntfs"), taken, logged("/mnt/resource is taken: other is mounted there"), same)


@pytest.mark.slow
def test_without_the_tool_that_formats_nothing_is_changed(tmp_path: Path) -> None:
    play(
        tmp_path,
        disk(content="ntfs"),
        logged("mkfs.jfs is not installed"),
        UNTOUCHED,
        settings='"ResourceDisk.Filesystem" = "jfs"',
    )


def test_a_disk_that_goes_while_it_is_formatted_ends_in_a_report(tmp_path: Path) -> None:
    gone = "#!/bin/sh\\nrm -f /dev/sdb1 /dev/sdb\\necho 'Input/output error while writing superblock' >&2\\nexit 1\\n"
    machine = f'files = {{ "/usr/local/sbin/mkfs.ext4" = "{gone}" }}'
    runnable = '[[step]]\ndo = "run"\ncommand = "chmod 755 /usr/local/sbin/mkfs.ext4"\n'
    told = """
[[expect]]
requests = { service = "wireserver", method = "POST", path = "*telemetrydata*" }
at_least = 1
within = 30
"""
    clean = '[[expect]]\ncommand = "ls -A /mnt/resource"\nprints = ""\n'
    play(
        tmp_path,
        disk(content="ntfs"),
        runnable,
        logged("Input/output error while writing superblock"),
        told,
        clean,
        machine=machine,
    )


@pytest.mark.slow
def test_a_root_that_cannot_be_written_leaves_the_disk_alone(tmp_path: Path) -> None:
    locked = run(
        "mkdir -p /mnt/here",
        "mount --bind /mnt/here /mnt/here",
        "mount -o remount,bind,ro /mnt/here",
        "sha256sum /dev/sdb >/run/disk",
    )
    same = '[[expect]]\ncommand = "sha256sum -c --status /run/disk"\n'
    play(
        tmp_path,
        disk(content="ntfs"),
        locked,
        logged("Read-only file system"),
        same,
        settings='"ResourceDisk.MountPoint" = "/mnt/here/resource"',
    )


# -- swap


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filesystem", "mib", "options"), [("xfs", 400, "None"), ("btrfs", 300, "compress=lzo"), ("ext3", 96, "None")]
)
def test_the_swap_file_is_one_that_the_kernel_takes_on_each_file_system(
    tmp_path: Path, filesystem: str, mib: int, options: str
) -> None:
    settings = f'"ResourceDisk.Filesystem" = "{filesystem}"\n"ResourceDisk.MountOptions" = "{options}"\n'
    settings += '"ResourceDisk.EnableSwap" = true\n"ResourceDisk.SwapSizeMB" = 37'
    used = """
[[expect]]
id = "used"
command = "stat -c '%s %a' /mnt/resource/swapfile; tail -n +2 /proc/swaps | cut -d' ' -f1; ls -A /mnt/resource | grep waagent"
prints = "38797312 600\\n/mnt/resource/swapfile"
status = 1
within = 30
"""
    play(tmp_path, disk(mib=mib), used, settings=settings)


def test_only_our_own_swap_file_is_turned_off_when_its_size_changes(tmp_path: Path) -> None:
    given = disk(mib=96, content="ext4")
    before = run(
        "mkdir /mnt/resource",
        "mount /dev/sdb1 /mnt/resource",
        "cd /mnt/resource",
        "head -c 16M /dev/zero >swapfile",
        "head -c 16M /dev/zero >other",
        "chmod 644 swapfile other",
        "mkswap -q swapfile && mkswap -q other",
        "swapon swapfile other",
        "rm /run/swap-calls",
    )
    after = """
[[expect]]
id = "resized"
command = "stat -c '%s %a' /mnt/resource/swapfile; tail -n +2 /proc/swaps | cut -d' ' -f1; cat /run/swap-calls"
prints = '''
25165824 600
/mnt/resource/other
/mnt/resource/swapfile
swapoff /mnt/resource/swapfile
swapon /mnt/resource/swapfile'''
within = 30
"""
    play(tmp_path, given, before, after, settings='"ResourceDisk.EnableSwap" = true\n"ResourceDisk.SwapSizeMB" = 24')


def test_a_swap_file_that_has_no_room_leaves_nothing_behind(tmp_path: Path) -> None:
    clean = '[[expect]]\ncommand = "ls -A /mnt/resource | grep -i swap"\nstatus = 1\n'
    said = logged("there is no room for a swap file of 500 MB on /mnt/resource")
    play(
        tmp_path,
        disk(mib=64),
        mounted("ext4"),
        said,
        clean,
        settings='"ResourceDisk.EnableSwap" = true\n"ResourceDisk.SwapSizeMB" = 500',
    )


@pytest.mark.slow
def test_an_old_swap_file_stays_when_there_is_no_room_for_the_new_one(tmp_path: Path) -> None:
    before = """
[[step]]
do = "run"
command = '''
mkdir /mnt/resource && mount /dev/sdb1 /mnt/resource && head -c 8M /dev/zero >/mnt/resource/swapfile
chmod 600 /mnt/resource/swapfile; mkswap -q /mnt/resource/swapfile; swapon /mnt/resource/swapfile
'''
"""
    kept = """
[[expect]]
command = "stat -c %s /mnt/resource/swapfile; tail -n +2 /proc/swaps | cut -d' ' -f1"
prints = "8388608\\n/mnt/resource/swapfile"
"""
    settings = '"ResourceDisk.EnableSwap" = true\n"ResourceDisk.SwapSizeMB" = 500'
    play(tmp_path, disk(content="ext4"), before, logged("there is no room for a swap file"), kept, settings=settings)


def test_the_first_extension_waits_for_the_mount(tmp_path: Path) -> None:
    slow = '#!/bin/sh\\nsleep 2; exec /usr/sbin/mkfs.ext4 \\"$@\\"\\n'
    machine = f'files = {{ "/usr/local/sbin/mkfs.ext4" = "{slow}" }}'
    rest = """
[[step]]
do = "run"
command = "chmod 755 /usr/local/sbin/mkfs.ext4"
[[step]]
do = "publish"
[[step.extension]]
sample = "runner"
name = "Lab.Runner"
public = { commandToExecute = "grep -c /mnt/resource /proc/mounts >/run/seen" }
[[expect]]
file = "/run/seen"
content = "1\\n"
within = 30
"""
    play(tmp_path, disk(content="ntfs"), rest, machine=machine)


def test_a_disk_that_is_mounted_above_the_place_of_the_medium_disturbs_no_provisioning(tmp_path: Path) -> None:
    text = f"""
[machine]
{disk(content="ntfs")}
[configuration]
"Provisioning.SshHostKeyPairType" = "ed25519"
"ResourceDisk.MountPoint" = "/mnt"
[ovf]
hostname = "web-1"
username = "maria"
password = "Tr&nsit-91-quay"
[[expect]]
health = "Ready"
within = 20
[[expect]]
user = "maria"
[[expect]]
about = "nothing of the medium is left under the disk"
command = "grep -c ' /mnt/cdrom' /proc/mounts"
status = 1
{mounted("ext4", place="/mnt")}
"""
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, text))) == []
