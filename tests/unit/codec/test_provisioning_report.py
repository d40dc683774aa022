"""The provisioning report in the pool (fabric.md 12.4)."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import provisioning_report
from waagent.model.failure import DocumentFailure

NOW = datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=timezone.utc)
VM = "99999999-8888-4777-8666-555555555555"


def render(reason: str | None = None, extras: dict[str, str] | None = None) -> str:
    return provisioning_report.render(agent="WALinuxAgent/3.0", vm_id=VM, now=NOW, reason=reason, extras=extras)


def test_success_says_who_when_and_where() -> None:
    assert render() == f"result=success|agent=WALinuxAgent/3.0|timestamp=2026-01-02T03:04:05.123456+00:00|vm_id={VM}"


def test_an_error_says_why_first() -> None:
    assert render("failure to obtain DHCP lease", {"interface": "eth0"}) == (
        f"result=error|reason=failure to obtain DHCP lease|agent=WALinuxAgent/3.0|interface=eth0|vm_id={VM}"
        "|timestamp=2026-01-02T03:04:05.123456+00:00|documentation_url=https://aka.ms/linuxprovisioningerror"
    )


def test_items_are_quoted_only_when_needed() -> None:
    assert "|'reason=a|b'|" in render("a|b")
    assert "|'reason=it''s'|" in render("it's")
    assert "|reason=a b|" in render("a b")


def test_a_report_is_one_line_without_secrets() -> None:
    text = render("first\nsecond\r\nGET https://b/x?a=1&sig=SECRET\0")
    assert "reason=first second GET https://b/x?<redacted>|" in text
    assert text.isprintable()


def test_a_long_reason_is_cut_so_that_the_rest_stays() -> None:
    text = render("x" * 5000)
    assert provisioning_report.parse(text)["reason"] == "x" * 512
    assert text.endswith("linuxprovisioningerror") and len(text) < 1022


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=200))
def test_a_report_reads_back_as_it_was(reason: str) -> None:
    if "sig=" not in reason.lower():
        assert provisioning_report.parse(render(reason))["reason"] == reason


@given(st.text())
def test_any_text_gives_a_report_or_a_document_failure(text: str) -> None:
    try:
        assert "result" in provisioning_report.parse(text)
    except DocumentFailure:
        return


def test_another_text_is_no_report() -> None:
    with pytest.raises(DocumentFailure, match="PROVISIONING_REPORT"):
        provisioning_report.parse("agent=x")
