from __future__ import annotations

import uuid

from waagent.system.identifier import new_identifier


def test_it_is_a_random_uuid_of_version_4() -> None:
    for random in (bytes(16), b"\xff" * 16, bytes(range(16))):
        made = uuid.UUID(new_identifier(lambda count, random=random: random[:count]))  # type: ignore[misc]
        assert (made.version, made.variant) == (4, uuid.RFC_4122)


def test_it_is_written_as_uuids_are() -> None:
    text = new_identifier(lambda count: bytes(range(count)))
    assert text == "00010203-0405-4607-8809-0a0b0c0d0e0f"
    assert new_identifier() != new_identifier()
