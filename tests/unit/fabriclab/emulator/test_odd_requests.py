"""Requests thrown together from odd parts: whatever comes, the emulator answers or refuses, and never fails itself."""

import random
from pathlib import Path

import pytest

from fabriclab.journal.journal import read
from fabriclab.world.events import AddJitUser
from fabriclab.world.values import JitUser
from unit.fabriclab.emulator.bench import Bench, running, world

TARGETS = {
    "wireserver": (
        "/",
        "/machine",
        "/machine/",
        "/machine/{container}/{instance}",
        "/machine/{container}/remoteAccess",
        "/HealthService",
        "/provisioning/health",
        "/%2e%2e",
        "//",
        "/machine//",
        "/machine/{container}",
    ),
    "hostplugin": ("/versions", "/health", "/vmSettings", "/extensionArtifact", "/status", "/vmAgentLog", "/STATUS/"),
    "imds": (
        "/metadata",
        "/metadata/instance",
        "/metadata/instance/compute/publicKeys/0",
        "/metadata/reprovisiondata",
        "/metadata/versions",
        "/metadata/instance/network/interface/%C2%B2",
        "/metadata/instance/" + "9" * 5000,
    ),
    "blob": ("/", "/$system/x.status", "/extensions/a%00b", "/agents/Prod_manifest.xml", "/c/%ff", "//[x/y", "/a//b"),
}
QUERIES = (
    "",
    "?",
    "?comp=goalstate",
    "?comp=health",
    "?comp=telemetrydata",
    "?comp=certificates",
    "?comp=config&type=sharedConfig",
)
QUERIES += (
    "?comp=config",
    "?comp=page",
    "?api-version=2021-12-13",
    "?api-version=2021-12-13&format=text",
    "?%ff=%00",
    "?comp=versions",
)
QUERIES += ("?incarnation=" + "9" * 5000 + "&comp=certificates", "?comp=remoteaccess", "?;;&&==", "?comp=roleProperties")
VALUES = (
    "",
    "2012-11-30",
    "2015-09-01",
    "true",
    "text/xml",
    "application/json",
    "PageBlob",
    "BlockBlob",
    "update",
    "bytes=0-511",
)
VALUES += ("QUJD", "\xff", "9" * 5000, "512", "bytes=9-" + "9" * 400, "http://10.77.0.1/a/b", "http://[", "-1", "\xb2", "1")
HEADERS = (
    "x-ms-version",
    "x-ms-agent-name",
    "Content-Type",
    "x-ms-containerid",
    "x-ms-host-config-name",
    "Metadata",
    "if-none-match",
)
HEADERS += (
    "x-ms-blob-type",
    "x-ms-range",
    "x-ms-page-write",
    "x-ms-blob-content-length",
    "x-ms-artifact-location",
    "x-ms-date",
)
HEADERS += (
    "x-ms-guest-agent-public-x509-cert",
    "x-ms-cipher-name",
    "x-ms-client-correlationid",
    "x-ms-vmagentlog-deploymentid",
)
BODIES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"<Health/>",
    b"<TelemetryData version='1.0'><Provider/></TelemetryData>",
    b"\xff\xfe",
    b"[" * 9999,
)
BODIES += (
    b'{"headers": [], "requestUri": "http://[", "content": "e30="}',
    b'{"state": "NotReady", "details": {"description": "\\ud800"}}',
)
BODIES += (
    b'{"requestUri": "http://10.77.0.1/a/\\ud800", "headers": []}',
    b"<RoleProperties><Container/></RoleProperties>",
    b"9" * 9999,
)
BODIES += (b'{"headers": [{"headerName": "\\ud800", "headerValue": ""}], "requestUri": "x"}', b"PK\x05\x06", b'"\\ud800"')
METHODS = ("GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "BREW")


DATED = {"x-ms-version": "2014-02-14", "x-ms-date": "2026-01-02T03:04:05Z"}
TRAPS = [
    ("wireserver", "POST", "/provisioning/health", b'{"state": "NotReady", "details": {"description": "\\ud800"}}', {}, 201),
    ("wireserver", "POST", "/HealthService", b"[" * 99999, {}, 400),
    ("hostplugin", "PUT", "/status", b'{"\\ud800": 1}', {}, 400),
    ("hostplugin", "PUT", "/status", b'{"headers": [{"headerName": "\\ud800", "headerValue": 1}], "requestUri": "x"}', {}, 400),
    ("hostplugin", "PUT", "/status", b'{"headers": [], "requestUri": "http://10.77.0.1/a/\\ud800"}', {}, 502),
    ("hostplugin", "PUT", "/status", b'{"headers": [], "requestUri": "http://["}', {}, 502),
    ("blob", "PUT", "/a/b", b"[" * 9999, {**DATED, "x-ms-blob-type": "BlockBlob"}, 201),
    ("blob", "PUT", "/a/b", b"", {**DATED, "x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "\xb2"}, 400),
    ("blob", "PUT", "//[x/y", b"", {**DATED, "x-ms-blob-type": "BlockBlob"}, 404),
    ("imds", "GET", "/metadata/instance/network/interface/%C2%B2?api-version=2021-12-13", b"", {"Metadata": "true"}, 404),
]


@pytest.mark.parametrize(("service", "method", "target", "body", "headers", "status"), TRAPS)
def test_a_trap_is_answered_and_written_down(
    service: str, method: str, target: str, body: bytes, headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    with running() as bench:
        given = {**bench.identity, "Content-Type": "application/json", **headers}
        assert bench.ask(service, method, target, given, body).status == status
        bench.journal.write(tmp_path / "journal.jsonl")
        assert len(read(tmp_path / "journal.jsonl")) == bench.journal.last


@pytest.mark.parametrize("seed", range(4))
def test_no_request_makes_the_emulator_fail(seed: int) -> None:
    dice = random.Random(seed)
    strict = dice.random() < 0.5
    with running(world(strict_headers=strict, strict_identity=strict, strict_report=strict, imds_rate=100000)) as bench:
        bench.fabric.apply(AddJitUser(JitUser("labjit", "secret", "never")))
        for number in range(250):
            status = ask(bench, dice)
            assert 200 <= status < 600
            failures = [entry for entry in bench.journal.since(number) if entry.kind == "lab_failure"]
            assert failures == [], failures[0].facts["traceback"]


def ask(bench: Bench, dice: random.Random) -> int:
    identity = bench.fabric.world.identity
    service = dice.choice(list(TARGETS))
    path = dice.choice(TARGETS[service]).format(container=identity.container_id, instance=identity.role_instance)
    headers = {name: dice.choice(VALUES) for name in dice.sample(HEADERS, dice.randrange(8))}
    if service == "hostplugin" and dice.random() < 0.8:
        headers |= {**bench.identity, "Content-Type": "application/json"}
    if service == "imds" and dice.random() < 0.8:
        headers["Metadata"] = "true"
    method = dice.choice(METHODS if dice.random() < 0.3 else ("GET", "PUT", "POST"))
    return bench.ask(service, method, path + dice.choice(QUERIES), headers, dice.choice(BODIES)).status
