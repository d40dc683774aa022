"""The journal: order, waiting, subscribers, and what its file may say."""

import json
import threading
from pathlib import Path

import pytest

from fabriclab.journal.entry import Entry, Exchange
from fabriclab.journal.journal import Journal, read
from fabriclab.journal.lines import BadJournal


def test_entries_are_numbered_from_one_and_keep_their_order() -> None:
    journal = Journal()
    for word in ("one", "two", "three"):
        journal.add("world", word)
    assert [(entry.number, entry.summary) for entry in journal.entries()] == [(1, "one"), (2, "two"), (3, "three")]
    assert [entry.summary for entry in journal.since(1)] == ["two", "three"]
    assert journal.last == 3


def test_times_count_from_the_start_of_the_journal() -> None:
    times = iter([100.0, 102.5])
    journal = Journal(clock=lambda: next(times))
    assert journal.add("world", "later").since == 2.5


def test_an_unknown_party_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Journal().add("world", "text", who="nobody")


def test_waiting_sees_an_entry_that_another_thread_adds() -> None:
    journal = Journal()
    thread = threading.Timer(0.05, lambda: journal.add("wireserver", "ready", facts={"kind": "health"}))
    thread.start()
    found = journal.wait(lambda entry: entry.kind == "health", timeout=10)
    thread.join()
    assert found is not None and found.summary == "ready"


def test_waiting_ends_without_an_entry_when_the_time_is_over() -> None:
    journal = Journal()
    journal.add("world", "something else")
    assert journal.wait(lambda entry: entry.kind == "health", timeout=0.02) is None


def test_waiting_after_a_number_does_not_find_what_was_before() -> None:
    journal = Journal()
    old = journal.add("world", "hit")
    assert journal.wait(lambda entry: entry.summary == "hit", timeout=0.02, after=old.number) is None
    assert journal.wait(lambda entry: entry.summary == "hit", timeout=0.02) == old


def test_a_subscriber_may_add_entries_and_all_subscribers_see_them_in_order() -> None:
    journal = Journal()
    seen: list[int] = []

    def answer(entry: Entry) -> None:
        if entry.summary == "question":
            journal.add("lab", "answer", who="lab")

    journal.subscribe(answer)
    journal.subscribe(lambda entry: seen.append(entry.number))
    journal.add("world", "question")
    assert seen == [1, 2]


def test_a_subscriber_that_left_hears_nothing_more() -> None:
    journal = Journal()
    seen: list[str] = []
    leave = journal.subscribe(lambda entry: seen.append(entry.summary))
    journal.add("world", "one")
    leave()
    journal.add("world", "two")
    assert seen == ["one"]


def test_a_failing_subscriber_is_told_of_called_no_more_and_hurts_nobody_else() -> None:
    journal = Journal()
    calls: list[str] = []
    seen: list[str] = []

    def fail(entry: Entry) -> None:
        calls.append(entry.summary)
        raise RuntimeError("on purpose")

    journal.subscribe(fail)
    journal.subscribe(lambda entry: seen.append(entry.summary))
    journal.add("world", "one")
    journal.add("world", "two")
    assert calls == ["one"]
    assert seen[0] == "one" and "on purpose" in seen[1] and seen[2] == "two"
    (failure,) = [entry for entry in journal.entries() if entry.kind == "lab_failure"]
    assert "RuntimeError" in failure.facts["traceback"]


def test_many_threads_leave_no_gap_and_subscribers_see_everything_in_order() -> None:
    journal = Journal()
    seen: list[int] = []
    journal.subscribe(lambda entry: seen.append(entry.number))
    threads = [threading.Thread(target=lambda: [journal.add("world", "x") for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.number for entry in journal.entries()] == list(range(1, 801))
    assert seen == list(range(1, 801))


def test_bodies_are_cut_at_the_cap_and_their_size_is_kept() -> None:
    journal = Journal(body_cap=10)
    entry = journal.add("blob", "put", exchange=Exchange("PUT", "/x", request_body=b"a" * 50))
    assert entry.exchange is not None
    assert (len(entry.exchange.request_body), entry.exchange.request_size) == (10, 50)


def test_a_written_journal_is_read_back_as_it_was(tmp_path: Path) -> None:
    journal = Journal()
    exchange = Exchange(
        "POST",
        "/machine?comp=health",
        request_headers=(("x-ms-version", "2012-11-30"),),
        request_body="<Health>ü</Health>".encode(),
        status=200,
        connection=3,
        client="10.77.0.2",
        refusal="no",
    )
    journal.add("wireserver", "health", who="agent", exchange=exchange, facts={"kind": "health", "state": "Ready"})
    journal.write(tmp_path / "journal.jsonl")
    (entry,) = read(tmp_path / "journal.jsonl")
    (original,) = journal.entries()
    assert entry.exchange == original.exchange
    assert (entry.number, entry.who, entry.kind, entry.wall) == (1, "agent", "health", original.wall)


def test_half_a_surrogate_pair_survives_the_file(tmp_path: Path) -> None:
    journal = Journal()
    journal.add("blob", "status", facts={"message": "\ud800"})
    journal.write(tmp_path / "journal.jsonl")
    assert read(tmp_path / "journal.jsonl")[0].facts == {"message": "\ud800"}


def test_a_binary_body_is_written_as_size_and_checksum_only(tmp_path: Path) -> None:
    journal = Journal()
    journal.add("blob", "get", exchange=Exchange("GET", "/p.zip", response_body=b"PK\x03\x04\xff secret"))
    journal.write(tmp_path / "journal.jsonl")
    document = json.loads((tmp_path / "journal.jsonl").read_text())
    assert document["exchange"]["response"].keys() == {"headers", "size", "sha256"}


def test_a_line_that_is_no_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"number": 1}\n')
    with pytest.raises(BadJournal, match=r"journal\.jsonl:1: since: missing"):
        read(path)
