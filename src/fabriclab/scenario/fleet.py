"""Several guests of one scenario at a time, each with an identity of its own.

Each is alone with its host, as VMs on Azure are: the fabric's addresses are the same for all, and each finds only its own goal
state there. They share the scenario, the machine's processors, and nothing else.
"""

import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import reduce
from ipaddress import IPv4Address

from fabriclab.guests.adapter import SANDBOX, Adapter
from fabriclab.journal.entry import LAB
from fabriclab.journal.journal import Journal
from fabriclab.scenario.document import MachinePart, Scenario
from fabriclab.scenario.execution import execute
from fabriclab.scenario.expected import What
from fabriclab.scenario.outcome import Result, TimelineEvent

Tell = Callable[[int, TimelineEvent], None]


class Cut(Exception):
    """This guest's run was ended because another one's was."""


def member(scenario: Scenario, number: int, *, asks: bool = False) -> Scenario:
    """The scenario of the guest with this number, from 0; the first one is the scenario as it is.

    `asks`: the guest has a DHCP client, which gets the address that is its own.
    """
    if not number:
        return scenario
    was = scenario.identity
    address = str(IPv4Address(was.private_address) + number)
    octets = [int(part, 16) for part in was.mac.split(":")]
    tail = (int.from_bytes(bytes(octets[3:]), "big") + number) % (1 << 24)
    identity = replace(
        was,
        vm_id=_other(was.vm_id, number),
        vm_name=f"{was.vm_name}-{number}",
        container_id=_other(was.container_id, number),
        private_address=address,
        mac=":".join(f"{part:02x}" for part in [*octets[:3], *tail.to_bytes(3, "big")]),
    )
    machine = scenario.machine
    if machine.address == MachinePart.address:
        machine = replace(machine, address=None if asks else f"{address}/{was.prefix}")
    known = {was.vm_id: identity.vm_id, was.vm_name: identity.vm_name, was.container_id: identity.container_id}
    expectations = tuple(replace(one, what=_renamed(one.what, known)) for one in scenario.expectations)
    fabric = replace(scenario.fabric, identity=identity)
    return replace(scenario, fabric=fabric, machine=machine, expectations=expectations)


def execute_all(
    scenario: Scenario, adapter: Adapter, journals: list[Journal], tell: Tell, wait_for: Callable[[str], None]
) -> tuple[Result, ...]:
    """A guest for each journal, all at once. Raises what `execute` raises for one; it ends the others, and so does Ctrl-C."""
    over = threading.Event()

    def go_on(text: str) -> None:
        if over.is_set():
            raise Cut

    def one(number: int) -> Result:
        return execute(
            member(scenario, number, asks=adapter.guest != SANDBOX),
            adapter,
            journals[number],
            lambda event: tell(number, event),
            go_on,
        )

    wait_for(f"{len(journals)} guests run")
    with ThreadPoolExecutor(len(journals)) as pool:
        running = [pool.submit(one, number) for number in range(len(journals))]
        try:
            return tuple(one.result() for one in running)
        except BaseException:
            over.set()
            for journal in journals:  # whoever waits, waits for an entry
                journal.add("guest", "this guest ends, as another one has", who=LAB)
            raise


def _renamed(what: What, known: Mapping[str, str]) -> What:
    """An expectation that names the first guest's identity, for another guest."""
    changes = {}
    for one in fields(what):
        value = getattr(what, one.name)
        if isinstance(value, str):
            changes[one.name] = reduce(lambda text, name: text.replace(name, known[name]), known, value)
    return replace(what, **changes)  # type: ignore[arg-type]


def _other(identifier: str, number: int) -> str:
    return str(uuid.uuid5(uuid.UUID(identifier), str(number)))
