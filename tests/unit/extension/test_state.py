"""What is remembered of a handler on its disk."""

from __future__ import annotations

from unit import fakes
from unit.fakes import ListLog, MemoryFiles
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.extension import state
from waagent.extension.place import Place
from waagent.model.extension import HandlerState, RequestedState
from waagent.model.status import HandlerStatus

PLACE = Place.of(Paths.of(Config()), "Contoso.Sample", "1.0.0")


def test_a_missing_state_is_not_installed_and_a_missing_extension_is_disabled() -> None:
    files = MemoryFiles()
    assert state.handler_state(files, PLACE) is HandlerState.NOT_INSTALLED
    assert not state.extension_enabled(files, PLACE, "a")
    assert state.handler_status(files, PLACE) is None


def test_states_are_plain_words_in_a_private_directory() -> None:
    files = MemoryFiles()
    system = fakes.system(files=files)
    state.set_handler_state(system, PLACE, HandlerState.FAILED_UPGRADE)
    state.set_extension_state(system, PLACE, "a", RequestedState.ENABLED)
    assert files.text(PLACE.state) == "FailedUpgrade"
    assert files.text(PLACE.extension_state("a")) == "enabled"
    assert files.tree(PLACE.base)[PLACE.config].startswith("directory 0700")
    assert state.handler_state(files, PLACE) is HandlerState.FAILED_UPGRADE
    assert state.any_enabled(files, PLACE)
    state.set_extension_state(system, PLACE, "a", RequestedState.DISABLED)
    assert not state.any_enabled(files, PLACE)


def test_a_status_comes_back_and_a_broken_one_counts_as_missing() -> None:
    files = MemoryFiles()
    status = HandlerStatus("Contoso.Sample", "1.0.0", "NotReady", 1007, "no", False)
    state.set_handler_status(fakes.system(files=files), PLACE, status)
    assert state.handler_status(files, PLACE) == status
    for text in ("[]", "{", ""):
        files.put(PLACE.handler_status, text)
        assert state.handler_status(files, PLACE) is None


def test_a_disk_that_takes_nothing_is_logged_and_stops_nobody() -> None:
    files = MemoryFiles().put_directory(PLACE.config).break_at(PLACE.state, "No space left on device")
    log = ListLog()
    state.set_handler_state(fakes.system(files=files, log=log), PLACE, HandlerState.ENABLED)
    assert "No space left on device" in log.text
    assert state.handler_state(files, PLACE) is HandlerState.NOT_INSTALLED
