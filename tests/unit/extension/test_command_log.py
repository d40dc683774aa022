"""CommandExecution.log."""

from __future__ import annotations

from unit import fakes
from unit.fakes import ListLog, MemoryFiles
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.extension.command_log import LIMIT, CommandLog
from waagent.extension.place import Place

PLACE = Place.of(Paths.of(Config()), "Contoso.Sample", "1.0.0")
PATH = "/var/log/azure/Contoso.Sample/CommandExecution.log"


def test_a_line_goes_to_both_logs_without_credentials_and_in_ascii() -> None:
    files, log = MemoryFiles(), ListLog()
    CommandLog(fakes.system(files=files, log=log), PLACE).info("é https://x.example/p?sig=abc")
    assert files.text(PATH) == (
        "2026-03-01T08:15:30.000000Z INFO ExtHandler [Contoso.Sample-1.0.0] \\xe9 https://x.example/p?<redacted>\n"
    )
    assert "[Contoso.Sample-1.0.0]" in log.text


def test_one_of_several_has_its_own_file_and_label() -> None:
    files = MemoryFiles()
    CommandLog(fakes.system(files=files), PLACE, "job").error("no")
    assert "ERROR ExtHandler [Contoso.Sample.job-1.0.0] no" in files.text(PATH.replace(".log", "_job.log"))


def test_the_mode_of_a_folder_that_is_there_is_left_alone() -> None:
    files = MemoryFiles().put_directory(PLACE.logs, 0o700)
    CommandLog(fakes.system(files=files), PLACE).info("x")
    assert files.tree(PLACE.logs)[PLACE.logs].startswith("directory 0700")


def test_a_file_that_grew_too_long_keeps_its_end_without_a_broken_line() -> None:
    files = MemoryFiles().put(PATH, b"first line\n" + b"x" * 99 + b"\n" + b"y" * (LIMIT - 50) + b"\nlast\n")
    CommandLog(fakes.system(files=files), PLACE).trim()
    kept = files.read(PATH)
    assert len(kept) <= LIMIT and kept.startswith(b"y") and kept.endswith(b"\nlast\n")


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    files = MemoryFiles().put_directory(PLACE.logs).break_at(PATH)
    CommandLog(fakes.system(files=files), PLACE).info("x")
