"""Looks at the guest between the stages: files, processes, the handler's own directories, secrets in plain text."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from fabriclab.guests.guest import Guest
from fabriclab.judge import disk
from fabriclab.judge.evidence import Heartbeat, Leak, StatusFile
from fabriclab.judge.settings import Secret

REMOVED = "removed"
LIB, LOGS, OWN = "/var/lib/waagent", "/var/log/azure", "/var/lib/fabriclab"
TEMPORARY = ("/tmp", "/run", "/dev/shm")
FLEETING = (*TEMPORARY, f"{LIB}/")  # what goes from there: with a reboot, or by the agent itself
SEARCHED = 1 << 24  # bytes of a file that is searched for secrets
READ = 1 << 22  # bytes of a status file

# What agents themselves write below their directory (extensions 1.1), and where logs of all go.
AGENTS = re.compile(
    r"/var/lib/waagent/([^/]*\.(crt|prv|pem|p7m|pfx|xml|json|zip|manifest)|[^/]*\.\d+(\.[a-z]+)?|[A-Z][^/.]*"
    r"|(events|history|logcollector|handler_state|WALinuxAgent-[^/]*|provisioned|partition|published_hostname|error)(/.*)?"
    r"|waagent[_-][^/]*|current_version|initial_goal_state|disable_agent|fast_track\.json|[^/]*incarnation[^/]*)"
    r"|/var/lib/waagent|/var/log/azure|/var/log/waagent\.log.*|/run/[^/]*waagent[^/]*|/run/(sshd|network)(/.*)?"
    r"|/var/lib/fabriclab(/.*)?|/etc/(hostname|hosts|resolv\.conf)|/var/lib/dhcp(/.*)?"
)

_LIST_PROCESSES = (
    "for each in /proc/[0-9]*; do "
    'read -r line <$each/stat 2>/dev/null && printf "%s\\t" "$line" && tr "\\0\\n" "  " <$each/cmdline; echo; '
    "done 2>/dev/null; true"
)


@dataclass(frozen=True)
class Process:
    number: int
    parent: int
    started: str
    line: str


@dataclass(frozen=True)
class Sight:
    """`files`: every path that differs from the untouched guest, and how it looks now."""

    files: Mapping[str, str]
    processes: tuple[Process, ...]


def look(guest: Guest) -> Sight:
    after = {one.path: one.after for one in guest.changes()}
    files = {path: f"{how.text()} {how.digest or ''}" if how is not None else REMOVED for path, how in after.items()}
    listed = guest.shell(f"find {' '.join(TEMPORARY)} -xdev -mindepth 1 -printf '%p\\t%y %m %s\\n' 2>/dev/null").output
    for path, found, how in (line.partition("\t") for line in listed.splitlines()):
        if found:
            files[path] = how
    return Sight(files, processes(guest))


def processes(guest: Guest) -> tuple[Process, ...]:
    found = []
    for line in guest.shell(_LIST_PROCESSES).output.splitlines():
        head, _, command = line.partition("\t")
        name = head[head.find("(") + 1 : head.rfind(")")]
        fields = head[head.rfind(")") + 1 :].split()
        if len(fields) > 19 and fields[0] not in ("Z", "X"):
            shown = command.strip() or f"[{name}]"
            found.append(Process(int(head.split(" ", 1)[0]), int(fields[1]), fields[19], shown))
    return tuple(found)


def left_files(before: Sight, after: Sight, allowed: Iterable[re.Pattern[str]], name: str) -> tuple[str, ...]:
    """Files that are new or changed. A directory speaks for all in it.

    A handler's log folder stays (extensions 2.10), and its own directories are the agent's to remove.
    """
    own = re.compile(rf"({re.escape(LOGS)}/{re.escape(name)}|{re.escape(LIB)}/{re.escape(name)}-[\d.]+)(/.*)?")
    patterns = (*allowed, AGENTS, own)
    fresh = {path for path in after.files if path not in before.files}
    found = []
    for path in sorted({*before.files, *after.files}):
        was, now = before.files.get(path), after.files.get(path)
        if was == now or _is_known(path, patterns) or (now is None and path.startswith(FLEETING)):
            continue
        if any(str(above) in fresh and not _is_known(str(above), patterns) for above in PurePosixPath(path).parents):
            continue
        found.append(path if now is not None and was is None and now != REMOVED else f"{path} ({_how(now)})")
    return tuple(found)


def _is_known(path: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    return any(one.fullmatch(path) for one in patterns)


def _how(now: str | None) -> str:
    return "was there before, and is gone" if now in (None, REMOVED) else "changed"


def left_processes(before: Sight, now: tuple[Process, ...], agent: int | None) -> tuple[str, ...]:
    """Processes that are neither of before nor the agent's own. The first process starts anew with the guest."""
    known = {(one.number, one.started) for one in before.processes}
    parents = {one.number: one.parent for one in now}
    return tuple(
        f"{one.line[:120]} (process {one.number})"
        for one in now
        if one.number != 1
        and (one.number, one.started) not in known
        and not _descends(one.number, agent, parents)
        and "/proc/[0-9]*" not in one.line
    )


