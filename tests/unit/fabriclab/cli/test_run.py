"""cli: what a wrong scenario, agent or file gives on the command line, before anything is started."""

import socket
from pathlib import Path

import pytest
from rich.console import Console

from fabriclab.cli.live import Live, summarize
from fabriclab.cli.main import main
from fabriclab.scenario import document
from fabriclab.scenario.outcome import Result, TimelineEvent, Verdict


def test_a_misspelt_scenario_ends_with_status_2_and_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "frist-boot"]) == 2
    assert capsys.readouterr().err.startswith("fabriclab: frist-boot: no such scenario; did you mean first-boot? ")


def test_a_wrong_file_ends_with_status_2_and_names_file_key_and_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[expect]]\nhealth = "Redy"\n')
    assert main(["run", str(path)]) == 2
    assert (
        capsys.readouterr().err
        == f'fabriclab: {path}: expect[1].health: "Redy" is none of Ready, NotReady; did you mean Ready?\n'
    )


def test_a_scenario_that_expects_nothing_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("")
    assert main(["run", str(path)]) == 2
    assert "at least one [[expect]]" in capsys.readouterr().err


def test_an_unknown_agent_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "first-boot", "--agent", "theirs"]) == 2
    assert "theirs: no such agent" in capsys.readouterr().err


@pytest.mark.parametrize(
    "verb", [["run", "first-boot"], ["compare", "ours", "debian", "x"], ["ext", "lint", "good"], ["bench"]]
)
def test_a_result_that_could_not_be_written_is_refused_before_the_run(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, reason in ((tmp_path / "no" / "x.json", "there is no directory"), (tmp_path, "is a directory")):
        with pytest.raises(SystemExit) as ended:
            main([*verb, "--json", str(path)])
        assert ended.value.code == 2
        assert reason in capsys.readouterr().err


def test_a_number_of_faults_without_a_seed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "first-boot", "--faults", "3"]) == 2
    assert "without --seed" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named_before_a_lab_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["up", "first-boot", "--page", str(port)]) == 2
    assert capsys.readouterr() == ("", f"fabriclab: --page {port}: Address already in use\n")


def test_keep_is_refused_where_nothing_would_be_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "first-boot", "--keep", "--count", "2"]) == 2
    assert "first-boot: --keep: only a run of one guest is kept" in capsys.readouterr().err


def test_the_scenarios_are_listed_with_what_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in document.names())
    assert "no HandlerManifest" not in listed and "without HandlerManifest.json" in listed


def test_the_summary_keeps_brackets_and_counts_what_did_not_hold() -> None:
    console = Console(record=True, width=120)
    verdicts = (Verdict("x matches /[a-z]/", True), Verdict("y", False, "pattern [b]"))
    summarize(console, Result("s", "a", "sandbox", 1.5, verdicts, {"start → Ready": 0.25}, kept="/some/place"))
    text = console.export_text()
    assert "x matches /[a-z]/" in text and "pattern [b]" in text
    assert "0.250 s  start → Ready" in text
    assert "1 of 2 expectations did not hold." in text and "Kept: /some/place" in text


def test_the_timeline_is_plain_lines_where_there_is_no_terminal() -> None:
    console = Console(record=True, width=120, force_terminal=False)
    with Live(console) as live:
        live.wait_for("something")
        live.tell(TimelineEvent(1.5, "agent", "reported Ready", True))
    assert console.export_text() == "   1.500 s  agent  ✓ reported Ready\n"
