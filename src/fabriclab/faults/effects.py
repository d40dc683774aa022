"""What can go wrong with one reply. Values only: the server applies them in one place (emulator/delivery.py).

Several effects may meet in one exchange: delays add up, of the others the first that the rules name counts.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Delay:
    """The reply leaves `seconds` later."""

    seconds: float


@dataclass(frozen=True)
class Drop:
    """No reply ever: the connection stays open and silent until the client goes away."""


@dataclass(frozen=True)
class Reset:
    """The connection is reset instead of an answer."""


@dataclass(frozen=True)
class Status:
    """Another status and body instead of the service's; the service does not see the request."""

    code: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Truncate:
    """The head is right; the connection closes after `after` bytes of the body (default: half of it)."""

    after: int | None = None


@dataclass(frozen=True)
class Drip:
    """The reply comes `bytes` at a time with `seconds` between, its head included."""

    bytes: int = 1
    seconds: float = 0.1


@dataclass(frozen=True)
class Garbage:
    """`size` random bytes that are the same for the same `seed`: as the body of a 200, or as the whole reply (`head`)."""

    size: int = 512
    seed: int = 0
    head: bool = False


@dataclass(frozen=True)
class WrongLength:
    """`Content-Length` says `by` bytes more (or, negative, fewer) than the body has; the connection closes after it."""

    by: int = 100


@dataclass(frozen=True)
class NeverEnding:
    """The body goes on for ever (spaces after the real one), until the client goes away."""

    chunk: int = 16384
    seconds: float = 0.01


@dataclass(frozen=True)
class Stale:
    """The service answers from the world as it was before its last change."""


@dataclass(frozen=True)
class Reorder:
    """The reply is overtaken: it leaves after the next one of the same service, or after `seconds` when none comes."""

    seconds: float = 5.0


Effect = Delay | Drop | Reset | Status | Truncate | Drip | Garbage | WrongLength | NeverEnding | Stale | Reorder
