"""What the scenarios about the fabric share: a provisioned guest, things to publish, and what the journal says about them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fabriclab.journal.entry import Entry
from fabriclab.scenario import doing, hearing
from fabriclab.scenario.lab import Lab
from fabriclab.scenario.step import Publish, Source, Wanted
from fabriclab.world.events import ChangeSettings, Channel
from fabriclab.world.extension import Extension, Settings
from scenarios import labs

OVF = """
[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
GOOD = "Lab.Good"


@contextmanager
def provisioned(place: Path, text: str = "", agent: str = "ours") -> Iterator[Lab]:
    """A lab whose agent has reported Ready. `text`: more of the scenario's TOML."""
    with labs.begun(labs.scenario_of(place, f"{text}\n{OVF}"), agent) as lab:
        labs.await_ready(lab)
        yield lab


def publish(lab: Lab, channel: Channel = "wire", message: str = "one", **settings: Any) -> int:
    """Asks for the sample `good`; gives the journal's last number before that."""
    before = lab.journal.last
    wanted = Extension(GOOD, "1.0.0", settings=(Settings(0, {"message": message}, **settings),))
    doing.do(Publish((Wanted(wanted, Source("sample", "good")),), channel=channel), lab)
    return before


def change(lab: Lab, channel: Channel, message: str) -> int:
    before = lab.journal.last
    lab.fabric.apply(ChangeSettings(GOOD, {"message": message}, channel=channel))
    return before


def await_success(lab: Lab, message: str, after: int = 0, patience: float = labs.PATIENCE) -> Entry:
    fits = labs.says(GOOD, "Ready", "success", f"good: {message}")
    return labs.await_entry(lab, fits, f"the extension says {message}", after, patience)


def asked(service: str, text: str = "", status: int | None = None) -> Callable[[Entry], bool]:
    """Whether an entry is a request to the service whose target contains the text, and was answered so."""

    def fits(entry: Entry) -> bool:
        exchange = entry.exchange
        return (
            entry.service == service
            and exchange is not None
            and text.lower() in exchange.target.lower()
            and status in (None, exchange.status)
        )

    return fits


def requests(lab: Lab, service: str, text: str = "", after: int = 0) -> list[Entry]:
    return [entry for entry in lab.journal.since(after) if asked(service, text)(entry)]


def refused(lab: Lab, after: int = 0) -> list[str]:
    return [f"{entry.summary}: {entry.refusal}" for entry in lab.journal.since(after) if entry.refusal]


def blob(entry: Entry) -> dict[str, Any]:
    """The status document of an entry."""
    return next(dict(document) for found, document in hearing.blobs([entry]))


def is_status(entry: Entry) -> bool:
    return entry.kind == hearing.STATUS
