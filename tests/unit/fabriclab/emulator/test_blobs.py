"""The blob service: reading what is stored or rendered, and the rules of writing."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fabriclab.emulator.storage import BlobStore, NoSuchBlob, parse_status, place
from fabriclab.world.events import PublishExtensions, SetHold
from fabriclab.world.switches import Profile
from fabriclab.world.values import Extension, World
from unit.fabriclab.emulator.bench import Answer, Bench, running, world

STATUS = {"version": "1.1", "aggregateStatus": {}}
BLOCK = {"x-ms-blob-type": "BlockBlob", "x-ms-date": "2026-01-02T03:04:05Z", "x-ms-version": "2014-02-14"}
PAGE = {**BLOCK, "x-ms-blob-type": "PageBlob"}
WRITE = {"x-ms-date": "2026-01-02T03:04:05Z", "x-ms-version": "2014-02-14", "x-ms-page-write": "update"}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with running() as made:
        yield made


def target(url: str) -> str:
    return url[url.index("/", len("http://")) :]


def get(bench: Bench, url: str) -> Answer:
    return bench.ask("blob", "GET", target(url))


def put(bench: Bench, headers: dict[str, str], body: bytes = b"", more: str = "") -> int:
    return bench.ask("blob", "PUT", target(bench.fabric.world.status_address) + more, headers, body).status


def test_a_stored_blob_is_read_by_the_address_it_got(bench: Bench) -> None:
    url = bench.fabric.blobs.put("extensions", "a b__1.0", b"content")
    assert url.startswith(f"http://{bench.fabric.authority('blob')}/extensions/")
    assert get(bench, url).body == b"content"
    assert bench.last.facts["signed"] is True
    assert bench.ask("blob", "HEAD", target(url)).headers["content-length"] == "7"


@pytest.mark.parametrize(
    ("name", "asked", "status", "body", "extent"),
    [
        ("Range", "bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("x-ms-range", "bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("Range", "bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("Range", "bytes=5-2", 200, b"0123456789", None),
        ("Range", "lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_part_of_a_blob_can_be_read(
    bench: Bench, name: str, asked: str, status: int, body: bytes, extent: str | None
) -> None:
    url = bench.fabric.blobs.put("extensions", "digits", b"0123456789")
    answer = bench.ask("blob", "GET", target(url), {name: asked})
    assert (answer.status, answer.body, answer.headers.get("content-range")) == (status, body, extent)


def test_a_part_beyond_the_end_is_refused(bench: Bench) -> None:
    for content, asked in ((b"0123456789", "bytes=10-"), (b"", "bytes=0-"), (b"", "bytes=0-5")):
        url = bench.fabric.blobs.put("extensions", "digits", content)
        assert bench.ask("blob", "GET", target(url), {"Range": asked}).status == 416


def test_an_etag_names_the_content(bench: Bench) -> None:
    etags = []
    for content in (b"one", b"two", b"one"):
        url = bench.fabric.blobs.put("extensions", "digits", content)
        etags.append(bench.ask("blob", "GET", target(url)).headers["etag"])
    assert etags[0] == etags[2] != etags[1]


def test_manifests_come_from_the_world_unless_one_was_put_in_their_place(bench: Bench) -> None:
    extension = Extension("Contoso.Lab.Good", "1.0.0")
    assert get(bench, extension.manifest).status == 404
    bench.fabric.apply(PublishExtensions((extension,)))
    assert b"<Version>1.0.0</Version>" in get(bench, extension.manifest).body
    bench.fabric.blobs.put("extensions", extension.manifest_blob, b"another")
    assert get(bench, extension.manifest).body == b"another"
    assert b"PluginVersionManifest" in get(bench, bench.fabric.world.families[0].manifests[0]).body


def test_the_artifacts_profile_says_what_the_world_says(bench: Bench) -> None:
    assert get(bench, bench.fabric.world.profile_address).document["onHold"] is False
    bench.fabric.apply(SetHold(True))
    assert get(bench, bench.fabric.world.profile_address).document["onHold"] is True


def test_a_missing_blob_is_told_in_storages_words(bench: Bench) -> None:
    answer = get(bench, "http://x/none/such")
    assert answer.status == 404 and b"<Code>BlobNotFound</Code>" in answer.body
    with running(world(profile=Profile.MISSING.value)) as other:
        assert get(other, other.fabric.world.profile_address).status == 404


def test_a_block_status_is_created_and_told(bench: Bench) -> None:
    assert put(bench, BLOCK, json.dumps(STATUS).encode()) == 201
    assert (bench.last.kind, bench.last.facts["channel"], bench.last.facts["document"]) == ("status", "direct", STATUS)
    assert bench.fabric.blobs.statuses == (STATUS,)


def test_a_page_status_is_created_then_written_then_told_and_its_padding_is_cut(bench: Bench) -> None:
    assert put(bench, {**PAGE, "x-ms-blob-content-length": "1024"}) == 201
    body = json.dumps({**STATUS, "filler": "x" * 500}).encode().ljust(1024, b"\0")
    for start in (0, 512):
        extent = {"x-ms-range": f"bytes={start}-{start + 511}"}
        assert put(bench, {**WRITE, **extent}, body[start : start + 512], "&comp=page") == 201
    assert bench.last.facts["document"]["version"] == "1.1"
    assert bench.fabric.blobs.get("$system", bench.fabric.world.status_name) == body


def test_creating_a_page_blob_again_empties_it(bench: Bench) -> None:
    create = {**PAGE, "x-ms-blob-content-length": "512"}
    put(bench, create)
    put(bench, {**WRITE, "x-ms-range": "bytes=0-511"}, b"x" * 512, "&comp=page")
    put(bench, create)
    assert bench.fabric.blobs.get("$system", bench.fabric.world.status_name) == b"\0" * 512


@pytest.mark.parametrize(
    ("headers", "body", "more", "status", "reason"),
    [
        ({**BLOCK, "x-ms-version": ""}, b"", "", 400, "x-ms-version is missing"),
        ({**BLOCK, "x-ms-date": ""}, b"", "", 400, "x-ms-date is missing"),
        ({**BLOCK, "x-ms-blob-type": "Odd"}, b"", "", 400, "'Odd'"),
        (WRITE, b"", "", 400, "x-ms-blob-type is missing"),
        (PAGE, b"", "", 400, "x-ms-blob-content-length is ''"),
        ({**PAGE, "x-ms-blob-content-length": "9" * 5000}, b"", "", 400, "x-ms-blob-content-length"),
        ({**PAGE, "x-ms-blob-content-length": "513"}, b"", "", 400, "no multiple of 512"),
        ({**PAGE, "x-ms-blob-content-length": "512"}, b"x" * 512, "", 400, "without content"),
        ({**PAGE, "x-ms-blob-content-length": str(2 << 30)}, b"", "", 413, "more than the lab keeps"),
        ({**WRITE, "x-ms-range": "bytes=0-511"}, b"x" * 512, "&comp=page", 404, "no such blob"),
    ],
)
def test_a_wrong_write_is_refused(
    bench: Bench, headers: dict[str, str], body: bytes, more: str, status: int, reason: str
) -> None:
    assert put(bench, headers, body, more) == status
    assert reason in str(bench.last.refusal)
    assert bench.fabric.blobs.statuses == ()


@pytest.mark.parametrize(
    ("headers", "size", "status", "reason"),
    [
        ({**WRITE, "x-ms-range": "bytes=0-510"}, 511, 416, "not on 512-byte boundaries"),
        ({**WRITE, "x-ms-range": "bytes=512-511"}, 0, 416, "not on 512-byte boundaries"),
        ({**WRITE, "x-ms-range": "bytes=0-511"}, 100, 400, "the range has 512 bytes, the content 100"),
        ({**WRITE, "x-ms-range": "bytes=512-1535"}, 1024, 416, "the range ends at 1536, the blob at 1024"),
        ({**WRITE, "x-ms-range": f"bytes=0-{(5 << 20) - 1}"}, 5 << 20, 413, "at once"),
        ({**WRITE, "x-ms-range": "bytes=all"}, 512, 400, "no range of bytes"),
        ({**WRITE, "x-ms-range": "bytes=0-511", "x-ms-page-write": "clear"}, 512, 400, "not update"),
    ],
)
def test_wrong_pages_are_refused(bench: Bench, headers: dict[str, str], size: int, status: int, reason: str) -> None:
    put(bench, {**PAGE, "x-ms-blob-content-length": "1024"})
    assert put(bench, headers, b"x" * size, "&comp=page") == status
    assert reason in str(bench.last.refusal)


def test_pages_do_not_fit_a_block_blob(bench: Bench) -> None:
    put(bench, BLOCK, b"{}")
    assert put(bench, {**WRITE, "x-ms-range": "bytes=0-511"}, b"x" * 512, "&comp=page") == 409


def test_other_verbs_are_refused(bench: Bench) -> None:
    assert bench.ask("blob", "DELETE", "/c/b").status == 405


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"{", b"\xff", b"[" * 100000])
def test_what_is_no_status_document_is_not_taken_for_one(content: bytes) -> None:
    assert parse_status(content) is None


@pytest.mark.parametrize("address", ["/", "/container", "/container/", "http://[x/y/z", ""])
def test_an_address_without_container_or_name_is_no_blob(address: str) -> None:
    with pytest.raises(NoSuchBlob):
        place(address)


def test_names_are_decoded_and_keep_their_slashes() -> None:
    assert place("/$system/a%20b%2Fc?sig=x") == ("$system", "a b/c")


def test_a_removed_blob_is_gone() -> None:
    store = BlobStore()
    store.put("c", "b", b"x")
    assert store.names() == (("c", "b"),)
    store.remove("c", "b")
    with pytest.raises(NoSuchBlob):
        store.read("c", "b", replace(World(), extensions=()))
