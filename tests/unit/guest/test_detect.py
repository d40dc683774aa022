"""Which system this is (guest.md 9.1, 9.2)."""

from __future__ import annotations

import pytest

from unit.fakes import MemoryFiles
from waagent.guest.detect import choose, detect, identify
from waagent.guest.profile import Identity, ResolvConf, order
from waagent.guest.services import without_systemd


def family(name: str, version: str = "", full_name: str = "", code_name: str = "", like: tuple[str, ...] = ()) -> str:
    return choose(Identity(name, version, code_name, full_name, like)).family


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("debian", "7", "debian-base"),
        ("debian", "8", "debian"),
        ("debian", "12", "debian"),
        ("debian", "trixie/sid", "debian"),
        ("debian", "", "debian"),
        ("kali", "2024.1", "kali"),
        ("devuan", "4", "devuan"),
        ("devuan", "3", "default"),
        ("ubuntu", "12.04", "ubuntu12"),
        ("ubuntu", "12.10", "ubuntu12"),
        ("ubuntu", "14.04", "ubuntu14"),
        ("ubuntu", "14.10", "ubuntu14"),
        ("ubuntu", "16.04", "ubuntu16"),
        ("ubuntu", "17.04", "ubuntu16"),
        ("ubuntu", "18.04", "ubuntu18"),
        ("ubuntu", "24.04", "ubuntu18"),
        ("ubuntu", "24.10", "ubuntu"),
        ("rhel", "6.10", "rhel6"),
        ("centos", "7", "rhel7"),
        ("rhel", "8.5", "rhel7"),
        ("rhel", "8.6", "rhel8.6"),
        ("rhel", "8.10", "rhel8.6"),
        ("almalinux", "9.4", "rhel8.6"),
        ("oracle", "9.1", "rhel8.6"),
        ("euleros", "2.0", "euleros"),
        ("fedora", "40", "fedora"),
        ("suse", "11", "suse11"),
        ("sles", "12.5", "suse"),
        ("sles", "15.6", "suse"),
        ("opensuse", "13.1", "suse11"),
        ("opensuse", "42.3", "suse"),
        ("opensuse-tumbleweed", "20260101", "suse"),
        ("sle-micro", "5.5", "suse"),
        ("flatcar", "3815.2.0", "coreos"),
        ("coreos", "2512", "coreos"),
        ("azurelinux", "3.0", "azurelinux"),
        ("mariner", "2.0", "azurelinux"),
        ("arch", "", "arch"),
        ("photon", "5.0", "photon"),
        ("alpine", "3.19.1", "alpine"),
        ("openwrt", "23.05", "openwrt"),
        ("freebsd", "14.0", "freebsd"),
        ("openbsd", "7.4", "openbsd"),
        ("gentoo", "", "default"),
    ],
)
def test_each_id_and_version_gives_its_family(name: str, version: str, expected: str) -> None:
    assert family(name, version) == expected


def test_an_unknown_id_takes_the_family_of_a_relative_and_says_that_it_guessed() -> None:
    guest = choose(Identity("linuxmint", "21.2", "", "Linux Mint", ("ubuntu", "debian")))
    assert (guest.family, guest.known, guest.id, guest.version) == ("ubuntu", False, "linuxmint", "21.2")


def test_an_unknown_id_with_systemd_gets_service_verbs_that_work() -> None:
    assert choose(Identity("gentoo"), systemd=True).service_control == ("systemctl", "{verb}", "{name}")
    assert choose(Identity("gentoo"), systemd=False).service_control == ()


def test_clear_linux_is_known_by_its_full_name() -> None:
    assert family("clear-linux-os", "41000", "Clear Linux OS") == "clear"


def test_an_appliance_is_recognised_and_refused_in_a_sentence() -> None:
    texts = {"/VERSION": "Product: BIG-IP\nVersion: 15.1.2\n", "/etc/os-release": "ID=centos\nVERSION_ID=7\n"}
    identity = identify(texts, frozenset({"/shared/vadc"}))
    assert (identity.id, identity.version) == ("bigip", "15.1.2")
    assert "not supported on F5 BIG-IP" in choose(identity).refusal


