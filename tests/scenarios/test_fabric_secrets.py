"""After a rich run: nothing secret lies in the guest but where it has to, and none of it is told to anybody."""

import io
import re
import stat
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from fabriclab.faults.effects import Status
from fabriclab.faults.rule import Rule
from fabriclab.scenario.lab import Lab
from fabriclab.world.events import AddJitUser, RotateCertificate
from fabriclab.world.values import JitUser, TenantCertificate
from scenarios import fabric_labs as fabric
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("fabric-secrets")]

PASSWORD, JIT, PROTECTED = "Tr&nsit-91-quay", "Jit-Passw0rd-77", "only-for-the-extension"
OVF = f"""
[configuration]
"Logs.Verbose" = "y"
[ovf]
hostname = "web-1"
username = "kofi"
password = "{PASSWORD}"
disable_ssh_password_authentication = false
custom_data = "Y3VzdG9tLXNlY3JldA=="
"""
SIGNATURE = re.compile(rb"(?i)(?:[?&;]|u0026)sig=(?!REDACTED|<redacted>|&lt;redacted&gt;|%3Credacted)[A-Za-z0-9%+/]{8,}")
KEYS = re.compile(r"var/lib/waagent/([0-9A-F]{40}\.prv|TransportPrivate\.pem|Certificates\.pem)|etc/ssh/ssh_host_\w+_key")
PRIVATE = re.compile(r"var/lib/waagent/[^/]+/config/[^/]+\.settings|" + KEYS.pattern)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with labs.begun(labs.scenario_of(tmp_path_factory.mktemp("rich"), OVF)) as made:
        labs.await_ready(made)
        protected = {"secret": PROTECTED}
        fabric.await_success(made, "one; protected settings: read", fabric.publish(made, protected=protected))
        until = (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S UTC")
        made.fabric.apply(AddJitUser(JitUser("jit1", JIT, until)), RotateCertificate(TenantCertificate("tenant-2")))
        labs.await_log(made, "the just-in-time account jit1 was made")
        made.fabric.inject(Rule(Status(500), service="hostplugin"))
        labs.await_log(made, "the goal state could not be fetched")
        made.fabric.inject(Rule(Status(403), service="blob"))
        labs.await_log(made, "the status was not uploaded")
        made.fabric.clear_faults()
        before = fabric.publish(made, "fast-track", "two", protected=protected)
        fabric.await_success(made, "two; protected settings: read", before)
        labs.await_entry(made, lambda entry: entry.kind == "telemetry", "telemetry", before)
        yield made


def files(lab: Lab) -> Iterator[tuple[str, bytes, int]]:
    """Every file that the guest wrote: name, content, mode; what is in a zip counts as a file of its own."""
    for path in sorted(lab.guest.upper.rglob("*")):
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            continue
        name, content = str(path.relative_to(lab.guest.upper)), path.read_bytes()
        yield name, content, stat.S_IMODE(status.st_mode)
        if content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                for member in packed.namelist():
                    yield f"{name}!{member}", packed.read(member), stat.S_IMODE(status.st_mode)


def test_no_signature_of_an_address_is_in_any_file(lab: Lab) -> None:
    found = {name: match[0] for name, content, _ in files(lab) if (match := SIGNATURE.search(content))}
    assert found == {}


@pytest.mark.parametrize("secret", [PASSWORD, PASSWORD.replace("&", "&amp;"), JIT, PROTECTED])
def test_no_password_and_no_protected_setting_is_in_any_file(lab: Lab, secret: str) -> None:
    spellings = (secret.encode(), secret.encode("utf-16-le"))
    assert [name for name, content, _ in files(lab) if any(one in content for one in spellings)] == []


def test_private_keys_are_where_they_belong_and_for_root_alone(lab: Lab) -> None:
    holders = {name: mode for name, content, mode in files(lab) if b"PRIVATE KEY-----" in content}
    assert [name for name in holders if not KEYS.fullmatch(name)] == []
    assert {mode & 0o077 for mode in holders.values()} == {0}
    assert any(name.endswith(".prv") for name in holders)


def test_encrypted_settings_are_where_the_extension_reads_them_and_nowhere_else(lab: Lab) -> None:
    sent = lab.fabric.world.published[0]
    assert sent.settings[0].protected is not None
    encrypted = re.compile(rb'"protectedSettings":\s*"MII[A-Za-z0-9+/=\\]{40,}')
    holders = {name: mode for name, content, mode in files(lab) if encrypted.search(content)}
    assert holders and [name for name in holders if not PRIVATE.fullmatch(name)] == []
    assert {mode & 0o077 for mode in holders.values()} == {0}


def test_nothing_secret_is_on_a_command_line_or_in_an_environment(lab: Lab) -> None:
    seen = lab.guest.shell("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'").output
    assert not [secret for secret in (PASSWORD, JIT, PROTECTED, "sig=") if secret in seen]


def test_nothing_secret_is_told_to_the_fabric(lab: Lab) -> None:
    for entry in lab.journal.entries():
        if entry.exchange is None or entry.kind in ("status", "blob"):
            continue
        body = entry.exchange.request_body
        assert not SIGNATURE.search(body) or entry.exchange.path == "/status", entry.summary
        assert not [secret for secret in (PASSWORD, JIT, PROTECTED) if secret.encode() in body], entry.summary


def test_the_status_says_nothing_secret(lab: Lab) -> None:
    documents = [str(entry.facts.get("document")) for entry in lab.journal.entries() if fabric.is_status(entry)]
    assert documents
    for text in documents:
        assert not [secret for secret in (PASSWORD, JIT, PROTECTED, "sig=") if secret in text]
