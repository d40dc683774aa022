"""Expectations of the guest, compared with its users, files and processes as they are now, and with its whole tree.

The guest is asked by plain programs that every root has. Nothing tells when a file of the guest changes (an overlay hides it
from inotify), so the runner looks again in short turns while one of these does not hold yet.
"""

import re
from collections.abc import Iterable

from fabriclab.guests import probe as probing
from fabriclab.guests.diff import Change
from fabriclab.guests.guest import Guest
from fabriclab.guests.login import KeyPair, log_in
from fabriclab.guests.process import Completed, GuestTimeout
from fabriclab.scenario.expected import Command, File, Hostname, Login, Probe, Process, Tree, User
from fabriclab.scenario.hearing import Seen

SHOWN = 6  # unexpected changes that are named one by one

_CONTENT_KEPT = 200


def inspect(what: File | User | Hostname | Process | Command, guest: Guest) -> Seen:
    if isinstance(what, File):
        return _file(what, guest)
    if isinstance(what, User):
        return _user(what, guest)
    if isinstance(what, Hostname):
        name = guest.shell("hostname").output.strip()
        return Seen(name == what.name, name)
    if isinstance(what, Process):
        return _process(what, guest)
    done = guest.shell(what.command)
    fits = done.status == what.status and _prints(done, what.prints) and re.search(what.matches or "", done.output) is not None
    return Seen(fits, _ended(done))


def knock(what: Login, guest: Guest, address: str, key: KeyPair | None, password: str | None) -> Seen:
    """Logs in from the fabric's side. An sshd that no service manager has started is started, as at boot."""
    if guest.is_enterable:
        start_sshd(guest)
    try:
        done = log_in(
            guest.namespace,
            what.user,
            what.runs,
            key=key if what.by == "key" else None,
            password=password if what.by == "password" else None,
            address=address,
            timeout=30.0 * guest.slowness,
        )
    except GuestTimeout as problem:
        return Seen(False, str(problem))
    if what.refused:
        if done.status != 255:
            return Seen(False, "let in")
        said = done.errors.strip()  # nobody who listens is no refusal
        return Seen("Permission denied" in said, said)
    if done.status == 255:
        return Seen(False, done.errors.strip() or "no log-in")
    return Seen(done.ok and _prints(done, what.prints), _ended(done))


def probe(what: Probe, guest: Guest, address: str) -> Seen:
    """A load balancer's GET."""
    try:
        answer = probing.probe(guest.namespace, address, what.port)
    except OSError as problem:
        return Seen(False, str(problem))
    if answer is None:
        return Seen(what.refused, "nothing listens")
    return Seen(not what.refused and answer.startswith("HTTP/1.1 200 OK\r\n"), answer.partition("\r\n")[0] or "no answer")


def start_sshd(guest: Guest) -> Completed:
    """On a machine the service manager has done this; a sandbox has none.

    Odd: sshd stays in the foreground when its parent is process 1, so it must not be the shell's last word.
    """
    return guest.shell(
        'for name in /proc/[0-9]*/comm; do read -r it <$name && [ "$it" = sshd ] && exit 0; done 2>/dev/null; '
        "mkdir -p /run/sshd; /usr/sbin/sshd; status=$?; exit $status"
    )


def compare(what: Tree, changes: Iterable[Change]) -> Seen:
    paths = {change.path: change for change in changes}
    if what.only is not None:
        allowed = [glob(pattern) for pattern in what.only]
        odd = [change.text() for path, change in paths.items() if not any(one.fullmatch(path) for one in allowed)]
        if odd:
            more = f" and {len(odd) - SHOWN} more" if len(odd) > SHOWN else ""
            return Seen(False, "; ".join(odd[:SHOWN]) + more)
    missing = [pattern for pattern in what.among if not any(glob(pattern).fullmatch(path) for path in paths)]
    if missing:
        return Seen(False, f"unchanged: {', '.join(missing)}")
    return Seen(True, f"{len(paths)} changes")


def glob(pattern: str) -> re.Pattern[str]:
    """`*` stays within one directory; `DIR/**` is the directory and all below it."""
    if pattern.endswith("/**"):
        return re.compile(glob(pattern[:-3]).pattern + "(/.*)?")
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    known = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(part) or re.escape(part) for part in parts))


def _file(what: File, guest: Guest) -> Seen:
    done = guest.run(["stat", "-c", "%F|%a|%U|%G", what.path])
    if not done.ok:
        return Seen(what.absent, "not there")
    if what.absent:
        return Seen(False, "is there")
    kind, mode, owner, group = done.output.strip().split("|")
    kind = _KINDS.get(kind, kind)
    odd = [
        f"{label} {found}"
        for label, wanted, found in (
            ("is a", what.kind, kind),
            ("mode", what.mode, int(mode, 8)),
            ("owner", what.owner, owner),
            ("group", what.group, group),
        )
        if wanted is not None and wanted != found
    ]
    odd = [text if not text.startswith("mode") else f"mode {int(mode, 8):04o}" for text in odd]
    if what.content is not None or what.contains or what.lacks or what.matches is not None:
        odd += _odd_content(what, guest)
    return Seen(not odd, ", ".join(odd))


def _odd_content(what: File, guest: Guest) -> list[str]:
    raw = guest.read(what.path)
    if raw is None:
        return ["is no readable file"]
    text = raw.decode("utf-8", "replace")
    odd = [f'does not contain "{part}"' for part in what.contains if part not in text]
    odd += [f'contains "{part}"' for part in what.lacks if part in text]
    if what.content is not None and text != what.content:
        odd.append(f"holds {text[:_CONTENT_KEPT]!r}")
    if what.matches is not None and not re.search(what.matches, text, re.MULTILINE):
        odd.append(f"does not match: {text[:_CONTENT_KEPT]!r}")
    return odd


_KINDS = {
    "regular file": "file",
    "regular empty file": "file",
    "symbolic link": "link",
    "fifo": "pipe",
    "character special file": "character device",
    "block special file": "block device",
}


def _user(what: User, guest: Guest) -> Seen:
    found = guest.run(["getent", "passwd", what.name])
    if not found.ok:
        return Seen(what.absent, "no such user")
    if what.absent:
        return Seen(False, "is there")
    fields = found.output.strip().split(":")
    odd = []
    if what.shell is not None and fields[6] != what.shell:
        odd.append(f"shell {fields[6]}")
    if what.home is not None and fields[5] != what.home:
        odd.append(f"home {fields[5]}")
    if what.groups is not None:
        groups = guest.run(["id", "-Gn", what.name]).output.split()
        if sorted(groups) != sorted(what.groups):
            odd.append(f"groups {' '.join(groups)}")
    if what.password is not None:
        shadow = guest.run(["getent", "shadow", what.name]).output.strip().split(":")
        has = len(shadow) > 1 and shadow[1].startswith("$")
        if has != what.password:
            odd.append("has a password" if has else "has no password")
    return Seen(not odd, ", ".join(odd))


def _process(what: Process, guest: Guest) -> Seen:
    listed = guest.shell("for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$each && echo; done 2>/dev/null; true").output
    found = [line.strip() for line in listed.splitlines() if re.search(what.pattern, line)]
    if what.absent:
        return Seen(not found, "; ".join(found))
    return Seen(bool(found), "" if found else "none")


def _prints(done: Completed, wanted: str | None) -> bool:
    return wanted is None or done.output.strip() == wanted.strip()


def _ended(done: Completed) -> str:
    said = done.output.strip() or done.errors.strip()
    return f"status {done.status}" + (f", {said[:_CONTENT_KEPT]!r}" if said else "")