def test_os_release_is_read_without_quotes_and_in_lower_case() -> None:
    identity = identify(
        {"/etc/os-release": 'ID="Ubuntu"\nVERSION_ID="22.04"\nNAME="Ubuntu"\nVERSION_CODENAME=jammy\n'}, frozenset()
    )
    assert identity == Identity("ubuntu", "22.04", "jammy", "Ubuntu", ())


def test_oracle_keeps_its_id_and_gets_its_full_name() -> None:
    texts = {
        "/etc/os-release": "ID=ol\nVERSION_ID=9.1\nID_LIKE=fedora\n",
        "/etc/oracle-release": "Oracle Linux Server release 9.1\n",
    }
    identity = identify(texts, frozenset())
    assert (identity.id, identity.code_name, identity.full_name) == ("oracle", "oracle", "Oracle Linux")


def test_a_system_without_os_release_is_known_by_its_release_file() -> None:
    identity = identify({"/etc/redhat-release": "Red Hat Enterprise Linux Server release 6.10 (Santiago)\n"}, frozenset())
    assert (identity.id, identity.version, choose(identity).family) == ("rhel", "6.10", "rhel6")
    identity = identify(
        {"/etc/SuSE-release": "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n"}, frozenset()
    )
    assert choose(identity).family == "suse11"


def test_later_marker_files_win() -> None:
    texts = {"/etc/os-release": "ID=centos\nVERSION_ID=7\n", "/etc/euleros-release": "", "/etc/photon-release": ""}
    assert identify(texts, frozenset()).id == "photonos"


def test_a_bsd_is_known_by_its_kernel() -> None:
    assert identify({}, frozenset(), "FreeBSD", "14.0-RELEASE-p4") == Identity("freebsd", "14.0", "", "freebsd")


def test_nothing_at_all_is_the_default_family() -> None:
    assert choose(identify({}, frozenset())).family == "default"


def test_versions_compare_piecewise_and_never_raise() -> None:
    assert order("9.10") > order("9.9")
    assert order("bookworm/sid") > order("12")
    assert order("8.6") > order("8")


def test_recent_ubuntu_keeps_resolv_conf() -> None:
    assert choose(Identity("ubuntu", "22.04")).resolv_conf is ResolvConf.KEEP


def test_detection_reads_files_and_notices_systemd() -> None:
    files = MemoryFiles({"/usr/lib/os-release": "ID=gentoo\n", "/run/systemd/system/x": ""})
    guest = detect(files)
    assert (guest.family, guest.known) == ("default", False)
    assert guest.service_control == ("systemctl", "{verb}", "{name}")


@pytest.mark.parametrize(
    ("identity", "control", "restart"),
    [
        (Identity("debian", "12"), ("service", "{name}", "{verb}"), ("service", "ssh", "reload")),
        (Identity("rhel", "9"), ("service", "{name}", "{verb}"), ("service", "sshd", "condrestart")),
        (Identity("sles", "15"), ("service", "{name}", "{verb}"), ("service", "sshd", "condrestart")),
        (Identity("arch"), ("service", "{name}", "{verb}"), ()),
        (Identity("alpine"), ("rc-service", "{name}", "{verb}"), ()),
    ],
)
def test_systemctl_is_not_asked_where_systemd_does_not_run(
    identity: Identity, control: tuple[str, ...], restart: tuple[str, ...]
) -> None:
    guest = without_systemd(choose(identity))
    assert (guest.service_control, guest.sshd_restart) == (control, restart)


def test_whether_systemd_runs_is_seen_by_its_directory() -> None:
    files = MemoryFiles({"/etc/os-release": "ID=debian\nVERSION_ID=12\n"})
    assert detect(files).sshd_restart == ("service", "ssh", "reload")
    files.put_directory("/run/systemd/system")
    assert detect(files).sshd_restart[0] == "systemctl"
