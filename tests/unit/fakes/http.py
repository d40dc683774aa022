"""Prepared answers to HTTP requests; a request nobody prepared fails the test."""

from __future__ import annotations

from collections.abc import Callable

from waagent.model.failure import Failure, HttpFailure
from waagent.system.port import Request, Response

Answer = Response | Failure | Callable[[Request], Response]


class ReplayHttp:
    """``on`` prepares answers for a method and URL, in order; the last one is given again and again.

    ``requests`` keeps every request that was made.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}

    def on(
        self,
        method: str,
        url: str,
        body: bytes | str = b"",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> ReplayHttp:
        content = body.encode() if isinstance(body, str) else body
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        return self.answer(method, url, Response(status, lower, content))

    def fail(self, method: str, url: str, kind: str = "refused") -> ReplayHttp:
        return self.answer(method, url, HttpFailure(kind, f"{method} {url}: {kind}"))

    def answer(self, method: str, url: str, answer: Answer) -> ReplayHttp:
        self._answers.setdefault((method, url), []).append(answer)
        return self

    def made(self, method: str = "", url: str = "") -> list[Request]:
        """The requests so far whose method and URL begin so."""
        return [one for one in self.requests if one.method.startswith(method) and one.url.startswith(url)]

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        answers = self._answers.get((request.method, request.url))
        if not answers:
            raise AssertionError(f"nobody prepared an answer to {request.method} {request.url}")
        answer = answers[0] if len(answers) == 1 else answers.pop(0)
        if isinstance(answer, Failure):
            raise answer
        response = answer if isinstance(answer, Response) else answer(request)
        if len(response.body) > request.limit:
            raise HttpFailure("too-large", f"{request.method} {request.url}: longer than {request.limit} bytes")
        if request.sink is not None and 200 <= response.status < 300:
            request.sink(response.body)
            return Response(response.status, response.headers, b"")
        return response
