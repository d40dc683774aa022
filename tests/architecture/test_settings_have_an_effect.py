"""Every key of waagent.conf does something, or the table of settings says why it does nothing (guest.md 7.2, 7.3).

A key is used where its field is read: ``config.os.enable_fips``, or ``watch.enable_fips`` after ``watch = config.os``.
"""

import re
from pathlib import Path

import pytest

from waagent.config.render import docs
from waagent.config.settings import ALIASES, BY_KEY, DEAD_KEYS, ROWS, Row

AGENT = Path(__file__).resolve().parents[2] / "src/waagent"
READERS = {
    str(path.relative_to(AGENT)): path.read_text()
    for path in sorted(AGENT.rglob("*.py"))
    if path.parent.name != "config" or path.name in {"paths.py", "sections.py"}
}


def places(row: Row) -> list[str]:
    """Files that read the field, and in which its section is named too, as an attribute or by its class."""
    kind = row.section.replace("_", "").lower()
    section = re.compile(rf"\.{row.section}\b|\b(?i:{kind})\b")
    field = re.compile(rf"\b(?:\w+|\))\.{row.field}\b")
    return [name for name, text in READERS.items() if section.search(text) and field.search(text)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_setting_is_read_somewhere_or_says_why_not(row: Row) -> None:
    if row.idle:
        assert places(row) == [], f"{row.key} has an effect: {places(row)}; the table says that it has none"
    else:
        assert places(row), f"{row.key} has no effect, and the table gives no reason for that"


def test_the_page_for_people_says_what_has_no_effect() -> None:
    page = docs()
    for row in ROWS:
        line = next(line for line in page.splitlines() if line.startswith(f"| `{row.key}` |"))
        assert ("Without effect: " in line) == bool(row.idle)
    assert all(f"`{key}`" in page for key in DEAD_KEYS)


CONTRACT = Path(__file__).resolve().parents[2] / "../shared/protocol/guest.md"


@pytest.mark.skipif(not CONTRACT.exists(), reason="the description of the protocol is not beside this checkout")
def test_every_option_that_the_contract_names_is_known() -> None:
    text = CONTRACT.read_text()
    tables = text[text.index("## 7.2 Options of the seed") : text.index("## 7.4 Shipped values")]
    named = {
        key for line in tables.splitlines() if line.startswith("| `") for key in re.findall(r"`([\w.]+)`", line.split("|")[1])
    }
    assert len(named) > 70
    assert named - {row.key for row in ROWS} == set()
    dead = set(re.findall(r"`((?:[A-Z]\w*\.)\w+)`", tables[tables.index("Dead names seen") :]))
    assert dead - set(BY_KEY) - set(ALIASES) - DEAD_KEYS - {"OS.HomeDir"} == set()
