"""Provisioning in all its ways, each in a guest of its own: the library's scenarios, and what takes more than a TOML file."""

import json
import re
from pathlib import Path

import pytest

from fabriclab.guests import adapter
from fabriclab.guests.login import make_key_pair
from fabriclab.guests.sandbox import Disk
from fabriclab.journal.entry import Entry
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document
from fabriclab.scenario.execution import execute
from fabriclab.scenario.lab import DRIVE, Lab
from fabriclab.scenario.outcome import Result
from scenarios import labs

pytestmark = labs.in_a_guest

HERE = Path(__file__).parent / "provisioning"
PLAYED = (
    *("key-by-certificate", "key-pair", "custom-data", "custom-data-kept", "existing-user", "system-user-refused"),
    *("system-user-allowed", "several-drives", "mounted-medium", "provisioning-off", "agent-disabled"),
    *("no-guest-agent", "root-password", "sshd-match-blocks", "kvp-report", "pool-running", "ready-not-taken"),
)
WAITED = ("not-azure", "very-late-medium", "late-medium", "pool-savable", "pool-os-disk")
"""Those that take long because the agent waits: for a medium, for a platform."""


@pytest.mark.parametrize("name", [*PLAYED, *(pytest.param(name, marks=pytest.mark.slow) for name in WAITED)])
def test_the_librarys_scenario_holds(name: str) -> None:
    assert labs.not_held(labs.run(document.find(name))) == []


# -- settings

USER = """
[ovf]
hostname = "web-1"
username = "maria"
password = "Tr&nsit-91-quay £"
ssh_keys = ["generated"]

[[expect]]
id = "ready"
health = "Ready"
"""


@pytest.mark.parametrize(
    ("crypt_id", "length", "hashed"),
    [
        pytest.param("1", 4, r"\$1\$[A-Za-z0-9]{4}\$", marks=pytest.mark.slow),
        ("2a", 10, r"\$2a\$10\$[./A-Za-z0-9]{53}:"),
        pytest.param("5", 10, r"\$5\$[A-Za-z0-9]{10}\$", marks=pytest.mark.slow),
        ("6", 16, r"\$6\$[A-Za-z0-9]{16}\$"),
        pytest.param("6", 99, r"\$6\$[A-Za-z0-9]{16}\$", marks=pytest.mark.slow),
    ],
)
def test_a_password_is_hashed_as_the_configuration_says_and_lets_its_user_in(
    tmp_path: Path, crypt_id: str, length: int, hashed: str
) -> None:
    text = f"""
[configuration]
"Provisioning.PasswordCryptId" = "{crypt_id}"
"Provisioning.PasswordCryptSaltLength" = "{length}"
{USER}
[[expect]]
file = "/etc/shadow"
matches = '^maria:{hashed}'
[[expect]]
login = "maria"
by = "password"
"""
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, text))) == []


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("rsa", ("rsa",)),
        pytest.param("ecdsa", ("ecdsa",), marks=pytest.mark.slow),
        pytest.param("ed25519", ("ed25519",), marks=pytest.mark.slow),
        ("auto", ("ecdsa", "ed25519", "rsa")),
    ],
)
def test_host_keys_of_the_configured_type_replace_all_of_the_images(tmp_path: Path, kind: str, made: tuple[str, ...]) -> None:
    text = f"""
[configuration]
"Provisioning.SshHostKeyPairType" = "{kind}"
{USER}
[[step]]
do = "run"
command = "cd /etc/ssh; ssh-keygen -A >/dev/null; cat ssh_host_*.pub >/run/of-the-image"
[[expect]]
command = "ls /etc/ssh | grep host; stat -c %a:%U /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*.pub | sort -u"
prints = '''
{chr(10).join(f"ssh_host_{name}_key{suffix}" for name in made for suffix in ("", ".pub"))}
600:root
644:root'''
[[expect]]
command = "cat /etc/ssh/ssh_host_*.pub | grep -cxFf /run/of-the-image"
status = 1
prints = "0"
[[expect]]
about = "the fabric is told one fingerprint"
requests = {{ service = "wireserver", method = "POST", text = "(?i)role ?properties" }}
at_least = 1
at_most = 1
[[expect]]
login = "maria"
by = "key"
"""
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, text))) == []


def test_host_keys_of_the_image_stay_where_none_are_to_be_made(tmp_path: Path) -> None:
    text = f"""
[configuration]
"Provisioning.RegenerateSshHostKeyPair" = "n"
{USER}
[[step]]
do = "run"
command = "cd /etc/ssh; ssh-keygen -A >/dev/null; sha256sum ssh_host_* >/run/of-the-image"
[[expect]]
command = "cd /etc/ssh; sha256sum --quiet -c /run/of-the-image; ls | grep -c waagent-host"
status = 1
prints = "0"
[[expect]]
login = "maria"
by = "key"
"""
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, text))) == []


