"""Downloads that are cut: what storage is asked for then, and what the file holds in the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unit.fabric.doubles import World, serving
from waagent.fabric.exchange import Exchange
from waagent.fabric.hostgaplugin import HostPlugin
from waagent.fabric.package import Packages
from waagent.fabric.resume import PIECE, WORTH
from waagent.model.failure import HttpFailure
from waagent.system.port import Request, Response

URI = "https://laba.blob.example.net/p?sig=aaaa"
TARGET = "/var/lib/waagent/Contoso.Lab.Script__2.1.6.zip"
WHOLE = bytes(range(256)) * (5 * PIECE // 512)


Partial = Callable[[Response], Response]


class Storage:
    """Breaks off the first whole reply after ``cut`` bytes; ``partial`` may change the answers to ranges.

    ``direct`` False: only the host plugin gets anything whole from it; ``ranges`` False: the plugin does not know ranges.
    """

    def __init__(self, cut: int, partial: Partial = lambda answer: answer, *, direct: bool = True, ranges: bool = True) -> None:
        self.cut = cut
        self.partial = partial
        self.direct = direct
        self.ranges = ranges
        self.asked: list[str | None] = []
        self.of_host: list[str | None] = []
        self.world: World = serving(self.answer)
        exchange = Exchange(self.world.system, chance=lambda: 0.5)
        host = HostPlugin(exchange, "x", lambda: None)
        host.identify("container-1", "config.1")
        self.packages = Packages(exchange, host, shuffle=lambda uris: None)

    def answer(self, request: Request) -> Response:
        if request.url.endswith("/versions"):
            return Response(200, {}, b'["2015-09-01"]')
        host = request.url.endswith("/extensionArtifact")
        if not host and not self.direct:
            return Response(404, {}, b"")
        asked = request.headers.get("Range")
        (self.of_host if host else self.asked).append(asked)
        if asked is not None and (self.ranges or not host):
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            part = WHOLE[first : last + 1]
            extent = f"bytes {first}-{first + len(part) - 1}/{len(WHOLE)}"
            return self.partial(Response(206, {"content-range": extent, "etag": "one"}, part))
        if request.sink is None:
            assert request.limit < len(WHOLE)
            raise HttpFailure("too-large", "the answer is too long")
        if len(self.asked) + len(self.of_host) == 1:
            request.sink(WHOLE[: self.cut])
            raise HttpFailure("truncated", "cut")
        return Response(200, {}, WHOLE)

    def download(self) -> bytes:
        self.packages.download([URI], TARGET, lambda path: None)
        return self.world.files.content[TARGET]


def test_a_download_that_was_cut_goes_on_where_it_was() -> None:
    storage = Storage(WORTH + 5)
    assert storage.download() == WHOLE
    assert storage.asked[:2] == [None, f"bytes={WORTH + 5}-{WORTH + 4 + PIECE}"]
    assert None not in storage.asked[1:]


def test_little_is_not_gone_on_from() -> None:
    storage = Storage(WORTH - 1)
    assert storage.download() == WHOLE
    assert storage.asked == [None, None]


@pytest.mark.parametrize(
    "partial",
    [
        lambda answer: Response(200, {}, WHOLE[:10]),
        lambda answer: Response(206, {}, answer.body),
        lambda answer: Response(206, {"content-range": f"bytes 0-9/{len(WHOLE)}"}, WHOLE[:10]),
        lambda answer: Response(416, {}, b""),
        lambda answer: Response(206, {**answer.headers, "etag": str(len(answer.headers["content-range"]))}, b""),
    ],
)
def test_an_answer_that_is_no_rest_means_beginning_anew(partial: Callable[[Response], Response]) -> None:
    storage = Storage(2 * WORTH, partial)
    assert storage.download() == WHOLE
    assert storage.asked[-1] is None


def test_a_document_that_changes_between_two_ranges_means_beginning_anew() -> None:
    tags = iter(("one", "two"))
    storage = Storage(WORTH, lambda answer: Response(206, {**answer.headers, "etag": next(tags)}, answer.body))
    assert storage.download() == WHOLE
    assert [one is None for one in storage.asked] == [True, False, False, True]


def test_what_the_host_fetches_goes_on_in_the_same_way() -> None:
    storage = Storage(WORTH + 5, direct=False)
    assert storage.download() == WHOLE
    assert storage.of_host[:2] == [None, f"bytes={WORTH + 5}-{WORTH + 4 + PIECE}"]
    assert None not in storage.of_host[1:]


def test_where_the_host_does_not_know_ranges_it_is_asked_for_everything_again() -> None:
    storage = Storage(WORTH + 5, direct=False, ranges=False)
    assert storage.download() == WHOLE
    assert storage.of_host == [None, f"bytes={WORTH + 5}-{WORTH + 4 + PIECE}", None]


@pytest.mark.parametrize("ranges", [True, False])
def test_where_one_channel_ends_in_mid_file_the_other_goes_on(ranges: bool) -> None:
    storage = Storage(WORTH + 5, ranges=ranges)

    def gone(answer: Response) -> Response:
        storage.direct = False
        return answer if storage.of_host else Response(404, {}, b"")

    storage.partial = gone
    assert storage.download() == WHOLE
    assert storage.asked == [None, f"bytes={WORTH + 5}-{WORTH + 4 + PIECE}"]
    assert storage.of_host[0] == storage.asked[1]
    assert (None in storage.of_host) is not ranges
