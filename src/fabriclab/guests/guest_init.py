"""First process of a sandbox guest: builds its file tree and network, then starts what the lab asks for and reaps orphans.

Guests recipe, part A: an overlay over the root with an upper layer that outlives a reboot, own /proc /sys /dev /run /tmp, eth0
from a veth pair, and read-only views of all settings that the kernel shares between guests and the machine. Odd:
  * /sys/class and /sys/bus are overlaid with a few files, so that the guest has Azure's DMI data on any machine;
  * the process never execs: every module it needs is loaded before it leaves the machine's file tree;
  * programs start as its children, so the parent of a daemon is process 1, as on a real machine.
"""

import ctypes
import errno
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
from typing import Any, NoReturn

from fabriclab.guests import control, kernel
from fabriclab.guests.nodes import Nodes, open_kernel_events

NODES = (
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
    ("net/tun", 10, 200),
    ("fuse", 10, 229),
    ("loop-control", 10, 237),
)
# where agents mount the provisioning medium, and the modes that they give it
MEDIUM_PLACE = (("mnt", 0o755), ("cdrom", 0o755), ("secure", 0o700))
SHARED_SETTINGS = ("kernel", "vm", "fs", "debug", "dev")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def launch(specification: dict[str, Any], channel: socket.socket, up: int, go: int) -> NoReturn:
    """In a fresh child of the fabric: namespaces, then the guest's first process. Never returns.

    Says "u" on `up` when the network namespace is there, waits on `go` for the interface, then says "pid N" or what failed.
    """
    try:
        kernel.die_with_parent()
        kernel.unshare(kernel.NEW_MOUNT | kernel.NEW_UTS | kernel.NEW_IPC | kernel.NEW_NET | kernel.NEW_PID | kernel.NEW_CGROUP)
        os.write(up, b"u")
        if not os.read(go, 1):
            os._exit(1)
        done_read, done_write = os.pipe()
        first = os.fork()
        if first == 0:
            os.close(done_read)
            _begin(specification, channel, done_write)
        os.close(done_write)
        channel.close()
        problem = os.read(done_read, 4000)
        os.write(up, problem or f"pid {first}".encode())
        os.close(up)
        _, status = os.waitpid(first, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    except OSError as problem:
        os.write(up, f"guest: {problem}".encode())
        os._exit(1)


def _begin(specification: dict[str, Any], channel: socket.socket, done: int) -> NoReturn:
    try:
        kernel.die_with_parent()
        kernel.set_name("lab-guest")
        kernel.forget_command_line("lab-guest")
        _build(specification)
    except (OSError, subprocess.SubprocessError) as problem:
        os.write(done, f"guest: {problem}".encode())
        os._exit(1)
    os.close(done)
    _let_go_of_everything_but(channel.fileno())
    Guest(channel, Nodes(specification["devices"])).serve()
    os._exit(0)


def _let_go_of_everything_but(keep: int) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, keep)
    os.closerange(keep + 1, 4096)


