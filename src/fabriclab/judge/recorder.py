#!/usr/bin/python3
"""Runs in the guest, in place of each command of the judged handler: runs the command itself and writes down what is seen.

    recorder.py NAME     NAME of the command (install, enable …); the original text of each is in commands.json beside this file

The command runs as the agent would have run it: /bin/sh -c, the same working directory, environment, standard streams and
session. One line goes to the records before it and one after it, so that a command that was killed has a first line only.
While it runs, the guest's processes and the handler's status files are looked at every few milliseconds.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

RECORDS = "/var/lib/fabriclab/records.jsonl"
TURN = 0.01
SLOW_TURN = 0.1
QUICK = 10.0
ARGUMENTS = 4096
WORDS = 2048
DISTINCT = 2000
PREFIXES = ("AZURE_GUEST_AGENT_", "Config", "VERSION")


class Watch:
    """What was seen beside the command: command lines of new processes, how many there were at a time, half status files."""

    def __init__(self, status_folder: str) -> None:
        self.before = {number for number, _ in processes()}
        self.lines: dict[str, bool] = {}
        self.most = 0
        self.torn: dict[str, str] = {}
        self._seen: dict[str, list[int]] = {}
        self._folder = status_folder

    def look(self) -> None:
        alive = 0
        for number, line in processes():
            if number in self.before or number == os.getpid():
                continue
            alive += 1
            if line and len(self.lines) < DISTINCT:
                self.lines[line] = True
        self.most = max(self.most, alive)
        for name, found in files(self._folder).items():
            if self._seen.get(name) == found:
                continue
            self._seen[name] = found
            if name.endswith(".status"):
                self._read(name)

    def _read(self, name: str) -> None:
        try:
            with open(os.path.join(self._folder, name), "rb") as file:
                text = file.read(1 << 20)
            json.loads(text)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as problem:
            self.torn[name] = str(problem)[:200]


def processes() -> Iterator[tuple[int, str]]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    line = file.read(ARGUMENTS).replace(b"\0", b" ").decode("utf-8", "replace").strip()
            except OSError:
                continue
            yield int(name), line


def files(folder: str) -> dict[str, list[int]]:
    """Name → identity of each file: a change of any of these is a new content."""
    found: dict[str, list[int]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    seen = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                found[entry.name] = [seen.st_ino, seen.st_mtime_ns, seen.st_size]
    except OSError:
        pass
    return found


def text_of(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return file.read(256).decode("utf-8", "replace")
    except OSError:
        return None


def last_words() -> str:
    """The end of what is in the standard error, which an agent keeps in a file that has no name."""
    try:
        with open("/proc/self/fd/2", "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - WORDS))
            return file.read(WORDS).decode("utf-8", "replace")
    except OSError:  # a pipe, in an agent of another kind
        return ""


def write(line: dict[str, Any]) -> None:
    os.makedirs(os.path.dirname(RECORDS), mode=0o700, exist_ok=True)
    descriptor = os.open(RECORDS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, json.dumps(line).encode() + b"\n")
    os.close(descriptor)


def main() -> None:
    name = sys.argv[1]
    here = os.path.dirname(os.path.abspath(sys.argv[0]))
    base = os.path.dirname(here)
    with open(os.path.join(here, "commands.json")) as file:
        command = json.load(file)[name]
    status_folder = os.path.join(base, "status")
    number, parent = f"{os.getpid()}.{time.time_ns()}", os.getppid()
    write(
        {
            "number": number,
            "what": "begin",
            "at": time.time(),
            "command": name,
            "base": base,
            "directory": os.getcwd(),
            "environment": {key: value for key, value in os.environ.items() if key.startswith(PREFIXES)},
            "mrseq": text_of(os.path.join(base, "mrseq")),
            "statuses": files(status_folder),
        }
    )
    watch = Watch(status_folder)
    began = time.monotonic()
    running = subprocess.Popen(["/bin/sh", "-c", base + "/" + command.lstrip("/")])
    ending = os.pidfd_open(running.pid)
    while True:
        watch.look()
        turn = TURN if time.monotonic() - began < QUICK else SLOW_TURN
        if select.select([ending], [], [], turn)[0]:
            break
    status = running.wait()
    seconds = time.monotonic() - began
    watch.look()
    write(
        {
            "number": number,
            "what": "end",
            "at": time.time(),
            "status": status,
            "seconds": seconds,
            "mrseq": text_of(os.path.join(base, "mrseq")),
            "statuses": files(status_folder),
            "lines": list(watch.lines),
            "most": watch.most,
            "torn": watch.torn,
            "orphaned": os.getppid() != parent,
            "words": last_words() if status else "",
        }
    )
    if status < 0:
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main()
