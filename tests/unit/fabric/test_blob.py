import base64
import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.fabric.doubles import Answer, World, answering
from waagent.fabric.blob import CHUNK, StatusUpload, host_request, page_url, rounded, storage_puts
from waagent.fabric.exchange import Exchange
from waagent.fabric.hostgaplugin import HostPlugin
from waagent.model.failure import ExchangeFailure
from waagent.model.goal_state import BlobType, StatusBlob

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
URL = "https://labstat.blob.example.net/$system/labvm01.status?sv=2018-03-28&sr=b&sig=bGFi"
BLOCK = StatusBlob(URL)
PAGE = StatusBlob(URL, BlobType.PAGE)
VERSIONS = (200, b'["2015-09-01"]')


def uploader(world: World) -> tuple[StatusUpload, list[int]]:
    renewals: list[int] = []
    exchange = Exchange(world.system, chance=lambda: 0.5)
    host = HostPlugin(exchange, "168.63.129.16", lambda: renewals.append(1))
    host.identify("container", "config.name")
    return StatusUpload(exchange, host), renewals


def test_a_block_blob_is_one_request_with_exactly_these_headers() -> None:
    (put,) = storage_puts(BLOCK, b'{"a": 1}', NOW, b" ")
    assert put.headers == {
        "Content-Length": "8",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-date": "2026-01-02T03:04:05Z",
        "x-ms-version": "2014-02-14",
    }
    assert (put.url, put.body) == (URL, b'{"a": 1}')


def test_a_page_blob_is_created_empty_and_then_written() -> None:
    create, write = storage_puts(PAGE, b"x" * 600, NOW, b"\0")
    assert create.headers == {
        "Content-Length": "0",
        "x-ms-blob-content-length": "1024",
        "x-ms-blob-type": "PageBlob",
        "x-ms-date": "2026-01-02T03:04:05Z",
        "x-ms-version": "2014-02-14",
    }
    assert create.body is None
    assert write.headers == {
        "Content-Length": "1024",
        "x-ms-date": "2026-01-02T03:04:05Z",
        "x-ms-range": "bytes=0-1023",
        "x-ms-page-write": "update",
        "x-ms-version": "2014-02-14",
    }
    assert write.body == b"x" * 600 + b"\0" * 424
    assert write.url == URL + "&comp=page"


def test_a_page_write_without_a_query_starts_one() -> None:
    assert page_url("https://x.example.net/a") == "https://x.example.net/a?comp=page"


@given(st.integers(min_value=1, max_value=3 * CHUNK))
def test_the_chunks_of_a_page_blob_cover_it_without_gap_on_whole_pages(length: int) -> None:
    writes = list(storage_puts(PAGE, b"y" * length, NOW, b" "))[1:]
    position = 0
    for write in writes:
        assert write.body is not None
        start, end = map(int, write.headers["x-ms-range"].removeprefix("bytes=").split("-"))
        assert (start, end + 1 - start) == (position, len(write.body))
        assert start % 512 == 0
        assert (end + 1) % 512 == 0
        assert len(write.body) <= CHUNK
        position = end + 1
    assert position == rounded(length)


def test_the_host_is_told_the_headers_sorted_and_the_body_in_base64() -> None:
    body = b'{"lab": "this is base64"}'
    (put,) = storage_puts(BLOCK, body, NOW, b" ")
    expected = {
        "content": base64.b64encode(body).decode(),
        "headers": [
            {"headerName": "Content-Length", "headerValue": "25"},
            {"headerName": "x-ms-blob-type", "headerValue": "BlockBlob"},
            {"headerName": "x-ms-date", "headerValue": "2026-01-02T03:04:05Z"},
            {"headerName": "x-ms-version", "headerValue": "2014-02-14"},
        ],
        "requestUri": URL,
    }
    assert host_request(put) == json.dumps(expected, sort_keys=True).encode()


def test_the_request_that_creates_a_page_blob_has_no_content() -> None:
    create = next(iter(storage_puts(PAGE, b"x", NOW, b" ")))
    assert "content" not in json.loads(host_request(create))


def test_the_host_goes_first_and_suffices() -> None:
    world = answering(VERSIONS, 202)
    uploader(world)[0].upload(b"{}", BLOCK)
    assert [request.url for request in world.http.requests[1:]] == ["http://168.63.129.16:32526/status"]


def test_a_page_blob_through_the_host_is_padded_with_spaces() -> None:
    world = answering(VERSIONS, 200, 200)
    uploader(world)[0].upload(b"{}", PAGE)
    content = json.loads(world.http.requests[2].body or b"")["content"]
    assert base64.b64decode(content) == b"{}" + b" " * 510


@pytest.mark.parametrize("answer", [404, 400, (400, b"InvalidContainerConfiguration")])
def test_when_the_host_refuses_storage_is_asked_directly_through_the_proxy(answer: Answer) -> None:
    world = answering(VERSIONS, answer, 201)
    uploader(world)[0].upload(b"{}", BLOCK)
    direct = world.http.requests[2]
    assert (direct.method, direct.url, direct.body, direct.proxied) == ("PUT", URL, b"{}", True)
    assert direct.headers["x-ms-blob-type"] == "BlockBlob"


def test_a_stale_identity_is_renewed_and_the_next_round_reports() -> None:
    world = answering(VERSIONS, 410)
    upload, renewals = uploader(world)
    upload.upload(b"{}", BLOCK)
    assert renewals == [1]
    assert len(world.http.requests) == 2


@pytest.mark.parametrize("status", [200, 202, 404])
def test_storage_itself_must_answer_201(status: int) -> None:
    world = answering(VERSIONS, 404, status)
    with pytest.raises(ExchangeFailure) as caught:
        uploader(world)[0].upload(b"{}", BLOCK)
    assert len(caught.value.causes) == 2
    assert "bGFi" not in str(caught.value)