# -- without a service manager


def test_a_machine_without_systemd_and_without_a_real_drive_is_provisioned_without_a_warning(tmp_path: Path) -> None:
    text = USER + '[[expect]]\nfile = "/var/log/waagent.log"\nlacks = [" WARNING ", " ERROR "]\n'
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, text))) == []


# -- the end of the agent while it waits

WAITS = {
    "for the medium": ('[[step]]\ndo = "note"\ntext = "no medium"\n', "waiting for the provisioning medium"),
    "in a pool": ((document.LIBRARY / "pool-running.toml").read_text(), "waiting for the network link to go down and up"),
    "for cloud-init": ('[configuration]\n"Provisioning.Agent" = "cloud-init"\n', "waiting for cloud-init to save"),
}


@pytest.mark.parametrize("what", WAITS)
def test_an_agent_that_waits_ends_at_once_and_calls_nothing_failed(tmp_path: Path, what: str) -> None:
    text, word = WAITS[what]
    with labs.begun(labs.scenario_of(tmp_path, text)) as lab:
        labs.await_log(lab, word)
        assert labs.terminate(lab) < 1.0
        assert "provisioning failed" not in labs.log(lab)
        assert [entry.summary for entry in lab.journal.entries() if "ProvisioningFailed" in entry.summary] == []


# -- SELinux, by tools that write down what they are asked


def test_files_for_sshd_get_their_selinux_labels_and_enforcing_is_never_switched_off(tmp_path: Path) -> None:
    text = f"""
[configuration]
"Provisioning.DeleteRootPassword" = "y"
{USER}
[[step]]
do = "run"
command = '''
for each in getenforce setenforce chcon restorecon; do
  printf '#!/bin/sh\necho "$(basename $0) $*" >>/run/asked\n' >/usr/sbin/$each && chmod 755 /usr/sbin/$each
done
'''
[[expect]]
command = "sort /run/asked"
prints = '''
chcon unconfined_u:object_r:ssh_home_t:s0 /home/maria/.ssh/authorized_keys
restorecon -R /etc/shadow
restorecon -R /etc/ssh
restorecon -R /home/maria/.ssh'''
"""
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, text))) == []


# -- a sudo rule that sudo would not take


def test_a_rule_that_visudo_refuses_does_not_replace_the_old_ones(tmp_path: Path) -> None:
    text = f"""
{USER.replace('id = "ready"', 'id = "failed"').replace('health = "Ready"', 'health = "NotReady"')}
substatus = "ProvisioningFailed"
description = "sudo: "
[[step]]
do = "run"
command = '''echo "%wheel ALL=(ALL) ALL
this is no rule" >/etc/sudoers.d/waagent && chmod 440 /etc/sudoers.d/waagent'''
[[expect]]
file = "/etc/sudoers.d/waagent"
mode = "0440"
content = "%wheel ALL=(ALL) ALL\\nthis is no rule\\n"
[[expect]]
about = "nothing half-made lies beside it"
command = "ls -A /etc/sudoers.d | grep -c waagent"
prints = "1"
[[expect]]
file = "/var/lib/waagent/provisioned"
absent = true
"""
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, text))) == []


# -- a medium that no driver reads


