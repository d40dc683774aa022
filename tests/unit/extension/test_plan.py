"""The table of extensions.md 2.11, and how versions are chosen."""

from __future__ import annotations

import pytest

from waagent.extension import plan
from waagent.extension.plan import Command, Setup, Side, Step
from waagent.model.extension import (
    HandlerManifest,
    HandlerState,
    PackageVersion,
    RequestedExtension,
    RequestedHandler,
    RequestedState,
)
from waagent.model.failure import ExtensionFailure

NOT_INSTALLED, INSTALLED = HandlerState.NOT_INSTALLED, HandlerState.INSTALLED
ENABLED, FAILED_UPGRADE = HandlerState.ENABLED, HandlerState.FAILED_UPGRADE
ONE = RequestedExtension("Contoso.Sample", 3)


@pytest.mark.parametrize(
    ("state", "old", "how"),
    [
        (NOT_INSTALLED, None, Setup.INSTALL),
        (FAILED_UPGRADE, None, Setup.INSTALL),
        (NOT_INSTALLED, "0.9", Setup.UPDATE),
        (FAILED_UPGRADE, "2.0", Setup.UPDATE),
        (INSTALLED, None, Setup.NOTHING),
        (ENABLED, "1.0", Setup.NOTHING),
        (INSTALLED, "2.0", Setup.NOTHING),
    ],
)
def test_how_the_requested_version_is_set_up(state: HandlerState, old: str | None, how: Setup) -> None:
    assert plan.setup(state, "1.0", old) is how


def words(steps: tuple[Step, ...]) -> list[str]:
    return [f"{step.side.value}.{step.command.word}" for step in steps]


@pytest.mark.parametrize(
    ("old", "new", "with_install", "old_state", "expected"),
    [
        ("1.0", "1.1", True, ENABLED, ["old.disable", "new.update", "old.uninstall", "new.install"]),
        ("1.0", "1.1", False, ENABLED, ["old.disable", "new.update", "old.uninstall"]),
        ("1.0", "1.1", True, INSTALLED, ["new.update", "old.uninstall", "new.install"]),
        ("1.10", "1.9", True, ENABLED, ["old.disable", "old.update", "old.uninstall", "new.install"]),
    ],
)
def test_the_commands_of_an_update(
    old: str, new: str, with_install: bool, old_state: HandlerState, expected: list[str]
) -> None:
    steps = plan.update(old=old, new=new, with_install=with_install, old_state=old_state, disabled=(ONE,))
    assert words(steps) == expected
    assert all(step.extension is ONE for step in steps if step.command is Command.DISABLE)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ENABLED, ["new.disable", "new.uninstall"]),
        (INSTALLED, ["new.uninstall"]),
        (FAILED_UPGRADE, ["new.uninstall"]),
        (NOT_INSTALLED, []),
    ],
)
def test_the_commands_of_an_uninstall(state: HandlerState, expected: list[str]) -> None:
    assert words(plan.uninstall(state, (ONE,))) == expected


def handler(state: RequestedState = RequestedState.ENABLED, version: str = "1.0", **more: object) -> RequestedHandler:
    return RequestedHandler("Contoso.Sample", version, state, **more)  # type: ignore[arg-type]


def test_disabling_takes_each_extension_once_and_of_several_the_enabled_ones() -> None:
    a, b = RequestedExtension("a", 0), RequestedExtension("b", 1)
    assert plan.disable(handler(), lambda name: False) == (None,)
    assert plan.disable(handler(extensions=(ONE,)), lambda name: False) == (ONE,)
    assert plan.disable(handler(extensions=(a, b), multi_config=True), lambda name: name == "b") == (b,)


def listed(*versions: str) -> tuple[PackageVersion, ...]:
    return tuple(PackageVersion(version, (version,)) for version in versions)


@pytest.mark.parametrize(
    ("requested", "versions", "expected"),
    [
        ("1.0", ("1.0.5", "1.0.10", "1.1"), "1.0.10"),
        ("1.0.0", ("1.0.0", "1.0.0.1"), "1.0.0.1"),
        ("2", ("1.9", "2.1.3"), "2.1.3"),
        ("1.0", ("bad", "1.0"), "1.0"),
    ],
)
def test_the_highest_version_that_begins_as_requested(requested: str, versions: tuple[str, ...], expected: str) -> None:
    assert plan.select(handler(version=requested), listed(*versions), None).version == expected


@pytest.mark.parametrize("versions", [(), ("2.0",), ("1",)])
def test_no_such_version_is_an_error_of_the_contract(versions: tuple[str, ...]) -> None:
    with pytest.raises(ExtensionFailure) as caught:
        plan.select(handler(version="1.0.0"), listed(*versions), None)
    assert str(caught.value) == "[ExtensionError] Unable to find version 1.0.0 in manifest for extension Contoso.Sample"
    assert (caught.value.code, caught.value.operation) == (-1, "Download")


def test_what_is_to_go_is_the_installed_version_even_when_the_list_lacks_it() -> None:
    gone = handler(RequestedState.UNINSTALL, version="1.1")
    assert plan.select(gone, listed("1.1"), "1.0").version == "1.0"
    assert plan.select(gone, listed(), None).version == "1.1"


def test_commands_have_the_contracts_times_and_codes() -> None:
    found = {each.word: (each.timeout, each.code) for each in Command}
    assert found == {
        "install": (900, 1007),
        "enable": (300, 1009),
        "update": (900, 1008),
        "disable": (900, 1010),
        "uninstall": (300, 1000),
    }
    assert Command.ENABLE.line(HandlerManifest(enable_command="")) == ""
    assert Command.ENABLE.line(HandlerManifest()) is None
    assert Side.OLD is not Side.NEW
