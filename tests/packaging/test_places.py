"""Each file is where section 10.1 of guest.md says, and where the deviations that the ledger names say.

A table by family, typed from the specification and not from the code. `-` : not given there.
"""

from pathlib import Path

import pytest

from unit.fakes import MemoryFiles
from waagent.guest.detect import choose
from waagent.guest.profile import Identity
from waagent.install.placement import place
from waagent.system.real.files import RealFiles

ETC, LIB, USR = "/etc/udev/rules.d", "/lib/udev/rules.d", "/usr/lib/systemd/system"
OLD, OWN = "/lib/systemd/system", "/etc/systemd/system"
CLEAR = "/usr/share/defaults/waagent/waagent.conf"
LOG = "/etc/logrotate.d/waagent.logrotate"
#          system                       program                     configuration              logrotate udev service's file
TABLE = {
    ("rhel", "9.4"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("centos", "7"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("oracle", "8"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("euleros", "2.0"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("uos", "20"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("centos", "6.2"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/rc.d/init.d/waagent"),
    ("oracle", "6.4"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/rc.d/init.d/waagent"),
    ("fedora", "40"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("debian", "12"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, LIB, f"{OLD}/walinuxagent.service"),
    ("debian", "7.11"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, LIB, "/etc/init.d/waagent"),
    ("devuan", "5"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, LIB, "/etc/init.d/walinuxagent"),
    ("ubuntu", "12.04"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/init/walinuxagent.conf"),
    ("ubuntu", "14.04"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/init/walinuxagent.conf"),
    ("ubuntu", "16.04"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{OLD}/walinuxagent.service"),
    ("ubuntu", "22.04"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{OLD}/walinuxagent.service"),
    ("sles", "11.2"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/init.d/waagent"),
    ("sles", "15.6"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("opensuse", "13.2"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    # its /usr is read-only: the unit is the machine's
    ("flatcar", "3815"): ("/usr/share/oem/bin/waagent", "/usr/share/oem/waagent.conf", LOG, ETC, f"{OWN}/waagent.service"),
    ("coreos", "2512"): ("/usr/share/oem/bin/waagent", "/usr/share/oem/waagent.conf", LOG, ETC, f"{OWN}/waagent.service"),
    ("rhel", "7.1"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/rc.d/init.d/waagent"),
    ("kali", "2024.1"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, LIB, f"{OLD}/waagent.service"),
    ("devuan", "3"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, LIB, "/etc/init.d/waagent"),
    ("opensuse", "12.3"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/init.d/waagent"),
    ("sle-micro", "5.5"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("sle_hpc", "15.5"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("iosxe", "csr1000v"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("mariner", "2.0"): ("/usr/bin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("almalinux", "9.4"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("rocky", "10"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("opensuse", "13.1"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/init.d/waagent"),
    ("gentoo", ""): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/rc.d/init.d/waagent"),
    ("alpaquita", "23"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/init.d/waagent"),
    ("arch", ""): ("/usr/bin/waagent", "/etc/waagent.conf", "-", ETC, f"{USR}/waagent.service"),
    ("clear-linux-os", "1"): (
        "/usr/bin/waagent",
        "/usr/share/defaults/waagent/waagent.conf",
        "-",
        "-",
        f"{USR}/waagent.service",
    ),
    ("chainguard", "1"): ("/usr/bin/waagent", "/etc/waagent.conf", "-", ETC, f"{USR}/waagent.service"),
    ("azurelinux", "3.0"): ("/usr/bin/waagent", "/etc/waagent.conf", LOG, ETC, f"{USR}/waagent.service"),
    ("photon", "5.0"): ("/usr/bin/waagent", "/etc/waagent.conf", "-", "-", f"{USR}/waagent.service"),
    ("alpine", "3.19"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, ETC, "/etc/init.d/waagent"),
    ("openwrt", "23.05"): ("/usr/sbin/waagent", "/etc/waagent.conf", LOG, "-", "/etc/init.d/waagent"),
    ("freebsd", "10.4"): ("/usr/local/sbin/waagent", "/usr/local/etc/waagent.conf", "-", "-", "/etc/rc.d/waagent"),
    ("openbsd", "7.4"): ("/usr/local/sbin/waagent", "/etc/waagent.conf", "-", "-", "/etc/rc.d/waagent"),
}
WITHOUT_SYSTEMD = {
    *(("debian", "7.11"), ("centos", "6.2"), ("oracle", "6.4"), ("sles", "11.2"), ("openwrt", "23.05"), ("devuan", "3")),
    *(("opensuse", "12.3"), ("opensuse", "13.1"), ("gentoo", "")),
}
REBUILDS = {("rhel", "9.4"), ("rhel", "7.1"), ("centos", "7"), ("oracle", "8"), ("almalinux", "9.4"), ("rocky", "10")}
REBUILDS |= {("euleros", "2.0"), ("uos", "20")}
SLICES = REBUILDS | {("ubuntu", "16.04"), ("ubuntu", "22.04"), ("chainguard", "1")}
MANUAL = REBUILDS | {("centos", "6.2"), ("oracle", "6.4"), ("fedora", "40")}
DEFAULTS = {("ubuntu", "12.04"), ("ubuntu", "14.04"), ("devuan", "5"), ("debian", "7.11"), ("devuan", "3")}
LINKS = {
    **{system: {"/usr/sbin/rcwaagent": "/etc/init.d/waagent"} for system in (("sles", "11.2"), ("opensuse", "12.3"))},
    ("opensuse", "13.1"): {"/usr/sbin/rcwaagent": "/etc/init.d/waagent"},
    **{
        system: {f"{OLD}/waagent.service": "walinuxagent.service"}
        for system in (("debian", "12"), ("ubuntu", "16.04"), ("ubuntu", "22.04"))
    },
}


@pytest.mark.parametrize("system", sorted(TABLE), ids=" ".join)
def test_each_file_is_where_the_specification_says(system: tuple[str, str]) -> None:
    program, configuration, logrotate, udev, service = TABLE[system]
    found = place(choose(Identity(*system)), systemd=system not in WITHOUT_SYSTEMD, manual="page").files
    paths = [file.path for file in found]
    assert [program, configuration] == paths[:2]
    assert [path for path in paths if "logrotate" in path] == ([] if logrotate == "-" else [logrotate])
    rules = ("66-azure-storage.rules", "99-azure-product-uuid.rules")
    assert [path for path in paths if "udev" in path] == ([] if udev == "-" else [f"{udev}/{name}" for name in rules])
    assert service in paths
    directory = service.rpartition("/")[0] if service.endswith(".service") else USR
    slices = (f"{directory}/azure.slice", f"{directory}/azure-vmextensions.slice")
    assert [path for path in paths if path.endswith(".slice")] == (list(slices) if system in SLICES else [])
    rest = {
        "/usr/share/man/man1/waagent.1.gz": system in MANUAL,
        "/etc/default/walinuxagent": system in DEFAULTS,
        "/usr/share/oem/cloud-config.yml": system[0] in ("coreos", "flatcar"),
        f"{USR}/waagent.service": service == f"{USR}/waagent.service" or system == ("rhel", "7.1"),
        "/usr/lib/systemd/system-preset/90-waagent.preset": system[0] == "chainguard",
    }
    assert {path: path in paths for path in rest} == rest
    assert {file.path: file.target for file in found if file.target} == LINKS.get(system, {})
    programs = {program, *(path for path in paths if "/init.d/" in path)}
    modes = {file.path: file.mode for file in found if not file.target}
    assert {path for path, mode in modes.items() if mode == 0o755} == programs
    assert {path for path, mode in modes.items() if mode == 0o555} == ({service} if system[0].endswith("bsd") else set())
    known = {
        program,
        configuration,
        service,
        LOG,
        *rest,
        *slices,
        *LINKS.get(system, {}),
        *(f"{udev}/{name}" for name in rules),
    }
    assert set(paths) <= known


@pytest.mark.parametrize("system", sorted(TABLE), ids=" ".join)
def test_the_agent_finds_the_configuration_where_it_is_laid(system: tuple[str, str]) -> None:
    from waagent.config.parse import locate

    conf = place(choose(Identity(*system)), systemd=True).files[1].path
    platform = system[0] if system[0].endswith("bsd") else "linux"
    assert locate(MemoryFiles({conf: "x"}), platform=platform) == conf


def test_a_package_below_usr_names_no_link_of_a_merged_system() -> None:
    for system in TABLE:
        for file in place(choose(Identity(*system)), systemd=True, merged=True).files:
            assert not file.path.startswith(("/lib/", "/sbin/", "/bin/"))


def test_a_staged_tree_has_exactly_the_files_and_modes_of_the_list(tmp_path: Path) -> None:
    from unit.fakes import ScriptedCommands
    from unit.fakes import system as fake_system
    from waagent.cli.register import stage

    guest = choose(Identity("ubuntu", "22.04"))
    door = fake_system(files=RealFiles(root=str(tmp_path)), commands=ScriptedCommands([]))
    assert stage(door, guest, dry_run=False, say=lambda text: None) == 0
    wanted = {file.path: (file.content, file.mode) for file in place(guest, systemd=True).files if not file.target}
    found = {
        f"/{path.relative_to(tmp_path)}": (path.read_text(), path.stat().st_mode & 0o7777)
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert found == wanted
