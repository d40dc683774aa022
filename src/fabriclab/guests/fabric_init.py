"""First process of the fabric's namespaces: makes its network, opens sockets there for the lab, and starts guests.

It plays the host under the VM (guests recipe, part A): `lo` carries 168.63.129.16 (and .17) and 169.254.169.254, the bridge
fab0 carries 10.77.0.1/24. All that a lab run makes hangs off this process: when it ends, the kernel kills every guest process
and frees both network namespaces, all mounts and the loop devices. It ends when its control channel does, that is when the
lab ends, also by kill -9. Standard library only; it forks guests, so it stays small and has one thread.
"""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from fabriclab.guests import cgroups, control, guest_init, kernel
from fabriclab.guests.cgroups import Hierarchy

WIRE_SERVERS = ("168.63.129.16", "168.63.129.17")  # the second is where the first may move to
METADATA = "169.254.169.254"
BRIDGE_NETWORK = "10.77.0.1/24"
SECOND_GATEWAY, SECOND_MAC = "10.78.0.1", "00:0d:3a:99:88:77"


def main(descriptor: int, place: str) -> None:
    """Stage 0: namespaces, then the first process inside them. `place`: an existing directory that carries the work files."""
    channel = socket.socket(fileno=descriptor)
    hierarchies, group = cgroups.hierarchies(), f"fabriclab-{os.getpid()}"
    kernel.unshare(kernel.NEW_MOUNT | kernel.NEW_NET | kernel.NEW_PID | kernel.NEW_IPC)
    ready_read, ready_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready_read)
        kernel.die_with_parent()
        kernel.set_name("lab-fabric")
        try:
            _prepare(place)
        except (OSError, subprocess.SubprocessError) as problem:
            control.send(channel, {"error": f"the fabric's namespace could not be made: {problem}"})
            os.write(ready_write, b"x")
            os._exit(1)
        os.close(ready_write)
        Fabric(channel, hierarchies, group).serve()
        os._exit(0)
    os.close(ready_write)
    if not os.read(ready_read, 1):  # end of file: the child is ready or has said why not
        try:
            descriptor = os.pidfd_open(child)
            control.send(channel, {"ok": child}, (descriptor,))
        except OSError:
            pass
    channel.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.waitpid(child, 0)
    cgroups.remove(hierarchies, group)  # nobody else outlives a lab that is killed


def _prepare(place: str) -> None:
    kernel.make_private()
    kernel.mount("proc", "/proc", "proc", kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC)
    kernel.mount("lab", place, "tmpfs", kernel.NO_SUID, "mode=0755,size=8g")
    os.chdir(place)
    lines = [
        "link set lo up",
        *(f"address add {address}/32 dev lo" for address in WIRE_SERVERS),
        f"address add {METADATA}/32 dev lo",
        "link add fab0 type bridge",
        f"address add {BRIDGE_NETWORK} dev fab0",
        "link set fab0 up",
    ]
    ip(lines)


def _second_card(waiter: int) -> tuple[str, ...]:
    """Its far end is a machine of its own network, which nobody but the guest reaches."""
    return (
        f"link add {guest_init.SECOND_CARD} address {SECOND_MAC} type veth peer name fabw",
        f"address add {SECOND_GATEWAY}/24 dev fabw",
        "link set fabw up",
        f"link set {guest_init.SECOND_CARD} netns {waiter}",
    )


