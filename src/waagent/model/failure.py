"""The failure tree.

::

    Failure                     anything we can explain
    ├── DocumentFailure         bytes from outside that do not say what they must (codec)
    ├── SystemFailure           this machine refused: a file, a mount, a tool
    │   └── CommandFailure      a command could not start, exited badly or ran out of time
    ├── ExchangeFailure         a conversation with the fabric failed
    │   ├── HttpFailure         no usable answer: refused, reset, timed out, truncated, too long
    │   └── StatusFailure       an answer with a status the caller cannot use
    ├── ProvisionFailure        a provisioning step
    └── ExtensionFailure        a handler or extension operation, with the code of fabric.md 7.5

``reason`` is short and stable (the fabric shows it), ``hint`` is for the person at the machine, ``facts`` for support.
When several ways were tried, ``causes`` keeps every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Failure(Exception):
    """Something that went wrong and that we can explain. ``str()`` gives the reason, then each cause on its own line."""

    def __init__(
        self,
        reason: str,
        *,
        hint: str = "",
        facts: Mapping[str, str] | None = None,
        causes: Sequence[BaseException] = (),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.facts = dict(facts or {})
        self.causes = tuple(causes)

    def __str__(self) -> str:
        return "\n".join([self.reason, *(f"Inner error: {cause}" for cause in self.causes)])


class DocumentFailure(Failure):
    """A document from outside lacks what we need. ``document`` names it, ``path`` says where in it."""

    def __init__(self, document: str, path: str, reason: str) -> None:
        where = f"{document}: {path}: " if path else f"{document}: "
        super().__init__(where + reason, facts={"document": document, "path": path})
        self.document = document
        self.path = path


class SystemFailure(Failure):
    """This machine refused: a file, a mount, a missing tool."""


class CommandFailure(SystemFailure):
    """A command could not start, ended with a bad status, or ran past its deadline.

    ``exit_code`` is None when the command never started or was killed at its deadline (then ``timed_out`` is True).
    """

    def __init__(
        self,
        reason: str,
        *,
        argv: Sequence[str] = (),
        exit_code: int | None = None,
        timed_out: bool = False,
        stdout: str = "",
        stderr: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(reason, hint=hint, facts={"command": " ".join(argv), "stderr": stderr[-2000:]})
        self.argv = tuple(argv)
        self.exit_code = exit_code
        self.timed_out = timed_out
        self.stdout = stdout
        self.stderr = stderr


class ExchangeFailure(Failure):
    """A conversation with the fabric or with storage failed."""


class HttpFailure(ExchangeFailure):
    """There was no usable answer: ``kind`` is one of refused, unreachable, reset, timeout, truncated, too-large, protocol."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason, facts={"kind": kind})
        self.kind = kind


class StatusFailure(ExchangeFailure):
    """The answer had a status that the caller cannot use. ``body`` holds its first bytes, already redacted."""

    def __init__(self, status: int, reason: str, body: str = "") -> None:
        super().__init__(reason, facts={"status": str(status), "body": body})
        self.status = status
        self.body = body


class ProvisionFailure(Failure):
    """A provisioning step failed; the reason becomes the description of NotReady/ProvisioningFailed."""


class ExtensionFailure(Failure):
    """A handler or extension operation failed.

    ``code`` is the number of fabric.md 7.5 (-1 when there is none), ``kind`` the class name that tools match in the
    message (``ExtensionOperationError``, ``ExtensionDownloadError``, …; extensions.md 2.9).
    """

    def __init__(
        self, kind: str, reason: str, *, code: int = -1, operation: str | None = None, causes: Sequence[BaseException] = ()
    ) -> None:
        super().__init__(f"[{kind}] {reason}", causes=causes)
        self.kind = kind
        self.code = code
        self.operation = operation
