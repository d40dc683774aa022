"""A reply that another one overtakes."""

import threading
import time

from fabriclab.faults.effects import Reorder
from fabriclab.faults.parse import parse
from fabriclab.faults.rule import Rule
from unit.fabriclab.emulator.bench import running

VERSIONS = "/?comp=versions"


def test_the_reply_to_the_first_request_comes_after_that_to_the_second() -> None:
    with running() as bench:
        bench.fabric.inject(Rule(Reorder(10.0), service="wireserver", nth=(1,)))
        order: list[str] = []

        def ask(name: str) -> None:
            bench.wire(f"{VERSIONS}&who={name}", {})
            order.append(name)

        first = threading.Thread(target=ask, args=("first",))
        first.start()
        time.sleep(0.3)  # nothing tells that a request waits: this is long for one on its way
        assert order == []
        ask("second")
        first.join(10)
        assert sorted(order) == ["first", "second"]
        replied = [entry.exchange.target for entry in bench.journal.entries() if entry.exchange]
        assert [target[-6:] for target in replied] == ["second", "=first"]


def test_a_reply_that_nothing_overtakes_leaves_after_its_time() -> None:
    with running() as bench:
        bench.fabric.inject(parse({"effect": "reorder", "seconds": 0.2, "service": "wireserver"}))
        begun = time.monotonic()
        assert bench.wire(VERSIONS, {}).status == 200
        assert 0.2 <= time.monotonic() - begun < 5
