"""Our package where another agent never ran, or came from a package of another name, or cloud-init did the provisioning."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fabriclab.guests import assemble, dvd
from fabriclab.guests.login import make_key_pair
from fabriclab.guests.root import RootUnavailable
from fabriclab.guests.sandbox import Disk
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, systemd_labs
from scenarios.moving_labs import (
    OURS,
    STATE,
    Packages,
    apt,
    await_ours,
    built,
    debian,
    health,
    nothing_yet,
    packages,
    running,
    sums,
    tried,
    unit_is_current,
    version,
)
from scenarios.systemd_labs import IMAGE, OVF, do, machine, show

pytestmark = [
    *systemd_labs.on_systemd,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("moving-over"),
]

OTHER = "/srv/walinuxagent_2.9_all.deb"
FILES = {
    "lib/systemd/system/walinuxagent.service": (
        "[Unit]\nDescription=an agent\n[Service]\nExecStart=/usr/sbin/waagent\n[Install]\nWantedBy=multi-user.target\n"
    ),
    "lib/udev/rules.d/66-azure-storage.rules": "# none\n",
    "etc/waagent.conf": "Logs.Verbose=n\n",
    "etc/logrotate.d/waagent.logrotate": "/var/log/waagent.log {}\n",
    "usr/sbin/waagent": "#!/bin/sh\nexec sleep infinity\n",
    "DEBIAN/conffiles": "/etc/waagent.conf\n/etc/logrotate.d/waagent.logrotate\n",
    "DEBIAN/control": (
        "Package: walinuxagent\nVersion: 2.9\nArchitecture: all\nMaintainer: nobody <nobody@localhost.localdomain>\n"
        "Description: stands for an agent whose package has the other name, as on Ubuntu\n"
    ),
    "DEBIAN/postinst": (
        "#!/bin/sh\nset -e\ndeb-systemd-helper enable walinuxagent.service >/dev/null\n"
        "systemctl daemon-reload\ndeb-systemd-invoke start walinuxagent.service\n"
    ),
    "DEBIAN/prerm": "#!/bin/sh\n[ $1 != remove ] || deb-systemd-invoke stop walinuxagent.service\n",
    "DEBIAN/postrm": "#!/bin/sh\n[ $1 != remove ] || systemctl daemon-reload\n[ $1 != purge ] || rm -rf /var/lib/waagent\n",
}
"""Its files lie below /lib, as packages had them when they were made; ours lie below /usr/lib, which is the same directory."""
DIFFERENT = {
    "AutoUpdate.Enabled",
    "AutoUpdate.UpdateToLatestVersion",
    "Provisioning.Agent",
    "Provisioning.DeleteRootPassword",
    "Provisioning.SshHostKeyPairType",
}
"""Settings in effect that change with the package where nobody has edited Debian's waagent.conf: docs/moving-over.md."""


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Ours, and one of the other name."""
    found = Packages(tmp_path_factory.mktemp("layer"))
    place = found.place / "srv"
    place.mkdir()
    package = built(tmp_path_factory)
    (place / package.name).write_bytes(package.read_bytes())
    tree = tmp_path_factory.mktemp("other")
    for name, text in FILES.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    made = ["dpkg-deb", "--root-owner-group", "-b", str(tree), str(place / Path(OTHER).name)]
    subprocess.run(made, check=True, timeout=60, capture_output=True)
    return found


@pytest.fixture
def lab(laid: Packages, tmp_path: Path) -> Iterator[Lab]:
    """A machine without an agent."""
    used = laid.adapter(nothing_yet("bookworm"))
    try:
        assemble.root_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no root with systemd: {problem}")
    with opened(labs.scenario_of(tmp_path, IMAGE), used, Journal()) as made:
        Runner(made, lambda text: None).begin()
        yield made


# -- packages of another name


def provisioned_before(lab: Lab) -> None:
    """What an agent leaves that has provisioned this very machine."""
    do(lab, f"mkdir -m 700 -p {STATE}; printf {lab.fabric.world.identity.vm_id} >{STATE}/provisioned; echo here >{STATE}/kept")


@pytest.mark.parametrize("way", [f"apt-get --yes install {OURS}", f"dpkg -i {OURS}"], ids=["apt", "dpkg"])
def test_an_agent_of_the_other_name_makes_way_and_ours_runs_in_its_place(lab: Lab, way: str) -> None:
    do(lab, f"dpkg -i {OTHER}")
    provisioned_before(lab)
    assert show(lab, "ActiveState") == ["active"]
    before = sums(lab, f"/etc/hostname /etc/shadow /etc/ssh/ssh_host_*_key {STATE}/provisioned {STATE}/kept")
    seen = lab.journal.last
    told = tried(lab, f"{way} </dev/null 2>&1")
    assert told.ok, told.output
    await_ours(lab)
    assert version(lab).startswith("ii 3.") and unit_is_current(lab)
    assert do(lab, "dpkg-query -W -f '${db:Status-Abbrev}' walinuxagent").strip() in ("rc", "ic")
    assert tried(lab, "dpkg --verify waagent | grep -v /usr/share/man").output == "", (
        "files went with those of the other package"
    )
    assert sums(lab, f"/etc/hostname /etc/shadow /etc/ssh/ssh_host_*_key {STATE}/provisioned {STATE}/kept") == before
    assert health(lab, seen) == []
    assert tried(lab, "dpkg-divert --list '*azure*'; dpkg-divert --list '*walinuxagent*'").output == ""
    assert do(lab, "systemctl is-enabled walinuxagent.service").strip() == "enabled"


def test_an_agent_of_the_other_name_comes_back(lab: Lab) -> None:
    do(lab, f"dpkg -i {OURS}")
    provisioned_before(lab)
    do(lab, "systemctl start walinuxagent")
    await_ours(lab)
    apt(lab, f"install {OTHER}")
    assert show(lab, "ActiveState") == ["active"] and unit_is_current(lab)
    assert running(lab) == []
    assert do(lab, f"cat {STATE}/kept /lib/udev/rules.d/66-azure-storage.rules") == "here\n# none\n"
    assert tried(lab, "dpkg --verify walinuxagent").output == "", "files went with those of ours"
    assert tried(lab, "dpkg-divert --list '*azure*'; dpkg-divert --list '*walinuxagent*'").output == ""


def test_where_cloud_init_has_provisioned_and_no_agent_was_installed_nothing_is_provisioned_again(lab: Lab) -> None:
    document = labs.scenario_of(machine(lab).files, OVF).medium.files(make_key_pair(), lambda name: "") or {}
    ovf = document["ovf-env.xml"].decode()
    unit = "[Service]\\nType=oneshot\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n"
    do(lab, f"printf '{unit}' >/etc/systemd/system/cloud-init-local.service; systemctl enable cloud-init-local.service")
    do(lab, f"mkdir -p /var/lib/cloud/instance && mkdir -m 700 -p {STATE} && touch /var/lib/cloud/instance/boot-finished")
    do(lab, f"cat >{STATE}/ovf-env.xml <<'END'\n{ovf}\nEND\nuseradd -m -s /bin/bash kofi; hostnamectl set-hostname web-1")
    before = sums(
        lab, f"/etc/hostname /etc/passwd /etc/shadow /etc/ssh/ssh_host_*_key /etc/ssh/sshd_config {STATE}/ovf-env.xml"
    )
    apt(lab, f"install {OURS}")
    assert running(lab) == [], "nobody knows yet that this machine is provisioned"
    seen = lab.journal.last
    do(lab, "systemctl reboot --no-block")
    machine(lab).await_boots(2)
    labs.await_ready(lab, seen)
    await_ours(lab)
    assert "provisioning belongs to cloud-init: cloud-init is enabled" in labs.log(lab)
    assert (
        sums(lab, f"/etc/hostname /etc/passwd /etc/shadow /etc/ssh/ssh_host_*_key /etc/ssh/sshd_config {STATE}/ovf-env.xml")
        == before
    )
    assert do(lab, f"cat {STATE}/provisioned")


def test_an_image_with_debians_agent_that_never_ran_gets_ours_and_ours_provisions(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Nobody has edited waagent.conf: the package's own takes the place of Debian's, without a question."""
    used = replace(packages(tmp_path_factory, "bookworm").adapter(debian("bookworm")), configuration={})
    with opened(labs.scenario_of(tmp_path_factory.mktemp("image"), IMAGE), used, Journal()) as lab:
        Runner(lab, lambda text: None).begin()
        assert show(lab, "ActiveState", "UnitFileState") == ["inactive", "enabled"]
        do(lab, "cp /etc/waagent.conf /root/debians.conf")
        apt(lab, f"install {OURS}", options="")
        assert running(lab) == [] and show(lab, "UnitFileState") == ["enabled"]
        ask = "waagent -show-configuration"
        changed = do(
            lab, f"{ask} >/run/now; {ask} -configuration-path:/root/debians.conf | diff - /run/now | sed -n 's/^> //p'"
        )
        assert {line.partition(" = ")[0] for line in changed.splitlines()} == DIFFERENT
        assert tried(lab, "dpkg --verify waagent | grep -v /usr/share/man").output == ""
        medium = labs.scenario_of(tmp_path_factory.mktemp("disc"), OVF).medium
        disc = dvd.make(medium.files(make_key_pair(), lambda name: "") or {})
        guest, seen = machine(lab), lab.journal.last
        guest.insert(Disk("sr0", "provisioning.iso", read_only=True), disc)
        guest.idle = False
        guest.on_end = lambda again: None
        do(lab, "systemctl reboot --no-block")
        guest.await_boots(2)
        labs.await_ready(lab, seen)
        await_ours(lab)
        assert do(lab, "hostname; id -un kofi") == "web-1\nkofi\n"
