"""Going on with a download that was cut: the rest is asked for in ranges (fabric.md 5.6).

Storage itself answers ranges. Whether the host plugin passes one on is not known, so it is asked; what it answers shows.
Where one channel ends in mid-file the other one goes on from there. Odd: the first part has no tag to hold the rest against,
because its answer never came to an end; a document that changed in between is found out by its checksums when it is
unpacked. Whatever else is unexpected means beginning anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from waagent.model.failure import HttpFailure
from waagent.system.port import Response

WORTH = 1024 * 1024
"""Bytes that must have come: for less, another request for everything is as good."""
PIECE = 2 * 1024 * 1024
LIMIT = PIECE + 64 * 1024
"""Bytes of an answer: who does not know ranges sends everything, of which no more than this is read."""
_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


class Cut(Exception):
    """A download broke off after enough of it had come to go on from there."""


def fetch_rest(ask: Callable[[Mapping[str, str]], Response], done: int, take: Callable[[bytes], object], limit: int) -> bool:
    """Give what follows the first ``done`` bytes to ``take``. False: it cannot be had in ranges, begin anew.

    ``ask`` sends one request with more headers. Errors: ``ExchangeFailure`` when the channel failed, with everything that
    came until then taken; what ``take`` raises.
    """
    known: tuple[str | None, int] | None = None
    while known is None or done < known[1]:
        try:
            answer = ask({"Range": f"bytes={done}-{done + PIECE - 1}"})
        except HttpFailure as failure:
            if failure.kind == "too-large":
                return False
            raise
        found = _RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        if answer.status != 206 or found is None or int(found[1]) != done or not answer.body:
            return False
        said = answer.headers.get("etag"), int(found[3])
        if said != (known or said) or said[1] > limit:
            return False
        known = said
        take(answer.body)
        done += len(answer.body)
    return done == known[1]
