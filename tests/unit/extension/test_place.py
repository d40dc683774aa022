"""Which directories are handlers, and what their paths are."""

from __future__ import annotations

import pytest

from unit.fakes import MemoryFiles
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.extension.place import Place, installed, sound, versions

PATHS = Paths.of(Config())
LIB = "/var/lib/waagent"


def test_a_handlers_paths_are_those_of_the_contract() -> None:
    place = Place.of(PATHS, "Contoso.Sample", "1.0.0")
    assert place.base == f"{LIB}/Contoso.Sample-1.0.0"
    assert place.package == f"{LIB}/Contoso.Sample__1.0.0.zip"
    assert place.settings(None, 3) == f"{LIB}/Contoso.Sample-1.0.0/config/3.settings"
    assert place.extension_status("job", 3) == f"{LIB}/Contoso.Sample-1.0.0/status/job.3.status"
    assert place.command_log("job") == "/var/log/azure/Contoso.Sample/CommandExecution_job.log"


def test_only_names_that_end_in_a_version_are_handlers() -> None:
    files = MemoryFiles()
    for name in ("A.B-1.0", "A.B-1.10", "A.B-1.9", "custom-script", "events", "WALinuxAgent-2.0", "A.B-1.0.removed", "A-B-2"):
        files.put_directory(f"{LIB}/{name}")
    files.put(f"{LIB}/A.File-1.0", "a file")
    files.put_link(f"{LIB}/A.Link-1.0", "/etc")
    assert [place.full_name for place in installed(files, PATHS)] == ["A-B-2", "A.B-1.0", "A.B-1.9", "A.B-1.10"]
    assert [place.version for place in versions(files, PATHS, "A.B")] == ["1.0", "1.9", "1.10"]


def test_what_is_half_made_or_half_gone_is_no_handler() -> None:
    place = Place.of(PATHS, "A.B", "1.0")
    files = MemoryFiles().put_directory(place.draft).put_directory(place.removed)
    assert installed(files, PATHS) == ()


@pytest.mark.parametrize(
    ("name", "version", "good"),
    [
        ("A.B", "1.0", True),
        ("../A", "1.0", False),
        ("A.B", "1/0", False),
        ("", "1.0", False),
        (".hidden", "1.0", False),
        ("WALinuxAgent", "1.0", False),
        ("A\0B", "1.0", False),
    ],
)
def test_names_of_documents_are_no_paths(name: str, version: str, good: bool) -> None:
    assert sound(name, version) is good
