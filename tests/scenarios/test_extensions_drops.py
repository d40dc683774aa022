"""What extensions leave for the agent in files: heartbeats, telemetry of old, logs of their own (extensions.md 9.2, 9.4, 11.1).

The agent's clock runs twenty times as fast, so that its minutes are seconds; the age of a heartbeat is that of the wall clock.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from fabriclab.journal.entry import Entry
from fabriclab.scenario import hearing
from scenarios import labs
from scenarios.extensions.stage import HERE, LIBRARY, Stage, one, staged

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extension-drops"), pytest.mark.timeout(300)]

XML = (
    '<Data><Provider id="69B669B9-4AF8-4C50-BDC4-6006FA76E975"/><Event id="1"/>'
    '<Param Name="Name" Value="Drop.Old" T="mt:wstr"/><Param Name="Operation" Value="Enable" T="mt:wstr"/>'
    '<Param Name="OperationSuccess" Value="True" T="mt:bool"/><Param Name="Message" Value="told by XML" T="mt:wstr"/>'
    '<Param Name="Duration" Value="7" T="mt:uint64"/><Param Name="IsInternal" Value="True" T="mt:bool"/></Data>'
)
JSON = json.dumps(
    {
        "eventId": 1,
        "providerId": "69B669B9-4AF8-4C50-BDC4-6006FA76E975",
        "parameters": [{"name": "Name", "value": "Drop.Old"}, {"name": "Message", "value": "told by JSON ?sv=1&sig=hidden"}],
    }
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    files = {"/etc/hurry": "20"}
    with staged(tmp_path_factory.mktemp("stage"), "ours", adapter=HERE / "hurried/adapter.toml", files=files) as made:
        yield made


def beat(stage: Stage, name: str, text: str, *, ago: str = "now") -> None:
    path = f"{LIBRARY}/{name}-1.0.0/heartbeat.log"
    done = stage.lab.guest.shell(
        f"printf %s {shlex.quote(text)} >{path}.new; touch -d {shlex.quote(ago)} {path}.new; mv {path}.new {path}"
    )
    assert done.ok, done.errors


def heartbeat(status: str, **more: Any) -> str:
    return json.dumps([{"version": 1.0, "heartbeat": {"status": status, "code": "0", "Message": "of the library", **more}}])


def says(status: str, text: str = "", code: int = 0) -> Any:
    def fits(part: Mapping[str, Any]) -> bool:
        return (part.get("status"), part.get("code")) == (status, code) and text in hearing.message(part)

    return fits


def test_a_heartbeat_makes_the_status_of_its_handler_and_costs_no_other(stage: Stage) -> None:
    stage.package("Drop.Beats", reportHeartbeat="true")
    stage.publish(one("Drop.Beats"), one("Drop.Other"))
    missing = "[ExtensionError] Failed to get heart beat file"
    stage.await_status("Drop.Beats", says("NotReady", missing, -1))
    beat(stage, "Drop.Beats", heartbeat("ready"))
    stage.await_status("Drop.Beats", says("ready", "Plugin enabled"))
    beat(stage, "Drop.Beats", heartbeat("Ready", formattedMessage={"lang": "en", "message": "in good health"}))
    stage.await_status("Drop.Beats", says("Ready", "in good health"))
    beat(stage, "Drop.Beats", heartbeat("Ready"), ago="11 minutes ago")
    stage.await_status("Drop.Beats", says("Unresponsive"))
    for broken in ("[]", '[{"heartbeat": 5}]', "{", "null"):
        beat(stage, "Drop.Beats", broken)
        mark = stage.lab.journal.last
        stage.await_status("Drop.Beats", says("NotReady", missing, -1), mark)
        beat(stage, "Drop.Beats", heartbeat("Ready"))
        stage.await_status("Drop.Beats", says("Ready"), mark)
    assert stage.part("Drop.Other")["status"] == "Ready"


def carries(text: bytes) -> Callable[[Entry], bool]:
    return lambda entry: entry.exchange is not None and text in entry.exchange.request_body


def test_events_of_old_are_sent_with_the_agents_fields_and_without_secrets(stage: Stage) -> None:
    mark = stage.lab.journal.last
    for name, text in (("1.tld", XML), ("2.tld", JSON), ("foreign", "x")):
        assert stage.lab.guest.shell(f"printf %s {shlex.quote(text)} >{LIBRARY}/events/{name}").ok
    for told in (b"told by XML", b"told by JSON"):
        sent = labs.await_entry(stage.lab, carries(told), f"{told.decode()} is sent", mark)
        assert sent.refusal is None and sent.exchange is not None
        assert b"Drop.Old" in sent.exchange.request_body and b"GAVersion" in sent.exchange.request_body
        assert b"sig=hidden" not in sent.exchange.request_body
    assert stage.lab.guest.shell(f"ls {LIBRARY}/events").output.split() == ["foreign"]


def test_the_modes_of_log_folders_are_left_as_extensions_made_them(stage: Stage) -> None:
    stage.wish("Drop.Logs", "install", "chmod 700 /var/log/azure; chmod 750 /var/log/azure/Drop.Logs; exit 0")
    stage.publish(one("Drop.Logs"))
    stage.restart()
    stage.publish(one("Drop.Logs", sequence=1), one("Drop.More"))
    modes = "stat -c %a /var/log/azure /var/log/azure/Drop.Logs /var/log/azure/Drop.More"
    assert stage.lab.guest.shell(modes).output.split() == ["700", "750", "755"]
    stage.publish()
    assert stage.exists("/var/log/azure/Drop.Logs/CommandExecution.log")
    assert stage.exists("/var/log/azure/Drop.Logs/events")


def test_the_log_of_commands_is_cut_to_its_last_ten_mebibytes(stage: Stage) -> None:
    log = "/var/log/azure/Drop.Long/CommandExecution.log"
    stage.publish(one("Drop.Long"))
    assert stage.lab.guest.shell(f"yes 0123456789 | head -c 12000000 >>{log}; echo the end >>{log}").ok
    stage.publish(one("Drop.Long", sequence=1))
    text = stage.read(log) or ""
    assert 10 * 1024 * 1024 - 100 < len(text) < 10 * 1024 * 1024 + 100_000
    assert text.startswith("0123456789\n") and "the end\n" in text
    assert "Command: handler.sh enable" in text.partition("the end\n")[2]
