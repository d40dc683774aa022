"""A result that is begun early in a lane of its own and waited for later, by whoever needs it.

The costly part of a first boot is making keys; it runs beside the reading of the medium and the talk with the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from waagent.daemon.awaited import Awaited
from waagent.model.failure import Failure, ProvisionFailure
from waagent.system.port import Clock

T = TypeVar("T")


class Early(Generic[T]):
    """``work`` runs once, where ``errand`` puts it; ``wait`` gives its result or raises its failure."""

    def __init__(
        self, clock: Clock, what: str, work: Callable[[], T], errand: Callable[[Callable[[], object]], object]
    ) -> None:
        self._what = what
        self._work = work
        self._done = Awaited(clock, what)
        self._result: tuple[T] | None = None
        self._failure: Exception | None = None
        errand(self._run)

    def _run(self) -> None:
        try:
            self._result = (self._work(),)
        except Exception as error:  # noqa: BLE001 - it is raised where the result is waited for
            self._failure = error
        self._done.happened()

    def wait(self) -> T:
        """Errors: what the work raised; ``ProvisionFailure`` when the program ends before it is done."""
        self._done.wait()
        if self._result is not None:
            return self._result[0]
        assert self._failure is not None
        if isinstance(self._failure, Failure):
            raise self._failure
        raise ProvisionFailure(f"{self._what}: {type(self._failure).__name__}: {self._failure}")
