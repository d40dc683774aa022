"""`fabriclab shell`: enters the guest or the fabric of a lab that runs now."""

import subprocess
import sys
from pathlib import Path

from fabriclab.guests import presence, vm_shell
from fabriclab.guests.presence import Lab


def shell(where: str, wanted: int | None, command: list[str]) -> int:
    """Runs `command`, or an interactive shell, and gives its exit status."""
    running = presence.labs()
    ours = tuple(lab for lab in running if presence.may_enter(lab.fabric))
    choice = choose(ours, wanted, where) if ours or not running else "Entering the lab of another user needs root."
    if isinstance(choice, str):
        print(f"fabriclab: {choice}", file=sys.stderr)
        return 1
    inside = command or ["/bin/bash", "--login"]
    if isinstance(choice, Path):
        try:
            return vm_shell.converse(choice, inside)
        except OSError as problem:
            print(f"fabriclab: {problem}", file=sys.stderr)
            return 1
    return subprocess.run(presence.entering(choice, inside, guest=where == "guest"), check=False).returncode


def choose(labs: tuple[Lab, ...], wanted: int | None, where: str) -> int | Path | str:
    """The process to enter, a virtual machine's door, or one sentence that says why there is none."""
    fitting = [lab for lab in labs if wanted is None or wanted == lab.lab]
    if not fitting:
        return "No lab runs now: start one with `fabriclab up`." if wanted is None else f"No lab has the process id {wanted}."
    if len(fitting) > 1:
        return f"Several labs run; choose one with --lab: {', '.join(named(lab.lab) for lab in fitting)}."
    if where == "guest" and (door := vm_shell.door(fitting[0].fabric)) is not None:
        return door
    process = fitting[0].guest if where == "guest" else fitting[0].fabric
    return process if process is not None else "The lab's guest is not running at this moment."


def named(lab: int, proc: Path = Path("/proc")) -> str:
    """The lab's process id, and the command line that made it where that can be seen."""
    try:
        words = (proc / str(lab) / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return str(lab)
    at = next((at for at, word in enumerate(words) if Path(word).name in ("fabriclab", "fabriclab.cli.main")), None)
    return f"{lab} ({' '.join(words[at + 1 :])})" if at is not None and words[at + 1 :] else str(lab)
