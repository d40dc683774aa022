"""`fabriclab up`: a fabric and a guest until Ctrl-C, with a page to watch and to act on."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fabriclab.cli import control, documents
from fabriclab.cli.live import Live, terminal
from fabriclab.guests.adapter import Adapter
from fabriclab.journal.entry import Entry
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.expected import END
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from fabriclab.scenario.step import Publish
from fabriclab.scenario.timeline import Timeline

NO_AGENT = "none"


def up(name: str, used: Adapter, *, starts_agent: bool, page: int | None = 0, output: Path | None = None) -> int:
    """`page`: the port of the page, 0 for any that is free, None for no page. `output`: a file for how to reach the lab."""
    scenario = until_the_end(document.find(name))
    if page and (reason := taken(page)) is not None:
        print(f"fabriclab: --page {page}: {reason}", file=sys.stderr)
        return 2
    if not starts_agent:
        scenario = replace(scenario, starts_agent=False)
    console = terminal(output)
    journal = Journal()
    with Live(console) as live:
        live.wait_for("making the lab")
        timeline = Timeline()

        def take(entry: Entry) -> None:
            event = timeline.tell(entry)
            if event is not None:
                live.tell(event)

        journal.subscribe(take)
        with opened(scenario, used, journal) as lab:
            runner = Runner(lab, live.wait_for)
            with _page(lab, runner, page) as address:
                if output is not None:
                    reached = documents.FORMS["up"].document(lab=os.getpid(), page=address, scenario=scenario.name)
                    documents.write(output, reached)
                for line in describe(scenario, lab, address):
                    console.print(line, soft_wrap=True)
                try:
                    runner.begin()
                    runner.stay()
                except KeyboardInterrupt:
                    console.print("Ending the guest and the fabric.")
    return 0


@contextmanager
def _page(lab: Lab, runner: Runner, port: int | None) -> Iterator[str | None]:
    """The page's address while it is served; `fabriclab do` finds it by the note in the lab's work files."""
    if port is None:
        yield None
        return
    from fabriclab.dashboard.room import Room
    from fabriclab.dashboard.server import Server

    room = Room(lab, runner)
    server = Server(room, port)
    room.start()
    server.start()
    control.leave_note(lab.guest.namespace.work, server.address)
    try:
        yield server.address
    finally:
        server.stop()
        room.stop()


def taken(port: int) -> str | None:
    """Why the page could not be at this port: asked before a lab is made for it."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except (OSError, OverflowError) as problem:
        return os.strerror(problem.errno) if isinstance(problem, OSError) and problem.errno else str(problem)
    return None


def until_the_end(scenario: Scenario) -> Scenario:
    """Without what is looked at when all is over: here that is never."""
    going = tuple(one for one in scenario.expectations if one.at != END)
    return replace(scenario, expectations=going)


def describe(scenario: Scenario, lab: Lab, address: str | None = None) -> tuple[str, ...]:
    """How to enter, where the services are, and what will be published."""
    published = [
        f"{wanted.extension.name} {wanted.extension.version}"
        for step in scenario.steps
        if isinstance(step.do, Publish)
        for wanted in step.do.wanted
    ]
    user = scenario.medium.user
    lines = [
        "",
        *([f"The page:          {address}"] if address else []),
        *([f"Act on it:         fabriclab do --lab {os.getpid()} VERB [KEY=VALUE …]"] if address else []),
        f"Enter the guest:   fabriclab shell --lab {os.getpid()}         (the agent's log: /var/log/waagent.log)",
        f"Enter the fabric:  fabriclab shell --lab {os.getpid()} fabric  (wire server 168.63.129.16, metadata 169.254.169.254)",
        f"Published:         {', '.join(published) or 'no extensions'}",
        *([f"User:              {user}"] if user else []),
        "End:               Ctrl-C",
        "",
    ]
    return tuple(lines)
