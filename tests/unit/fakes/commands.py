"""Prepared outcomes of commands; a command nobody prepared fails the test."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from waagent.model.failure import CommandFailure
from waagent.model.secret import Secret
from waagent.system.port import Child, Completed


@dataclass(frozen=True)
class Call:
    argv: tuple[str, ...]
    stdin: bytes | Secret | None = None
    environment: tuple[tuple[str, str], ...] = ()
    directory: str | None = None
    timeout: float | None = None


Effect = Callable[[Call], object]


@dataclass(frozen=True)
class _Outcome:
    exit_code: int
    stdout: str
    stderr: str
    effect: Effect | None
    timed_out: bool


class ScriptedChild:
    """A spawned command; it runs until the test calls ``end``."""

    def __init__(self, pid: int, exit_code: int | None) -> None:
        self.pid = pid
        self.killed = False
        self._receiver, self._sender = os.pipe()
        self._status: int | None = None
        if exit_code is not None:
            self.end(exit_code)

    def __del__(self) -> None:
        os.close(self._receiver)
        if self._status is None:
            os.close(self._sender)

    def end(self, exit_code: int) -> None:
        if self._status is None:
            self._status = exit_code
            os.close(self._sender)

    def fileno(self) -> int:
        return self._receiver

    def poll(self) -> int | None:
        return self._status

    def wait(self, timeout: float | None = None) -> int | None:
        return self._status

    def kill_group(self) -> None:
        self.killed = True
        self.end(-9)


class ScriptedCommands:
    """``on`` prepares what a command line does; a list that ends in ``...`` matches every longer line.

    Outcomes of one line are used in order, the last again and again. ``calls`` keeps every run, ``spawned`` every child.
    """

    def __init__(self, installed: Iterable[str] | None = None) -> None:
        self.calls: list[Call] = []
        self.spawned: list[tuple[Call, ScriptedChild]] = []
        self._installed = None if installed is None else set(installed)
        self._outcomes: dict[tuple[object, ...], list[_Outcome]] = {}
        self._children: dict[tuple[object, ...], tuple[int | None, Callable[[Call, BinaryIO, BinaryIO], object] | None]] = {}

    def on(
        self,
        *argv: object,
        exit_code: int = 0,
        stdout: str = "",
        stderr: str = "",
        effect: Effect | None = None,
        timed_out: bool = False,
    ) -> ScriptedCommands:
        self._outcomes.setdefault(argv, []).append(_Outcome(exit_code, stdout, stderr, effect, timed_out))
        return self

    def on_spawn(
        self,
        *argv: object,
        exit_code: int | None = 0,
        effect: Callable[[Call, BinaryIO, BinaryIO], object] | None = None,
    ) -> ScriptedCommands:
        """``exit_code`` None: the child runs until the test ends it. ``effect`` gets the call and both outputs."""
        self._children[argv] = (exit_code, effect)
        return self

    @property
    def lines(self) -> list[tuple[str, ...]]:
        return [call.argv for call in self.calls]

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Secret | None = None,
        timeout: float = 60.0,
        ok: Iterable[int] | None = (0,),
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
    ) -> Completed:
        call = Call(tuple(argv), stdin, tuple(sorted((environment or {}).items())), directory, timeout)
        self.calls.append(call)
        key = _match(call.argv, self._outcomes)
        if key is None:
            raise AssertionError(f"nobody prepared the command {list(argv)}")
        outcomes = self._outcomes[key]
        outcome = outcomes[0] if len(outcomes) == 1 else outcomes.pop(0)
        if outcome.effect is not None:
            outcome.effect(call)
        texts = {"stdout": outcome.stdout, "stderr": outcome.stderr}
        if outcome.timed_out:
            raise CommandFailure(f"{argv[0]} did not end within {timeout:g} s", argv=argv, timed_out=True, **texts)
        if ok is not None and outcome.exit_code not in ok:
            raise CommandFailure(
                f"{argv[0]} ended with status {outcome.exit_code}", argv=argv, exit_code=outcome.exit_code, **texts
            )
        return Completed(call.argv, outcome.exit_code, outcome.stdout, outcome.stderr, outcome.stdout.encode())

    def spawn(
        self,
        argv: Sequence[str],
        *,
        directory: str,
        environment: Mapping[str, str],
        stdout: BinaryIO | None,
        stderr: BinaryIO | None,
    ) -> Child:
        call = Call(tuple(argv), None, tuple(sorted(environment.items())), directory)
        key = _match(call.argv, self._children)
        if key is None:
            raise AssertionError(f"nobody prepared the child {list(argv)}")
        exit_code, effect = self._children[key]
        if effect is not None:
            effect(call, stdout or io.BytesIO(), stderr or io.BytesIO())
        child = ScriptedChild(4000 + len(self.spawned), exit_code)
        self.spawned.append((call, child))
        return child

    def find(self, program: str) -> str | None:
        if self._installed is None or program in self._installed:
            return program if "/" in program else f"/usr/bin/{program}"
        return None


def _match(argv: tuple[str, ...], prepared: Iterable[tuple[object, ...]]) -> tuple[object, ...] | None:
    """The exact line, else the longest prepared beginning of it."""
    keys = list(prepared)
    if argv in keys:
        return argv
    beginnings = [key for key in keys if key and key[-1] is ... and argv[: len(key) - 1] == key[:-1]]
    return max(beginnings, key=len, default=None)
