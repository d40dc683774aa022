"""Two runs beside each other, from results and journals alone."""

from fabriclab.guests.diff import Change, Entry
from fabriclab.journal.entry import Exchange
from fabriclab.journal.journal import Journal
from fabriclab.scenario.outcome import Result, TimelineEvent, Verdict
from fabriclab.scenario.side_by_side import Pair, compare, kind


def result(agent: str, **more: object) -> Result:
    return Result("first-boot", agent, "sandbox", 1.0, **{"verdicts": (), **more})  # type: ignore[arg-type]


def added(path: str, mode: int = 0o644) -> Change:
    return Change(path, "added", None, Entry("file", mode, 0, 0, 4, "digest"))


def test_expectations_and_times_stand_beside_each_other() -> None:
    first = result("ours", verdicts=(Verdict("Ready", True),), times={"start → Ready": 0.5})
    second = result("theirs", verdicts=(Verdict("Ready", False, "never"),), times={"start → Ready": 4.0, "more": 1.0})
    found = compare((first, second), ((), ()))
    assert found.agents == ("ours", "theirs")
    assert found.verdicts == (Pair("Ready", "held", "NOT: never"),)
    assert found.times == (Pair("start → Ready", "0.500 s", "4.000 s"), Pair("more", "–", "1.000 s"))


def test_only_files_that_differ_are_told_and_content_is_no_difference() -> None:
    first = result("ours", changes=(added("/etc/same"), added("/key", 0o600)))
    second = result("theirs", changes=(added("/etc/same"), added("/key"), added("/left")))
    assert compare((first, second), ((), ())).files == (
        Pair("/key", "added, file 0600 0:0", "added, file 0644 0:0"),
        Pair("/left", "–", "added, file 0644 0:0"),
    )


def test_requests_are_the_same_whatever_their_identifiers() -> None:
    journal = Journal()
    one = "/machine/11111111-2222-4333-8444-555555555555/aaaaaaaa%2Dbbbb%2D4ccc%2D8ddd%2Deeeeeeeeeeee.x?incarnation=2&sig=abc"
    other = "/machine/99999999-2222-4333-8444-555555555555/aaaaaaaa%2Dbbbb%2D4ccc%2D8ddd%2Dffffffffffff.x?incarnation=17&sig=d"
    kinds = {kind(journal.add("wireserver", "part", exchange=Exchange("GET", target, status=200))) for target in (one, other)}
    assert kinds == {"wireserver GET /machine/…/….x?incarnation=N&sig=…"}


def test_only_requests_whose_number_differs_are_told() -> None:
    first, second = Journal(), Journal()
    for journal, times in ((first, 3), (second, 1)):
        journal.add("imds", "same", exchange=Exchange("GET", "/same", status=200))
        for _ in range(times):
            journal.add("hostplugin", "health", exchange=Exchange("GET", "/health", status=200))
    found = compare((result("a"), result("b")), (first.entries(), second.entries()))
    assert found.requests == (Pair("hostplugin GET /health", "3", "1"),)


def test_the_two_timelines_are_one_in_time() -> None:
    first = result("a", timeline=(TimelineEvent(0.1, "lab", "x"), TimelineEvent(3.0, "agent", "y")))
    second = result("b", timeline=(TimelineEvent(2.0, "agent", "z"),))
    found = compare((first, second), ((), ()))
    assert [(one.side, one.event.text) for one in found.moments] == [(0, "x"), (1, "z"), (0, "y")]
