"""The page's server: on loopback alone, everything below a random token, but for `/metrics`, which names no secret.

    /TOKEN/            the page                      /TOKEN/state      all that is, as JSON
    /TOKEN/stream      the same and what is new (SSE)  /TOKEN/entries/N  one journal entry whole
    /TOKEN/documents   what is served now            /TOKEN/tree       the guest's files that changed
    /TOKEN/file?path=  one of them, what it holds    /TOKEN/log        the end of the agent's log
    /TOKEN/output/NAME an extension's command log    /TOKEN/offers     what may be done, with the keys
    POST /TOKEN/do     one step                      POST /TOKEN/want  the wanted extensions, all of them
    POST /TOKEN/check  as want, and nothing is done

Errors of a request are 400 with `{"error": "one sentence"}`. A POST is JSON of 1 MiB at most (415, 413) and comes from the page
itself or from no page (403): a foreign one can neither read nor act, whatever it knows.
"""

import asyncio
import json
import secrets
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fabriclab.dashboard import metrics
from fabriclab.dashboard.control import Refused
from fabriclab.dashboard.room import Room
from fabriclab.journal import redact
from fabriclab.journal.entry import Entry

PAGE = Path(__file__).parent / "page"
LOOPBACK = "127.0.0.1"
REST = 0.25  # seconds between two messages at least, however much there is to say
BEAT = 1.0  # seconds after which something is sent in any case
MOST = 1 << 20  # bytes of a request's body
AT_ONCE = 200  # requests, streams among them; more are answered 503
ROWS = 500  # of the stream at once
HEADERS = {
    b"content-security-policy": b"default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}


class Server:
    """Answers from `start` to `stop`, in a thread of its own. `port` 0: any that is free."""

    def __init__(self, room: Room, port: int = 0, token: str | None = None) -> None:
        self._room = room
        self.token = token or secrets.token_urlsafe(18)
        self._socket = socket.create_server((LOOPBACK, port))
        config = uvicorn.Config(
            self._application(),
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            limit_concurrency=AT_ONCE,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="dashboard", daemon=True)

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://{LOOPBACK}:{self._socket.getsockname()[1]}/{self.token}/"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(5.0)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def _application(self) -> ASGIApp:
        inside = [
            Route("/state", self._state),
            Route("/stream", self._stream),
            Route("/entries/{number:int}", self._entry),
            Route("/documents", self._documents),
            Route("/tree", self._tree),
            Route("/file", self._file),
            Route("/output/{name}", self._output),
            Route("/log", self._log),
            Route("/offers", self._offers),
            Route("/do", self._do, methods=["POST"]),
            Route("/want", self._want, methods=["POST"]),
            Route("/check", self._check, methods=["POST"]),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ]
        routes = [Route("/metrics", self._metrics), Mount(f"/{self.token}", routes=inside)]
        trusted = Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])
        return _with_headers(Starlette(routes=routes, middleware=[trusted], exception_handlers={Unwanted: _unwanted}))

    async def _state(self, request: Request) -> Response:
        return JSONResponse(await _aside(self._room.state))

    async def _documents(self, request: Request) -> Response:
        return JSONResponse(await _aside(self._room.documents))

    async def _offers(self, request: Request) -> Response:
        return JSONResponse(self._room.offers())

    async def _metrics(self, request: Request) -> Response:
        return Response(await _aside(metrics.text, self._room), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _entry(self, request: Request) -> Response:
        found = await _aside(self._room.entry, request.path_params["number"])
        if found is None:
            return _error("there is no such entry", 404)
        return Response(found, media_type="application/json")

    async def _tree(self, request: Request) -> Response:
        try:
            return JSONResponse(await _aside(self._room.tree))
        except OSError as problem:
            return _error(str(problem), 503)

    async def _file(self, request: Request) -> Response:
        found = await _aside(self._room.file, request.query_params.get("path", ""))
        return _error("no such file in the list of changes", 404) if found is None else JSONResponse(found)

    async def _output(self, request: Request) -> Response:
        return PlainTextResponse(
            await _aside(self._room.output, request.path_params["name"], request.query_params.get("instance", ""))
        )

    async def _log(self, request: Request) -> Response:
        return PlainTextResponse(await _aside(self._room.log))

    async def _do(self, request: Request) -> Response:
        document = await _body(request)
        if not isinstance(document, dict):
            return _error("the body is no JSON object")
        return await _answer(self._room.control.do, document)

    async def _want(self, request: Request) -> Response:
        document = await _body(request)
        if not isinstance(document, dict):
            return _error("the body is no JSON object")
        channel = document.get("channel", "wire")
        if channel not in ("wire", "fast-track"):
            return _error(f'channel: "{channel}" is none of wire, fast-track')
        return await _answer(self._room.control.want, document.get("extensions"), self._room.world, channel)

    async def _check(self, request: Request) -> Response:
        document = await _body(request)
        if not isinstance(document, dict):
            return _error("the body is no JSON object")
        try:
            found = await _aside(self._room.control.check, document.get("extensions"), self._room.world)
        except Refused as problem:
            return _error(str(problem))
        return JSONResponse({"done": f"{len(found)} extension{'' if len(found) == 1 else 's'}, nothing wrong"})

    async def _stream(self, request: Request) -> Response:
        after = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
        known = int(after) if after.isdigit() and len(after) < 16 else 0
        return StreamingResponse(self._events(known), media_type="text/event-stream")

    async def _events(self, after: int) -> AsyncIterator[str]:
        """Rows beyond `after`, samples, and the state when it has changed: as they come, at most four times a second."""
        loop, stirred = asyncio.get_running_loop(), asyncio.Event()

        def stir(entry: Entry) -> None:
            with suppress(RuntimeError):  # the loop ends before the lab does
                loop.call_soon_threadsafe(stirred.set)

        leave = self._room.lab.journal.subscribe(stir)
        sampled, shown = -1.0, ""
        try:
            while not self._server.should_exit:
                stirred.clear()
                rows = await _aside(self._room.rows, after, ROWS)
                state = await _aside(self._room.state)
                samples = self._room.vitals.samples(sampled)
                after = max([after, *(one["number"] for one in rows)])
                sampled = samples[-1]["since"] if samples else sampled
                told: dict[str, Any] = {"now": state.pop("now"), "rows": rows, "samples": samples}
                now = json.dumps(state)
                if now != shown:
                    told["state"], shown = state, now
                yield f"id: {after}\ndata: {json.dumps(told)}\n\n"
                await asyncio.sleep(REST)
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(stirred.wait(), BEAT - REST)
        finally:
            leave()


async def _aside(work: Any, *given: Any) -> Any:
    """Off the server's own thread: the lab's locks and the guest may make it wait."""
    return await asyncio.get_running_loop().run_in_executor(None, work, *given)


async def _answer(work: Any, *given: Any) -> Response:
    try:
        done = await _aside(work, *given)
    except Refused as problem:
        return _error(str(problem))
    return JSONResponse({"done": done.text, **({} if done.output is None else {"output": redact.text(done.output)})})


class Unwanted(Exception):
    """A request that is not even looked into."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def _unwanted(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Unwanted)
    return _error(str(problem), problem.status)


async def _body(request: Request) -> object:
    """The body of a POST, None for what is no JSON. Raises Unwanted."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    if origin not in (None, f"http://{request.headers.get('host')}") or site not in ("none", "same-origin"):
        raise Unwanted(403, "only the lab's own page may act")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Unwanted(415, "the body has to be application/json")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST:
            raise Unwanted(413, f"the body has more than {MOST} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _error(text: str, status: int = 400) -> Response:
    return JSONResponse({"error": text}, status_code=status)


def _with_headers(application: ASGIApp) -> ASGIApp:
    """Every answer with HEADERS."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def passed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS.items()]
            await send(message)

        await application(scope, receive, passed)

    return serve
