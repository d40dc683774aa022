"""guest.geom: what the tools of FreeBSD and OpenBSD print (guest.md 4.4, 4.5)."""

from __future__ import annotations

from waagent.guest import geom, swap

SYSCTL = """dev.storvsc.2.%pnpinfo: classid=32412632-86cb-44a2-9b5c-50d1417354f5 deviceid=00000000-0001-8899-0000-000000000000
dev.storvsc.1.%pnpinfo: classid=32412632-86cb-44a2-9b5c-50d1417354f5 deviceid=00000000-0000-8899-0000-000000000000
dev.storvsc.%parent:
"""
BUSES = "scbus2 on storvsc1 bus 0:\nscbus3 on storvsc2 bus 0:\nscbus-1 on xpt0 bus 0:\n"
DEVICES = """<Msft Virtual Disk 1.0>            at scbus2 target 0 lun 0 (pass0,da0)
<Msft Virtual CD/ROM 1.0>          at scbus3 target 0 lun 0 (pass2,cd0)
<Msft Virtual Disk 1.0>            at scbus3 target 1 lun 0 (pass1,da1)
"""
GPART = "Geom name: da0\nmodified: false\nscheme: GPT\nProviders:\nGeom name: da1\nscheme: MBR\n"
SHOW = """=>      63  33554369    da1  MBR  (16G)
        63      1985         - free -  (993K)
      2048  33550336  da1s1  ntfs  (16G)
"""


def test_the_way_from_the_bus_to_the_disk() -> None:
    number = geom.storvsc_number(SYSCTL)
    on = geom.bus(BUSES, number)
    assert (number, on, geom.disk_on(DEVICES, on)) == ("2", "scbus3", "da1")


def test_the_old_name_of_the_driver_comes_first() -> None:
    assert geom.bus("scbus5 on blkvsc2 bus 0:\n" + BUSES, "2") == "scbus5"


def test_a_bus_that_is_not_told_leads_nowhere() -> None:
    assert geom.storvsc_number("dev.storvsc.0.%desc: Hyper-V SCSI\n") == ""
    assert geom.bus(BUSES, "21") == ""
    assert geom.disk_on("nonsense (", "scbus3") == ""


def test_the_scheme_says_which_partition_counts() -> None:
    assert geom.schemes(GPART) == {"da0": "GPT", "da1": "MBR"}
    assert [geom.partition("da1", scheme) for scheme in ("MBR", "GPT", "BSD")] == ["da1s1", "da1p2", ""]
    assert geom.partition_types(SHOW) == {"da1s1": "ntfs"}


def test_openbsd_names_its_disks_with_their_ids() -> None:
    assert geom.has_disk("wd0:0123456789abcdef,cd0:,wd1:", "wd1")
    assert not geom.has_disk("wd0:0123456789abcdef,wd10:", "wd1")
    assert geom.label_types("  a:  2097152  1024  4.2BSD   2048 16384\n  c: 33554432  0  unused\n") == {
        "a": "4.2BSD",
        "c": "unused",
    }


def test_the_memory_disk_over_our_file_is_found_and_a_free_number_too() -> None:
    text = "md0\tvnode\t  20M\t/usr/swap0\t\nmd99\tvnode\t  16G\t/mnt/my disk/swapfile\t-\nmd1\tswap\t  1M\t\n"
    assert swap.memory_disks(text) == {"md0": "/usr/swap0", "md99": "/mnt/my disk/swapfile"}
    assert swap.free_unit(text) == 100
    assert swap.free_unit("") == 99
