"""Which version is installed, and which one a goal state is about."""

from __future__ import annotations

from unit.fakes import MemoryFiles
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.extension.observe import acted_on, installed_version
from waagent.model.extension import RequestedHandler, RequestedState

PATHS = Paths.of(Config())


def machine(**states: str) -> MemoryFiles:
    """Directories of one handler by version (``v1_0``) with a state, and a status each."""
    files = MemoryFiles()
    for version, state in states.items():
        base = f"/var/lib/waagent/A.B-{version[1:].replace('_', '.')}/config"
        files.put(f"{base}/HandlerState", state).put(f"{base}/HandlerStatus", '{"status": "Ready"}')
    return files


def test_the_highest_version_that_is_really_there_is_installed() -> None:
    files = machine(v1_0="Installed", v1_9="Enabled", v1_10="FailedUpgrade", v2_0="NotInstalled")
    found = installed_version(files, PATHS, "A.B")
    assert found is not None and found.version == "1.9"
    assert installed_version(files, PATHS, "A.C") is None


def request(version: str, state: RequestedState = RequestedState.ENABLED) -> RequestedHandler:
    return RequestedHandler("A.B", version, state)


def test_a_goal_state_is_about_the_version_it_names_or_the_highest_that_fits() -> None:
    files = machine(v1_0_5="Enabled", v1_0_6="NotInstalled", v1_1="Enabled")
    assert acted_on(files, PATHS, request("1.0")).version == "1.0.6"
    assert acted_on(files, PATHS, request("1.0.5")).version == "1.0.5"
    assert acted_on(files, PATHS, request("3.0")).version == "3.0"


def test_what_is_to_go_is_what_is_installed() -> None:
    files = machine(v1_0="Enabled")
    assert acted_on(files, PATHS, request("1.1", RequestedState.UNINSTALL)).version == "1.0"
    assert acted_on(MemoryFiles(), PATHS, request("1.1", RequestedState.UNINSTALL)).version == "1.1"
