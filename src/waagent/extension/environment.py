"""HandlerEnvironment.json and the folders it names (extensions.md 1.3, 2.6).

Written when a handler is initialized, and again for every handler at every start of the agent. Odd: the modes of
``config`` and ``status`` are set each time, that of the folder of logs never again (an extension may have changed it),
and the folder of events, which survives the handler, gets its mode only when it is made.
"""

from __future__ import annotations

from waagent.codec import handler_files
from waagent.extension.place import Place
from waagent.system.action import MakeDirectory, Plan, WriteFile
from waagent.system.port import Files

PRIVATE = 0o700


def initialize(place: Place, *, events_there: bool) -> Plan:
    """The folders and the environment of a handler that was just unpacked."""
    return (
        MakeDirectory(place.status, PRIVATE),
        MakeDirectory(place.config, PRIVATE),
        *refresh(place, events_there=events_there),
    )


def refresh(place: Place, *, events_there: bool) -> Plan:
    """What a start of the agent does for a handler on the disk: this agent's environment, and the folder of events."""
    events = () if events_there else (MakeDirectory(place.extension_events, PRIVATE),)
    return (*events, WriteFile(place.environment, content(place), 0o644))


def content(place: Place) -> bytes:
    """The text of the file."""
    return handler_files.render_environment(
        name=place.name,
        log_folder=place.logs,
        config_folder=place.config,
        status_folder=place.status,
        heartbeat_file=place.heartbeat,
        events_folder=place.extension_events,
    )


def has_events(files: Files, place: Place) -> bool:
    """The fact that ``initialize`` and ``refresh`` need."""
    return files.facts(place.extension_events) is not None
