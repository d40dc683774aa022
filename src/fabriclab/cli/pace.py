"""`fabriclab pace`: how many goal-state polls the emulator serves, and how soon it answers a crowd of agents."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from fabriclab.cli import documents
from fabriclab.cli.live import Live, terminal
from fabriclab.scenario import measure
from fabriclab.scenario import pace as paces
from fabriclab.scenario.pace import Crowd, PaceFailed, Speed

AIM = 2000  # polls per second of a processor


def pace(polls: int, agents: int, period: float, seconds: float, output: Path | None) -> int:
    """0 when every poll was answered well."""
    console = terminal(output)
    try:
        with Live(console) as live:
            live.wait_for(f"{polls} polls")
            speed = paces.speed(polls)
            tell_speed(console, speed)
            live.wait_for(f"{agents} agents for {seconds:g} s")
            crowd = paces.crowd(agents, period, seconds)
            tell_crowd(console, crowd)
    except PaceFailed as problem:
        console.print(Text(str(problem), "bold red"), soft_wrap=True)
        return 1
    if output is not None:
        document = documents.FORMS["pace"].document(machine=measure.this_machine(), speed=speed, crowd=crowd)
        documents.write(output, document)
    return 1 if crowd.failed else 0


def tell_speed(console: Console, one: Speed) -> None:
    part = one.per_core / one.library_per_core
    console.print(
        f"{one.polls} polls on {one.connections} connections: {one.per_core:,.0f} per second of processor time "
        f"(aim {AIM:,}), {one.per_second:,.0f} per second by the clock.\n"
        f"The HTTP library alone answers {one.library_per_core:,.0f}: it is {part:.0%} of what a poll costs here.",
        highlight=False,
        soft_wrap=True,
    )


def tell_crowd(console: Console, one: Crowd) -> None:
    console.print(
        f"{one.agents} agents that ask every {one.period:g} s, for {one.seconds:.0f} s: {one.answered} polls answered, "
        f"{one.failed} not; median {one.median * 1000:.1f} ms, p99 {one.p99 * 1000:.1f} ms, "
        f"longest {one.longest * 1000:.1f} ms; {one.cpu / one.seconds:.1%} of a processor, {one.memory / (1 << 20):.0f} MiB.",
        highlight=False,
        soft_wrap=True,
    )
