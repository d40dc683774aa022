"""What a handler is told about its place (extensions.md 1.3); shell scripts cut this text into pieces."""

from __future__ import annotations

import json

from unit.extension.packages import NAME, PLACE
from unit.fakes import MemoryFiles, system
from waagent.extension import environment
from waagent.system.apply import apply

TEXT = (
    '[{"name": "Contoso.Lab.Script", "version": 1.0, "handlerEnvironment": {'
    '"logFolder": "/var/log/azure/Contoso.Lab.Script", '
    '"configFolder": "/var/lib/waagent/Contoso.Lab.Script-1.2.3/config", '
    '"statusFolder": "/var/lib/waagent/Contoso.Lab.Script-1.2.3/status", '
    '"heartbeatFile": "/var/lib/waagent/Contoso.Lab.Script-1.2.3/heartbeat.log", '
    '"eventsFolder": "/var/log/azure/Contoso.Lab.Script/events", '
    '"eventsFolder_preview": "/var/log/azure/Contoso.Lab.Script/events"}}]'
)


def test_the_text_is_the_contract() -> None:
    assert environment.content(PLACE).decode() == TEXT
    folder = TEXT.split('logFolder": "')[1].split('",')[0]  # what the shim of a real extension does
    assert folder == f"/var/log/azure/{NAME}"
    assert isinstance(json.loads(TEXT)[0]["version"], float)


def test_a_new_handler_gets_its_folders() -> None:
    files = MemoryFiles()
    apply(system(files=files), environment.initialize(PLACE, events_there=environment.has_events(files, PLACE)))
    assert files.tree(PLACE.base) == {
        PLACE.base: "directory 0755 0:0",
        PLACE.environment: f"file 0644 0:0 {TEXT}",
        PLACE.config: "directory 0700 0:0",
        PLACE.status: "directory 0700 0:0",
    }
    assert files.tree(PLACE.logs) == {PLACE.logs: "directory 0755 0:0", PLACE.extension_events: "directory 0700 0:0"}


def test_a_start_of_the_agent_leaves_the_extensions_modes_alone() -> None:
    files = MemoryFiles().put_directory(PLACE.logs, 0o750).put_directory(PLACE.extension_events, 0o730)
    files.put(PLACE.environment, b"of an older agent").put_directory(PLACE.status, 0o755)
    apply(system(files=files), environment.refresh(PLACE, events_there=environment.has_events(files, PLACE)))
    assert files.text(PLACE.environment) == TEXT
    assert files.tree(PLACE.logs) == {PLACE.logs: "directory 0750 0:0", PLACE.extension_events: "directory 0730 0:0"}
    assert files.facts(PLACE.status).mode == 0o755  # type: ignore[union-attr]
