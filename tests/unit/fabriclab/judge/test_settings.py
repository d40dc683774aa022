"""Settings of the command line, and the secrets in them: found in every form, shown in none."""

import base64
import json
from pathlib import Path

import pytest

from fabriclab.judge import settings
from fabriclab.judge.settings import BadSettings

PROTECTED = {"password": 'Schlüssel "4711"', "nested": {"keys": ["first-key", "short"]}, "port": 8080}


def test_texts_that_are_long_enough_are_secrets_by_their_keys() -> None:
    assert [one.key for one in settings.secrets(PROTECTED)] == ["password", "nested.keys[0]"]
    assert settings.secrets(None) == ()


@pytest.mark.parametrize("ascii", [True, False])
def test_a_secret_is_found_plain_in_json_in_json_in_json_and_in_base64(ascii: bool) -> None:
    text = PROTECTED["password"]
    assert isinstance(text, str)
    once = json.dumps({"a": text}, ensure_ascii=ascii)
    shown = [text, once, json.dumps({"b": once}, ensure_ascii=ascii), base64.b64encode(text.encode()).decode()]
    known = settings.secrets(PROTECTED)
    for one in shown:
        assert any(form in one.encode() for form in known[0].forms)
        assert "4711" not in settings.hide(one, known) and "<password>" in settings.hide(one, known)


def test_a_secret_does_not_print() -> None:
    assert "4711" not in repr(settings.secrets(PROTECTED))


@pytest.mark.parametrize(("text", "reason"), [("{", "Expecting"), ("[]", "not a JSON object")])
def test_a_file_that_is_no_object_is_refused_by_name(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "public.json"
    path.write_text(text)
    with pytest.raises(BadSettings, match=reason) as caught:
        settings.read(path)
    assert str(path) in str(caught.value)
