"""One request policy for every call we make (fabric.md 13.1 and 13.2, statuses 2.1).

``POLICIES`` is the whole table: call name -> attempts, delays, deadline, statuses worth another try. ``next_delay`` is
the pure rule that reads it; ``Exchange.send`` is the only loop. Odd on this fabric: 403, 429 and 503 all mean "slow
down" (trap 26), 410 never earns another try of the same request (trap 27), and a 400 that earns one (trap 28) does so
only when its body does not say that our identity is stale. Connections are kept alive on purpose: the door drops a
stale one and tries again by itself (``docs/compatibility.md``, trap 25). Odd on purpose: what is asked again and again
anyway is asked once each time, because the next poll is the other try. So a fabric that is struggling gets no more requests
than one that is well, and is noticed to be back within one poll; the reference asks six to twenty-five times in each poll.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from waagent.model.failure import ExchangeFailure, HttpFailure, StatusFailure
from waagent.model.secret import redact
from waagent.system.port import Request, Response, System

RETRYABLE = frozenset({205, 206, 403, 429, 500, 501, 502, 503, 504, 507})
THROTTLING = frozenset({403, 429, 503})
SUCCESS = (200, 201, 202)
STALE_IDENTITY = b"InvalidContainerConfiguration"
_FINAL_KINDS = frozenset({"too-large", "protocol"})
_FIBONACCI_START = (2, 3)


@dataclass(frozen=True)
class Policy:
    """How one call is made. Times in seconds; ``attempts`` counts requests, not extra tries.

    ``base`` multiplies Fibonacci 2, 3, 5, 8 …; ``cap`` bounds one delay, ``total`` the sum of everything. A call that
    was throttled once waits ``throttled_delay`` and gets at least ``throttled_attempts`` (None: it keeps its own number):
    about the 25 s of the reference, with a third of its requests.
    ``jitter`` spreads each delay by up to this share of it, either way. ``side`` is the counter of fabric.md 11.6.
    """

    attempts: int = 6
    deadline: float = 10.0
    base: float = 1.0
    fixed: tuple[float, ...] = ()
    retryable: frozenset[int] = RETRYABLE
    throttled_delay: float = 3.0
    throttled_attempts: int | None = 9
    cap: float | None = None
    total: float | None = None
    jitter: float = 0.1
    side: str = "protocol"
    patience: float | None = None
    """Longest silence within one attempt, where ``deadline`` is long."""


_POLLED = Policy(attempts=1, throttled_attempts=None, retryable=frozenset())
_HOST = Policy(side="hostplugin")
_HOST_POLLED = replace(_POLLED, side="hostplugin")
_STORAGE = Policy(side="other")
_STORAGE_POLLED = replace(_POLLED, side="other")
_FEW = Policy(attempts=3, throttled_attempts=None)

POLICIES: Mapping[str, Policy] = {
    # Asked in turns: by the search, every poll, every report, every minute.
    "versions": _POLLED,
    "goal state": _POLLED,
    "goal state part": _POLLED,
    "remote access": _POLLED,
    "vm settings": _HOST_POLLED,
    "host versions": _HOST_POLLED,
    "host health": _HOST_POLLED,
    "host status": _HOST_POLLED,
    "status": _STORAGE_POLLED,
    "health signal": _POLLED,
    "metadata health": _STORAGE_POLLED,
    # A failure of these is not one of the poll: it would be taken for an empty list, for "not on hold".
    "certificates": _FEW,
    "profile": replace(_FEW, side="other"),
    "host profile": replace(_FEW, side="hostplugin", retryable=RETRYABLE | {400}),
    # Trap 33: 30 attempts from 15 s without a cap would take days; the intended total is 5 to 15 minutes.
    "health": Policy(attempts=30, base=15.0, cap=60.0, total=900.0),
    "role properties": Policy(),
    "telemetry": Policy(attempts=3, throttled_delay=8.0, throttled_attempts=None),
    "telemetry now": Policy(attempts=3, throttled_delay=2.0, throttled_attempts=None),
    "host document": replace(_HOST, retryable=RETRYABLE | {400}),
    "host package": replace(_HOST, deadline=900.0, total=900.0, patience=10.0),
    "host log": replace(_HOST, deadline=30.0),
    "document": _STORAGE,
    "package": replace(_STORAGE, deadline=900.0, total=900.0, patience=10.0),
    "package range": replace(_STORAGE, deadline=60.0, patience=10.0, retryable=RETRYABLE - {206}),
    "host package range": replace(_HOST, deadline=60.0, patience=10.0, retryable=RETRYABLE - {206}),
    "metadata": Policy(side="other"),
}


def fibonacci(n: int) -> int:
    """The n-th factor of the delays, from 1: 2, 3, 5, 8, 13, 21 …"""
    first, second = _FIBONACCI_START
    for _ in range(n - 1):
        first, second = second, first + second
    return first


def next_delay(policy: Policy, attempt: int, *, throttled: bool, elapsed: float = 0.0, spread: float = 0.5) -> float | None:
    """Seconds to wait before attempt ``attempt + 1``, or None when attempt ``attempt`` (from 1) was the last one.

    ``elapsed`` is the time since the first attempt began; ``spread`` is a random number in [0, 1) that places the delay
    within its jitter (0.5 is the plain delay).
    """
    allowed = policy.attempts
    if throttled and policy.throttled_attempts is not None:
        allowed = max(allowed, policy.throttled_attempts)
    if attempt >= allowed:
        return None
    if throttled:
        delay = policy.throttled_delay
    elif policy.fixed:
        delay = policy.fixed[min(attempt, len(policy.fixed)) - 1]
    else:
        delay = policy.base * fibonacci(attempt)
    if policy.cap is not None:
        delay = min(delay, policy.cap)
    delay *= 1.0 + policy.jitter * (2.0 * spread - 1.0)
    if policy.total is not None and elapsed + delay > policy.total:
        return None
    return delay


def is_stale_identity(response: Response) -> bool:
    """True when the answer says that ContainerId or ConfigName are not ours any more (fabric.md 2.1)."""
    return response.status == 410 or (response.status == 400 and STALE_IDENTITY in response.body)


def require(response: Response, what: str, accepted: Iterable[int] = SUCCESS) -> Response:
    """The response itself when its status is accepted. Errors: ``StatusFailure`` naming ``what``."""
    if response.status in accepted:
        return response
    raise StatusFailure(response.status, f"{what}: answered {response.status}", readable(response.body))


def readable(body: bytes, limit: int = 512) -> str:
    """The first characters of a body, safe for a log: redacted, and without control characters (trap 34)."""
    text = body[: 4 * limit].decode("utf-8", "replace")
    return redact(re.sub(r"[^\x21-\x7e]+", " ", text))[:limit]


def status_of(failure: BaseException) -> int | None:
    """The HTTP status behind a failed exchange; None when there was no answer at all."""
    if isinstance(failure, ExchangeFailure):
        text = failure.facts.get("status", "")
        return int(text) if text.isdigit() else None
    return None


class Exchange:
    """Sends one request as often as its policy allows. Safe to share between threads.

    A status outside the policy's retry set is handed to the caller as it is. Errors: ``HttpFailure`` for the last try
    without an answer, ``ExchangeFailure`` when a retryable status was still there after it (fabric.md 2.1) or when the
    program is ending.
    """

    def __init__(
        self,
        system: System,
        policies: Mapping[str, Policy] = POLICIES,
        agent_version: str = "0.0.0.0",
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.system = system
        self.agent_version = agent_version
        self._policies = policies
        self._chance = chance
        self._errors = {"hostplugin": 0, "protocol": 0, "other": 0}

    def send(self, call: str, request: Request, *, restart: Callable[[], None] | None = None) -> Response:
        """Send ``request`` under the policy named ``call``.

        ``restart`` is called before every attempt but the first, so that a download can begin anew.
        """
        policy = self._policies[call]
        request = self._dressed(request, policy)
        clock = self.system.clock
        started = clock.monotonic()
        throttled = False
        attempt = 0
        while True:
            attempt += 1
            outcome = self._attempt(request)
            if not worth_another_try(policy, outcome):
                return self._settled(policy, outcome)
            throttled = throttled or (isinstance(outcome, Response) and outcome.status in THROTTLING)
            elapsed = clock.monotonic() - started
            delay = next_delay(policy, attempt, throttled=throttled, elapsed=elapsed, spread=self._chance())
            if delay is None:
                self._errors[policy.side] += 1
                raise exhausted(request, outcome, attempt)
            self.system.log.verbose(f"{label(request)}: {describe(outcome)}; trying again in {delay:g} s")
            if not clock.pause(delay):
                raise ExchangeFailure(f"{label(request)}: given up because the agent is ending")
            if restart is not None:
                restart()

    def take_errors(self) -> dict[str, int]:
        """Calls that failed since the last time this was asked, by side: hostplugin, protocol, other (fabric.md 11.6)."""
        taken, self._errors = self._errors, dict.fromkeys(self._errors, 0)
        return taken

    def _dressed(self, request: Request, policy: Policy) -> Request:
        headers = {"User-Agent": f"WALinuxAgent/{self.agent_version}", "Accept-Encoding": "identity", **request.headers}
        return replace(request, headers=headers, deadline=policy.deadline, patience=policy.patience)

    def _attempt(self, request: Request) -> Response | HttpFailure:
        try:
            return self.system.http.send(request)
        except HttpFailure as failure:
            return failure

    def _settled(self, policy: Policy, outcome: Response | HttpFailure) -> Response:
        if isinstance(outcome, HttpFailure):
            self._errors[policy.side] += 1
            raise outcome
        if outcome.status >= 400:
            self._errors[policy.side] += 1
        return outcome


def worth_another_try(policy: Policy, outcome: Response | HttpFailure) -> bool:
    """Whether this outcome may be followed by another attempt under this policy (attempts are counted elsewhere)."""
    if isinstance(outcome, HttpFailure):
        return outcome.kind not in _FINAL_KINDS
    return outcome.status in policy.retryable and not is_stale_identity(outcome)


def label(request: Request) -> str:
    """The request's name in a log or error: method and address, without credentials."""
    return f"{request.method} {redact(request.url)}"


def describe(outcome: Response | HttpFailure) -> str:
    return outcome.reason if isinstance(outcome, HttpFailure) else f"answered {outcome.status}"


def exhausted(request: Request, outcome: Response | HttpFailure, attempts: int) -> ExchangeFailure:
    """What to raise after the last attempt; a status that was still there counts as no reply (fabric.md 2.1)."""
    reason = f"{label(request)}: {describe(outcome)} (after {attempts} {'try' if attempts == 1 else 'tries'})"
    if isinstance(outcome, HttpFailure):
        return HttpFailure(outcome.kind, reason)
    return ExchangeFailure(reason, facts={"status": str(outcome.status), "body": readable(outcome.body)})
