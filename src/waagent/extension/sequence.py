"""In which order extensions are processed, and when the next has to wait (extensions.md 3.1, 3.2).

Odd: only levels count, not the names that a dependency lists; uninstalls and disables come first, higher levels before
lower ones; the highest level is never waited for; after one failure everything that follows is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.status import ExtensionStatus
from waagent.system.port import Clock

PATIENCE = 90 * 60.0
"""Seconds for all waiting of one goal state."""
_FIRST_LOOK = 0.1
_LONGEST_PAUSE = 1.0
_TERMINAL = ("success", "error")


@dataclass(frozen=True)
class Pair:
    """A handler and one of its extensions, or none when it has no settings."""

    handler: RequestedHandler
    extension: RequestedExtension | None

    @property
    def key(self) -> int:
        """The sort key: the level of what is to run, below zero for what is to go."""
        extension = self.extension
        level = extension.dependency_level if extension else 0
        wanted = self.handler.state is RequestedState.ENABLED
        wanted = wanted and (extension is None or extension.state is RequestedState.ENABLED)
        return level if wanted else -level - 1

    @property
    def full_name(self) -> str:
        """The handler's name, with the extension's where a handler may have several."""
        several = self.handler.multi_config and self.extension is not None
        return f"{self.handler.name}.{self.extension.name}" if several and self.extension else self.handler.name


def ordered(handlers: Sequence[RequestedHandler]) -> tuple[Pair, ...]:
    """Every pair of a goal state in the order of processing; equal keys keep the document's order."""
    pairs = [Pair(handler, extension) for handler in handlers for extension in (handler.extensions or (None,))]
    return tuple(sorted(pairs, key=lambda pair: pair.key))


def holds_up(pair: Pair, pairs: Sequence[Pair]) -> bool:
    """Whether what follows depends on the outcome of this pair."""
    return 0 <= pair.key < pairs[-1].key


def failed(pair: Pair) -> str:
    """Why the rest is skipped after a pair whose processing failed."""
    return f"Skipping processing of extensions since execution of dependent extension {pair.full_name} failed"


class Ending(Exception):
    """The program is ending: whatever is under way is left as it is, to be found by the next start."""


def await_terminal(
    pair: Pair, look: Callable[[], ExtensionStatus | None], mark: Callable[[], object], clock: Clock, deadline: float
) -> str | None:
    """Wait until the extension's status is terminal; None when it is success, else why the rest is skipped.

    ``look`` reads the status (None: no file yet), ``mark`` gives something cheap that differs whenever the file may have
    changed. ``deadline`` is in monotonic seconds. Errors: ``Ending``.
    """
    name = f"Dependent Extension {pair.full_name}"
    last: ExtensionStatus | None = None
    polled = False
    seen: object = object()
    pause = _FIRST_LOOK
    while clock.monotonic() <= deadline:
        now = mark()
        if now != seen:
            seen, pause = now, _FIRST_LOOK
            last, polled = look(), True
            if last is not None and last.status in _TERMINAL:
                return None if last.status == "success" else f"{name} did not succeed. Status was {last.status}"
        if not clock.pause(pause):
            raise Ending
        pause = min(_LONGEST_PAUSE, pause * 1.5)
    word = (last.status if last is not None else "warning") if polled else None
    return f"{name} did not reach a terminal state within the allowed timeout. Last status was {word}"
