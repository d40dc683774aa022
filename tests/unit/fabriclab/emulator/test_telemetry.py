"""Telemetry: CDATA read as XML, typed values, the schema, and the limits of size and rate."""

from collections.abc import Iterator

import pytest

from fabriclab.emulator.telemetry import AGENT, LOGS, SCHEMAS
from unit.fabriclab.emulator.bench import Bench, running, world

TARGET = "/machine?comp=telemetrydata"
NAME = '<Param Name="Name" Value="WALinuxAgent" T="mt:wstr" />'


@pytest.fixture
def bench() -> Iterator[Bench]:
    with running() as made:
        yield made


def telemetry(text: str = NAME, event: str = "1", provider: str = AGENT) -> str:
    return (
        f'<?xml version="1.0"?><TelemetryData version="1.0"><Provider id="{provider}"><Event id="{event}">'
        f"<![CDATA[{text}]]></Event></Provider></TelemetryData>"
    )


def test_values_come_with_their_types_whatever_quotes_hold_them(bench: Bench) -> None:
    text = (
        NAME
        + '<Param Name="OperationSuccess" Value="True" T="mt:bool" />'
        + '<Param Name="Duration" Value="-12" T="mt:uint64" />'
        + '<Param Name="Message" Value=\'say "hi" &amp; &lt;go&gt;&#10;on\' T="mt:wstr" />'
        + '<Param Name="Load" Value="0.5" T="mt:float64" /><Param Name="Nothing" Value="None" T="" />'
    )
    assert bench.post(TARGET, telemetry(text)).status == 200
    (event,) = bench.last.facts["events"]
    assert event["parameters"] == {
        "Name": "WALinuxAgent",
        "OperationSuccess": True,
        "Duration": -12,
        "Message": 'say "hi" & <go>\non',
        "Load": 0.5,
        "Nothing": None,
    }
    assert "GAVersion" in event["missing"] and "Name" not in event["missing"]


@pytest.mark.parametrize(("provider", "event"), sorted(SCHEMAS))
def test_an_event_with_its_whole_schema_misses_nothing(bench: Bench, provider: str, event: str) -> None:
    text = "".join(f'<Param Name="{name}" Value="x" T="mt:wstr" />' for name in SCHEMAS[(provider, event)])
    bench.post(TARGET, telemetry(text, event, provider.lower()))
    assert bench.last.facts["events"][0]["missing"] == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (telemetry('<Param Name="A" Value="yes" T="mt:bool" />'), "the parameter A: 'yes' is not of the type 'mt:bool'"),
        (telemetry('<Param Name="A" Value="1.5" T="mt:uint64" />'), "mt:uint64"),
        (telemetry(f'<Param Name="A" Value="{"9" * 5000}" T="mt:uint64" />'), "mt:uint64"),
        (telemetry('<Param Name="A" Value="x" T="mt:odd" />'), "mt:odd"),
        (telemetry('<Param Name="A" Value="x" />'), "Param with Name, Value and T"),
        (telemetry('<Other Name="A" Value="x" T="mt:wstr" />'), "Param with Name, Value and T"),
        (telemetry('<Param Name="A" Value="a & b" T="mt:wstr" />'), "is not XML"),
        (telemetry("text"), "text outside its parameters"),
        (telemetry(""), "text outside its parameters, or none"),
        (telemetry(event="9"), "has no event 9"),
        (telemetry(provider="other"), "has no event 1"),
        (telemetry(event="7", provider=AGENT), "has no event 7"),
        (f'<TelemetryData version="1.0"><Provider id="{LOGS}"/></TelemetryData>', "there is no Event"),
        ('<TelemetryData version="1.0"/>', "0 providers"),
        ("<TelemetryData/>", "version None"),
        ("rubbish", "not XML"),
    ],
)
def test_telemetry_of_a_wrong_form_is_refused(bench: Bench, body: str, reason: str) -> None:
    assert bench.post(TARGET, body).status == 400
    assert reason in str(bench.last.refusal)


def test_a_body_over_the_limit_is_too_large(bench: Bench) -> None:
    body = telemetry(f'<Param Name="A" Value="{"x" * 65536}" T="mt:wstr" />')
    assert bench.post(TARGET, body).status == 413


def test_the_sixteenth_call_in_fifteen_seconds_is_too_many_and_time_heals(bench: Bench) -> None:
    assert [bench.post(TARGET, telemetry()).status for _ in range(16)] == [200] * 15 + [429]
    bench.clock.now += 14.9
    assert bench.post(TARGET, telemetry()).status == 429
    bench.clock.now += 0.1
    assert bench.post(TARGET, telemetry()).status == 200


def test_the_limits_and_the_status_are_the_worlds() -> None:
    with running(world(telemetry_calls=1, telemetry_status=202, retry_after=7)) as bench:
        assert bench.post(TARGET, telemetry()).status == 202
        answer = bench.post(TARGET, telemetry())
        assert (answer.status, answer.headers["retry-after"]) == (429, "7")
