"""Packages beside section 10 of the guest document: a file that is elsewhere, missing or of another mode is told."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def places(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("places")


@pytest.fixture(scope="module")
def deb(places: ModuleType) -> "dict[str, object]":
    return {file.place: file for file in places.lists(PROJECT)["deb"]}


def told(places: ModuleType, files: "dict[str, object]") -> list[str]:
    return list(places.compared("deb", files.values(), places.rows(PROJECT)))


def test_every_package_of_this_tree_is_as_section_ten_says() -> None:
    command = [sys.executable, "-B", str(PROJECT / "packaging/places.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_there_is_a_list_for_each_kind_of_package(places: ModuleType) -> None:
    found = places.lists(PROJECT)
    kinds = {name.partition(" ")[0] for name in found}
    assert {"deb", "wheel", "rpm", "source"} <= kinds
    assert all(laid for laid in found.values())


def test_a_file_in_another_place_is_told_twice(places: ModuleType, deb: "dict[str, object]") -> None:
    moved = replace(deb["/usr/sbin/waagent"], place="/usr/bin/waagent")  # type: ignore[type-var]
    files = {**{place: file for place, file in deb.items() if place != "/usr/sbin/waagent"}, "/usr/bin/waagent": moved}
    assert told(places, files) == [
        "deb: /usr/bin/waagent (0755, root:root) is not where section 10 says: no row of packaging/places.toml has it there",
        'deb: /usr/sbin/waagent (0755, root:root) is missing, the row "10.1 executable" has it there',
    ]


@pytest.mark.parametrize(
    ("place", "change", "sentence"),
    [
        (
            "/etc/waagent.conf",
            {"mode": "0600"},
            "deb: /etc/waagent.conf (0600, root:root) should be /etc/waagent.conf (0644, root:root)",
        ),
        ("/etc/waagent.conf", {"owner": "ann:ann"}, "deb: /etc/waagent.conf (0644, ann:ann) should be"),
        ("/usr/lib/systemd/system/waagent.service", {"target": "x"}, "waagent.service -> x should be"),
        ("/usr/lib/python3/dist-packages/waagent/**", {"mode": "0644,0666"}, "(0644,0666, root:root) should be"),
    ],
)
def test_another_mode_owner_or_target_is_told(
    places: ModuleType, deb: "dict[str, object]", place: str, change: dict[str, str], sentence: str
) -> None:
    (problem,) = told(places, {**deb, place: replace(deb[place], **change)})  # type: ignore[type-var]
    assert sentence in problem


def test_a_row_that_puts_one_file_of_a_package_in_two_places_is_refused(places: ModuleType) -> None:
    row = places.Row("x", {"/a": ["deb"], "/b": ["d*"]})
    with pytest.raises(ValueError, match="has deb in two places: /a, /b"):
        row.place("deb")


def test_what_is_not_named_has_the_usual_place_or_none(places: ModuleType) -> None:
    row = places.Row("x", {"/usual": ["*"], "/other": ["source arch"]}, never=("source clear",))
    assert [row.place(name) for name in ("deb", "source arch", "source clear")] == ["/usual", "/other", None]
    assert places.Row("x", {"/other": ["source arch"]}).place("deb") is None


def test_the_plans_of_installs_from_source_are_read_as_lists(places: ModuleType, tmp_path: Path) -> None:
    actions = [
        {"do": "MakeDirectory", "path": "/etc"},
        {"do": "WriteFile", "path": "/etc/x", "content": "", "mode": "0600", "owner": "root"},
        {"do": "Symlink", "path": "/y", "target": "/etc/x"},
        {"do": "Run", "argv": ["true"]},
    ]
    (tmp_path / "some.json").write_text(json.dumps({"register": actions}))
    found = list(places.sourced(tmp_path / "some.json"))
    assert found == [places.Laid("/etc/x", "0600", "root:root"), places.Laid("/y", "link", target="/etc/x")]
