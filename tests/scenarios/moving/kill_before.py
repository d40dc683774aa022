"""Runs a program and kills it right before one of its system calls: `kill_before.py CALL PATH PROGRAM [ARGUMENT ...]`.

CALL is `rename` (onto PATH) or `unlink`. It lies in a guest, standard library only. Exit status: 0 if the program was killed,
3 if it ended without that call. Odd: only the program itself is watched, not what it starts.
"""

import ctypes
import os
import platform
import signal
import struct
import sys

TRACE_ME, SYSCALL, SET_OPTIONS, SYSCALL_INFO = 0, 24, 0x4200, 0x420E
GOOD, EXIT_KILL = 0x1, 0x100000
ENTRY = 1
CALLS = {  # number → which argument is the path
    "x86_64": {"rename": {82: 1, 264: 3, 316: 3}, "unlink": {87: 0, 263: 1}},
    "aarch64": {"rename": {38: 3, 276: 3}, "unlink": {35: 1}},
}

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def main() -> int:
    call, path, *command = sys.argv[1:]
    numbers = CALLS[platform.machine()][call]
    child = os.fork()
    if child == 0:
        libc.ptrace(TRACE_ME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.execvp(command[0], command)
    os.waitpid(child, 0)
    libc.ptrace(SET_OPTIONS, child, None, GOOD | EXIT_KILL)
    pending = 0
    while True:
        libc.ptrace(SYSCALL, child, None, pending)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            return 3
        told = os.WSTOPSIG(status)
        pending = 0 if told in (signal.SIGTRAP, signal.SIGTRAP | 0x80) else told
        if told == signal.SIGTRAP | 0x80 and entered(child, numbers) == path:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 0


def entered(child: int, numbers: dict[int, int]) -> str | None:
    """The path of one of these calls, if the process is about to make one."""
    told = ctypes.create_string_buffer(88)
    libc.ptrace(SYSCALL_INFO, child, ctypes.c_void_p(len(told)), told)
    if told.raw[0] != ENTRY:
        return None
    number, *arguments = struct.unpack_from("<7Q", told.raw, 24)
    if number not in numbers:
        return None
    with open(f"/proc/{child}/mem", "rb", buffering=0) as memory:
        memory.seek(arguments[numbers[number]])
        return memory.read(256).split(b"\0")[0].decode("utf-8", "replace")


if __name__ == "__main__":
    sys.exit(main())
