"""Order and waiting (extensions.md 3.1, 3.2)."""

from __future__ import annotations

import pytest

from unit.fakes import FrozenClock
from waagent.extension.sequence import PATIENCE, Ending, Pair, await_terminal, holds_up, ordered
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.status import ExtensionStatus

ENABLED, DISABLED, UNINSTALL = RequestedState.ENABLED, RequestedState.DISABLED, RequestedState.UNINSTALL


def handler(name: str, level: int = 0, state: RequestedState = ENABLED) -> RequestedHandler:
    return RequestedHandler(name, "1.0", state, extensions=(RequestedExtension(name, 0, dependency_level=level),))


def several(name: str, *extensions: RequestedExtension) -> RequestedHandler:
    return RequestedHandler(name, "1.0", ENABLED, multi_config=True, extensions=extensions)


def test_the_example_of_the_contract() -> None:
    d = several("D", RequestedExtension("d", 0, DISABLED, 3))
    pairs = ordered([handler("A"), handler("B", 2), handler("C", 1, UNINSTALL), d])
    assert [(pair.full_name, pair.key) for pair in pairs] == [("D.d", -4), ("C", -2), ("A", 0), ("B", 2)]


def test_equal_keys_keep_the_documents_order_and_no_settings_are_level_zero() -> None:
    none = RequestedHandler("N", "1.0", ENABLED)
    pairs = ordered([handler("Z"), none, handler("A"), handler("U", 5, UNINSTALL)])
    assert [pair.full_name for pair in pairs] == ["U", "Z", "N", "A"]


def test_the_highest_level_and_what_goes_hold_nobody_up() -> None:
    pairs = ordered([handler("A"), handler("B", 1), handler("C", 1), handler("U", 0, UNINSTALL)])
    assert [holds_up(pair, pairs) for pair in pairs] == [False, True, False, False]
    alone = ordered([handler("A"), handler("B")])
    assert not any(holds_up(pair, alone) for pair in alone)


def status(word: str) -> ExtensionStatus:
    return ExtensionStatus("A", 0, word)


PAIR = Pair(handler("A"), RequestedExtension("A", 0))


def wait(words: list[str | None], clock: FrozenClock, patience: float = PATIENCE) -> str | None:
    """Wait while the file says one word after the other; it changes with every look."""
    left = list(words)

    def look() -> ExtensionStatus | None:
        word = left.pop(0) if len(left) > 1 else left[0]
        return None if word is None else status(word)

    return await_terminal(PAIR, look, lambda: clock.monotonic(), clock, clock.monotonic() + patience)


def test_waiting_ends_with_success() -> None:
    clock = FrozenClock()
    assert wait([None, "transitioning", "warning", "success"], clock) is None
    assert sum(clock.pauses) < 2


def test_an_error_is_the_reason_why_the_rest_is_skipped() -> None:
    assert wait(["error"], FrozenClock()) == "Dependent Extension A did not succeed. Status was error"


@pytest.mark.parametrize(("word", "said"), [(None, "warning"), ("transitioning", "transitioning")])
def test_the_deadline_names_the_last_status(word: str | None, said: str) -> None:
    clock = FrozenClock()
    begun = clock.monotonic()
    expected = f"Dependent Extension A did not reach a terminal state within the allowed timeout. Last status was {said}"
    assert wait([word], clock) == expected
    assert PATIENCE <= clock.monotonic() - begun < PATIENCE + 2


def test_after_the_deadline_nobody_looks_any_more() -> None:
    expected = "Dependent Extension A did not reach a terminal state within the allowed timeout. Last status was None"
    assert wait(["success"], FrozenClock(), patience=-1) == expected


def test_a_file_that_does_not_change_is_not_read_again() -> None:
    clock = FrozenClock()
    looks = []
    reason = await_terminal(PAIR, lambda: looks.append(1), lambda: "same", clock, clock.monotonic() + 60)
    assert reason is not None and len(looks) == 1


def test_the_end_of_the_program_ends_the_waiting() -> None:
    clock = FrozenClock()
    clock.ending = True
    with pytest.raises(Ending):
        wait([None], clock)
