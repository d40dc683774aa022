"""A clock that moves only when told, and by its own pauses."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

START = datetime(2026, 3, 1, 8, 15, 30, tzinfo=timezone.utc)


class FrozenClock:
    """``pauses`` lists what was waited; set ``ending`` to make the next pause say that the program ends."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 1000.0
        self.pauses: list[float] = []
        self.ending = False
        self.ends_after_pauses: int | None = None

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        if self.ends_after_pauses is not None and len(self.pauses) >= self.ends_after_pauses:
            self.ending = True
        if self.ending:
            return False
        self.advance(seconds)
        return True

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """The wall clock is set; durations do not notice."""
        self._now += timedelta(seconds=seconds)
