"""Debian's waagent and ours, given the same document in the same root: every difference of what they leave is in the ledger.

DIFFERENT lists them as the trees show them; docs/compatibility.md says of each why it is so. A difference that is not listed
fails, and so does one that has gone.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from fabriclab.guests import adapter
from fabriclab.guests.diff import Change, Entry
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document
from fabriclab.scenario.execution import execute
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.registry, pytest.mark.timeout(600)]

HERE = Path(__file__).parent / "provisioning"
LEDGER = Path(__file__).parents[2] / "docs/compatibility.md"

# path: what Debian's agent leaves -> what ours leaves. THUMBPRINT, TIME and NUMBER stand for what differs from run to run.
DIFFERENT = """
/etc/hostname: content
/etc/ssh/sshd_config: content
/etc/ssh/sshd_config.d/00-waagent.conf: nothing -> file 0644 root
/home/maria/.ssh/authorized_keys: file 0644 maria -> file 0600 maria
/home/maria/.ssh/id_rsa: file 0644 root -> file 0600 maria
/home/maria/.ssh/id_rsa.pub: file 0600 root -> file 0644 maria
/mnt/cdrom/secure: directory 0755 root -> directory 0700 root
/var/lib/waagent/Certificates.p7m: file 0400 root -> file 0600 root
/var/lib/waagent/Certificates.pem: file 0400 root -> file 0600 root
/var/lib/waagent/Certificates.xml: file 0644 root -> file 0600 root
/var/lib/waagent/CustomData: file 0644 root -> file 0600 root
/var/lib/waagent/ExtensionsConfig.1.xml: file 0644 root -> nothing
/var/lib/waagent/GoalState.1.xml: content
/var/lib/waagent/HostingEnvironmentConfig.xml: file 0644 root -> nothing
/var/lib/waagent/Incarnation: file 0644 root -> nothing
/var/lib/waagent/THUMBPRINT.crt: file 0400 root -> file 0600 root
/var/lib/waagent/THUMBPRINT.prv: file 0400 root -> file 0600 root
/var/lib/waagent/THUMBPRINT.pub: file 0600 root -> nothing
/var/lib/waagent/TransportCert.pem: file 0400 root -> file 0600 root
/var/lib/waagent/TransportPrivate.pem: file 0400 root -> file 0600 root
/var/lib/waagent/VmSettings.1.json: file 0644 root -> nothing
/var/lib/waagent/events/NUMBER.waagent.tld: file 0644 root -> nothing
/var/lib/waagent/history: directory 0755 root -> directory 0700 root
/var/lib/waagent/history/TIME: nothing -> directory 0700 root
/var/lib/waagent/history/TIME/*: nothing -> file 0600 root
/var/lib/waagent/history/TIME.zip: file 0644 root -> nothing
/var/lib/waagent/microsoft_root_certificate.pem: nothing -> file 0600 root
/var/lib/waagent/ovf-env.xml: file 0400 root -> file 0600 root
/var/lib/waagent/partition: file 0644 root -> nothing
/var/lib/waagent/waagent_status.1.json: file 0644 root -> nothing
"""
# Differs from run to run of one agent: hashes, keys and what was made of them, times.
RANDOM = re.compile(
    "|".join(
        (
            r"/etc/(shadow|passwd|group|gshadow|subuid|subgid)-?",
            r"/etc/ssh/ssh_host_.*",
            r"/home/maria/\.ssh/.*",
            r"/var/log/.*",
            r".*\.pem",
            r".*THUMBPRINT.*",
            r"/var/lib/waagent/(Certificates|ovf-env|SharedConfig).*",
            r"/var/lib/waagent/(events|history)/.*",
        )
    )
)


@pytest.fixture(scope="module")
def trees() -> dict[str, dict[str, str]]:
    """Per agent: normal path → kind, mode, owner; and the content's digest where that can be compared."""
    return {name: left(name) for name in ("debian", "ours")}


def left(name: str) -> dict[str, str]:
    used = adapter.find(str(HERE / f"{name}.toml"))
    result = execute(document.load(HERE / "compared.toml"), used, Journal(), lambda event: None, lambda text: None)
    assert labs.not_held(result) == []
    return dict(described(result.changes))


def described(changes: Iterable[Change]) -> Iterable[tuple[str, str]]:
    for change in changes:
        path = normal(change.path)
        yield path, "nothing" if change.after is None else f"{rights(change.after)} {digest(path, change.after)}".rstrip()


def normal(path: str) -> str:
    path = re.sub(r"[0-9A-F]{40}", "THUMBPRINT", path)
    path = re.sub(r"/history/\d{4}-[^/]*?(\.zip)?$", r"/history/TIME\1", path)
    path = re.sub(r"/history/\d{4}-[^/]*/.*$", "/history/TIME/*", path)
    return re.sub(r"/events/\d+", "/events/NUMBER", path)


def rights(facts: Entry) -> str:
    return f"{facts.kind} {facts.mode:04o} {'root' if facts.owner == 0 else 'maria'}"


def digest(path: str, facts: Entry) -> str:
    return "" if RANDOM.fullmatch(path) or facts.kind != "file" else str(facts.digest)


def differences(trees: dict[str, dict[str, str]]) -> set[str]:
    debian, ours = trees["debian"], trees["ours"]
    found = set()
    for path in debian.keys() | ours.keys():
        theirs, mine = (tree.get(path, "nothing") for tree in (debian, ours))
        short = [" ".join(text.split()[:3]) for text in (theirs, mine)]
        if short[0] != short[1]:
            found.add(f"{path}: {short[0]} -> {short[1]}")
        elif theirs != mine:
            found.add(f"{path}: content")
    return found


def test_what_the_two_agents_leave_differs_as_the_ledger_says_and_in_nothing_else(trees: dict[str, dict[str, str]]) -> None:
    assert sorted(differences(trees)) == sorted(DIFFERENT.strip().splitlines())


def test_the_ledger_explains_every_difference() -> None:
    ledger = LEDGER.read_text()
    paths = (line.partition(": ")[0] for line in DIFFERENT.strip().splitlines())
    names = (re.sub(r"^/var/lib/waagent/((history|events)/)?", "", path) for path in paths)
    unexplained = [name for name in names if f"`{name}`" not in ledger]
    assert unexplained == [], f"not in {LEDGER.name}"


def test_who_may_log_in_is_the_same(trees: dict[str, dict[str, str]]) -> None:
    same = ("/etc/sudoers.d/waagent", "/home/maria", "/home/maria/.ssh", "/etc/shadow", "/var/lib/waagent/provisioned")
    for path in same:
        assert trees["debian"][path] == trees["ours"][path], path
