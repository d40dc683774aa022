"""Where every HTTP request passes: it is counted, struck by faults, answered by its service, and written down."""

import threading
import traceback
from collections import Counter

from fabriclab.emulator.connection import Answer
from fabriclab.emulator.message import Request, Response, Service
from fabriclab.emulator.state import State
from fabriclab.faults.effects import Drop, Effect, Reorder, Reset, Stale, Status
from fabriclab.faults.plan import FaultPlan
from fabriclab.faults.rule import Occasion
from fabriclab.journal.entry import AGENT, LAB, Exchange
from fabriclab.journal.journal import Journal

UNSEEN = (Drop, Reset, Status)  # the service does not hear of a request that these strike


class HttpDesk:
    def __init__(self, state: State, faults: FaultPlan, journal: Journal, stopping: threading.Event) -> None:
        self._state = state
        self._faults = faults
        self._journal = journal
        self._stopping = stopping
        self._replied = threading.Condition()
        self._replies: Counter[str] = Counter()

    def answer(self, service: Service, request: Request) -> Answer:
        started = self._journal.elapsed()
        verdict = self._faults.judge(Occasion(service.name, request.method, request.target, started))
        response = self._response(service, request, verdict.effect)
        if verdict.delay:
            self._stopping.wait(verdict.delay)
        effect = verdict.effect or response.effect
        if isinstance(effect, Reorder):
            self._be_overtaken(service.name, effect.seconds)
        self._record(service, request, response, started, effect, verdict.name)
        with self._replied:
            self._replies[service.name] += 1
            self._replied.notify_all()
        return Answer(response, effect)

    def _be_overtaken(self, name: str, seconds: float) -> None:
        with self._replied:
            before = self._replies[name]
            self._replied.wait_for(lambda: self._replies[name] > before or self._stopping.is_set(), seconds)

    def complain(self, service: Service, request: Request, response: Response) -> None:
        """A request that could not even be read."""
        self._record(service, request, response, self._journal.elapsed(), None, None)

    def _response(self, service: Service, request: Request, effect: Effect | None) -> Response:
        if isinstance(effect, Status):
            return Response(effect.code, effect.body.encode(), headers=effect.headers)
        if isinstance(effect, UNSEEN):
            return Response(500)
        world = self._state.previous if isinstance(effect, Stale) else self._state.world
        try:
            return service.answer(request, world)
        except Exception as problem:  # noqa: BLE001 - a mistake of the lab's own must neither kill the thread nor pass unseen
            self._journal.add(
                service.name,
                f"the emulator failed: {request.method} {request.path}: {problem!r}",
                who=LAB,
                facts={"kind": "lab_failure", "traceback": traceback.format_exc()},
            )
            return Response(500, refusal=f"the emulator failed: {problem!r}")

    def _record(
        self, service: Service, request: Request, response: Response, started: float, effect: Effect | None, fault: str | None
    ) -> None:
        sent = not isinstance(effect, (Drop, Reset))
        kind = (("content-type", response.content_type),) if response.content_type is not None else ()
        exchange = Exchange(
            method=request.method,
            target=request.target,
            request_headers=request.headers,
            request_body=request.body,
            request_size=len(request.body),
            status=response.status if sent else None,
            response_headers=(*kind, *response.headers) if sent else (),
            response_body=response.body if sent else b"",
            response_size=len(response.body) if sent else 0,
            connection=request.connection,
            client=request.client,
            started=started,
            fault=fault,
            refusal=response.refusal,
        )
        summary = response.summary or f"{request.method} {request.path}"
        self._journal.add(service.name, summary, who=AGENT, exchange=exchange, facts=response.facts)
