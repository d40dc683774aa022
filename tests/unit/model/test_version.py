from waagent.model.version import Version


def version(text: str) -> Version:
    parsed = Version.parse(text)
    assert parsed is not None
    return parsed


def test_missing_parts_are_zero_and_parts_compare_as_numbers() -> None:
    assert version("1.0") == version("1.0.0.0")
    assert hash(version("1.0")) == hash(version("1.0.0"))
    assert version("1.9") < version("1.10")


def test_tags_come_before_the_plain_version_in_their_order() -> None:
    assert version("1.0alpha") < version("1.0-beta.2") < version("1.0.rc1") < version("1.0rc2") < version("1.0")


def test_a_request_matches_every_version_it_is_a_prefix_of() -> None:
    assert version("2").matches(version("2.1.3"))
    assert not version("1.0").matches(version("1.1"))
    assert not version("1.0.0.0").matches(version("1.0.0"))


def test_text_that_is_no_version_is_none() -> None:
    assert [Version.parse(text) for text in ("", "x", "1.", "1..2", "1.0foo")] == [None] * 5
