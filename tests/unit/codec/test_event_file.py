"""Event files (fabric.md 11.4; extensions.md 9.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import event_file
from waagent.codec.event_file import EventFile
from waagent.model.event import AGENT_PROVIDER, Event, Value
from waagent.model.failure import DocumentFailure

LEGACY = b"""\xef\xbb\xbf<?xml version="1.0"?><Data><Provider id="P"/><Event id="1"/>
<Param Name="Name" Value="Contoso.Lab" T="mt:wstr"/><Param Name="OperationSuccess" Value="False" T="mt:bool"/>
<Param Name="Duration" Value="12" T="mt:uint64"/><Param Name="Load" Value="1.5" T="mt:float64"/>
<Param Name="Odd" Value="x" T="mt:uint64"/></Data>"""


def test_one_of_our_files_has_the_text_of_the_contract() -> None:
    event = Event(AGENT_PROVIDER, 1, (("Name", "WALinuxAgent"), ("OperationSuccess", True)))
    assert event_file.render(event) == (
        b'{"eventId": 1, "providerId": "69B669B9-4AF8-4C50-BDC4-6006FA76E975", "parameters": '
        b'[{"name": "Name", "value": "WALinuxAgent"}, {"name": "OperationSuccess", "value": true}], "file_type": ""}'
    )
    assert event_file.file_name(1767323045000000) == "1767323045000000.waagent.tld"


VALUES = st.text() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.none()


@given(st.text(), st.integers(), st.lists(st.tuples(st.text(), VALUES)))
def test_an_event_reads_back_as_it_was(provider: str, event_id: int, parameters: list[tuple[str, Value]]) -> None:
    event = Event(provider, event_id, tuple(parameters))
    found = event_file.parse(event_file.render(event))
    assert found == EventFile(event)
    assert [type(value) for _, value in found.event.parameters] == [type(value) for _, value in parameters]


def test_a_legacy_file_may_be_xml_with_typed_values() -> None:
    found = event_file.parse(LEGACY, legacy=True)
    assert found == EventFile(
        Event("P", 1, (("Name", "Contoso.Lab"), ("OperationSuccess", False), ("Duration", 12), ("Load", 1.5), ("Odd", "x"))),
        "xml",
    )


def test_of_an_extensions_event_only_its_own_parameters_stay() -> None:
    said: tuple[tuple[str, Value], ...] = (
        ("GAVersion", "forged"),
        ("Message", "https://b/x?a=1&sig=SECRET"),
        ("Name", "Contoso.Lab"),
        ("Extra", 1),
        ("Duration", 5),
    )
    event = event_file.complete(EventFile(Event("P", 1, said), "json"), (("GAVersion", "WALinuxAgent-1"), ("RAM", 5)))
    assert event.parameters == (
        ("Name", "Contoso.Lab"),
        ("Message", "https://b/x?<redacted>"),
        ("Duration", 5),
        ("GAVersion", "WALinuxAgent-1"),
        ("RAM", 5),
        ("ExtensionType", "json"),
        ("IsInternal", False),
    )


def test_of_an_old_agents_event_everything_stays_and_the_rest_is_added() -> None:
    said: tuple[tuple[str, Value], ...] = (("Name", "WALinuxAgent"), ("GAVersion", "old"), ("Extra", 1))
    event = event_file.complete(EventFile(Event("P", 1, said)), (("GAVersion", "new"), ("RAM", 5)))
    assert event.parameters == (*said, ("RAM", 5), ("ExtensionType", ""), ("IsInternal", False))


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{}",
        b'{"eventId": "1", "providerId": "P", "parameters": []}',
        b'{"eventId": true, "providerId": "P", "parameters": []}',
        b'{"eventId": 1, "providerId": "P", "parameters": {}}',
        b'{"eventId": 1, "providerId": "P", "parameters": [1]}',
        b'{"eventId": 1, "providerId": "P", "parameters": [{"name": 1, "value": 1}]}',
        b'{"eventId": 1, "providerId": "P", "parameters": [{"name": "n"}]}',
        b"<Data/>",
        b"<Data><Provider/><Event id='1'/></Data>",
        b"<Data><Provider id='P'/><Event id='x'/></Data>",
        b"<Other/>",
        b"<Data>",
        b'<!DOCTYPE Data [<!ENTITY a "b">]><Data/>',
    ],
)
def test_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure, match="event file"):
        event_file.parse(data, legacy=True)


def test_xml_is_legacy_only() -> None:
    with pytest.raises(DocumentFailure):
        event_file.parse(LEGACY)


@given(st.binary() | st.binary().map(lambda data: b"<Data" + data), st.booleans())
def test_hostile_bytes_give_a_value_or_a_document_failure(data: bytes, legacy: bool) -> None:
    try:
        event_file.parse(data, legacy=legacy)
    except DocumentFailure:
        return
