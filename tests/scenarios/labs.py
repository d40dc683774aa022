"""What the scenario tests share: labs opened from TOML text, waits on their journal, and an agent driven by hand.

Each lab is private to its test: namespaces, fabric, guest and agent, made in half a second and ended with it. Nothing here
sleeps for what the journal or the guest can tell.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from fabriclab.guests import adapter
from fabriclab.guests.process import Completed
from fabriclab.journal.entry import Entry
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document, doing, hearing
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.execution import execute
from fabriclab.scenario.expected import Handler
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.outcome import Result
from fabriclab.scenario.runner import Runner

T = TypeVar("T")

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
AGENT = ["/usr/bin/python3", "-u", "/usr/sbin/waagent"]
LOG = "/var/log/waagent.log"
COMMANDS = "/var/log/azure/Lab.Good/commands.log"

GOOD = """
[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]

[[step]]
id = "good"
at = 3600
do = "publish"
[[step.extension]]
sample = "good"
name = "Lab.Good"
public = { message = "hello" }
"""
"""A machine that is provisioned, and an extension that a test publishes when it wants it."""

in_a_guest = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest with drives needs root"),
]


def scenario_of(place: Path, text: str) -> Scenario:
    """A scenario from the text of its TOML file, which is written into `place`."""
    path = place / "scenario.toml"
    path.write_text(text)
    return document.load(path)


@contextmanager
def begun(scenario: Scenario, agent: str = "ours") -> Iterator[Lab]:
    """An open lab in which the steps before the start are done and the agent is started; no later step is done by itself."""
    with opened(scenario, adapter.find(agent), Journal()) as lab:
        Runner(lab, lambda text: None).begin()
        yield lab


def run(scenario: Scenario, agent: str = "ours") -> Result:
    """A scenario to its end."""
    return execute(scenario, adapter.find(agent), Journal(), lambda event: None, lambda text: None)


def not_held(result: Result) -> list[str]:
    return [f"{verdict.text}: {verdict.detail}" for verdict in result.verdicts if not verdict.held]


def do(lab: Lab, name: str) -> None:
    """Carries out the scenario's step of this id now."""
    doing.do(next(step.do for step in lab.scenario.steps if step.name == name), lab)


def await_entry(lab: Lab, fits: Callable[[Entry], bool], what: str, after: int = 0, patience: float = PATIENCE) -> Entry:
    found = lab.journal.wait(fits, patience, after)
    assert found is not None, f"{what}: not within {patience:g} s; the agent's log:\n{log(lab)}"
    return found


def is_ready(entry: Entry) -> bool:
    return entry.kind == hearing.HEALTH and entry.facts.get("state") == "Ready" and entry.refusal is None


def says(handler: str, status: str | None = None, extension: str | None = None, text: str = "") -> Callable[[Entry], bool]:
    """Whether a status blob has the handler with this status, and its extension with that one and a message with `text`."""
    wanted = Handler(handler, status=status, extension=extension, extension_message=text or None)
    return lambda entry: hearing.hear(wanted, [entry]).held is True


def await_ready(lab: Lab, after: int = 0) -> Entry:
    return await_entry(lab, is_ready, "the agent reports Ready", after)


def log(lab: Lab) -> str:
    """The agent's log, as far as it is written."""
    return (lab.guest.read(LOG) or b"").decode("utf-8", "replace")


def await_log(lab: Lab, text: str, beyond: int = 0, patience: float = PATIENCE) -> None:
    """A file tells nobody that it grows: it is looked at in short turns. `beyond`: characters that do not count."""
    end = time.monotonic() + patience
    while text not in log(lab)[beyond:]:
        assert time.monotonic() < end, f"not in the log within {patience:g} s: {text}\n{log(lab)[beyond:]}"
        time.sleep(0.05)


def await_file(lab: Lab, path: str, patience: float = PATIENCE) -> bytes:
    """What is in a file of the guest, as soon as it is there; it is looked at in short turns."""
    end = time.monotonic() + patience
    while (content := lab.guest.read(path)) is None:
        assert time.monotonic() < end, f"{path} was not there within {patience:g} s; the agent's log:\n{log(lab)}"
        time.sleep(0.05)
    return content


def agent(lab: Lab, *arguments: str) -> Completed:
    """One invocation of the agent in the guest, to its end."""
    return lab.guest.run([*AGENT, *arguments], timeout=PATIENCE)


def terminate(lab: Lab) -> float:
    """SIGTERM to the agent's process alone, as its unit does; the seconds until it has ended with status 0."""
    number = lab.service.number
    assert number is not None, f"the agent does not run; its log:\n{log(lab)}"
    told = time.monotonic()
    assert lab.guest.run(["kill", "-TERM", str(number)]).ok
    while lab.service.is_running:
        assert time.monotonic() < told + 10, f"still there 10 s after SIGTERM; the agent's log:\n{log(lab)}"
        time.sleep(0.005)
    seconds = time.monotonic() - told
    assert lab.service.status == 0
    return seconds


def settled(look: Callable[[], T], fits: Callable[[T], bool], patience: float = 5.0) -> T:
    """What is seen when it fits, or at the end of the patience: for what nobody tells, such as files."""
    end = time.monotonic() + patience
    while not fits(seen := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return seen


def environment() -> dict[str, str]:
    """For a `fabriclab` in a process of its own: the source tree's, its lines at once."""
    return {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def heed_interrupts() -> None:
    """A shell starts what it puts into the background deaf to Ctrl-C, and tests with it; a person's terminal does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
