"""The pid file: decimal digits, no newline (guest.md 8.4). A recycled pid does not block the start."""

from __future__ import annotations

from waagent.model.failure import CommandFailure
from waagent.system.port import System


def running_agent(system: System, path: str, own_pid: int) -> int | None:
    """The pid of another agent that the file names and that lives, else None."""
    text = (system.files.read_if_there(path, 64) or b"").decode("ascii", "replace").strip()
    if not text.isdigit() or int(text) == own_pid:
        return None
    return int(text) if is_agent(_command_line(system, int(text))) else None


def is_agent(command_line: str) -> bool:
    """True for ``python3 -u /usr/sbin/waagent -daemon`` and for a goal-state agent of the reference."""
    words = command_line.split()
    runs_agent = any(word.rsplit("/", 1)[-1] == "waagent" or "WALinuxAgent" in word for word in words)
    return runs_agent and any(word.lstrip("-/") in ("daemon", "run-exthandlers") for word in words)


def write(system: System, path: str, own_pid: int) -> None:
    """Claim the file."""
    system.files.write(path, str(own_pid).encode(), mode=0o644)


def release(system: System, path: str, own_pid: int) -> None:
    """Remove the file if it is still ours."""
    if system.files.read_if_there(path, 64) == str(own_pid).encode():
        system.files.remove(path)


def _command_line(system: System, pid: int) -> str:
    raw = system.files.read_if_there(f"/proc/{pid}/cmdline", 65536)
    if raw is not None:
        return raw.replace(b"\0", b" ").decode("utf-8", "replace")
    if system.files.exists("/proc/self/stat"):
        return ""
    try:  # the BSDs have no /proc
        return system.commands.run(["ps", "-p", str(pid), "-o", "command="], timeout=10).stdout
    except CommandFailure:
        return ""
