"""The bench without a lab: what is taken from a journal and from /proc, and what is made of many runs."""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fabriclab.cli import bench, verbs
from fabriclab.guests import adapter as adapters
from fabriclab.guests.adapter import BadAdapter
from fabriclab.journal.entry import Exchange
from fabriclab.journal.journal import Journal
from fabriclab.scenario import comparison, footprint, measure
from fabriclab.scenario.measure import Conditions, Run

GET = Exchange("GET", "/machine/?comp=goalstate", status=200)


def run_of(agent: str, number: int = 1, **values: tuple[float, ...]) -> Run:
    return Run(agent, number, f"{agent} 1.0", 1, {getattr(measure, name): given for name, given in values.items()})


class TestTraffic:
    def test_a_connection_that_was_there_before_is_not_opened_in_the_idle_time(self) -> None:
        journal = Journal()
        journal.add("wireserver", "goal state 1", exchange=replace(GET, connection=1))
        before = journal.last
        for connection in (1, 2, 2):
            journal.add("wireserver", "goal state 1", exchange=replace(GET, connection=connection))
        found = measure.traffic(journal.entries(), before)
        assert (found[measure.REQUESTS], found[measure.CONNECTIONS]) == (3, 1)

    def test_bytes_are_bodies_and_headers_both_ways(self) -> None:
        journal = Journal()
        one = replace(GET, request_headers=(("a", "bc"),), response_headers=(("d", "e"),), request_size=10, response_size=100)
        journal.add("wireserver", "goal state 1", exchange=one)
        journal.add("world", "no exchange")
        assert measure.traffic(journal.entries(), 0)[measure.BYTES] == 10 + 100 + 7 + 6


class TestNoticing:
    """PutExtension made goal state 2 and vmSettings 5."""

    def entries(self, service: str, summary: str, facts: Mapping[str, Any], status: int = 200) -> bool:
        journal = Journal()
        published = journal.add("world", "PutExtension", facts={"kind": "world", "incarnation": 2, "etag": 5})
        served = journal.add(service, summary, exchange=replace(GET, status=status), facts=facts)
        return measure.shows(served, published)

    def test_the_new_goal_state_shows_it(self) -> None:
        assert self.entries("wireserver", "goal state 2", {})

    def test_the_goal_state_of_before_does_not(self) -> None:
        assert not self.entries("wireserver", "goal state 1", {})

    def test_the_new_vm_settings_show_it(self) -> None:
        assert self.entries("hostplugin", "vmSettings 5", {"kind": "vm_settings", "etag": 5})

    def test_an_unchanged_answer_does_not(self) -> None:
        assert not self.entries("hostplugin", "vmSettings 5: unchanged", {"kind": "vm_settings", "etag": 5}, status=304)


class TestReports:
    def blob(self, sequence: int, status: str) -> bool:
        settings = {"sequenceNumber": sequence, "settingsStatus": {"status": {"status": status}}}
        part = {"handlerName": measure.NAME, "runtimeSettingsStatus": settings}
        document = {"aggregateStatus": {"handlerAggregateStatus": [part]}}
        entry = Journal().add("blob", "status blob", facts={"kind": "status", "document": document})
        return measure.reports(entry, 3)

    def test_only_success_of_these_very_settings_counts(self) -> None:
        assert self.blob(3, "success")
        assert not self.blob(2, "success")
        assert not self.blob(3, "transitioning")


class TestFootprint:
    def process(
        self, proc: Path, number: int, parent: int, inside: int, command: str, pss: int = 100, space: str = "pid:[2]"
    ) -> None:
        place = proc / str(number)
        (place / "ns").mkdir(parents=True)
        (place / "ns/pid").symlink_to(space)
        (place / "status").write_text(f"Name:\tx\nPPid:\t{parent}\nNSpid:\t{number}\t{inside}\n")
        (place / "cmdline").write_text(command.replace(" ", "\0") + "\0")
        (place / "smaps_rollup").write_text(f"5-6 ---p [rollup]\nRss: 900 kB\nPss: {pss} kB\nPss_Dirty: 7 kB\n")
        fields = ["S", str(parent), *["0"] * 9, "200", "100", "40", "10", "20"]
        (place / "stat").write_text(f"{number} (a ) b) {' '.join(fields)}\n")

    def take(self, proc: Path) -> footprint.Footprint:
        return footprint.take(500, 7, proc, lambda number: None)

    def test_a_daemon_and_its_worker_count_and_its_commands_do_not(self, tmp_path: Path) -> None:
        self.process(tmp_path, 500, 1, 1, "init")
        self.process(tmp_path, 507, 500, 7, "/usr/bin/python3 -u /usr/sbin/waagent -daemon", pss=1000)
        self.process(tmp_path, 508, 507, 8, "python3 -u bin/WALinuxAgent-2.9.1.1-py3.8.egg -run-exthandlers", pss=2000)
        self.process(tmp_path, 509, 508, 9, "/bin/sh -c /var/lib/waagent/Lab.Good-1.0.0/handler.sh enable", pss=4000)
        self.process(tmp_path, 510, 500, 10, "/usr/bin/python3 -u /usr/sbin/waagent -version", pss=8000)
        assert (self.take(tmp_path).processes, self.take(tmp_path).pss) == (2, 3000 * 1024)

    def test_processes_of_another_guest_do_not_count(self, tmp_path: Path) -> None:
        self.process(tmp_path, 500, 1, 1, "init")
        self.process(tmp_path, 600, 1, 7, "/usr/bin/python3 -u /usr/sbin/waagent -daemon", space="pid:[3]")
        assert self.take(tmp_path) == footprint.Footprint(0, 0, 0.0)

    def test_processor_time_includes_ended_children(self, tmp_path: Path) -> None:
        self.process(tmp_path, 500, 1, 1, "init")
        self.process(tmp_path, 507, 500, 7, "/usr/bin/python3 -u /usr/sbin/waagent -daemon")
        tick = 1 / os.sysconf("SC_CLK_TCK")
        assert self.take(tmp_path).cpu == pytest.approx(350 * tick)
        exact = footprint.take(500, 7, tmp_path, lambda number: 2.5)
        assert exact.cpu == pytest.approx(2.5 + 50 * tick)

    def test_a_process_has_a_clock_of_its_own(self) -> None:
        before = footprint.exact_clock(os.getpid())
        assert before is not None and before > 0
        sum(range(100_000))
        after = footprint.exact_clock(os.getpid())
        assert after is not None and after > before


