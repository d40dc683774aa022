"""How every command of the lab ends: its exit status, and what it says when it is interrupted or asked wrongly.

docs/lab.md has the table; a verb that is missing here or there fails the first test.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fabriclab.cli.verbs import parser
from fabriclab.scenario import document, storms
from scenarios import labs

pytestmark = labs.in_a_guest

LAB = labs.PROJECT / "docs/lab.md"
SILENT = 'starts_agent = false\n[[expect]]\nhostname = "guest"\n'
FAILS = 'starts_agent = false\n[[expect]]\nhostname = "other"\nwithin = 0.1\n'

HELD = [
    ["scenarios"],
    ["schema"],
    ["schema", "run"],
    ["do"],
    ["ext", "samples"],
    ["ext", "lint", "good"],
    ["run", "SILENT"],
    ["pace", "--polls", "100", "--agents", "5", "--period", "0.1", "--seconds", "1"],
    ["--help"],
    ["--version"],
    ["replay", "JOURNAL"],
]
NOT_HELD = [
    ["run", "FAILS"],
    ["shell", "--lab", "1"],
    ["do", "--lab", "1", "reboot"],
    ["ext", "lint", "nomanifest"],
]
WRONG = {
    "run frist-boot": "did you mean first-boot?",
    "run first-boot --agent debain": "did you mean debian?",
    "run first-boot --agnet ours": "--agnet: no such option; did you mean --agent?",
    "run first-boot --guest systmd": "did you mean systemd?",
    "run first-boot again": '"again" is one argument too many',
    "run": "required: scenario",
    "rnu first-boot": "did you mean run?",
    "up first-bot": "did you mean first-boot?",
    "do reboto": "did you mean reboot?",
    "do fault effect=statsu": "did you mean status?",
    "shell gest": "did you mean guest?",
    "compare ours debain first-boot": "did you mean debian?",
    "replay nowhere": "No such file or directory",
    "replay nowhere --text (": "no regular expression",
    "bench --agents oours": "did you mean ours?",
    "pace --agents 0": "--agents",
    "scenarios all": "one argument too many",
    "schema rnu": "did you mean run?",
    "ext run godo": "did you mean good?",
    "ext lint godo": "did you mean good?",
    "ext samples godo": "did you mean good?",
    "ext rnu good": "did you mean run?",
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fabriclab.cli.main", *arguments]


def ended(*arguments: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=labs.environment(),
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr
    return done


def filled(words: list[str], place: Path) -> list[str]:
    """With files for what is written in capitals."""
    files = {
        "SILENT": place / "silent.toml",
        "FAILS": place / "fails.toml",
        "JOURNAL": place / "journal.jsonl",
    }
    files["SILENT"].write_text(SILENT)
    files["FAILS"].write_text(FAILS)
    files["JOURNAL"].write_text("")
    return [str(files.get(word, word)) for word in words]


def verbs() -> set[str]:
    action = next(one for one in parser()._actions if isinstance(one.choices, dict))
    return set(action.choices or ())


def test_every_verb_is_in_the_table_and_is_asked_wrongly_here() -> None:
    table = LAB.read_text().partition("## Exit statuses")[2].partition("\n## ")[0]
    assert [verb for verb in sorted(verbs()) if f"`{verb}" not in table] == []
    assert verbs() <= {words.split()[0] for words in WRONG}


@pytest.mark.parametrize("words", HELD, ids=" ".join)
def test_what_holds_ends_with_0(words: list[str], tmp_path: Path) -> None:
    done = ended(*filled(words, tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", NOT_HELD, ids=" ".join)
def test_what_does_not_hold_or_cannot_be_had_ends_with_1(words: list[str], tmp_path: Path) -> None:
    done = ended(*filled(words, tmp_path))
    assert done.returncode == 1, done.stderr
    assert done.stdout or len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", WRONG)
def test_who_asks_wrongly_is_told_in_one_line_and_gets_2(words: str) -> None:
    done = ended(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("fabriclab") and WRONG[words] in line


def interrupted(words: list[str], said: str) -> tuple[int, str, float]:
    """Ctrl-C, as a terminal sends it to all that it has started, once the program has `said` this: status, words, seconds."""
    running = subprocess.Popen(
        command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=labs.environment(),
        start_new_session=True,
        preexec_fn=labs.heed_interrupts,
    )
    assert running.stdout is not None
    for line in running.stdout:
        if said in line:
            break
    else:
        pytest.fail(f"it ended without saying {said!r}: {running.communicate()[1]}")
    begun = time.monotonic()
    os.killpg(running.pid, signal.SIGINT)
    errors = running.communicate(timeout=60)[1]
    return running.returncode, errors, time.monotonic() - begun


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "first-boot"], "agent started"),
        (["run", "first-boot", "--count", "2"], "[1] agent started"),
        (["up", "first-boot"], "agent started"),
        (["ext", "run", "good"], "agent ours"),
    ],
    ids=["run", "run-several", "up", "ext-run"],
)
def test_who_interrupts_a_lab_gets_one_line_and_the_prompt(words: list[str], said: str) -> None:
    status, errors, seconds = interrupted(words, said)
    wanted = (0, "") if words[0] == "up" else (130, "fabriclab: interrupted; the guest and its fabric are gone\n")
    assert (status, errors) == wanted
    assert seconds < 15, "the others ran on to their ends"


@pytest.mark.slow
def test_faults_by_seed_that_matter_are_left_in_a_scenario_that_fails_the_same_way(tmp_path: Path) -> None:
    """The agent asks a fifth of a second long, and no answer may be a 503."""
    seed = next(seed for seed in range(10**5) if matters(storms.faults(seed, 2)))
    agent, scenario = tmp_path / "asks.toml", tmp_path / "mine.toml"
    agent.write_text(f"[start]\ncommand = ['/usr/bin/python3', '-c', '''{ASKS}''']\n")
    scenario.write_text('lasts = 3\n[[expect]]\nnever = { service = "wireserver", status = 503 }\n')
    done = ended("run", str(scenario), "--agent", str(agent), "--seed", str(seed), "--faults", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    found = re.search(r"1 of 2 faults are enough: fabriclab run (\S+)", done.stdout)
    assert found is not None, done.stdout
    (rule,) = document.load(Path(found[1])).faults
    assert rule.service == "wireserver"
    again = ended("run", found[1], "--agent", str(agent))
    assert again.returncode == 1
    assert failures(again.stdout) == failures(done.stdout) != []


def matters(tables: list[storms.FaultTable]) -> bool:
    first, second = tables
    strikes = {"effect": "status", "code": 503, "service": "wireserver"}.items() <= first.items()
    return strikes and first["from"] < 1 and first["until"] > 4 and "every" not in first and second["service"] == "imds"


def failures(said: str) -> list[str]:
    """What did not hold, without how often and when."""
    return [" ".join(re.sub(r"[0-9.]+ (s|times)", "", line).split()) for line in said.splitlines() if "NOT" in line]


ASKS = """
import time, urllib.request
while True:
    try:
        urllib.request.urlopen("http://168.63.129.16/?comp=versions", timeout=1).read()
    except OSError:
        pass
    time.sleep(0.2)
"""
