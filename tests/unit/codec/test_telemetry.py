"""Telemetry on the wire: quoting, types and batches (fabric.md 11.1, 11.3)."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import telemetry
from waagent.model.event import AGENT_PROVIDER, LOG_PROVIDER, Event, Value

LEGAL = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\r\n\"'&<>]")
)


def event(*parameters: tuple[str, Value], provider: str = AGENT_PROVIDER) -> Event:
    return Event(provider, 1, parameters)


def read(body: bytes) -> list[dict[str, tuple[str, str]]]:
    """What a server reads: the CDATA is XML of its own."""
    found = []
    for each in ElementTree.fromstring(body).iter("Event"):
        inner = ElementTree.fromstring(f"<r>{each.text or ''}</r>")
        found.append({param.get("Name", ""): (param.get("T", ""), param.get("Value", "")) for param in inner})
    return found


def test_a_request_has_the_text_of_the_contract() -> None:
    body = telemetry.render(AGENT_PROVIDER, [event(("Name", "WALinuxAgent"), ("OperationSuccess", True), ("Duration", 12))])
    assert body.decode() == (
        '<?xml version="1.0"?><TelemetryData version="1.0"><Provider id="69B669B9-4AF8-4C50-BDC4-6006FA76E975">'
        '<Event id="1"><![CDATA[<Param Name="Name" Value="WALinuxAgent" T="mt:wstr" />'
        '<Param Name="OperationSuccess" Value="True" T="mt:bool" />'
        '<Param Name="Duration" Value="12" T="mt:uint64" />]]></Event>'
        "</Provider></TelemetryData>"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", 'Value="text" T="mt:wstr"'),
        ("", 'Value="" T="mt:wstr"'),
        (True, 'Value="True" T="mt:bool"'),
        (False, 'Value="False" T="mt:bool"'),
        (1, 'Value="1" T="mt:uint64"'),
        (-1, 'Value="-1" T="mt:uint64"'),
        (1.5, 'Value="1.5" T="mt:float64"'),
        (None, 'Value="None" T=""'),
        ("it's", 'Value="it\'s" T="mt:wstr"'),
        ('say "x"', 'Value=\'say "x"\' T="mt:wstr"'),
        ('it\'s "x"', 'Value="it\'s &quot;x&quot;" T="mt:wstr"'),
        ("a<b>&c", 'Value="a&lt;b&gt;&amp;c" T="mt:wstr"'),
        ("]]>", 'Value="]]&gt;" T="mt:wstr"'),
        ("a\nb\rc\td", 'Value="a&#10;b&#13;c&#9;d" T="mt:wstr"'),
        ("nul\0", 'Value="nul\ufffd" T="mt:wstr"'),
        ("\ud800", 'Value="\ufffd" T="mt:wstr"'),
    ],
)
def test_a_value_is_typed_and_quoted(value: Value, expected: str) -> None:
    assert telemetry.encode_parameter("n", value) == f'<Param Name="n" {expected} />'


@given(st.lists(st.tuples(LEGAL, LEGAL | st.booleans() | st.integers() | st.none()), unique_by=lambda pair: pair[0]))
def test_a_server_reads_what_was_said(parameters: list[tuple[str, Value]]) -> None:
    body = telemetry.render(AGENT_PROVIDER, [event(*parameters)])
    assert [{name: value for name, (_, value) in each.items()} for each in read(body)] == [
        {name: str(value) for name, value in parameters}
    ]


@given(st.text())
def test_any_text_gives_a_well_formed_request(text: str) -> None:
    assert len(read(telemetry.render(text, [event((text, text))]))) == 1


def test_batches_hold_one_provider_each_and_keep_the_order() -> None:
    events = [event(("n", index), provider=(AGENT_PROVIDER, LOG_PROVIDER)[index % 2]) for index in range(6)]
    batches, dropped = telemetry.batches(events)
    assert dropped == ()
    assert [(batch.provider, batch.count) for batch in batches] == [(AGENT_PROVIDER, 3), (LOG_PROVIDER, 3)]
    assert [each["n"][1] for each in read(batches[0].body)] == ["0", "2", "4"]


def test_a_batch_is_sent_before_it_would_reach_the_limit() -> None:
    half = event(("n", "x" * (telemetry.LIMIT // 2 - len(telemetry.encode_event(event(("n", "")))))))
    assert len(telemetry.encode_event(half)) == telemetry.LIMIT // 2
    batches, dropped = telemetry.batches([half, half, half])
    assert [batch.count for batch in batches] == [1, 1, 1]
    assert dropped == ()


@pytest.mark.parametrize(("extra", "sent"), [(-1, 1), (0, 0)])
def test_a_single_event_at_the_limit_is_dropped(extra: int, sent: int) -> None:
    room = telemetry.LIMIT - len(telemetry.encode_event(event(("n", "")))) + extra
    batches, dropped = telemetry.batches([event(("n", "x" * room)), event(("n", 1))])
    assert len(dropped) == 1 - sent
    assert sum(batch.count for batch in batches) == 1 + sent


def test_the_limit_counts_bytes() -> None:
    _, dropped = telemetry.batches([event(("n", "é" * (telemetry.LIMIT // 2)))])
    assert len(dropped) == 1


@given(st.lists(st.integers(0, 30_000), max_size=12))
def test_nothing_is_lost_and_no_batch_is_too_large(sizes: list[int]) -> None:
    events = [event(("n", f"{index} {'x' * size}")) for index, size in enumerate(sizes)]
    batches, dropped = telemetry.batches(events)
    assert dropped == ()
    found = [each["n"][1].split()[0] for batch in batches for each in read(batch.body)]
    assert found == [str(index) for index in range(len(sizes))]
    wrapper = len(telemetry.render(AGENT_PROVIDER, []))
    assert all(len(batch.body) - wrapper < telemetry.LIMIT for batch in batches)
