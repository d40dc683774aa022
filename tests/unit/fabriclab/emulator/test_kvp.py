"""KVP pool files as the host reads them, and the provisioning report."""

import pytest

from fabriclab.emulator import kvp
from fabriclab.emulator.kvp import Pool, Record


def record(key: str | bytes, value: str | bytes) -> bytes:
    raw = [text.encode() if isinstance(text, str) else text for text in (key, value)]
    return raw[0].ljust(512, b"\0") + raw[1].ljust(2048, b"\0")


def test_records_are_read_in_order_and_the_last_of_a_key_wins() -> None:
    pool = kvp.parse(record("a", "1") + record("b", "ü") + record("a", "2"))
    assert pool == Pool((Record("a", "1"), Record("b", "ü"), Record("a", "2")))
    assert (pool.value("a"), pool.value("c"), pool.report) == ("2", None, None)


def test_an_empty_pool_is_a_pool() -> None:
    assert kvp.parse(b"") == Pool()


def test_a_full_key_and_value_have_no_terminator() -> None:
    pool = kvp.parse(record("k" * 512, "v" * 2048))
    assert pool.records == (Record("k" * 512, "v" * 2048),) and pool.remarks == ()


@pytest.mark.parametrize(
    ("data", "remark", "count"),
    [
        (record("a", "1") + b"x" * 100, "the size 2660 is no multiple of 2560", 1),
        (record("a\0b", "1"), "record 1: the key has bytes after its end", 1),
        (record("a", b"\xff"), "record 1: the value is not UTF-8", 1),
        (record("", "1"), "record 1: the key is empty", 1),
    ],
)
def test_what_a_careful_writer_would_not_do_is_remarked(data: bytes, remark: str, count: int) -> None:
    pool = kvp.parse(data)
    assert pool.remarks == (remark,) and len(pool.records) == count


@pytest.mark.parametrize(
    ("value", "report"),
    [
        ("result=success|agent=Cloud-Init/26.1|vm_id=9", {"result": "success", "agent": "Cloud-Init/26.1", "vm_id": "9"}),
        ("result=error|'reason=a|b ''c'''|x=1=2", {"result": "error", "reason": "a|b 'c'", "x": "1=2"}),
        ('result=error|"reason=it\'s a|b ""c"""|x=1', {"result": "error", "reason": 'it\'s a|b "c"', "x": "1"}),
        ("result=error|reason=line\rbreak", {"result": "error", "reason": "line\rbreak"}),
        ("nothing", {}),
        ("", {}),
    ],
)
def test_a_report_is_read_with_either_quote(value: str, report: dict[str, str]) -> None:
    assert kvp.parse_report(value) == report


def test_the_facts_hold_records_and_report() -> None:
    facts = kvp.parse(record("PROVISIONING_REPORT", "result=success")).facts()
    assert facts["kind"] == "kvp"
    assert facts["records"] == [{"key": "PROVISIONING_REPORT", "value": "result=success"}]
    assert facts["report"] == {"result": "success"}
