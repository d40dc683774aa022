"""Our rpm in the life of a machine with systemd: installed into an image by its dependencies, booted, upgraded, erased.

Odd: no root of RHEL or SUSE can be had, so the guest is a Debian root that says it is one: their os-release, their directory of
Python packages, and rpm with a database of its own, in which stand-ins provide what the system would. Its Python is 3.11, so
the package for RHEL 9 is built for that one, as for RHEL 9.2. Debian's two libraries are left out: what is bundled has to be
enough. The upgrade is the same package under a higher version.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fabriclab.guests import assemble, systemd
from fabriclab.guests.adapter import SYSTEMD, Adapter
from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, rpm_packages, systemd_labs
from scenarios.systemd_labs import IMAGE, do, machine

pytestmark = [
    *systemd_labs.on_systemd,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("rpm"),
]

UNIT = "waagent.service"
OURS = "3*"
NEWER = "99.0.0.0"
SYSTEMS = {
    "el9": 'ID="rhel"\nID_LIKE="fedora"\nNAME="Red Hat Enterprise Linux"\nVERSION_ID="9.6"\n',
    "sle15": 'ID="sles"\nID_LIKE="suse"\nNAME="SLES"\nVERSION_ID="15.6"\n',
}
PYTHON = "/usr/bin/python3.11"
MODULES = "/usr/lib/python3.11/site-packages"
GOOD = """
[[step]]
id = "good"
at = 100000
do = "publish"
[[step.extension]]
sample = "good"
name = "Lab.Good"
public = { message = "hello" }
"""
KEPT = ("/etc/sudoers.d/waagent", "/etc/waagent.conf.rpmsave", "/var/lib/waagent", "/var/log/waagent.log")


@dataclass(frozen=True)
class Layer:
    """`place`: a directory that is laid over the root; the packages are in its /srv."""

    target: str
    place: Path


@pytest.fixture(scope="module", params=sorted(SYSTEMS))
def layer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Layer:
    rpm_packages.install_tools()
    made = Layer(request.param, tmp_path_factory.mktemp("layer"))
    packages = made.place / "srv"
    packages.mkdir()
    built = tmp_path_factory.mktemp("built")
    tree = rpm_packages.tree(built / "sources")
    interpreter = ("--no-source", "--define", "agent_python=3.11")
    rpm_packages.build(tree, built / "first", made.target, *interpreter)
    rpm_packages.build(tree, built / "newer", made.target, *interpreter, "--version", NEWER)
    rpm_packages.stand_ins(built / "system", (*rpm_packages.system(made.target), rpm_packages.OLDER_PYTHON))
    rpm_packages.reference(built / "reference", made.target)
    for place in ("first", "newer", "system", "reference"):
        (packages / place).mkdir()
        for package in (built / place).glob("*.rpm"):
            (packages / place / package.name).write_bytes(package.read_bytes())
    for path, text in (
        ("usr/lib/os-release", SYSTEMS[made.target]),
        ("usr/lib/python3/dist-packages/lab.pth", f"{MODULES}\n"),
        ("root/.rpmmacros", "%_dbpath /var/lib/rpm\n"),
    ):
        (made.place / path).parent.mkdir(parents=True, exist_ok=True)
        (made.place / path).write_text(text)
    return made


@contextmanager
def machine_of(layer: Layer, place: Path) -> Iterator[Lab]:
    """A machine without an agent that has the system's packages."""
    used = Adapter(
        "packaged",
        layer.place / "adapter.toml",
        root="debian",
        packages=(*systemd.PACKAGES, "rpm"),
        copy=".",
        command=("true",),
        unit="",
        guest=SYSTEMD,
    )
    try:
        assemble.root_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no root with systemd: {problem}")
    with opened(labs.scenario_of(place, IMAGE + GOOD), used, Journal()) as made:
        Runner(made, lambda text: None).begin()
        rpm(made, "-i /srv/system/*.rpm")
        yield made


