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


class Storage:
    """Breaks off the first whole reply after ``cut`` bytes; ``partial`` may change the answers to ranges."""

    def __init__(self, cut: int, partial: Callable[[Response], Response] = lambda answer: answer) -> None:
        self.cut = cut
        self.partial = partial
        self.asked: list[str | None] = []
        self.world: World = serving(self.answer)
        exchange = Exchange(self.world.system, chance=lambda: 0.5)
        self.packages = Packages(exchange, HostPlugin(exchange, "x", lambda: None), shuffle=lambda uris: None)

    def answer(self, request: Request) -> Response:
        asked = request.headers.get("Range")
        self.asked.append(asked)
        if asked is not None:
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            part = WHOLE[first : last + 1]
            extent = f"bytes {first}-{first + len(part) - 1}/{len(WHOLE)}"
            return self.partial(Response(206, {"content-range": extent, "etag": "one"}, part))
        assert request.sink is not None
        if len(self.asked) == 1:
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
