"""The file an extension reads its settings from (extensions.md 1.4): the exact text is the contract."""

from __future__ import annotations

import pytest

from unit.extension.packages import NAME, PLACE
from unit.fakes import FrozenClock, MemoryFiles, system
from waagent.extension import settings
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.failure import ExtensionFailure
from waagent.model.secret import Secret
from waagent.system.apply import apply

SINGLE = RequestedHandler(NAME, "1.2.3", RequestedState.ENABLED)
MULTI = RequestedHandler(NAME, "1.2.3", RequestedState.ENABLED, multi_config=True)
THUMB = "02F4D031915FB4262B35DAD3D9A4D9CD72A1B3F4"


def written(handler: RequestedHandler, extension: RequestedExtension | None) -> dict[str, str]:
    files = MemoryFiles()
    apply(system(files=files), settings.plan(PLACE, handler, extension))
    return files.tree(PLACE.config)


def test_all_three_keys_are_there_in_order_and_in_ascii() -> None:
    extension = RequestedExtension(
        NAME, 3, public_settings={"port": 8080, "é": None}, protected_settings=Secret("MIIB=="), certificate_thumbprint=THUMB
    )
    assert written(SINGLE, extension) == {
        PLACE.config: "directory 0700 0:0",
        f"{PLACE.config}/3.settings": (
            'file 0600 0:0 {"runtimeSettings": [{"handlerSettings": {"publicSettings": {"port": 8080, "\\u00e9": null}, '
            f'"protectedSettings": "MIIB==", "protectedSettingsCertThumbprint": "{THUMB}"}}}}]}}'
        ),
    }


def test_null_stays_null() -> None:
    nothing = '{"publicSettings": null, "protectedSettings": null, "protectedSettingsCertThumbprint": null}'
    tree = written(SINGLE, RequestedExtension(NAME, 0))
    assert tree[f"{PLACE.config}/0.settings"] == f'file 0600 0:0 {{"runtimeSettings": [{{"handlerSettings": {nothing}}}]}}'


def test_a_handler_without_settings_gets_an_empty_file() -> None:
    assert written(SINGLE, None)[f"{PLACE.config}/0.settings"] == "file 0600 0:0"
    assert written(MULTI, None)[f"{PLACE.config}/0.settings"] == "file 0600 0:0"


def test_an_instance_of_several_has_its_name_in_the_name_of_the_file() -> None:
    assert f"{PLACE.config}/jobA.7.settings" in written(MULTI, RequestedExtension("jobA", 7))


def test_settings_that_are_no_json_fail_that_extension_only() -> None:
    deep: object = None
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ExtensionFailure, match="cannot be written as JSON"):
        settings.plan(PLACE, SINGLE, RequestedExtension(NAME, 0, public_settings=deep))


def test_the_file_is_written_anew_even_with_the_same_content() -> None:
    clock = FrozenClock()
    files = MemoryFiles(now=lambda: clock.now().timestamp())
    door = system(files=files, clock=clock)
    plan = settings.plan(PLACE, SINGLE, RequestedExtension(NAME, 1))
    apply(door, plan)
    clock.advance(60)
    files.put(f"{PLACE.config}/0.settings", b"", 0o600)  # an extension cut the older file
    clock.advance(60)
    apply(door, plan)
    assert files.facts(f"{PLACE.config}/1.settings").modified == clock.now().timestamp()  # type: ignore[union-attr]


def test_the_current_file_is_the_newest_although_the_clock_went_back() -> None:
    files = MemoryFiles().put(f"{PLACE.config}/0.settings").put(f"{PLACE.config}/1.settings").put(f"{PLACE.config}/notes")
    files.set_modified(f"{PLACE.config}/0.settings", 5_000_000_000.0)
    files.set_modified(f"{PLACE.config}/notes", 6_000_000_000.0)
    settings.keep_newest(files, f"{PLACE.config}/1.settings")
    assert files.facts(f"{PLACE.config}/1.settings").modified == 5_000_000_001.0  # type: ignore[union-attr]


def test_a_file_that_is_the_newest_keeps_its_time() -> None:
    files = MemoryFiles().put(f"{PLACE.config}/0.settings").put(f"{PLACE.config}/1.settings")
    files.set_modified(f"{PLACE.config}/0.settings", 100.0)
    before = files.facts(f"{PLACE.config}/1.settings")
    settings.keep_newest(files, f"{PLACE.config}/1.settings")
    assert files.facts(f"{PLACE.config}/1.settings") == before
    settings.keep_newest(files, f"{PLACE.config}/missing.settings")


def test_erasing_an_instance_spares_its_neighbours() -> None:
    config = ["a.0.settings", "a.12.settings", "a.b.3.settings", "ab.1.settings", "a.HandlerState", "b.HandlerState"]
    config += ["HandlerState", "a.x.settings", "disable"]
    files = MemoryFiles({f"{PLACE.config}/{name}": "" for name in config})
    for name in ("a.12.status", "a.b.3.status", "12.status"):
        files.put(f"{PLACE.status}/{name}")
    plan = settings.erase(PLACE, "a", files.names(PLACE.config), files.names(PLACE.status))
    apply(system(files=files), plan)
    assert set(config) - set(files.names(PLACE.config)) == {"a.0.settings", "a.12.settings", "a.HandlerState"}
    assert files.names(PLACE.status) == ("12.status", "a.b.3.status")


def test_an_instance_called_like_a_pattern_erases_only_itself() -> None:
    files = MemoryFiles({f"{PLACE.config}/a.0.settings": "", f"{PLACE.config}/a.HandlerState": ""})
    assert settings.erase(PLACE, "*", files.names(PLACE.config), ()) == ()
