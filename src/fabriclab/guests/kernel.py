"""The few kernel calls a namespace guest is made of, through ctypes: unshare, mount, pivot_root, prctl and loop devices.

Standard library only and nothing else of the project: the fabric's and the guest's first process import this before they leave
the machine's file tree. Odd: `os.unshare` exists from Python 3.12 on only, and loop devices belong to the whole machine, not to
a namespace, so every one is opened with the kernel's autoclear flag: it is free again when the last process that holds it ends,
however that process ends.
"""

import ctypes
import errno
import fcntl
import os
import struct

NEW_MOUNT, NEW_CGROUP, NEW_UTS, NEW_IPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000

READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC = 1, 2, 4, 8
REMOUNT, BIND, RECURSIVE, PRIVATE = 32, 4096, 16384, 1 << 18
DETACH = 2

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_CAPBSET_DROP = 1, 15, 24
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}

_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_BLKPG, _BLKPG_ADD_PARTITION = 0x1269, 1
_LO_READ_ONLY, _LO_AUTOCLEAR, _LO_PARTSCAN = 1, 4, 8

_PR_SET_SECCOMP, _FILTERED = 22, 2
# swapon and swapoff by architecture, as the kernel's audit names it; x86 has three ways to call them
_SWAPPING = {
    0xC000003E: (167, 168, 0x40000000 | 167, 0x40000000 | 168),
    0x40000003: (87, 115),
    0xC00000B7: (224, 225),
    0xC00000F3: (224, 225),
}

# What root in a guest may not do, because the thing is shared with the machine: load modules, raw I/O, set the clock.
SHARED_WITH_THE_MACHINE = (16, 17, 25)

_libc = ctypes.CDLL(None, use_errno=True)


def user_map() -> tuple[str, str, str]:
    """First line of this process's map of user ids: first id inside, the id that it is outside, and how many follow."""
    with open("/proc/self/uid_map") as file:
        inside, outside, count = file.readline().split()
    return inside, outside, count


def in_user_namespace() -> bool:
    """Whether root here is root of a user namespace only: without block devices, and without trusted attributes."""
    return user_map() != ("0", "0", "4294967295")


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, options: str = "") -> None:
    arguments = (
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(_libc.mount(*arguments), f"mount {kind or 'bind'} on {target}")


def mount_overlay(target: str, layers: list[str], source: str, options: str = "", flags: int = 0) -> None:
    """An overlay; what it has to remember of a directory goes into attributes that its mounter may write."""
    attributes = "userxattr" if in_user_namespace() else "redirect_dir=off"  # the first implies the second
    mount(source, target, "overlay", flags, f"lowerdir={':'.join(layers)}{options},{attributes}")


def opaque() -> str:
    """The attribute by which an overlay hides all that lies below a directory."""
    return "user.overlay.opaque" if in_user_namespace() else "trusted.overlay.opaque"


def bind(source: str, target: str, read_only: bool = False) -> None:
    mount(source, target, flags=BIND)
    if read_only:
        mount("none", target, flags=REMOUNT | BIND | READ_ONLY)


def make_private() -> None:
    mount("none", "/", flags=RECURSIVE | PRIVATE)


def unmount(target: str) -> None:
    _check(_libc.umount2(target.encode(), DETACH), f"umount {target}")


def pivot_root(new_root: str) -> None:
    """Makes `new_root` the root of this mount namespace; the old one is gone afterwards."""
    os.chdir(new_root)
    # "." twice: the old root is stacked over the new one, so no directory is needed for it
    _check(_libc.syscall(_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def die_with_parent() -> None:
    _check(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl")


def set_name(name: str) -> None:
    _check(_libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0), "prctl")


def forget_command_line(name: str) -> None:
    """Overwrites what /proc shows of our arguments and environment: they name places of the machine."""
    with open("/proc/self/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    for start, end, text in ((int(fields[45]), int(fields[46]), name.encode()), (int(fields[47]), int(fields[48]), b"")):
        ctypes.memmove(start, text.ljust(end - start, b"\0")[: end - start], end - start)


def drop_capabilities(numbers: tuple[int, ...] = SHARED_WITH_THE_MACHINE) -> None:
    for number in numbers:
        _check(_libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), "prctl")


def refuse_swapping() -> None:
    """From now on this process and all it starts cannot turn swap space on or off: there is one for all of the machine."""
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EPERM
    program = []
    for architecture, numbers in _SWAPPING.items():
        program.append((0x20, 0, 0, 4))  # the architecture of the call
        program.append((0x15, 0, 1 + 2 * len(numbers), architecture))
        program.append((0x20, 0, 0, 0))  # its number
        for number in numbers:
            program.append((0x15, 0, 1, number))
            program.append((0x06, 0, 0, refuse))
    program.append((0x06, 0, 0, allow))
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    held = ctypes.create_string_buffer(code)
    filter_program = struct.pack("@HP", len(program), ctypes.addressof(held))
    pointer = ctypes.create_string_buffer(filter_program)
    _check(_libc.prctl(_PR_SET_SECCOMP, _FILTERED, pointer, 0, 0), "prctl")


def attach_loop(path: str, read_only: bool, scan_partitions: bool) -> tuple[int, int]:
    """(number, descriptor) of a loop device over `path`; it is free again when the descriptor and all its users are closed."""
    backing = os.open(path, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(64):  # another program may take the number between the two calls
            number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            device = _open_loop(number)
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, _loop_config(backing, read_only, scan_partitions))
            except OSError as problem:
                os.close(device)
                if problem.errno != errno.EBUSY:
                    raise
            else:
                return number, device
        raise OSError(errno.EBUSY, f"no free loop device for {path}")
    finally:
        os.close(control)
        os.close(backing)


def add_partition(device: int, number: int, start: int, size: int) -> bool:
    """Tells the kernel of a partition in bytes; False when it knows one there already."""
    partition = ctypes.create_string_buffer(struct.pack("=qqi64s64s4x", start, size, number, b"", b""))
    request = struct.pack("@iiiP", _BLKPG_ADD_PARTITION, 0, len(partition), ctypes.addressof(partition))
    try:
        fcntl.ioctl(device, _BLKPG, request)
    except OSError as problem:
        if problem.errno != errno.EBUSY:
            raise
        return False
    return True


def _open_loop(number: int) -> int:
    path = f"/dev/loop{number}"
    if os.path.exists(path):
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    own = f"loop{number}.node"  # the machine has no node for it: one in our own working directory does
    os.mknod(own, 0o600 | 0o060000, os.makedev(7, number))
    try:
        return os.open(own, os.O_RDWR | os.O_CLOEXEC)
    finally:
        os.unlink(own)


def _loop_config(backing: int, read_only: bool, scan_partitions: bool) -> bytearray:
    """struct loop_config of linux/loop.h: fd, block size, struct loop_info64, 8 reserved words."""
    flags = _LO_AUTOCLEAR | (_LO_READ_ONLY if read_only else 0) | (_LO_PARTSCAN if scan_partitions else 0)
    info = struct.pack("=5Q4I64s64s32s2Q", 0, 0, 0, 0, 0, 0, 0, 0, flags, b"fabriclab", b"", b"", 0, 0)
    return bytearray(struct.pack("=II", backing, 0) + info + bytes(64))
