"""Whose work is in the tree, by which licence: the project, the deb's copyright file and the table of copies say the same."""

import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path
from types import ModuleType

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).resolve().parents[2]
OURS = "Apache-2.0"
SIGN = re.compile(
    rb"copyright\s+(\(c\)|\xc2\xa9|\d{4})|SPDX-License-Identifier|licensed under|permission is hereby granted", re.IGNORECASE
)


def paragraphs(text: str) -> Iterator[Message]:
    """Those of a file in the form of Debian's control files."""
    for part in re.split(r"\n\n+", text.strip()):
        yield Parser().parsestr(part)


def test_the_project_its_licence_file_and_the_deb_name_one_licence() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["license"] == {"text": OURS}
    # the text as the Apache Foundation publishes it
    assert hashlib.sha256((PROJECT / "LICENSE").read_bytes()).hexdigest() == APACHE
    header, files, licence = paragraphs((PROJECT / "packaging/deb/debian/copyright").read_text())
    assert header["Format"] == "https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
    assert (header["Upstream-Name"], files["Files"], files["License"]) == (project["name"], "*", OURS)
    assert re.fullmatch(r"\d{4}(-\d{4})? The waagent authors", files["Copyright"])
    assert licence["License"].splitlines()[0] == OURS
    assert f"/usr/share/common-licenses/{OURS}" in licence["License"]


def test_the_work_of_others_in_the_sources_is_in_the_table_of_copies(load: Callable[[str], ModuleType]) -> None:
    copies = {file for row in load("vendor").table() for file in row.files}
    signed = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "src").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and SIGN.search(path.read_bytes())
    }
    assert "src/fabriclab/dashboard/page/uplot.LICENSE" in signed <= copies


def test_the_agent_itself_has_no_copy_of_the_work_of_others(files: ModuleType, load: Callable[[str], ModuleType]) -> None:
    """So the deb's copyright file, which names one author, is true."""
    copies = {Path(file).name for row in load("vendor").table() for file in row.files}
    for file in (*files.data(), *files.modules()):
        assert Path(file.place).name not in copies
        assert not SIGN.search(file.content), file.place


APACHE = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