class TestComparison:
    def test_the_ratio_is_that_of_the_medians_of_all_runs(self) -> None:
        runs = [run_of("a", NOTICED=(1.0, 3.0)), run_of("a", 2, NOTICED=(2.0, 9.0)), run_of("b", NOTICED=(5.0,))]
        row = next(row for row in comparison.rows(runs, ["a", "b"]) if row.measurement.name == measure.NOTICED)
        assert row.spreads[0] == comparison.Spread(1.0, 2.5, 9.0, 4)
        assert row.ratio == pytest.approx(0.5)

    def test_a_relative_aim_looks_at_the_ratio_and_another_at_the_median(self) -> None:
        runs = [run_of("a", PSS=(30.0,), UPLOAD=(0.1,)), run_of("b", PSS=(50.0,), UPLOAD=(0.01,))]
        held = {one.aim: one.held for one in comparison.met(comparison.rows(runs, ["a", "b"]))}
        pss, upload = (next(aim for aim in held if aim.name == name) for name in (measure.PSS, measure.UPLOAD))
        assert held[pss] is False
        assert held[upload] is True

    def test_an_agent_alone_has_no_ratio_and_its_relative_aims_are_open(self) -> None:
        table = comparison.rows([run_of("a", PSS=(30.0,))], ["a"])
        assert all(row.ratio is None for row in table)
        assert next(one for one in comparison.met(table) if one.aim.name == measure.PSS).held is None

    def test_each_aim_is_about_something_that_is_measured(self) -> None:
        assert {aim.name for aim in comparison.AIMS} <= {one.name for one in comparison.MEASURED}


class TestConditions:
    def test_all_agents_get_one_root_with_what_each_needs(self) -> None:
        used = measure.same_root([adapters.find("ours"), adapters.find("debian")])
        assert {(one.root, one.suite) for one in used} == {("debian", measure.SUITE)}
        assert {one.packages for one in used} == {("python3-defusedxml", "python3-urllib3", "waagent")}

    def test_what_is_named_twice_is_refused(self) -> None:
        with pytest.raises(BadAdapter, match="one name"):
            bench.chosen("ours,ours")

    def test_no_agent_is_refused(self) -> None:
        with pytest.raises(BadAdapter, match="no agent is named"):
            bench.chosen(" , ")

    @pytest.mark.parametrize("given", ["0", "-3", "some", "nan"])
    def test_a_number_that_measures_nothing_is_refused(self, given: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            verbs.parser().parse_args(["bench", "--idle", given])
        assert ended.value.code == 2
        assert "--idle" in capsys.readouterr().err


class TestOutput:
    def text(self, runs: list[Run], names: list[str]) -> str:
        table = comparison.rows(runs, names)
        console = Console(file=io.StringIO(), width=160)
        lines = bench.preface(runs, names, Conditions(), "a root")
        bench.show(console, lines, names, table, comparison.met(table))
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    def test_it_says_what_is_compared_and_which_aims_are_met(self) -> None:
        runs = [run_of("a", PSS=(30.0,), UPLOAD=(0.1,)), run_of("b", PSS=(50.0,))]
        text = self.text(runs, ["a", "b"])
        assert "a: a 1.0 (1 process)" in text
        assert "1 run each" in text
        assert "0.60×" in text
        assert f"NOT   {measure.PSS} ≤ 0.5× the other agent's: 0.6×" in text
        assert f"held  {measure.UPLOAD} ≤ 0.2 s: 0.1 s" in text

    def test_values_are_shown_in_units_that_people_read(self) -> None:
        text = self.text([run_of("a", VERSION=(0.031, 0.08, 0.04), BYTES=(2048.0,))], ["a"])
        assert "31 / 40 / 80 ms" in text
        assert "2.0 / 2.0 / 2.0 KiB" in text

    def test_the_json_has_every_single_value(self) -> None:
        runs = [run_of("a", NOTICED=(0.5, 1.5))]
        table = comparison.rows(runs, ["a"])
        document = bench.as_document(runs, ["a"], Conditions(seed=9), table, comparison.met(table))
        again = json.loads(json.dumps(document))
        assert again["runs"][0]["values"][measure.NOTICED] == [0.5, 1.5]
        assert again["conditions"]["seed"] == 9
        assert {"aim": "requests per idle minute ≤ 36", "held": None, "value": None} in again["aims"]
