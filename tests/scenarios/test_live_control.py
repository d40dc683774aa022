"""What is done to a running lab from outside: side by side where it can be, and never into one another."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from fabriclab.guests import adapter
from fabriclab.journal.journal import Journal
from fabriclab.scenario import steps
from fabriclab.scenario.lab import opened
from fabriclab.scenario.runner import Runner
from fabriclab.scenario.table import Table
from scenarios import labs

pytestmark = labs.in_a_guest

SCENARIO = 'starts_agent = false\n[[expect]]\nagent = "ended"\n'


def test_a_long_command_holds_up_no_fault_and_no_other_command(tmp_path: Path) -> None:
    with opened(labs.scenario_of(tmp_path, SCENARIO), adapter.find("ours"), Journal()) as lab:
        runner = Runner(lab, lambda text: None)

        def do(**keys: object) -> str | None:
            return runner.do_now(steps.parse_do(Table(dict(keys), "test")))

        waits = "mkfifo /run/wait; echo begun >/run/begun; read it </run/wait; echo let go"
        answer: list[str | None] = []
        long = threading.Thread(target=lambda: answer.append(do(do="run", command=waits)))
        long.start()
        try:
            do(do="run", command="for i in $(seq 200); do [ -e /run/begun ] && exit; sleep 0.05; done; exit 1")
            begun = time.monotonic()
            do(do="fault", effect="drop", service="imds")
            do(do="attach-disk")
            do(do="detach-disk")
            assert do(do="run", command="id -un") == "root\n"
            assert time.monotonic() - begun < 10.0 and long.is_alive()
        finally:
            do(do="run", command="echo now >/run/wait")
            long.join(20.0)
        assert answer == ["let go\n"]
