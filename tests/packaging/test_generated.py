"""What is written from the agent's own tables is as the tables are."""

import subprocess
from pathlib import Path
from types import ModuleType

from waagent.cli.legacy import FLAGS, VERBS
from waagent.config.parse import parse
from waagent.config.render import docs, sample
from waagent.config.sections import Config

PROJECT = Path(__file__).resolve().parents[2]


def test_the_page_of_settings_is_up_to_date() -> None:
    page = (PROJECT / "docs/configuration.md").read_text()
    assert page == docs(), "run: make docs"


def test_the_packaged_settings_are_the_tables_and_change_no_default(files: ModuleType) -> None:
    packaged = {file.place: file for file in files.data()}["etc/waagent.conf"].content.decode()
    assert packaged == sample()
    assert parse(packaged) == (Config(), ())


def test_the_manual_page_names_every_verb_and_flag() -> None:
    command = ["/usr/bin/python3", "-B", str(PROJECT / "packaging/manual.py")]
    page = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    terms = {line[3:].replace("\\", "") for line in page.splitlines() if line.startswith(".B -")} | {
        line[3:].replace("\\", "") for line in page.splitlines() if line.startswith(".B \\-")
    }
    assert {f"-{verb.word}" for verb in VERBS} | {f"-{flag}" for flag in FLAGS} <= terms
