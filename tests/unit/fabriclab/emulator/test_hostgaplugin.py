"""The HostGAPlugin: who may ask, vmSettings with its etag, artifacts, and uploads in the guest's name."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from fabriclab.world.events import ChangeContainer, PublishExtensions, SetFastTrack, SetSwitch
from fabriclab.world.values import Extension
from unit.fabriclab.emulator.bench import Bench, running, world

EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
STATUS = {"version": "1.1", "aggregateStatus": {"handlerAggregateStatus": []}}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with running() as made:
        yield made


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


def test_versions_name_the_one_there_is_and_may_start_with_a_bom(bench: Bench) -> None:
    assert bench.plugin("GET", "/versions").document == ["2015-09-01"]
    bench.fabric.apply(SetSwitch("plugin_versions_bom", True))
    assert bench.plugin("GET", "/versions").body.startswith(b"\xef\xbb\xbf[")


def test_health_asks_for_nothing_and_its_status_is_a_switch(bench: Bench) -> None:
    assert bench.plugin("GET", "/health", {}).status == 200
    bench.fabric.apply(SetSwitch("plugin_status", 503))
    assert bench.plugin("GET", "/health", {}).status == 503


@pytest.mark.parametrize("target", ["/vmSettings", "/extensionArtifact"])
def test_an_unknown_container_and_an_unknown_config_name_are_told_apart(bench: Bench, target: str) -> None:
    stale = bench.plugin("GET", target, x_ms_containerid="other")
    assert stale.status == 400 and stale.document["errorCode"] == "InvalidContainerConfiguration"
    gone = bench.plugin("GET", target, x_ms_host_config_name="other")
    assert gone.status == 410 and gone.document["errorCode"] == "RequestRoleConfigFileNotFound"


def test_a_moved_vm_must_renew_its_identity(bench: Bench) -> None:
    before = bench.identity
    bench.fabric.apply(ChangeContainer())
    assert bench.plugin("GET", "/vmSettings", before).status == 400
    assert bench.plugin("GET", "/vmSettings").status == 200


@pytest.mark.parametrize(
    ("name", "status"),
    [("x-ms-version", 400), ("x-ms-containerid", 400), ("x-ms-host-config-name", 410), ("x-ms-client-correlationid", 400)],
)
def test_vmsettings_needs_all_four_headers(bench: Bench, name: str, status: int) -> None:
    assert bench.plugin("GET", "/vmSettings", without(bench.identity, name)).status == status


def test_another_api_version_is_refused(bench: Bench) -> None:
    assert bench.plugin("GET", "/vmSettings", x_ms_version="2012-11-30").status == 400


def test_identity_is_not_looked_at_when_the_world_is_not_strict() -> None:
    with running(world(strict_identity=False, strict_headers=False)) as bench:
        assert bench.plugin("GET", "/vmSettings", {}).status == 200


def test_304_is_only_for_the_etag_that_is_current(bench: Bench) -> None:
    first = bench.plugin("GET", "/vmSettings")
    etag = first.headers["etag"]
    assert first.status == 200 and first.document["extensionGoalStatesSource"] == "Fabric"
    unchanged = bench.plugin("GET", "/vmSettings", if_none_match=etag)
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert bench.plugin("GET", "/vmSettings", if_none_match="other").status == 200
    bench.fabric.apply(PublishExtensions((Extension("Contoso.Lab.Good", "1.0.0"),), "fast-track"))
    changed = bench.plugin("GET", "/vmSettings", if_none_match=etag)
    assert changed.status == 200 and changed.headers["etag"] != etag
    assert changed.document["extensionGoalStates"][0]["name"] == "Contoso.Lab.Good"


@pytest.mark.parametrize(("mode", "status"), [("404", 404), ("410", 410), ("400", 400), ("500", 500), ("502", 502)])
def test_vmsettings_can_answer_with_another_status(mode: str, status: int) -> None:
    with running(world(vm_settings=mode)) as bench:
        assert bench.plugin("GET", "/vmSettings").status == status


def test_a_host_without_fast_track_knows_no_vmsettings(bench: Bench) -> None:
    bench.fabric.apply(SetFastTrack(supported=False))
    assert bench.plugin("GET", "/vmSettings").status == 404


def test_vmsettings_without_an_etag_never_answers_304() -> None:
    with running(world(vm_settings="no-etag")) as bench:
        answer = bench.plugin("GET", "/vmSettings", if_none_match="1")
        assert answer.status == 200 and "etag" not in answer.headers


def test_an_artifact_comes_unchanged_from_the_store(bench: Bench) -> None:
    url = bench.fabric.blobs.put("extensions", "Contoso.Lab.Good__1.0.0", b"PK\x03\x04 zip")
    answer = bench.plugin("GET", "/extensionArtifact", x_ms_artifact_location=url)
    assert (answer.status, answer.body) == (200, b"PK\x03\x04 zip")
    assert bench.last.facts["name"] == "Contoso.Lab.Good__1.0.0"


def test_a_manifest_comes_by_its_published_address(bench: Bench) -> None:
    extension = Extension("Contoso.Lab.Good", "1.0.0")
    bench.fabric.apply(PublishExtensions((extension,)))
    answer = bench.plugin("GET", "/extensionArtifact", x_ms_artifact_location=extension.manifest)
    assert answer.status == 200 and b"<Version>1.0.0</Version>" in answer.body


@pytest.mark.parametrize(
    "location",
    ["https://www.example.net/x", "http://127.0.0.1:1/x/y", "http://10.77.0.1/none/such", "file:///etc/passwd", "http://[x"],
)
def test_nothing_outside_the_store_is_ever_fetched(bench: Bench, location: str) -> None:
    assert bench.plugin("GET", "/extensionArtifact", x_ms_artifact_location=location).status == 502


def test_an_artifact_without_a_location_is_a_bad_request(bench: Bench) -> None:
    assert bench.plugin("GET", "/extensionArtifact").status == 400


def upload(bench: Bench, content: bytes | None, kind: str = "BlockBlob", more: str = "", **headers: str) -> dict[str, Any]:
    given = {"Content-Length": str(len(content or b"")), "x-ms-date": "2026-01-02T03:04:05Z", "x-ms-version": "2014-02-14"}
    if kind:
        given["x-ms-blob-type"] = kind
    given |= {name.replace("_", "-"): text for name, text in headers.items()}
    document: dict[str, Any] = {
        "headers": [{"headerName": name, "headerValue": text} for name, text in sorted(given.items())],
        "requestUri": bench.fabric.world.status_address + more,
    }
    return document if content is None else {"content": base64.b64encode(content).decode(), **document}


def put(bench: Bench, document: Any, **headers: str) -> int:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return bench.plugin("PUT", "/status", body=body, **{"content_type": "application/json", **headers}).status


def test_a_block_status_is_stored_and_told(bench: Bench) -> None:
    content = json.dumps(STATUS).encode() + b" " * 30
    assert put(bench, upload(bench, content)) == 200
    assert bench.last.kind == "status"
    assert bench.last.facts["document"] == STATUS
    assert (bench.last.facts["channel"], bench.last.facts["blob_type"]) == ("host", "BlockBlob")
    assert bench.fabric.blobs.status == STATUS


def test_a_page_status_in_two_pieces_is_told_when_it_is_whole(bench: Bench) -> None:
    content = json.dumps({**STATUS, "filler": "x" * 600}).encode()
    content += b" " * (-len(content) % 512)
    size = str(len(content))
    assert put(bench, upload(bench, None, "PageBlob", x_ms_blob_content_length=size)) == 200
    for start in range(0, len(content), 512):
        piece = content[start : start + 512]
        extent = {"x_ms_range": f"bytes={start}-{start + 511}", "x_ms_page_write": "update"}
        assert put(bench, upload(bench, piece, "", "&comp=page", **extent)) == 200
    kinds = [entry.kind for entry in bench.journal.entries()]
    assert kinds == ["blob"] * (len(kinds) - 1) + ["status"]
    assert bench.fabric.blobs.status == {**STATUS, "filler": "x" * 600}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"content": "not base64!"}, "not base64"),
        ({"content": ""}, "content is no text, or empty"),
        ({"content": 5}, "content is no text"),
        ({"headers": {}}, "headers are no list"),
        ({"headers": [{"headerName": "a"}]}, "not {headerName, headerValue}"),
        ({"headers": [{"headerName": "a", "headerValue": 1}]}, "is not text"),
        ({"headers": [{"headerName": "a", "headerValue": "1"}, {"headerName": "A", "headerValue": "1"}]}, "comes twice"),
        ({"requestUri": ""}, "requestUri is missing"),
        ({"other": 1}, "unknown member other"),
    ],
)
def test_an_upload_of_the_wrong_form_is_refused(bench: Bench, change: dict[str, Any], reason: str) -> None:
    assert put(bench, {**upload(bench, b"{}"), **change}) == 400
    assert reason in str(bench.last.refusal)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100000])
def test_an_upload_that_is_no_json_object_is_refused(bench: Bench, body: bytes) -> None:
    assert put(bench, body) == 400


def test_an_upload_must_say_it_is_json(bench: Bench) -> None:
    assert put(bench, upload(bench, b"{}"), content_type="text/plain") == 400


def test_what_storage_refuses_is_an_upstream_failure(bench: Bench) -> None:
    assert put(bench, upload(bench, b"{}", kind="")) == 502
    assert "storage answered 400: the header x-ms-blob-type is missing" in str(bench.last.refusal)
    wrong = upload(bench, b"{}")
    wrong["content"] = base64.b64encode(b"more").decode()
    assert put(bench, wrong) == 502
    outside = {**upload(bench, b"{}"), "requestUri": "https://storage.example.net/c/b"}
    assert put(bench, outside) == 502


def test_logs_are_taken_as_a_zip_for_the_current_deployment(bench: Bench) -> None:
    named = {
        "x_ms_vmagentlog_deploymentid": bench.fabric.world.identity.deployment_id,
        "x_ms_client_name": "WALinuxAgent",
        "x_ms_client_version": "9.9.9.9",
    }
    assert bench.plugin("PUT", "/vmAgentLog", body=EMPTY_ZIP, **named).status == 200
    assert bench.last.facts == {"kind": "agent_log", "size": 22, "names": []}
    assert bench.plugin("PUT", "/vmAgentLog", body=b"text", **named).status == 400
    assert bench.plugin("PUT", "/vmAgentLog", body=EMPTY_ZIP, **{**named, "x_ms_vmagentlog_deploymentid": "x"}).status == 400
    assert bench.plugin("PUT", "/vmAgentLog", body=EMPTY_ZIP).status == 400


def test_other_paths_and_verbs_are_refused(bench: Bench) -> None:
    assert bench.plugin("GET", "/other").status == 404
    assert bench.plugin("PUT", "/vmSettings").status == 405
