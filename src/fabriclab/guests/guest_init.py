"""First process of a guest: builds its file tree and network, then starts what the lab asks for and reaps orphans.

Guests recipe, part A: an overlay over the root with an upper layer that outlives a reboot, own /proc /sys /dev /run /tmp, eth0
from a veth pair, and read-only views of all settings that the kernel shares between guests and the machine. Odd:
  * /sys/class and /sys/bus are overlaid with a few files, so that the guest has Azure's DMI data on any machine;
  * the process never execs: every module it needs is loaded before it leaves the machine's file tree;
  * programs start as its children, so the parent of a daemon is process 1, as on a real machine;
  * in a guest with a service manager (part B) it does exec, that manager; then the process that waits for it serves the lab. It
    shares the guest's file tree and network, and its children are in the guest's process namespace.
"""

import json
import os
import socket
import stat
import subprocess
import sys
from typing import Any, NoReturn

from fabriclab.guests import cgroups, kernel, swapping
from fabriclab.guests.cgroups import Hierarchy
from fabriclab.guests.nodes import Nodes
from fabriclab.guests.serving import Server

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
SECOND_CARD = "eno1"  # a name that comes before eth0's
ENDED_BY_SIGNAL = 128  # the kernel tells a reboot of a process namespace as SIGHUP, a power-off as SIGINT


def launch(specification: dict[str, Any], channel: socket.socket, up: int, go: int) -> NoReturn:
    """In a fresh child of the fabric: namespaces, then the guest's first process. Never returns.

    Says "u" on `up` when the network namespace is there, waits on `go` for the interface, then says "pid N" or what failed.
    """
    groups = _groups(specification)
    try:
        kernel.die_with_parent()
        home = cgroups.leaving(groups)
        cgroups.join(groups, specification["group"])
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
        cgroups.leave(home)  # the first process of these groups is to be the only one
        problem = os.read(done_read, 4000)
        os.write(up, problem or f"pid {first}".encode())
        os.close(up)
        status: int | None = None
        if specification["init"] and not problem:
            status = _serve_from_outside(specification, channel, first)
        else:
            channel.close()
        if status is None:
            status = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
        os._exit(status if status >= 0 else ENDED_BY_SIGNAL - status)
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
    if specification["init"]:
        _become_service_manager(specification)
    _let_go_of_everything_but(channel.fileno())
    Server(channel, Nodes(specification["devices"])).serve()
    os._exit(0)


def _serve_from_outside(specification: dict[str, Any], channel: socket.socket, first: int) -> int | None:
    """The guest's tree is ours too: pivot_root takes every process of the mount namespace along."""
    os.chdir("/")
    kernel.drop_capabilities()
    kernel.refuse_swapping()
    _let_go_of_everything_but(channel.fileno())
    return Server(channel, Nodes(specification["devices"]), first).serve()


def _become_service_manager(specification: dict[str, Any]) -> NoReturn:
    terminal = os.open("/dev/console", os.O_RDWR | os.O_NOCTTY)
    for standard in (0, 1, 2):
        os.dup2(terminal, standard)
    os.closerange(3, 4096)
    command = specification["init"]
    os.execve(command[0], command, {"container": "lab", "PATH": PATH, "TERM": "linux", **specification["environment"]})


def _groups(specification: dict[str, Any]) -> tuple[Hierarchy, ...]:
    return tuple(Hierarchy(*one) for one in specification["groups"])


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
    _write_runtime(root, specification["runtime"])
    kernel.mount("tmp", f"{root}/tmp", "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, "mode=1777")
    for layer, place in specification["sysfs"]:
        kernel.mount_overlay(f"{root}/{place}", [layer, f"{root}/{place}"], "sysfs", flags=quiet | kernel.READ_ONLY)
    if specification["init"]:
        cgroups.mount(root, _groups(specification), unified=bool(specification.get("unified")))
        os.close(os.open(f"{root}/dev/console", os.O_CREAT | os.O_CLOEXEC, 0o600))
        kernel.bind(specification["console"], f"{root}/dev/console")
    if os.path.exists(f"{root}/proc/swaps"):
        _write_runtime(root, {swapping.FILE: swapping.HEADER})
        kernel.bind(f"{root}/run/{swapping.FILE}", f"{root}/proc/swaps")
    kernel.bind(specification["boot_id"], f"{root}/proc/sys/kernel/random/boot_id", read_only=True)
    _configure_network(specification)
    socket.sethostname(specification["hostname"])
    kernel.pivot_root(root)
    _protect_shared_settings()
    kernel.drop_capabilities()
    kernel.refuse_swapping()
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


def _write_runtime(root: str, files: dict[str, str | None]) -> None:
    """Files below /run that are there when the first process starts; None is a named pipe, "-> X" a link."""
    for name, text in files.items():
        path = f"{root}/run/{name}"
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        if text is None:
            os.mkfifo(path, 0o600)
        elif text.startswith("-> "):
            os.symlink(text[3:], path)
        else:
            with open(path, "w") as file:
                file.write(text)
            os.chmod(path, 0o644)


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
    if specification["second_card"]:
        lines += [f"address add {specification['second_card']} dev {SECOND_CARD}", f"link set {SECOND_CARD} up"]
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


# Loaded now, while the machine's file tree is still there: codecs and whatever the standard library loads on first use.
assert sys.getfilesystemencoding() and "".encode("ascii") == b"" and json.dumps({})
