"""The main path, whole: what a first boot leaves in the guest and nothing else, who may log in, and that no secret lies about.

All tests here look at one guest in which the shipped scenario `first-boot` was played up to the extension's success.
"""

import io
import json
import re
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.guests import diff
from fabriclab.guests.diff import Change
from fabriclab.guests.login import KeyPair, log_in, make_key_pair
from fabriclab.guests.process import Completed
from fabriclab.scenario import document, inspection
from fabriclab.scenario.lab import Lab
from fabriclab.scenario.service import LOG
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("first-boot")]

USER, PASSWORD, PROTECTED = "maria", "Tr&nsit-91-quay", "not to be seen"
SECRETS = (PASSWORD, PASSWORD.replace("&", "&amp;"), PROTECTED)
SIGNATURE = re.compile(r"sig=(?!REDACTED|<redacted>|&lt;redacted&gt;)[^&\s\"'<>]+", re.IGNORECASE)

# Everything that a first boot adds or changes: kind, mode, owner:group. THUMBPRINT, TIME and NUMBER stand for what differs from
# run to run. Whether a path is added or changed depends on the root below.
LEFT = """
/etc/group                                                      file      0644 root:root
/etc/group-                                                     file      0644 root:root
/etc/gshadow                                                    file      0640 root:shadow
/etc/gshadow-                                                   file      0640 root:shadow
/etc/hostname                                                   file      0644 root:root
/etc/passwd                                                     file      0644 root:root
/etc/passwd-                                                    file      0644 root:root
/etc/shadow                                                     file      0640 root:shadow
/etc/shadow-                                                    file      0640 root:shadow
/etc/ssh/ssh_host_rsa_key                                       file      0600 root:root
/etc/ssh/ssh_host_rsa_key.pub                                   file      0644 root:root
/etc/ssh/sshd_config                                            file      0644 root:root
/etc/ssh/sshd_config.d/00-waagent.conf                          file      0644 root:root
/etc/subgid                                                     file      0644 root:root
/etc/subgid-                                                    file      0644 root:root
/etc/subuid                                                     file      0644 root:root
/etc/subuid-                                                    file      0644 root:root
/etc/sudoers.d/waagent                                          file      0440 root:root
/home/maria/.ssh                                                directory 0700 maria:maria
/home/maria/.ssh/authorized_keys                                file      0600 maria:maria
/mnt/cdrom                                                      directory 0755 root:root
/mnt/cdrom/secure                                               directory 0700 root:root
/var/lib/waagent                                                directory 0700 root:root
/var/lib/waagent/Certificates.p7m                               file      0600 root:root
/var/lib/waagent/Certificates.pem                               file      0600 root:root
/var/lib/waagent/Certificates.xml                               file      0600 root:root
/var/lib/waagent/GoalState.1.xml                                file      0644 root:root
/var/lib/waagent/Lab.Good-1.0.0                                 directory 0755 root:root
/var/lib/waagent/Lab.Good-1.0.0/HandlerEnvironment.json         file      0644 root:root
/var/lib/waagent/Lab.Good-1.0.0/HandlerManifest.json            file      0644 root:root
/var/lib/waagent/Lab.Good-1.0.0/config                          directory 0700 root:root
/var/lib/waagent/Lab.Good-1.0.0/config/0.settings               file      0600 root:root
/var/lib/waagent/Lab.Good-1.0.0/config/HandlerState             file      0644 root:root
/var/lib/waagent/Lab.Good-1.0.0/config/HandlerStatus            file      0644 root:root
/var/lib/waagent/Lab.Good-1.0.0/handler.sh                      file      0744 root:root
/var/lib/waagent/Lab.Good-1.0.0/shell                           directory 0755 root:root
/var/lib/waagent/Lab.Good-1.0.0/shell/handler.sh                file      0744 root:root
/var/lib/waagent/Lab.Good-1.0.0/status                          directory 0700 root:root
/var/lib/waagent/Lab.Good-1.0.0/status/0.status                 file      0644 root:root
/var/lib/waagent/Protocol                                       file      0644 root:root
/var/lib/waagent/SharedConfig.xml                               file      0644 root:root
/var/lib/waagent/THUMBPRINT.crt                                 file      0600 root:root
/var/lib/waagent/THUMBPRINT.prv                                 file      0600 root:root
/var/lib/waagent/TransportCert.pem                              file      0600 root:root
/var/lib/waagent/TransportPrivate.pem                           file      0600 root:root
/var/lib/waagent/WireServerEndpoint                             file      0644 root:root
/var/lib/waagent/events                                         directory 0700 root:root
/var/lib/waagent/history                                        directory 0700 root:root
/var/lib/waagent/history/TIME__1-1.zip                          file      0600 root:root
/var/lib/waagent/history/TIME__2-2                              directory 0700 root:root
/var/lib/waagent/history/TIME__2-2/Certificates.json            file      0600 root:root
/var/lib/waagent/history/TIME__2-2/ExtensionsConfig.xml         file      0600 root:root
/var/lib/waagent/history/TIME__2-2/GoalState.xml                file      0600 root:root
/var/lib/waagent/history/TIME__2-2/HostingEnvironmentConfig.xml file      0600 root:root
/var/lib/waagent/history/TIME__2-2/SharedConfig.xml             file      0600 root:root
/var/lib/waagent/history/TIME__2-2/VmSettings.json              file      0600 root:root
/var/lib/waagent/initial_goal_state                             file      0644 root:root
/var/lib/waagent/microsoft_root_certificate.pem                 file      0600 root:root
/var/lib/waagent/ovf-env.xml                                    file      0600 root:root
/var/lib/waagent/provisioned                                    file      0644 root:root
/var/lib/waagent/published_hostname                             file      0644 root:root
/var/log/azure                                                  directory 0755 root:root
/var/log/azure/Lab.Good                                         directory 0755 root:root
/var/log/azure/Lab.Good/CommandExecution.log                    file      0644 root:root
/var/log/azure/Lab.Good/commands.log                            file      0644 root:root
/var/log/azure/Lab.Good/events                                  directory 0700 root:root
/var/log/azure/Lab.Good/events/NUMBER.json                      file      0644 root:root
/var/log/waagent.log                                            file      0644 root:root
"""
OTHER_HOST_KEYS = [f"/etc/ssh/ssh_host_{kind}_key{end}" for kind in ("dsa", "ecdsa", "ed25519") for end in ("", ".pub")]
OPTIONAL = ("gshadow", "subuid", "subgid")
"""Account databases that useradd keeps only where there are some."""
PRIVATE_KEYS = {"THUMBPRINT.prv", "TransportPrivate.pem", "Certificates.pem", "ssh_host_rsa_key"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.begun(document.find("first-boot")) as made:
        labs.await_ready(made)
        labs.await_entry(made, lambda entry: entry.kind == "status", "a first status, so that two goal states are seen")
        labs.do(made, "publish 1")
        labs.await_entry(made, labs.says("Lab.Good", "Ready", "success"), "the extension succeeds")
        yield made


# -- what is left in the guest


def test_the_whole_difference_of_the_tree_is_what_a_first_boot_brings(lab: Lab) -> None:
    wanted = expected(lab)
    found = labs.settled(lambda: sorted(shown(lab, change) for change in lab.guest.changes()), lambda lines: lines == wanted)
    assert found == wanted


def test_each_account_database_has_one_line_more_and_none_less(lab: Lab) -> None:
    optional = [name for name in OPTIONAL if (lab.guest.files / "untouched/etc" / name).exists()]
    for name in ("passwd", "group", "shadow", *optional):
        before = (lab.guest.files / "untouched/etc" / name).read_text().splitlines()
        after = (lab.guest.upper / "etc" / name).read_text().splitlines()
        assert [line for line in after if line not in before and line.startswith(f"{USER}:")] == after[-1:], name
        assert after[:-1] == before, name


def test_the_password_is_there_as_a_hash_with_the_configured_salt_and_nowhere_else(lab: Lab) -> None:
    hashed = lab.guest.run(["getent", "shadow", USER]).output.split(":")[1]
    assert re.fullmatch(r"\$6\$[A-Za-z0-9]{10}\$[./A-Za-z0-9]{86}", hashed)
    assert [name for name, content in files(lab) if hashed.encode() in content] == ["/etc/shadow"]


def test_no_secret_lies_in_any_file_of_the_guest(lab: Lab) -> None:
    found = dict(files(lab))
    assert "/var/log/waagent.log" in found, "no file of the guest is looked at"
    assert any(name.endswith(".zip!/GoalState.xml") for name in found), "the history's archive is not looked into"
    assert [(name, secret) for name, content in found.items() for secret in secrets(content)] == []


def test_private_keys_lie_only_where_the_contract_has_them_and_only_root_reads_them(lab: Lab) -> None:
    thumbprint = tenant_thumbprint(lab)
    having = [name for name, content in files(lab) if b"PRIVATE KEY-----" in content]
    assert {name.rpartition("/")[2].replace(thumbprint, "THUMBPRINT") for name in having} == PRIVATE_KEYS
    assert {stat.S_IMODE((lab.guest.upper / name.lstrip("/")).stat().st_mode) for name in having} == {0o600}


def test_no_secret_is_in_what_the_agent_prints_nor_in_the_labs_journal(lab: Lab, tmp_path: Path) -> None:
    lab.journal.write(tmp_path / "journal.jsonl")
    assert secrets((lab.guest.files / LOG).read_bytes()) == []
    assert secrets((tmp_path / "journal.jsonl").read_bytes()) == []


def test_one_process_is_the_agent_and_nothing_else_of_it_runs(lab: Lab) -> None:
    listed = lab.guest.shell("ps -eo pid=,args=").output.splitlines()
    running = [line.strip() for line in listed if "waagent" in line and "ps -eo" not in line]
    assert running == [f"{lab.service.number} /usr/bin/python3 -u /usr/sbin/waagent -daemon"]


def test_the_agent_listens_nowhere_and_keeps_one_connection_for_each_service(lab: Lab) -> None:
    assert lab.guest.shell("ss -H -l -t -u -n -p | grep -v sshd").output == ""
    used = [entry.exchange for entry in lab.journal.entries() if entry.exchange is not None and entry.exchange.connection]
    kept = {exchange.connection for exchange in used}
    assert len(used) > 20
    assert len(kept) <= 8, f"{len(kept)} connections for {len(used)} requests"


# -- who may log in


def test_the_deployed_key_logs_in_and_another_does_not(lab: Lab) -> None:
    assert knock(lab, "id -un", key=lab.key).output == "maria\n"
    refused = knock(lab, "true", key=make_key_pair())
    assert refused.status == 255
    assert "Permission denied" in refused.errors


def test_the_password_logs_in_and_another_does_not(lab: Lab) -> None:
    assert knock(lab, "hostname", password=PASSWORD).output == "web-1\n"
    refused = knock(lab, "true", password="Tr&nsit-91-qua")
    assert refused.status == 255
    assert "Permission denied" in refused.errors


def test_sudo_asks_a_user_with_a_password_for_it(lab: Lab) -> None:
    assert "password is required" in knock(lab, "sudo -n true", key=lab.key).errors
    assert "root" not in knock(lab, "echo wrong | sudo -S -p '' id -un", key=lab.key).output
    assert knock(lab, f"echo '{PASSWORD}' | sudo -S -p '' id -un", key=lab.key).output == "root\n"


@pytest.mark.parametrize("name", ["key-only", "password-only", "restart"])
def test_the_other_ways_through_a_first_boot_hold(name: str) -> None:
    """Among them: sudo asks a user without a password for none, and sshd then takes no password."""
    assert labs.not_held(labs.run(document.find(name))) == []


def test_root_gets_neither_a_key_nor_a_password(lab: Lab) -> None:
    assert lab.guest.read("/root/.ssh/authorized_keys") is None
    assert "Permission denied" in knock(lab, "true", key=lab.key, user="root").errors


# -- the command, as a newcomer runs it


def test_fabriclab_run_first_boot_ends_with_0_and_writes_all_of_it_as_json(tmp_path: Path) -> None:
    written = tmp_path / "result.json"
    done = subprocess.run(
        [sys.executable, "-m", "fabriclab.cli.main", "run", "first-boot", "--json", str(written)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=labs.environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(written.read_text())
    assert result["ok"] is True
    assert [verdict["text"] for verdict in result["verdicts"] if not verdict["held"]] == []
    assert len(result["verdicts"]) == len(document.find("first-boot").expectations)
    assert {"agent start → Ready", "goal state published → success in the status blob"} <= set(result["times"])
    assert {"timeline", "changes", "journal"} <= {key for key in result if result[key]}
    assert secrets(written.read_bytes()) == []
    assert secrets(done.stdout.encode()) == []
    assert re.search(r"All \d+ expectations held", done.stdout)


def knock(lab: Lab, command: str, *, key: KeyPair | None = None, password: str | None = None, user: str = USER) -> Completed:
    """Logs in from the fabric's side."""
    assert inspection.start_sshd(lab.guest).ok
    # sshd goes into the background before it listens
    assert labs.settled(lambda: lab.guest.shell("ss -H -l -t -n 'sport = :22'").output, bool)
    return log_in(lab.guest.namespace, user, command, key=key, password=password)


def expected(lab: Lab) -> list[str]:
    """LEFT, with what depends on the root below: the skeleton of homes, and the host keys that the image came with."""
    untouched = lab.guest.files / "untouched"
    lines = [" ".join(line.split()) for line in LEFT.strip().splitlines()]
    lacking = tuple(f"/etc/{name}" for name in OPTIONAL if not (untouched / "etc" / name).exists())
    lines = [line for line in lines if not line.startswith(lacking)]
    lines.append(f"/home/{USER} directory {home_mode(untouched):04o} {USER}:{USER}")
    for path in (untouched / "etc/skel").rglob("*"):
        lines.append(
            f"/home/{USER}/{path.relative_to(untouched / 'etc/skel')} file {path.stat().st_mode & 0o777:04o} {USER}:{USER}"
        )
    changes = [f"{'changed' if (untouched / line.split()[0][1:]).exists() else 'added'} {line}" for line in lines]
    removed = [f"removed {name}" for name in OTHER_HOST_KEYS if (untouched / name[1:]).exists()]
    return sorted(changes + removed)


def home_mode(untouched: Path) -> int:
    """What useradd gives a home: HOME_MODE, else what UMASK leaves."""
    said = dict(re.findall(r"(?m)^(HOME_MODE|UMASK)\s+(\d+)", (untouched / "etc/login.defs").read_text()))
    return int(said["HOME_MODE"], 8) if "HOME_MODE" in said else 0o777 & ~int(said.get("UMASK", "022"), 8)


def shown(lab: Lab, change: Change) -> str:
    path = change.path.replace(tenant_thumbprint(lab), "THUMBPRINT")
    path = re.sub(r"/history/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d__", "/history/TIME__", path)
    path = re.sub(r"/events/\d+\.json", "/events/NUMBER.json", path)
    if change.after is None:
        return f"removed {path}"
    after = change.after
    return f"{change.what} {path} {after.kind} {after.mode:04o} {owner(lab, after)}"


def owner(lab: Lab, entry: diff.Entry) -> str:
    names = {}
    for name, number in (("passwd", entry.owner), ("group", entry.group)):
        lines = (lab.guest.upper / "etc" / name).read_text().splitlines()
        names[name] = next((line.split(":")[0] for line in lines if line.split(":")[2] == str(number)), str(number))
    return f"{names['passwd']}:{names['group']}"


def tenant_thumbprint(lab: Lab) -> str:
    (certificate,) = lab.fabric.world.certificates
    return lab.fabric.keys.get(certificate).thumbprint


def files(lab: Lab) -> Iterator[tuple[str, bytes]]:
    """Every file that the guest wrote, those on its /run and /tmp, and those inside zip archives."""
    volatile = Path(f"/proc/{lab.guest.process}/root")
    for top, part in ((lab.guest.upper, ""), (volatile / "run", "/run"), (volatile / "tmp", "/tmp")):
        for path in sorted(top.rglob("*")):
            if path.is_file() and not path.is_symlink():
                name, content = f"{part}/{path.relative_to(top)}", path.read_bytes()
                yield name, content
                if zipfile.is_zipfile(io.BytesIO(content)):
                    with zipfile.ZipFile(io.BytesIO(content)) as packed:
                        yield from ((f"{name}!/{one.rpartition('/')[2]}", packed.read(one)) for one in packed.namelist())


def secrets(content: bytes) -> list[str]:
    text = content.decode("utf-8", "replace")
    return [secret for secret in SECRETS if secret in text] + SIGNATURE.findall(text)
