"""What leaves the lab in a journal's file carries no credential."""

import base64
import json
from pathlib import Path

import pytest

from fabriclab.journal import redact
from fabriclab.journal.entry import Exchange
from fabriclab.journal.journal import Journal

SECRET = "bGFiU2VjcmV0"


@pytest.mark.parametrize(
    "text",
    [
        f"https://x.example.net/c/b?sv=1&sig={SECRET}%3d&se=9",
        f"https://x.example.net/c/b?sv=1&amp;sig={SECRET}%3d&amp;se=9",
        f"location=https%3a%2f%2fx%3fsig%3d{SECRET}",
        f"https://x/?SIG={SECRET}",
        f"<UserPassword>{SECRET}</UserPassword>",
        f'<wa:UserPassword i:nil="false">\n{SECRET}\n</wa:UserPassword>',
        f"<Password>{SECRET}</Password>",
        f"<CustomData>{SECRET}</CustomData>",
        f"<Format>x</Format><Data>{SECRET}\n{SECRET}</Data>",
        f'{{"protectedSettings": "{SECRET}"}}',
        f'{{"ProtectedSettings":"a\\"{SECRET}"}}',
        json.dumps({"publicSettings": json.dumps({"password": f'a"{SECRET}', "other": 1})}),
    ],
)
def test_a_credential_is_replaced_and_redacting_twice_changes_nothing(text: str) -> None:
    once = redact.text(text)
    assert SECRET not in once
    assert redact.MARK in once
    assert redact.text(once) == once


@pytest.mark.parametrize(
    "text", ["/machine?comp=goalstate", "signature=1", '{"publicSettings": "{}"}', "<Data><Provider id='1'/></Data>"]
)
def test_text_without_a_credential_stays_as_it_is(text: str) -> None:
    assert redact.text(text) == text


def test_facts_lose_secrets_by_key_and_by_text() -> None:
    facts = {"kind": "status", "document": {"userPassword": SECRET, "list": [f"?sig={SECRET}"], "code": 0}}
    assert redact.plain(facts) == {
        "kind": "status",
        "document": {"userPassword": "REDACTED", "list": ["?sig=REDACTED"], "code": 0},
    }


def test_nothing_of_a_secret_is_left_in_a_written_journal(tmp_path: Path) -> None:
    journal = Journal()
    url = f"http://10.77.0.1/c/b?sv=1&sig={SECRET}"
    content = base64.b64encode(url.encode()).decode()
    journal.add(
        "hostplugin",
        f"PUT to {url}",
        exchange=Exchange(
            "PUT",
            f"/status?sig={SECRET}",
            request_headers=(("x-ms-artifact-location", url),),
            request_body=json.dumps({"content": content, "requestUri": url}).encode(),
            response_body=url.encode(),
            refusal=f"no such blob: {url}",
        ),
        facts={"url": url},
    )
    journal.write(tmp_path / "journal.jsonl")
    written = (tmp_path / "journal.jsonl").read_text()
    assert SECRET not in written
    assert content not in written
