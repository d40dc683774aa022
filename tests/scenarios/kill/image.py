"""What a guest has become, as one line per path, without what differs from one undisturbed run to the next.

Kind, mode, owner and content of everything that is not as it was before the first start; besides, what no file shows:
mounts, the host name, whether private and public halves of keys fit, and whether the password is the document's.
Random or dated by nature, and therefore only compared by kind, mode and owner: keys and certificates, logs, backups of the
user database, the history of goal states, events and telemetry.
"""

from __future__ import annotations

import re
from pathlib import Path

from fabriclab.guests.diff import Change
from fabriclab.guests.sandbox import Sandbox

UNTOUCHED = "as before the first start"
LOOSE = re.compile(
    r"/etc/ssh/ssh_host_\w+_key(\.pub)?"
    r"|/etc/(passwd|shadow|group|gshadow|subuid|subgid)-"
    r"|/var/log/(waagent\.log|lastlog|wtmp|faillog|azure/.*)"
    r"|/home/[^/]+/\.ssh/id_rsa(\.pub)?"
    r"|/var/lib/waagent/.*\.(pem|crt|prv|pub|p7m)"
    r"|/var/lib/waagent/(Certificates|SharedConfig|HostingEnvironmentConfig|GoalState|ExtensionsConfig)[^/]*"
    r"|/var/lib/hyperv/\.kvp_pool_1"
)
ACCOUNTS = tuple(f"/etc/{name}" for name in ("passwd", "shadow", "group", "gshadow"))
UNTOLD = re.compile(r"/var/lib/waagent/(history|events)/.*")
_THUMBPRINT = re.compile(r"\b[0-9A-F]{40}\b")
_KEY = re.compile(r"\bAAAA[0-9A-Za-z+/=]+")


def image(guest: Sandbox, user: str, password: str) -> dict[str, str]:
    """Path or fact → how it is."""
    lines = {named(change.path): line(guest, change) for change in guest.changes() if not UNTOLD.fullmatch(change.path)}
    lines["the host name"] = guest.shell("hostname").output.strip()
    lines["mounts"] = " ".join(sorted(guest.shell("cut -d' ' -f2 /proc/mounts").output.split()))
    lines["host keys"] = guest.shell(
        "cd /etc/ssh && for key in ssh_host_*_key; do "
        'test "$(ssh-keygen -y -f $key | cut -d" " -f1,2)" = "$(cut -d" " -f1,2 $key.pub)" && echo "$key fits"; done'
    ).output.strip()
    lines["the password"] = password_state(guest, user, password)
    return lines


def named(path: str) -> str:
    return _THUMBPRINT.sub("THUMBPRINT", path)


def line(guest: Sandbox, change: Change) -> str:
    after = change.after
    if after is None:
        return "removed"
    plain = f"{after.kind} {after.mode:04o} {after.owner}:{after.group}"
    if after.kind == "link":
        return f"{plain} -> {after.target}"
    if after.kind != "file" or LOOSE.fullmatch(change.path):
        return plain
    content = text_of(guest.upper / change.path[1:])
    if change.path in ACCOUNTS:
        content = added(text_of(guest.files / "untouched" / change.path[1:]), shadow(content))
    return f"{plain} {numbered(content)!r}"


def text_of(place: Path) -> str:
    return place.read_bytes().decode("utf-8", "backslashreplace")


def added(before: str, after: str) -> str:
    """The lines that are new and those that went: the machine's own accounts are no part of the image."""
    old, new = before.splitlines(), after.splitlines()
    return "".join([*(f"-{one}\n" for one in old if one not in new), *(f"+{one}\n" for one in new if one not in old)])


def numbered(text: str) -> str:
    """Keys become numbers in the order in which they are met: the lab's are new in each run."""
    seen: dict[str, int] = {}
    return _KEY.sub(lambda found: f"KEY-{seen.setdefault(found[0], len(seen) + 1)}", _THUMBPRINT.sub("THUMBPRINT", text))


def shadow(text: str) -> str:
    return re.sub(r":\$(\w+)\$[^:]+:\d+:", r":(hash \1):(today):", text)


def password_state(guest: Sandbox, user: str, password: str) -> str:
    field = guest.shell(f"getent shadow {user} | cut -d: -f2").output.strip()
    if not field.startswith("$6$"):
        return f"none: {field}"
    made = guest.run(["openssl", "passwd", "-6", "-salt", field.split("$")[2], "-stdin"], given=password.encode()).output
    return "is the document's" if made.strip() == field else "is another"


def differences(wanted: dict[str, str], found: dict[str, str]) -> tuple[str, ...]:
    """One line for each path or fact that is not as it should be, from where the two begin to differ."""
    lines = []
    for name in sorted(wanted.keys() | found.keys()):
        one, other = found.get(name, UNTOUCHED), wanted.get(name, UNTOUCHED)
        if one != other:
            place = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
            shown = slice(max(place - 20, 0), place + 180)
            lines.append(f"{name}: {one[shown]}; wanted: {other[shown]}")
    return tuple(lines)
