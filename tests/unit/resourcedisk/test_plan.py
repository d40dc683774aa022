"""What is decided about a temporary disk: what may be formatted, and what is somebody's (guest.md 4.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.resourcedisk.machines import MEBIBYTE, SIZE, Machine, ext4, fresh_gpt, fresh_mbr
from waagent.codec.partition_table import MICROSOFT_RESERVED
from waagent.guest import block
from waagent.model.disk import Mount, Partition, Scheme, Swap, Table, Volume
from waagent.model.failure import SystemFailure
from waagent.resourcedisk.observe import Facts
from waagent.resourcedisk.plan import Aim, Decision, Verdict, decide
from waagent.system.action import Plan, Run

RECORD = "/var/lib/waagent/resource_disk_unfinished"
AIM = Aim("ext4", None, "/mnt/resource", RECORD)
ALL = frozenset({"parted", "sfdisk", "blockdev", "mkfs.ext4", "mkfs.xfs", "mkfs.btrfs"})


def commands(plan: Plan) -> list[tuple[str, ...]]:
    return [action.argv for action in plan if isinstance(action, Run)]


def everything(decision: Decision) -> Plan:
    parts = (decision.prepare, decision.table, decision.format, decision.mount, decision.reread, decision.last_resort)
    return (*(action for part in parts for action in part), *decision.finish)


def test_a_fresh_disk_gets_its_type_and_its_file_system() -> None:
    machine = Machine(fresh_mbr())
    machine.driver("DataLoss_Warning_Readme.txt", "System Volume Information")
    decision = decide(AIM, machine.facts())
    assert decision.verdict is Verdict.FORMAT
    assert commands(decision.table) == [("sfdisk", "--part-type", "--force", "/dev/sdb", "1", "83")]
    assert commands(decision.format) == [("mkfs.ext4", "-F", "/dev/sdb1")]
    assert commands(decision.mount) == [("mount", "-t", "ext4", "/dev/sdb1", "/mnt/resource")]


def test_a_large_fresh_disk_loses_its_reserved_partition() -> None:
    machine = Machine(fresh_gpt())
    machine.no_driver()
    decision = decide(AIM, machine.facts())
    assert commands(decision.table)[0][-6:] == ("mklabel", "gpt", "mkpart", "primary", "0%", "100%")
    assert decision.target == "/dev/sdb1"


def test_one_name_of_somebodys_in_the_ntfs_volume_protects_it() -> None:
    machine = Machine(fresh_mbr())
    machine.driver("dataloss_warning_readme.txt", "results.csv")
    assert decide(AIM, machine.facts()).verdict is Verdict.REFUSED


def test_a_volume_that_the_driver_cannot_read_is_somebodys() -> None:
    machine = Machine(fresh_mbr())
    machine.commands.on("mount", "-t", "ntfs3", ..., exit_code=32, stderr="mount: wrong fs type, bad superblock on /dev/sdb1")
    decision = decide(AIM, machine.facts())
    assert decision.verdict is Verdict.REFUSED and "bad superblock" in decision.why


@pytest.mark.parametrize(("label", "verdict"), [("Temporary Storage", Verdict.FORMAT), ("Backups", Verdict.REFUSED)])
def test_without_a_driver_the_label_decides(label: str, verdict: Verdict) -> None:
    machine = Machine(fresh_mbr(label))
    machine.no_driver()
    assert decide(AIM, machine.facts()).verdict is verdict


def test_what_carries_the_wanted_file_system_is_kept_and_only_its_type_is_corrected() -> None:
    decision = decide(AIM, Machine(ext4(kind=7)).facts())
    assert decision.verdict is Verdict.MOUNT
    assert decision.format == () and decision.last_resort == ()
    assert commands(decision.table) == [("sfdisk", "--part-type", "--force", "/dev/sdb", "1", "83")]


def test_another_file_system_is_kept_too() -> None:
    machine = Machine(ext4())
    decision = decide(replace(AIM, filesystem="xfs"), machine.facts())
    assert decision.verdict is Verdict.REFUSED and everything(decision) == ()


def test_an_ext4_disk_is_not_mounted_as_its_ancestor() -> None:
    assert decide(replace(AIM, filesystem="ext3"), Machine(ext4()).facts()).verdict is Verdict.REFUSED


@pytest.mark.parametrize(("size", "scheme"), [(SIZE, "msdos"), (3 << 40, "gpt")])
def test_an_empty_disk_gets_a_table_that_can_name_its_end(size: int, scheme: str) -> None:
    machine = Machine()
    machine.attach("sdb", b"", size=size)
    decision = decide(AIM, machine.facts())
    assert commands(decision.table)[0] == (
        *("parted", "-s", "-a", "optimal", "/dev/sdb", "mklabel", scheme),
        *("mkpart", "primary", "0%", "100%"),
    )


def test_one_byte_in_the_middle_of_a_disk_without_a_table_is_enough_to_keep_it() -> None:
    disk = bytearray(2 * MEBIBYTE)
    disk[MEBIBYTE // 2] = 1
    decision = decide(AIM, Machine(bytes(disk)).facts())
    assert decision.verdict is Verdict.REFUSED and "no file system known here" in decision.why


def test_what_we_had_begun_to_format_is_ours_whatever_it_looks_like() -> None:
    machine = Machine(ext4().replace(b"\x53\xef", b"half"))
    assert decide(AIM, machine.facts()).verdict is Verdict.REFUSED
    machine.files.put(RECORD, f"{SIZE} bytes\n")
    assert decide(AIM, machine.facts()).verdict is Verdict.FORMAT
    machine.files.put(RECORD, f"{SIZE * 2} bytes\n")
    assert decide(AIM, machine.facts()).verdict is Verdict.REFUSED


def test_a_file_system_that_was_made_before_the_agent_was_killed_is_formatted_again_only_if_it_cannot_be_mounted() -> None:
    machine = Machine(ext4())
    machine.files.put(RECORD, f"{SIZE} bytes\n")
    decision = decide(AIM, machine.facts())
    assert decision.verdict is Verdict.MOUNT
    assert commands(decision.last_resort) == [("mkfs.ext4", "-F", "/dev/sdb1")]


def test_a_disk_that_is_mounted_is_used_where_it_is() -> None:
    machine = Machine(fresh_mbr())
    machine.mount("/dev/sdb1 /srv/scratch ext4 rw 0 0")
    decision = decide(AIM, machine.facts())
    assert (decision.verdict, decision.mount_point, decision.target) == (Verdict.MOUNTED, "/srv/scratch", "")


def test_a_disk_that_carries_the_system_is_no_temporary_disk() -> None:
    machine = Machine(fresh_mbr())
    machine.files.put("/proc/mounts", "/dev/sdb2 / ext4 rw 0 0\n")
    assert decide(AIM, machine.facts()).verdict is Verdict.LEFT


@pytest.mark.parametrize(
    "line",
    [
        "/dev/disk/cloud/azure_resource-part1 /mnt auto defaults,nofail,x-systemd.requires=cloud-init.service 0 2",
        "/dev/disk/azure/resource-part1 /data ext4 defaults 0 0",
        "/dev/sdb1 /data ext4 defaults 0 0",
        'LABEL="Temporary\\040Storage" /data ntfs defaults 0 0',
    ],
)
def test_a_line_in_fstab_claims_the_disk(line: str) -> None:
    machine = Machine(fresh_mbr())
    machine.no_driver()
    machine.files.put("/etc/fstab", f"# comment\n\n{line}\n")
    decision = decide(AIM, machine.facts())
    assert decision.verdict is Verdict.LEFT and everything(decision) == ()


def test_lines_in_fstab_for_other_disks_are_no_claim() -> None:
    machine = Machine(fresh_mbr())
    machine.no_driver()
    machine.files.put("/etc/fstab", "/dev/sdba1 /x ext4 defaults 0 0\n#/dev/sdb1 /y ext4\nLABEL=root / ext4 rw 0 0\n")
    assert decide(AIM, machine.facts()).verdict is Verdict.FORMAT


def test_what_something_is_built_on_is_left_alone() -> None:
    machine = Machine(fresh_mbr())
    machine.no_driver()
    machine.files.put("/sys/block/sdb/sdb1/holders/dm-0/name", "")
    assert "dm-0" in decide(AIM, machine.facts()).why
    facts = replace(machine.facts(), holders=(), swaps=(Swap("/dev/sdb1"),))
    assert decide(AIM, facts).verdict is Verdict.LEFT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tools": ALL - {"mkfs.ext4"}}, "mkfs.ext4 is not installed"),
        ({"read_only": True}, "/dev/sdb is read-only"),
        ({"mounts": (Mount("other", "/mnt/resource"),)}, "/mnt/resource is taken"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_changed(change: dict[str, object], reason: str) -> None:
    machine = Machine(fresh_mbr())
    machine.no_driver()
    facts = replace(machine.facts(), **change)  # type: ignore[arg-type]
    with pytest.raises(SystemFailure, match=reason):
        decide(AIM, facts)


def test_without_a_tool_for_tables_an_empty_disk_stays_empty() -> None:
    machine = Machine(b"", tools=("mkfs.ext4",))
    with pytest.raises(SystemFailure, match="neither parted nor sfdisk"):
        decide(AIM, machine.facts())


def test_with_ntfs_nothing_is_changed_but_the_mount() -> None:
    machine = Machine(fresh_gpt(), "ResourceDisk.Filesystem=ntfs\n")
    decision = decide(replace(AIM, filesystem="ntfs"), machine.facts())
    assert decision.verdict is Verdict.MOUNT and decision.target == "/dev/sdb2"
    assert (decision.table, decision.format, decision.last_resort) == ((), (), ())


kinds = st.sampled_from(["", "ext4", "ext3", "xfs", "btrfs", "ntfs", "LVM", "LUKS", "swap", "exfat"])
volumes = st.builds(
    Volume,
    filesystem=kinds,
    label=st.sampled_from(["", "Temporary Storage", "data"]),
    names=st.none() | st.lists(st.sampled_from(["dataloss_warning_readme.txt", "mine"]), max_size=2).map(tuple),
    unreadable=st.sampled_from(["", "bad superblock"]),
) | st.just(Volume(blank=True))
partitions = st.lists(st.sampled_from(["07", "83", "0f", "82"]), max_size=4)
guids = st.lists(st.sampled_from([MICROSOFT_RESERVED, "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"]), max_size=3)


def table(scheme: Scheme, found: list[str]) -> Table:
    return Table(scheme, tuple(Partition(number, kind, number << 20, 1 << 20) for number, kind in enumerate(found, 1)))


tables = st.none() | partitions.map(lambda p: table(Scheme.MSDOS, p)) | guids.map(lambda p: table(Scheme.GPT, p))


@st.composite
def machines(draw: st.DrawFn) -> Facts:
    device = draw(st.sampled_from(["/dev/sdb", "/dev/nvme1n1"]))
    found = draw(tables)
    paths = [device, *(block.partition_path(device, one.number) for one in (found.partitions if found else ()))]
    return Facts(
        device=device,
        size=draw(st.integers(0, 1 << 43)),
        read_only=draw(st.booleans()),
        table=found,
        volumes=tuple((path, draw(volumes)) for path in paths),
        mounts=tuple(draw(st.lists(st.sampled_from([Mount("/dev/sda1", "/"), Mount(f"{device}1", "/mnt/x")]), max_size=2))),
        claim=draw(st.sampled_from(["", device])),
        begun=draw(st.booleans()),
        tools=draw(st.frozensets(st.sampled_from(sorted(ALL)))),
    )


aims = st.builds(
    Aim,
    filesystem=st.sampled_from(["ext4", "ext3", "xfs", "btrfs", "ntfs", "jfs"]),
    options=st.none() | st.just("nodev"),
    mount_point=st.just("/mnt/resource"),
    record=st.just(RECORD),
    partitioned=st.booleans(),
)


def decided(aim: Aim, facts: Facts) -> Decision | None:
    try:
        return decide(aim, facts)
    except SystemFailure:
        return None


@given(aims, machines())
def test_no_action_ever_names_another_device(aim: Aim, facts: Facts) -> None:
    decision = decided(aim, facts)
    if decision is not None:
        named = [word for argv in commands(everything(decision)) for word in argv if word.startswith("/dev/")]
        assert all(block.is_part_of(word, facts.device) for word in named)


@given(aims, machines())
def test_what_is_left_or_refused_is_not_touched(aim: Aim, facts: Facts) -> None:
    decision = decided(aim, facts)
    if decision is not None and decision.verdict in (Verdict.LEFT, Verdict.REFUSED):
        assert everything(decision) == () and decision.target == "" and decision.mount_point == ""


@given(aims, machines())
def test_only_what_is_nobodys_is_ever_formatted(aim: Aim, facts: Facts) -> None:
    decision = decided(aim, facts)
    if decision is None or not (decision.format or decision.last_resort) or facts.begun:
        return
    harmless = [
        volume.blank or (volume.filesystem == "ntfs" and not volume.unreadable and "mine" not in (volume.names or ()))
        for path, volume in facts.volumes
        if path != facts.device or facts.table is None
    ]
    reserved = [one.kind == MICROSOFT_RESERVED for one in (facts.table.partitions if facts.table else ())]
    assert all(fine or skip for fine, skip in zip(harmless, reserved or [False], strict=False))
    assert aim.filesystem != "ntfs" and not facts.claim and not facts.read_only