def _build(specification: dict[str, Any]) -> None:
    os.umask(0)
    kernel.make_private()
    root = specification["root"]
    upper = f",upperdir={specification['upper']},workdir={specification['work']}"
    kernel.mount_overlay(root, specification["layers"], "guestroot", upper)
    quiet = kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC
    kernel.mount("proc", f"{root}/proc", "proc", quiet)
    kernel.mount("sysfs", f"{root}/sys", "sysfs", quiet)
    _make_devices(root, specification["devices"])
    _offer_media(root, specification["media"])
    kernel.mount("run", f"{root}/run", "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, "mode=0755")
    for name in ("lock", "sshd"):
        os.mkdir(f"{root}/run/{name}", 0o755)
    kernel.mount("tmp", f"{root}/tmp", "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, "mode=1777")
    for layer, place in specification["sysfs"]:
        kernel.mount_overlay(f"{root}/{place}", [layer, f"{root}/{place}"], "sysfs", flags=quiet | kernel.READ_ONLY)
    kernel.bind(specification["boot_id"], f"{root}/proc/sys/kernel/random/boot_id", read_only=True)
    _configure_network(specification)
    socket.sethostname(specification["hostname"])
    kernel.pivot_root(root)
    _protect_shared_settings()
    kernel.drop_capabilities()
    os.umask(0o022)


def _make_devices(root: str, disks: list[list[Any]]) -> None:
    dev = f"{root}/dev"
    kernel.mount("dev", dev, "tmpfs", kernel.NO_SUID | kernel.NO_EXEC, "mode=0755")
    for name in ("pts", "shm", "mqueue", "net"):
        os.mkdir(f"{dev}/{name}", 0o755)
    for name, major, minor in NODES:
        _make_node(f"{dev}/{name}", f"/dev/{name}", 0o666 | stat.S_IFCHR, os.makedev(major, minor))
    for name, major, minor in disks:
        _make_node(f"{dev}/{name}", None, 0o660 | stat.S_IFBLK, os.makedev(major, minor))
    kernel.mount("devpts", f"{dev}/pts", "devpts", kernel.NO_SUID | kernel.NO_EXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
    kernel.mount("shm", f"{dev}/shm", "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, "mode=1777")
    links = (("pts/ptmx", "ptmx"), ("/proc/self/fd", "fd"), ("fd/0", "stdin"), ("fd/1", "stdout"), ("fd/2", "stderr"))
    for target, name in links:
        os.symlink(target, f"{dev}/{name}")


def _offer_media(root: str, media: list[list[str]]) -> None:
    """[device, directory of its files]: a medium without a drive looks as if somebody had mounted the drive already."""
    for device, source in media:
        os.close(os.open(f"{root}/dev/{device}", os.O_CREAT | os.O_CLOEXEC, 0o600))
        place = root
        for part, mode in MEDIUM_PLACE:
            place = f"{place}/{part}"
            if not os.path.isdir(place):
                os.mkdir(place, mode)
        kernel.mount(f"/dev/{device}", place, "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC, "mode=0755")
        for name in os.listdir(source):
            with open(f"{source}/{name}", "rb") as given, open(f"{place}/{name}", "wb") as made:
                made.write(given.read())
                os.fchmod(made.fileno(), 0o444)
        kernel.mount("none", place, flags=kernel.REMOUNT | kernel.BIND | kernel.READ_ONLY | kernel.NO_SUID | kernel.NO_DEVICES)


def _make_node(path: str, of_machine: str | None, mode: int, device: int) -> None:
    try:
        os.mknod(path, mode, device)
    except PermissionError:  # a user namespace may not make nodes: bind the machine's own
        if of_machine is not None and os.path.exists(of_machine):
            os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC, 0o600))
            kernel.bind(of_machine, path)


def _configure_network(specification: dict[str, Any]) -> None:
    lines = ["link set lo up", "link set geth0 name eth0", "link set eth0 up"]
    if specification["address"] is not None:
        gateway = specification["gateway"]
        lines += [f"address add {specification['address']} dev eth0", f"route add default via {gateway}"]
        lines += [f"route add {route} via {gateway}" for route in specification["routes"]]
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, capture_output=True, timeout=30)
    if done.returncode != 0:
        raise OSError(f"ip: {done.stderr.strip()}")


def _protect_shared_settings() -> None:
    for name in SHARED_SETTINGS:
        path = f"/proc/sys/{name}"
        if os.path.exists(path):
            kernel.mount(path, path, flags=kernel.BIND | kernel.RECURSIVE)
            kernel.mount("none", path, flags=kernel.REMOUNT | kernel.BIND | kernel.READ_ONLY)
    if os.path.exists("/proc/sysrq-trigger"):
        kernel.bind("/proc/sysrq-trigger", "/proc/sysrq-trigger", read_only=True)
    kernel.mount("none", "/sys", flags=kernel.REMOUNT | kernel.BIND | kernel.READ_ONLY)


class Guest:
    """Starts programs for the lab and reaps everything that ends."""

    def __init__(self, channel: socket.socket, nodes: Nodes) -> None:
        self._channel = channel
        self._nodes = nodes
        self._waiting: dict[int, int] = {}  # process -> descriptor on which its end is told

    def serve(self) -> None:
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        events = open_kernel_events()
        self._nodes.begin()
        sources = [self._channel.fileno(), wake_read, *([events.fileno()] if events is not None else [])]
        while True:
            ready, _, _ = select.select(sources, [], [], self._nodes.patience())
            if not ready:
                self._nodes.complete()
            if events is not None and events.fileno() in ready:
                self._nodes.follow(events.recv(8192))
            if wake_read in ready:
                os.read(wake_read, 512)
                self._reap()
            if self._channel.fileno() in ready and not self._answer():
                return

    def _answer(self) -> bool:
        message, descriptors = control.receive(self._channel)
        if message is None:
            return False
        try:
            if message["do"] == "spawn":
                control.send(self._channel, {"ok": self._spawn(message, descriptors)})
            else:
                _kill(message["process"], message["signal"], message["group"])
                control.send(self._channel, {"ok": None})
        except OSError as problem:
            control.send(self._channel, {"error": str(problem)})
        return True

    def _spawn(self, message: dict[str, Any], descriptors: tuple[int, ...]) -> int:
        """descriptors: standard input, output, error, and where the exit is told."""
        *standard, told = descriptors
        process = os.fork()
        if process == 0:
            _execute(message, standard)
        for descriptor in standard:
            os.close(descriptor)
        self._waiting[process] = told
        return process

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            told = self._waiting.pop(process, None)
            if told is not None:
                try:
                    os.write(told, json.dumps(os.waitstatus_to_exitcode(status)).encode())
                except BrokenPipeError:
                    pass
                os.close(told)


def _kill(process: int, number: int, group: bool) -> None:
    try:
        (os.killpg if group else os.kill)(process, number)
    except ProcessLookupError:
        pass


def _execute(message: dict[str, Any], standard: list[int]) -> NoReturn:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.setsid()
        for target, descriptor in enumerate(standard):
            os.dup2(descriptor, target)
        os.closerange(3, 4096)
        if message["terminal"]:
            ctypes.CDLL(None).ioctl(0, 0x540E, 0)  # TIOCSCTTY: our terminal, for job control in a shell
        os.chdir(message["directory"])
        if message["user"]:
            _become(message["user"])
        os.execvpe(message["command"][0], message["command"], message["environment"])
    except (OSError, ValueError, KeyError) as problem:
        missing = isinstance(problem, OSError) and problem.errno == errno.ENOENT
        os.write(2, f"{message['command'][0]}: {problem}\n".encode())
        os._exit(127 if missing else 126)


def _become(user: str) -> None:
    """Only numbers: names are the guest's, and this process may not load name services of the guest's root."""
    identity, group = (int(part) for part in user.split(":"))
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(identity, identity, identity)


# Loaded now, while the machine's file tree is still there: codecs and whatever the standard library loads on first use.
assert sys.getfilesystemencoding() and "".encode("ascii") == b"" and json.dumps({})