def fat_image(name: str, content: bytes) -> bytes:
    """A FAT12 volume with one file of at most 8.3 characters."""
    sector, sectors = 512, 128
    boot = bytearray(sector)
    boot[0:11] = b"\xeb\x3c\x90LABWRITE"
    boot[11:24] = bytes.fromhex(
        "00020101000110008000f80100"
    )  # 512 bytes, 1 a cluster, 1 reserved, 1 FAT, 16 entries, 128 in all
    boot[38:62] = b"\x29labsRD_RDFE    FAT12   "[:24]
    boot[510:512] = b"\x55\xaa"
    clusters = -(-len(content) // sector)
    links = [0xFF8, 0xFFF, *range(3, clusters + 2), 0xFFF]
    links += [0] * (len(links) % 2)
    table = b"".join((low | high << 12).to_bytes(3, "little") for low, high in zip(links[::2], links[1::2], strict=True))
    base, _, extension = name.upper().partition(".")
    entry = (
        f"{base:8}{extension:3}".encode() + b"\x20" + bytes(14) + (2).to_bytes(2, "little") + len(content).to_bytes(4, "little")
    )
    image = bytes(boot) + table.ljust(sector, b"\0") + entry.ljust(sector, b"\0") + content
    return image.ljust(sector * sectors, b"\0")


def insert(lab: Lab, image: bytes) -> None:
    """Puts a medium of any content into the drive of the running guest."""
    lab.guest.attach(Disk(DRIVE, "odd.img", read_only=True), image)


@pytest.mark.slow
def test_a_fat_medium_is_read_where_the_kernel_can_and_else_the_report_says_what_is_missing(tmp_path: Path) -> None:
    with labs.begun(labs.scenario_of(tmp_path, 'starts_agent = false\n[[step]]\ndo = "note"\ntext = "x"\n')) as lab:
        scenario = labs.scenario_of(tmp_path, USER)
        files = scenario.medium.files(make_key_pair(), lambda name: "")
        assert files is not None
        insert(lab, fat_image("ovf-env.xml", files["ovf-env.xml"]))
        lab.service.start()
        can = "vfat" in Path("/proc/filesystems").read_text()
        report = labs.await_entry(lab, is_final, "the end of provisioning is reported", patience=60)
        if can:
            assert report.facts["state"] == "Ready"
        else:
            assert report.facts["substatus"] == "ProvisioningFailed"
            assert re.search("FAT.*this kernel", report.facts["description"]), report.facts
            assert "vfat" in labs.log(lab)
            assert lab.service.is_running


def is_final(entry: Entry) -> bool:
    return entry.kind == "health" and entry.facts.get("substatus") != "Provisioning"


# -- beside cloud-init

registry = pytest.mark.registry


@registry
@pytest.mark.timeout(600)
def test_where_cloud_init_provisions_the_agent_waits_changes_nothing_and_reports_once(tmp_path: Path) -> None:
    with labs.begun(document.load(HERE / "cloud-init-present.toml"), str(HERE / "cloud-init.toml")) as lab:
        own = labs.await_entry(lab, is_own_ready, "the agent reports Ready", patience=90)
        finished = json.loads(lab.guest.read("/run/cloud-init/status.json") or b"")["v1"]["init"]["finished"]
        assert finished, "reported before cloud-init had made the host keys"
        assert own.wall.timestamp() - finished < 5, "the host keys were noticed late"
        log = labs.log(lab)
        assert "provisioning belongs to cloud-init: cloud-init is enabled" in log
        (public,) = re.findall(r"SSH host key fingerprint: (\S+)", log)
        assert public in lab.guest.shell("ssh-keygen -lf /etc/ssh/ssh_host_rsa_key.pub").output.replace(":", "")
        labs.await_file(lab, "/run/cloud-init/result.json")
        done = re.findall(r"\[1/1\] (write|run) (\S+)", log)
        assert {path for _, path in done if not path.startswith("/var/lib/waagent/")} == set(), log
        assert lab.guest.shell("id kofi && test -s /home/kofi/.ssh/authorized_keys && hostname").output.endswith("labvm01\n"), (
            "the metadata's name"
        )
        assert (lab.guest.read("/etc/sudoers.d/90-cloud-init-users") or b"").count(b"kofi") >= 1
        for ours in ("/etc/sudoers.d/waagent", "/etc/ssh/sshd_config.d/00-waagent.conf"):
            assert lab.guest.read(ours) is None
        before = lab.journal.last
        labs.terminate(lab)
        lab.guest.spawn([*labs.AGENT, "-daemon"])
        labs.await_entry(lab, lambda entry: entry.kind == "status", "the next agent reports its status", before)
        assert [entry.facts for entry in lab.journal.entries() if is_own_health(entry)] == [
            own.facts | {"state": "NotReady", "substatus": "Provisioning", "description": "Starting"},
            own.facts,
        ]


@registry
@pytest.mark.timeout(600)
def test_a_cloud_init_that_ends_without_azures_data_is_not_waited_for(tmp_path: Path) -> None:
    text = (HERE / "cloud-init-present.toml").read_text().replace("[Azure]", "[None]")
    with labs.begun(labs.scenario_of(tmp_path, text), str(HERE / "cloud-init.toml")) as lab:
        failed = labs.await_entry(lab, is_final, "the failure is reported", patience=60)
        assert re.search("cloud-init ended and never came to save .*DataSourceNone", failed.facts["description"]), failed.facts
        assert lab.guest.read("/var/lib/waagent/provisioned") is None
        assert lab.service.is_running


def is_own_health(entry: Entry) -> bool:
    """A health report of our agent's, not of cloud-init's."""
    said = (entry.exchange.request_header("user-agent") if entry.exchange else None) or ""
    return entry.kind == "health" and "cloud-init" not in said.lower()


def is_own_ready(entry: Entry) -> bool:
    return is_own_health(entry) and entry.facts["state"] == "Ready"


# -- a name that changes


@registry
@pytest.mark.timeout(600)
def test_a_host_name_that_changes_is_kept_and_told_while_the_link_stays_up() -> None:
    assert labs.not_held(played("host-name-changed.toml", "ours.toml")) == []


def played(scenario: str, agent: str) -> Result:
    used = adapter.find(str(HERE / agent))
    return execute(document.load(HERE / scenario), used, Journal(), lambda event: None, lambda text: None)
