"""Who reaches the wire server: connections as root and as somebody else, tried side by side in a short process of their own.

They say what rules really do. A packet that is dropped gives no answer at all, so what is expected to stay silent is given
half a second once everything else has answered. Odd: the process is a Python of the agent's, since a thread cannot become
another user for the time of one connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from waagent.guest.rules import DNS
from waagent.system.port import System

STRANGER = 65534
"""The user id that stands for everybody else; what it is called does not matter."""
WIRE_SERVER, HOST_PLUGIN = 80, 32526
CONNECTED, REFUSED, SILENT = "connected", "refused", "silent"
PATIENCE = 3.0
"""Seconds for an answer: time for a packet that was lost to be sent again."""

_NAMES = {
    f"root:{WIRE_SERVER}": "root cannot reach the wire server",
    f"root:{HOST_PLUGIN}": "root cannot reach the host plugin",
    f"other:{DNS}": "other users cannot reach DNS over TCP",
}


@dataclass(frozen=True)
class Reach:
    """What became of each try, by ``root:80``, ``root:32526``, ``other:80`` and ``other:53``."""

    tries: dict[str, str] = field(default_factory=dict)

    def answered(self, name: str) -> bool:
        return self.tries.get(name) in (CONNECTED, REFUSED)

    @property
    def wire_server(self) -> bool:
        """Whether root reaches it: without that, nothing can be said of the rules."""
        return self.answered(f"root:{WIRE_SERVER}")

    @property
    def dns(self) -> bool:
        return self.answered(f"other:{DNS}")


def look(system: System, python: str, address: str, *, guarded: bool) -> Reach:
    """Try once. ``guarded``: others are expected to get no answer. Errors: ``CommandFailure``."""
    quiet = f"other:{WIRE_SERVER}" if guarded else ""
    argv = (python, "-I", "-S", "-c", _PROGRAM, address, str(STRANGER), str(PATIENCE), quiet)
    shown = system.commands.run(argv, timeout=PATIENCE + 10.0).stdout
    return Reach(dict(line.split("=", 1) for line in shown.splitlines() if "=" in line))


def objection(before: Reach, after: Reach) -> str | None:
    """What is wrong with rules that were set between two looks, as a clause; None when they do what they should."""
    for name, cut in _NAMES.items():
        if before.answered(name) and not after.answered(name):
            return cut
    if after.tries.get(f"other:{WIRE_SERVER}") == CONNECTED:
        return "other users still reach the wire server"
    return None


_PROGRAM = f"""
import errno, os, select, socket, sys, time
address, stranger, patience, quiet = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
said, open_, poll = {{}}, {{}}, select.poll()
def word(error):
    if error in (errno.ETIMEDOUT, errno.EPERM, errno.EACCES):
        return "{SILENT}"
    return "{CONNECTED}" if not error else "{REFUSED}" if error == errno.ECONNREFUSED else "unreachable"
def begin(who, *ports):
    for port in ports:
        channel = socket.socket()
        channel.setblocking(False)
        error = channel.connect_ex((address, port))
        if error == errno.EINPROGRESS:
            open_[channel.fileno()] = f"{{who}}:{{port}}", channel
            poll.register(channel, select.POLLOUT)
        else:
            said[f"{{who}}:{{port}}"] = word(error)
begin("root", {WIRE_SERVER}, {HOST_PLUGIN})
try:
    os.setgroups([])
    os.setgid(stranger)
    os.setuid(stranger)
    begin("other", {WIRE_SERVER}, {DNS})
except OSError:
    said["other:{WIRE_SERVER}"] = said["other:{DNS}"] = "untried"
end, settled = time.monotonic() + patience, None
while open_:
    if settled is None and all(name == quiet for name, _ in open_.values()):
        settled = time.monotonic()
        end = min(end, settled + 0.5)
    left = end - time.monotonic()
    if left <= 0:
        break
    for number, _ in poll.poll(left * 1000):
        name, channel = open_.pop(number)
        poll.unregister(number)
        said[name] = word(channel.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        channel.close()
for name, _ in open_.values():
    said[name] = "{SILENT}"
print("\\n".join(f"{{name}}={{what}}" for name, what in said.items()))
"""
