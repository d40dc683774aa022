"""What we remember of a handler on its disk: HandlerState, the states of its extensions, HandlerStatus.

Follows extensions.md 1.6 and 2.1. Odd: writing any of them makes ``config/`` when it is missing, so that a handler that
failed before its download still leaves a directory with a HandlerStatus; a status that cannot be read counts as missing.
"""

from __future__ import annotations

from waagent.codec import handler_files
from waagent.extension.place import Place
from waagent.model.extension import HandlerState, RequestedState
from waagent.model.failure import DocumentFailure, SystemFailure
from waagent.model.status import HandlerStatus
from waagent.system.port import Files, System

_LIMIT = 1024 * 1024


def handler_state(files: Files, place: Place) -> HandlerState:
    """The state of this version; a missing file means NOT_INSTALLED."""
    return handler_files.parse_handler_state(_text(files, place.state))


def set_handler_state(system: System, place: Place, state: HandlerState) -> None:
    _write(system, place, place.state, handler_files.render_handler_state(state))


def extension_enabled(files: Files, place: Place, extension: str) -> bool:
    """Whether one of several extensions is enabled here; a missing file means it is not."""
    return (_text(files, place.extension_state(extension)) or b"").strip() == RequestedState.ENABLED.value.encode()


def any_enabled(files: Files, place: Place) -> bool:
    """Whether any of several extensions is still enabled here."""
    suffix = ".HandlerState"
    names = [name[: -len(suffix)] for name in files.names(place.config) if name.endswith(suffix)]
    return any(extension_enabled(files, place, name) for name in names)


def set_extension_state(system: System, place: Place, extension: str, state: RequestedState) -> None:
    _write(system, place, place.extension_state(extension), state.value.encode())


def handler_status(files: Files, place: Place) -> HandlerStatus | None:
    """The last handler-level status, or None when there is none that can be read."""
    text = _text(files, place.handler_status)
    if text is None:
        return None
    try:
        return handler_files.parse_handler_status(text)
    except DocumentFailure:
        return None


def set_handler_status(system: System, place: Place, status: HandlerStatus) -> bool:
    """Whether the disk took it."""
    return _write(system, place, place.handler_status, handler_files.render_handler_status(status))


def _text(files: Files, path: str) -> bytes | None:
    try:
        return files.read_if_there(path, _LIMIT)
    except SystemFailure:
        return None


def _write(system: System, place: Place, path: str, content: bytes) -> bool:
    """Failing to remember is logged, and no reason to stop a handler (extensions.md 5.5)."""
    try:
        if not system.files.exists(place.config):
            system.files.make_directory(place.config, 0o700)
        system.files.write(path, content)
    except SystemFailure as failure:
        system.log.error(f"{place.full_name}: {failure.reason}")
        return False
    return True