@pytest.fixture(scope="module")
def lab(layer: Layer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The tests go on from each other's state."""
    with machine_of(layer, tmp_path_factory.mktemp("image")) as made:
        yield made


def rpm(lab: Lab, arguments: str) -> str:
    """rpm, with its dependencies and scriptlets. What Debian's has to say about being used at all is left out."""
    told = do(lab, f"rpm --force-debian {arguments} 2>&1", timeout=300)
    return "".join(f"{line}\n" for line in told.splitlines() if not line.startswith("rpm: "))


def show(lab: Lab, *properties: str) -> list[str]:
    return systemd_labs.show(lab, *properties, unit=UNIT)


def test_installed_it_is_enabled_and_does_nothing_yet(lab: Lab) -> None:
    assert rpm(lab, f"-i /srv/first/waagent-{OURS}.rpm") == ""
    assert show(lab, "LoadState", "UnitFileState", "ActiveState", "MainPID") == ["loaded", "enabled", "inactive", "0"]
    assert do(lab, "ls -d /var/lib/waagent /var/log/waagent.log /run/waagent.* 2>/dev/null || true") == ""
    assert machine(lab).await_boot() == "running"
    assert rpm(lab, "-V waagent") == ""


def test_its_modules_are_compiled_by_the_interpreter_of_the_service(lab: Lab) -> None:
    for place in (f"{MODULES}/waagent", "/usr/lib/waagent"):
        sources, compiled = (do(lab, f"find {place} -name '*.{kind}' | wc -l") for kind in ("py", "pyc"))
        assert sources == compiled != "0\n"
    (line,) = [line for line in do(lab, f"systemctl cat {UNIT}").splitlines() if line.startswith("ExecStart=")]
    assert line == f"ExecStart={PYTHON} -u /usr/sbin/waagent -daemon"


def test_at_the_next_boot_it_starts_and_provisions(lab: Lab, tmp_path: Path) -> None:
    systemd_labs.first_boot_of_image(lab, tmp_path, UNIT)
    (command,) = do(lab, f"tr '\\0' ' ' </proc/{show(lab, 'MainPID')[0]}/cmdline").splitlines()
    assert command.split() == [PYTHON, "-u", "/usr/sbin/waagent", "-daemon"]


def test_it_runs_an_extension(lab: Lab) -> None:
    seen = lab.journal.last
    labs.do(lab, "good")
    labs.await_entry(lab, labs.says("Lab.Good", "Ready", "success"), "the extension succeeds", seen)


def test_an_upgrade_restarts_it_keeps_the_settings_and_provisions_nothing_again(lab: Lab) -> None:
    do(lab, "echo '# edited' >>/etc/waagent.conf")
    (before,), seen = show(lab, "MainPID"), lab.journal.last
    marker = "stat -c %Y.%i /var/lib/waagent/provisioned /etc/ssh/ssh_host_rsa_key; cat /var/log/azure/Lab.Good/commands.log"
    was = do(lab, marker)
    rpm(lab, f"-U /srv/newer/waagent-{NEWER}*.rpm")
    assert rpm(lab, "-q waagent").startswith(f"waagent-{NEWER}-1.")
    (after,) = show(lab, "MainPID")
    assert after not in ("0", before)
    labs.await_entry(lab, labs.says("Lab.Good", "Ready", "success"), "the status goes on", seen)
    assert show(lab, "ActiveState", "UnitFileState", "StatusText") == ["active", "enabled", "serving goal states"]
    assert do(lab, marker) == was
    assert not [entry.summary for entry in lab.journal.since(seen) if entry.facts.get("state") == "NotReady"]
    assert do(lab, "tail -n 1 /etc/waagent.conf; ls /etc/waagent.conf*") == "# edited\n/etc/waagent.conf\n"


def test_a_disabled_service_stays_disabled_through_an_upgrade(lab: Lab) -> None:
    do(lab, f"systemctl disable --now {UNIT}")
    rpm(lab, f"-U --oldpackage /srv/first/waagent-{OURS}.rpm")
    assert show(lab, "UnitFileState", "ActiveState") == ["disabled", "inactive"]
    do(lab, f"systemctl enable --now {UNIT}")


def test_erased_it_ends_and_leaves_what_is_the_machines(lab: Lab) -> None:
    wants = "/etc/systemd/system/network.target.wants"
    setup = "/usr/lib/systemd/system/waagent-network-setup.service"  # as an agent with OS.EnableFirewall=y has it
    do(lab, f"mkdir -p {wants}; touch {setup}; ln -s {setup} {wants}")
    assert "saved as /etc/waagent.conf.rpmsave" in rpm(lab, "-e waagent")
    assert show(lab, "ActiveState", "MainPID") == ["inactive", "0"]
    assert do(lab, "pgrep -f '[w]aagent' || true") == ""
    pruned = " -o ".join(f"-path {path} -prune" for path in ("/srv", "/proc", "/sys", "/var/lib/waagent"))
    left = do(lab, f"find / {pruned} -o -name '*waagent*' -print; ls -d /var/lib/waagent").split()
    assert sorted(path for path in left if "sshd_config" not in path) == sorted(KEPT)
    assert do(lab, f"find {MODULES} -mindepth 1") == ""
    assert (
        do(lab, "id -un kofi; test -e /var/lib/waagent/provisioned && tail -n 1 /etc/waagent.conf.rpmsave")
        == "kofi\n# edited\n"
    )
    assert machine(lab).await_boot() == "running"
    assert do(lab, f"systemctl --failed --no-legend; systemctl list-units --all --no-legend {UNIT}") == ""


def test_it_takes_the_place_of_a_distributions_agent_that_runs(layer: Layer, tmp_path: Path) -> None:
    """The other package's removal comes last, and disables and stops what by then is our unit."""
    with machine_of(layer, tmp_path) as lab:
        rpm(lab, "-i /srv/reference/*.rpm")
        do(lab, "echo Provisioning.Enabled=n >>/etc/waagent.conf; systemctl start waagent")
        assert show(lab, "UnitFileState", "ActiveState") == ["enabled", "active"]
        extension = do(lab, "pgrep -f 'sleep 9[9]99'")
        rpm(lab, f"-U /srv/first/waagent-{OURS}.rpm")
        assert rpm(lab, "-qa '*[Aa]gent*'").splitlines() == [rpm(lab, "-q waagent").strip()]
        labs.settled(lambda: show(lab, "StatusText"), lambda text: text == ["serving goal states"])
        assert show(lab, "UnitFileState", "ActiveState", "StatusText") == ["enabled", "active", "serving goal states"]
        assert "# theirs\nProvisioning.Enabled=n\n" in do(lab, "cat /etc/waagent.conf")
        assert do(lab, "ls -d /run/waagent.replaces 2>/dev/null || true") == ""
        assert do(lab, "pgrep -f 'sleep 9[9]99'") == extension  # what it had started is not stopped with it
        assert "Virtual_Disk" in do(lab, "cat /usr/lib/udev/rules.d/66-azure-storage.rules")


def test_a_disabled_agent_of_the_distribution_is_not_started_by_ours(layer: Layer, tmp_path: Path) -> None:
    with machine_of(layer, tmp_path) as lab:
        rpm(lab, "-i /srv/reference/*.rpm")
        do(lab, f"systemctl disable {UNIT}")
        rpm(lab, f"-U /srv/first/waagent-{OURS}.rpm")
        assert show(lab, "UnitFileState", "ActiveState") == ["disabled", "inactive"]
