"""The fabric's side of a lab: private namespaces whose network owns Azure's addresses, made and ended by this process.

Nothing gets a name on the machine: no interface, no `ip netns` entry, no file. A work file system (tmpfs) inside the namespaces
holds layers, disks and what guests write; this process reaches it through /proc. All of it ends with the lab process.
"""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fabriclab.guests import control, kernel

# Directories that exist everywhere and that nobody needs inside the fabric's mount namespace: one carries the work file system.
PLACES = ("/mnt", "/media", "/srv", "/opt", "/home")


class NamespaceUnavailable(Exception):
    """This machine cannot make the namespaces; the text is one sentence that says what is missing."""


class FabricNamespace:
    """Started namespaces. `work` is the work file system as this process sees it, `place` as the namespaces see it."""

    def __init__(
        self, process: int, place: str, channel: control.Channel, watch: int, keeper: "subprocess.Popen[bytes]"
    ) -> None:
        self.process = process
        self.place = place
        self.channel = channel
        self._watch = watch
        self._keeper = keeper

    @property
    def work(self) -> Path:
        return Path(f"/proc/{self.process}/root{self.place}")

    @property
    def has_drives(self) -> bool:
        """Whether guests can have block devices: never in a user namespace."""
        return not kernel.in_user_namespace()

    def attach_disk(self, name: str, read_only: bool = False, scan_partitions: bool = False) -> int:
        """Number of a loop device over the file `name` of the work file system."""
        if not self.has_drives:
            raise control.ControlError("without root, a guest has no drives: its medium can only be there from the start")
        number, _ = self.channel.ask("loop", path=f"{self.place}/{name}", read_only=read_only, scan_partitions=scan_partitions)
        assert isinstance(number, int)
        return number

    def detach_disk(self, number: int) -> None:
        self.channel.ask("detach", number=number)

    def stop(self) -> None:
        self.channel.close()
        self._keeper.wait(timeout=20)
        os.close(self._watch)


class NamespaceBinder:
    """Opens the emulator's sockets inside the fabric's network namespace (emulator.binder's protocol)."""

    def __init__(self, namespace: FabricNamespace) -> None:
        self._namespace = namespace

    def tcp(self, address: str, port: int) -> socket.socket:
        return self._open("tcp", address, port, None)

    def udp(self, address: str, port: int, device: str | None = None) -> socket.socket:
        return self._open("udp", address, port, device)

    def _open(self, kind: str, address: str, port: int, device: str | None) -> socket.socket:
        _, (descriptor,) = self._namespace.channel.ask("socket", kind=kind, address=address, port=port, device=device)
        return socket.socket(fileno=descriptor)


def start(needed: tuple[Path, ...] = ()) -> FabricNamespace:
    """Makes the namespaces. `needed`: machine paths that must stay visible in them (roots, layers).

    Raises NamespaceUnavailable with one sentence when this machine or user cannot.
    """
    if os.geteuid() != 0:
        raise NamespaceUnavailable("A guest needs root; the program fabriclab makes a user namespace of its own where it can.")
    place = _choose_place(needed)
    ours, theirs = control.pair()
    keeper = subprocess.Popen(
        [sys.executable, "-B", "-S", "-E", "-s", "-c", _PROGRAM, str(theirs.fileno()), place],
        pass_fds=(theirs.fileno(),),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "FABRICLAB": _source()},
    )
    theirs.close()
    answer, descriptors = control.receive(ours)
    if answer is None or "error" in answer:
        ours.close()
        keeper.wait(timeout=20)
        raise NamespaceUnavailable(answer["error"] if answer else "The fabric's first process ended before it was ready.")
    (watch,) = descriptors
    return FabricNamespace(process_of(watch), place, control.Channel(ours), watch, keeper)


@contextmanager
def running(needed: tuple[Path, ...] = ()) -> Iterator[FabricNamespace]:
    namespace = start(needed)
    try:
        yield namespace
    finally:
        namespace.stop()


def process_of(watch: int) -> int:
    """The process id, as this process sees it, behind a process descriptor."""
    for line in Path(f"/proc/self/fdinfo/{watch}").read_text().splitlines():
        if line.startswith("Pid:"):
            number = int(line.split()[1])
            if number > 0:
                return number
    raise ProcessLookupError("the process has ended")


def has_ended(watch: int, timeout: float = 0.0) -> bool:
    return bool(select.select([watch], [], [], timeout)[0])


def _choose_place(needed: tuple[Path, ...]) -> str:
    wanted = [*needed, Path(sys.executable), Path(sys.base_prefix), Path(_source())]
    for place in PLACES:
        if Path(place).is_dir() and not any(path.resolve().is_relative_to(place) for path in wanted):
            return place
    raise NamespaceUnavailable(f"None of {', '.join(PLACES)} is free to carry the lab's work files.")


def _source() -> str:
    return str(Path(__file__).resolve().parents[2])


_PROGRAM = "import os, sys; sys.path.insert(0, os.environ['FABRICLAB']); from fabriclab.guests import fabric_init; \
fabric_init.main(int(sys.argv[1]), sys.argv[2])"
