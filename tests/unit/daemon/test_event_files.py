"""Events that extensions leave on disk, and how they are sent."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from unit.fakes import FrozenClock, ListLog, MemoryFiles, system
from waagent.config.paths import Paths
from waagent.config.sections import Config, Telemetry
from waagent.daemon.event_files import EventFiles
from waagent.daemon.outbox import Outbox
from waagent.model.event import Event, Operation
from waagent.report.telemetry import Machine

PATHS = Paths.of(Config())


class Wire:
    def __init__(self) -> None:
        self.bodies: list[str] = []

    def telemetry(self, body: bytes) -> None:
        self.bodies.append(body.decode())


class Bench:
    def __init__(self, config: Config | None = None) -> None:
        self.clock = FrozenClock()
        self.files, self.log, self.wire = MemoryFiles(now=lambda: self.clock.now().timestamp() - 100), ListLog(), Wire()
        agent: Any = SimpleNamespace(
            system=system(files=self.files, log=self.log, clock=self.clock),
            config=config or Config(),
            paths=PATHS,
            machine=Machine("9.9.9.10"),
            process_id=7,
        )
        self.woken: list[float] = []
        self.outbox = Outbox(agent, self.woken.append)
        self.event_files = EventFiles(agent, self.outbox, lambda: False)

    def sent(self) -> str:
        nowhere: Any = SimpleNamespace(compute=lambda: (_ for _ in ()).throw(_absent()))
        connection: Any = SimpleNamespace(wire=self.wire, imds=nowhere)
        self.outbox.connected(connection)
        self.outbox.send()
        return "\n".join(self.wire.bodies)


def _absent() -> Exception:
    from waagent.model.failure import ExchangeFailure

    return ExchangeFailure("no metadata here")


def test_an_event_of_the_pipeline_is_event_seven_with_the_extension_s_own_thread_and_time() -> None:
    bench = Bench()
    event = (
        '{"Version": "1.2", "Timestamp": "2026-01-02T03:04:05Z", "TaskName": "install", "EventLevel": "Warning", '
        '"Message": "it & that", "EventPid": "11", "EventTid": 12, "OperationId": "op-1"}'
    )
    bench.files.put("/var/log/azure/Contoso.Lab/events/1.json", event)
    bench.files.put("/var/log/azure/Contoso.Lab/events/2.json", event.replace('"Message": "it & that"', '"Message": ""'))
    bench.event_files.collect()
    body = bench.sent()
    assert 'Provider id="FFF0196F-EE4C-4EAF-9AA5-776F622DEB4F"' in body and '<Event id="7">' in body
    assert 'Name="EventName" Value="Contoso.Lab-1.2"' in body and 'Name="TaskName" Value="install"' in body
    assert 'Name="Context1" Value="it &amp; that"' in body and 'Name="EventTid" Value="12" T="mt:uint64"' in body
    assert 'Name="GAVersion" Value="WALinuxAgent-9.9.9.10"' in body
    assert bench.files.names("/var/log/azure/Contoso.Lab/events") == ()
    assert "1 telemetry events of Contoso.Lab were dropped" in bench.log.of("warning")[0]


def test_a_legacy_event_keeps_its_six_parameters_and_gets_the_common_ones() -> None:
    bench = Bench()
    bench.event_files.prepare()
    assert bench.files.facts(PATHS.events).mode == 0o700  # type: ignore[union-attr]
    bench.files.put(
        f"{PATHS.events}/1700000000000001.tld",
        '{"eventId": 1, "providerId": "69B669B9-4AF8-4C50-BDC4-6006FA76E975", "parameters": ['
        '{"name": "Name", "value": "Old.Ext"},'
        '{"name": "Operation", "value": "Enable"}, {"name": "Strange", "value": "x"}]}',
    )
    bench.event_files.collect_legacy()
    body = bench.sent()
    assert 'Name="Name" Value="Old.Ext"' in body and 'Name="TenantName" Value="TenantName_UNINITIALIZED"' in body
    assert "Strange" not in body and bench.files.names(PATHS.events) == ()


def test_events_wait_for_a_connection_and_the_oldest_go_first() -> None:
    from waagent.daemon import outbox

    bench = Bench()
    bench.outbox.send()
    for number in range(outbox.WAITING + 5):
        bench.outbox.add([lambda placement, number=number: Event("P", 1, (("Number", number),))])  # type: ignore[misc]
    body = bench.sent()
    assert 'Value="4"' not in body and 'Value="5"' in body and body.count("<Event ") == outbox.WAITING
    assert bench.woken[0] == outbox.GATHERED


def test_with_telemetry_turned_off_the_files_go_and_nothing_is_sent() -> None:
    bench = Bench(replace(Config(), telemetry=Telemetry(enabled=False)))
    bench.event_files.prepare()
    path = f"{PATHS.events}/1.tld"
    bench.files.write(path, b'{"eventId": 1, "providerId": "p", "parameters": [{"name": "Name", "value": "Old.Ext"}]}')
    bench.event_files.collect_legacy()
    bench.outbox.tell(Operation("Provision", True, "done", bench.clock.now()))
    assert (bench.sent(), bench.files.exists(path)) == ("", False)