def _descends(number: int, agent: int | None, parents: Mapping[int, int]) -> bool:
    seen: set[int] = set()
    while number and number not in seen:
        if number == agent:
            return True
        seen.add(number)
        number = parents.get(number, 0)
    return False


def status_files(guest: Guest, base: str, wanted: Iterable[tuple[str, int]]) -> tuple[StatusFile, ...]:
    """`wanted`: instance and sequence number of each."""
    found = []
    for instance, sequence in wanted:
        name = f"{instance + '.' if instance else ''}{sequence}.status"
        content = guest.read(f"{base}/status/{name}")
        size = len(content or b"")
        found.append(StatusFile(name, instance, sequence, content[:READ] if content is not None else None, size))
    return tuple(found)


def heartbeat(guest: Guest, base: str) -> Heartbeat:
    content = guest.read(f"{base}/heartbeat.log")
    if content is None:
        return Heartbeat()
    age = guest.shell(f'echo $(( $(date +%s) - $(stat -c %Y "{base}/heartbeat.log") ))').output.strip()
    return Heartbeat(content, float(age) if age.lstrip("-").isdigit() else 0.0)


def links(guest: Guest, base: str, name: str) -> tuple[str, ...]:
    """Directories that the agent made for the handler and that are links now."""
    places = (base, f"{base}/config", f"{base}/status", f"{LOGS}/{name}", f"{LOGS}/{name}/events")
    return tuple(guest.shell(f"for each in {' '.join(places)}; do test -L $each && echo $each; done; true").output.split())


def events(guest: Guest, name: str) -> dict[str, bytes]:
    """Telemetry events that the agent has not taken yet."""
    folder = f"{LOGS}/{name}/events"
    listed = guest.shell(f"cd {folder} 2>/dev/null && find . -maxdepth 1 -type f -printf '%f\\n' | head -n 20").output
    return {one: (guest.read(f"{folder}/{one}") or b"")[:READ] for one in listed.splitlines()}


def logged(guest: Guest, name: str) -> int:
    """Bytes in the handler's log folder."""
    done = guest.shell(f"find {LOGS}/{name} -type f -printf '%s\\n' 2>/dev/null").output
    return sum(int(size) for size in done.split())


def leaks(guest: Guest, secrets: tuple[Secret, ...], stage: str) -> tuple[Leak, ...]:
    """Files with a secret in plain text, on the guest's disk and in its memory file systems."""
    if not secrets:
        return ()
    found = []
    for file in disk.walk(guest.upper, SEARCHED):
        if not file.path.startswith(OWN):
            found += [
                Leak(one.key, file.path, kind_of(file.path), stage, file.open)
                for one in secrets
                if any(form in file.content for form in one.forms)
            ]
    for one in secrets:
        given = b"\n".join(form for form in one.forms if b"\n" not in form and form)
        search = f"grep -rlsaF -f /dev/stdin {' '.join(TEMPORARY)}"
        done = guest.run(["/bin/sh", "-c", search], given=given)
        for path in done.output.split():
            mode = guest.run(["stat", "-c", "%a", path]).output.strip()
            found.append(Leak(one.key, path, kind_of(path), stage, mode[-1:] in set("4567")))
    return tuple(found)


def kind_of(path: str) -> str:
    if path.startswith("/var/log/"):
        return "log"
    if re.fullmatch(rf"{LIB}/[^/]*-[\d.]+/status/.*", path):
        return "status"
    return "file"


def logs_elsewhere(before: Sight, after: Sight, name: str) -> tuple[str, ...]:
    own = re.compile(rf"{LOGS}(/{re.escape(name)}(/.*)?)?|/var/log/waagent\.log.*|/var/log/(journal|wtmp|btmp|lastlog).*")
    return tuple(
        path
        for path, how in sorted(after.files.items())
        if path.startswith("/var/log/") and before.files.get(path) != how and not own.fullmatch(path)
    )