def ip(lines: list[str]) -> None:
    """One `ip -batch` for all lines: a start of the program costs more than the changes."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, capture_output=True, timeout=30)
    if done.returncode != 0:
        raise OSError(f"ip: {done.stderr.strip()}")


class Fabric:
    """Serves the lab's requests until the control channel ends."""

    def __init__(self, channel: socket.socket, hierarchies: tuple[Hierarchy, ...], group: str) -> None:
        self._channel = channel
        self._hierarchies = hierarchies
        self._group = group
        self._loops: dict[int, int] = {}
        self._views: set[str] = set()
        self._guests: dict[int, int] = {}  # process that waits for the guest -> guest's first process
        self._ended: dict[int, int] = {}  # the former -> exit status, until somebody asks

    def serve(self) -> None:
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write)
        while True:
            ready, _, _ = select.select([self._channel.fileno(), wake_read], [], [])
            if wake_read in ready:
                os.read(wake_read, 512)
                self._reap()
            if self._channel.fileno() in ready and not self._answer():
                return

    def _answer(self) -> bool:
        message, descriptors = control.receive(self._channel)
        if message is None:
            return False
        doers: dict[str, Callable[..., tuple[Any, tuple[int, ...]]]] = {
            "socket": self._open_socket,
            "loop": self._attach,
            "detach": self._detach,
            "guest": self._start_guest,
            "stop": self._stop_guest,
            "await": self._await_guest,
        }
        name = message.pop("do")
        try:
            value, given = doers[name](**message)
            control.send(self._channel, {"ok": value}, given)
            for descriptor in given:
                os.close(descriptor)
        except (OSError, subprocess.SubprocessError) as problem:
            control.send(self._channel, {"error": f"{name}: {problem}"})
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _open_socket(self, kind: str, address: str, port: int, device: str | None) -> tuple[Any, tuple[int, ...]]:
        stream = kind == "tcp"
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not stream:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if device is not None:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
            made.bind((address, port))
            if stream:
                made.listen(128)
        except OSError:
            made.close()
            raise
        return None, (made.detach(),)

    def _attach(self, path: str, read_only: bool, scan_partitions: bool) -> tuple[Any, tuple[int, ...]]:
        number, descriptor = kernel.attach_loop(path, read_only, scan_partitions)
        self._loops[number] = descriptor
        return number, ()

    def _detach(self, number: int) -> tuple[Any, tuple[int, ...]]:
        descriptor = self._loops.pop(number, None)
        if descriptor is not None:
            os.close(descriptor)
        return None, ()

    def _start_guest(self, untouched: str, **specification: Any) -> tuple[Any, tuple[int, ...]]:
        if untouched not in self._views:  # the guest without its upper layer, to compare with
            kernel.mount_overlay(untouched, specification["layers"], "untouched", flags=kernel.READ_ONLY)
            self._views.add(untouched)
        specification |= {"groups": [], "group": self._group}
        if specification["init"]:
            if not self._hierarchies:
                raise OSError("a guest with a service manager needs control groups that root may write to")
            cgroups.make(self._hierarchies, self._group)
            specification["groups"] = [(one.controllers, one.place) for one in self._hierarchies]
        ours, theirs = control.pair()
        up_read, up_write = os.pipe()
        go_read, go_write = os.pipe()
        waiter = os.fork()
        if waiter == 0:
            self._channel.close()
            ours.close()
            os.close(up_read)
            os.close(go_write)
            signal.set_wakeup_fd(-1)
            guest_init.launch(specification, theirs, up_write, go_read)
        theirs.close()
        os.close(up_write)
        os.close(go_read)
        try:
            if not os.read(up_read, 1):
                raise OSError("the guest's namespaces could not be made")
            mac = specification["mac"]
            ip(
                [
                    f"link add geth0 address {mac} type veth peer name fabv",
                    "link set fabv master fab0 up",
                    f"link set geth0 netns {waiter}",
                    *(_second_card(waiter) if specification["second_card"] else ()),
                ]
            )
            os.write(go_write, b"g")
            told = os.read(up_read, 4096).decode()
            if not told.startswith("pid "):
                raise OSError(told or "the guest's first process ended at once")
            first = int(told.split()[1])
        except OSError:
            os.kill(waiter, signal.SIGKILL)
            os.waitpid(waiter, 0)
            ours.close()
            raise
        finally:
            os.close(up_read)
            os.close(go_write)
        self._guests[waiter] = first
        return {"waiter": waiter}, (os.pidfd_open(first), ours.detach())

    def _stop_guest(self, waiter: int) -> tuple[Any, tuple[int, ...]]:
        first = self._guests.pop(waiter, None)
        if first is not None:
            for number in (first, waiter):
                try:
                    os.kill(number, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            try:
                os.waitpid(waiter, 0)
            except ChildProcessError:
                pass
            subprocess.run(["ip", "link", "del", "fabv"], capture_output=True, timeout=30)
        return None, ()

    def _await_guest(self, waiter: int) -> tuple[Any, tuple[int, ...]]:
        """How a guest has ended whose first process is gone: its exit status, as guest_init gives it."""
        if self._guests.pop(waiter, None) is not None:
            _, status = os.waitpid(waiter, 0)
            subprocess.run(["ip", "link", "del", "fabv"], capture_output=True, timeout=30)
            return os.waitstatus_to_exitcode(status), ()
        return self._ended.pop(waiter, None), ()

    def _reap(self) -> None:
        for waiter in list(self._guests):
            try:
                done, status = os.waitpid(waiter, os.WNOHANG)
            except ChildProcessError:
                done, status = waiter, 0
            if done:
                del self._guests[waiter]
                self._ended[waiter] = os.waitstatus_to_exitcode(status)
                subprocess.run(["ip", "link", "del", "fabv"], capture_output=True, timeout=30)
        while True:  # what a fabric-side command left behind
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in self._guests:
                return
            os.waitpid(ended.si_pid, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
