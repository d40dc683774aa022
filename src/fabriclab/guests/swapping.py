"""Swap space in a guest: a stand-in for swapon and swapoff, because the kernel's swap space is the machine's.

A swap file in use pins its file system and its loop device beyond the end of every namespace, so that a killed lab would leave
them behind for good. The system calls are refused in guests (kernel.refuse_swapping); in their place these two programs judge a
file as the kernel would, and keep /proc/swaps, which is a file of the guest's own. What they were asked for stands in
/run/swap-calls. In a virtual machine all of it is real.
"""

HEADER = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
FILE = ".swaps"
"""Below the guest's /run; bound over its /proc/swaps."""
PROGRAMS = {"usr/sbin/swapon": "swapon", "usr/sbin/swapoff": "swapoff"}

STAND_IN = r'''#!/usr/bin/python3 -ES
"""The lab's stand-in for swapon and swapoff: the kernel's swap space is the machine's."""
import fcntl, os, stat, struct, sys

NAME = os.path.basename(sys.argv[0])
PAGE = os.sysconf("SC_PAGE_SIZE")
NO_COPY, COMPRESSED = 0x00800000, 0x4


def fail(path, why, status=255):
    sys.stderr.write(f"{NAME}: {path}: {NAME} failed: {why}\n")
    sys.exit(status)


def rows():
    with open("/proc/swaps") as file:
        return file.readlines()


def write(lines):
    with open("/proc/swaps", "w") as file:
        file.writelines(lines)


def name(path):
    return path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")


def on(path):
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as problem:
        fail(path, problem.strerror)
    found = os.fstat(handle)
    head = os.pread(handle, PAGE, 0)
    if head[-10:] != b"SWAPSPACE2":
        sys.stderr.write(f"{NAME}: {path}: read swap header failed\n")
        sys.exit(255)
    (pages,) = struct.unpack_from("<I", head, 1028)
    if stat.S_ISREG(found.st_mode):
        if found.st_mode & 0o077:
            sys.stderr.write(f"{NAME}: {path}: insecure permissions {stat.S_IMODE(found.st_mode):04o}, 0600 suggested.\n")
        if found.st_blocks * 512 < found.st_size:
            sys.stderr.write(f"{NAME}: {path}: skipping - it appears to have holes.\n")
            sys.exit(255)
        kind = mounted_on(path)
        if kind in ("tmpfs", "overlay", "fuseblk"):
            fail(path, "Invalid argument")
        if kind == "btrfs":
            (flags,) = struct.unpack("l", fcntl.ioctl(handle, 0x80086601, struct.pack("l", 0)))
            if not flags & NO_COPY or flags & COMPRESSED:
                fail(path, "Invalid argument")
        if (pages + 1) * PAGE > found.st_size:
            fail(path, "Invalid argument")
    elif not stat.S_ISBLK(found.st_mode):
        fail(path, "Invalid argument")
    lines = rows()
    if any(line.split()[0] == name(path) for line in lines[1:]):
        fail(path, "Device or resource busy")
    kind = "file" if stat.S_ISREG(found.st_mode) else "partition"
    write([*lines, f"{name(path):<40}{kind}\t\t{pages * PAGE // 1024}\t\t0\t\t-2\n"])


def off(path):
    lines = rows()
    left = [line for line in lines if line.split()[0] != name(path)]
    if len(left) == len(lines):
        fail(path, "Invalid argument" if os.path.exists(path) else "No such file or directory")
    write(left)


def mounted_on(path):
    best, kind = "", ""
    with open("/proc/mounts") as file:
        for line in file:
            _, place, type_ = line.split()[:3]
            if (path == place or path.startswith(place.rstrip("/") + "/")) and len(place) >= len(best):
                best, kind = place, type_
    return kind


words = sys.argv[1:]
with open("/run/swap-calls", "a") as log:
    log.write(" ".join([NAME, *words]) + "\n")
if not words or words[0] in ("-s", "--summary", "--show"):
    sys.stdout.writelines(rows())
    sys.exit(0)
if words[0] in ("-a", "--all"):
    if NAME == "swapoff":
        write(rows()[:1])
    sys.exit(0)
for word in words:
    if not word.startswith("-"):
        (on if NAME == "swapon" else off)(os.path.realpath(word))
'''
