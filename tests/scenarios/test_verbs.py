"""What the agent's other words answer in a real guest, and what loading the command as a module does."""

import re
from collections.abc import Iterator

import pytest

from fabriclab.guests.process import Completed
from fabriclab.scenario.lab import Lab
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("verbs")]

NEED_ROOT = [
    *("-daemon", "-start", "-run-exthandlers", "-provision", "-deprovision", "-deprovision+user", "-serialconsole"),
    *("-collect-logs", "-setup-firewall=168.63.129.16"),
]
ROOMS = ("daemon", "provision", "extension", "report", "fabric", "guest", "codec", "config", "system")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A guest with the agent's files laid in and nothing started."""
    with labs.begun(labs.scenario_of(tmp_path_factory.mktemp("verbs"), "starts_agent = false\n")) as made:
        yield made


def as_nobody(lab: Lab, *arguments: str) -> Completed:
    return lab.guest.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *labs.AGENT, *arguments])


def test_version_prints_the_three_lines_that_tools_parse(lab: Lab) -> None:
    done = labs.agent(lab, "-version")
    assert (done.status, done.errors) == (0, "")
    first, second, third = done.output.splitlines()
    match = re.fullmatch(r"WALinuxAgent-(\d+(?:\.\d+)+) running on ([a-z]+) ([\d.]+)", first)
    assert match is not None, first
    assert re.fullmatch(r"Python: 3\.\d+\.\d+", second)
    assert third == f"Goal state agent: {match[1]}"


def test_version_imports_none_of_the_agents_rooms_nor_what_they_need(lab: Lab) -> None:
    done = lab.guest.run(["/usr/bin/python3", "-X", "importtime", "/usr/sbin/waagent", "-version"])
    loaded = {line.rpartition("|")[2].strip() for line in done.errors.splitlines()}
    assert "waagent.cli.version" in loaded, "importtime says nothing"
    assert not [
        name for name in loaded if name.split(".")[0] == "waagent" and name.split(".")[1:2] in [[room] for room in ROOMS]
    ]
    assert not loaded & {"urllib3", "subprocess", "socket", "ssl", "xml.etree.ElementTree", "json", "pathlib"}


def test_version_needs_neither_root_nor_a_configuration(lab: Lab) -> None:
    hidden = lab.guest.shell("mv /etc/waagent.conf /etc/hidden")
    try:
        assert hidden.ok
        assert as_nobody(lab, "-version").status == 0
    finally:
        lab.guest.shell("mv /etc/hidden /etc/waagent.conf")


@pytest.mark.parametrize("word", ["-help", "--help", "-usage", "-?", ""])
def test_help_lists_the_words_and_flags(lab: Lab, word: str) -> None:
    done = labs.agent(lab, word)
    assert (done.status, done.errors) == (0, "")
    blank, usage, *_ = done.output.splitlines()
    assert blank == ""
    assert usage.startswith("usage: waagent [")
    for known in ("daemon", "start", "version", "show-configuration", "deprovision+user", "verbose", "force"):
        assert f"-{known}" in usage


def test_the_effective_configuration_is_printed_sorted(lab: Lab) -> None:
    done = labs.agent(lab, "-show-configuration")
    assert (done.status, done.errors) == (0, "")
    keys = [line.split(" = ")[0] for line in done.output.splitlines()]
    assert keys == sorted(keys)
    assert {"Provisioning.Agent", "Extensions.Enabled", "OS.SshClientAliveInterval", "Lib.Dir"} <= set(keys)
    assert "Pid.File = /var/run/waagent.pid" in done.output.splitlines()


def test_the_configuration_may_be_another_file_and_is_read_by_anybody(lab: Lab) -> None:
    lab.guest.shell("printf 'Logs.Verbose=y\\nUn.Known=1\\n' >/tmp/other.conf; chmod 0644 /tmp/other.conf")
    done = as_nobody(lab, "-show-configuration", "-configuration-path:/tmp/other.conf")
    assert done.status == 0
    assert "Logs.Verbose = True" in done.output.splitlines()
    assert "/tmp/other.conf" in done.errors
    assert "Un.Known" in done.errors


def test_a_configuration_file_that_is_not_there_is_a_failure_that_names_it(lab: Lab) -> None:
    done = labs.agent(lab, "-show-configuration", "-configuration-path:/etc/missing.conf")
    assert done.status == 1
    assert "/etc/missing.conf" in done.errors
    assert "usage: waagent" in done.errors
    assert "Traceback" not in done.errors


@pytest.mark.parametrize("word", ["-deamon", "-versionX", "-daemon=1", "-configuration-path=/etc/waagent.conf"])
def test_an_unknown_word_is_a_usage_error_that_names_it(lab: Lab, word: str) -> None:
    done = labs.agent(lab, word)
    assert (done.status, done.output) == (2, "")
    assert f"waagent: unknown argument: {word}" in done.errors
    assert "usage: waagent" in done.errors


@pytest.mark.parametrize("word", NEED_ROOT)
def test_a_word_that_changes_the_machine_needs_root(lab: Lab, word: str) -> None:
    done = as_nobody(lab, word)
    assert (done.status, done.output) == (1, "")
    assert done.errors == f"waagent: {word.partition('=')[0]} must be run as root\n"


def test_loaded_under_another_name_the_command_does_nothing(lab: Lab) -> None:
    done = lab.guest.run(["/usr/bin/python3", "-B", "-c", LOAD, "handler_copy"])
    assert (done.status, done.output, done.errors) == (0, "loaded [] 1\n", "")


def test_loaded_as_the_module_waagent_it_refuses_so_that_extensions_use_their_own_copy(lab: Lab) -> None:
    done = lab.guest.run(["/usr/bin/python3", "-B", "-c", LOAD, "waagent"])
    assert (done.status, done.output, done.errors) == (0, "ImportError [] 1\n", "")


def test_nothing_of_all_this_changed_the_guest(lab: Lab) -> None:
    """Runs last: what the words above were free to change lies in /tmp."""
    assert [change.text() for change in lab.guest.changes()] == []
    assert lab.guest.shell("ls /run/waagent.pid").status != 0


LOAD = """
import importlib.machinery, importlib.util, sys, threading
loader = importlib.machinery.SourceFileLoader(sys.argv[1], "/usr/sbin/waagent")
module = importlib.util.module_from_spec(importlib.util.spec_from_loader(sys.argv[1], loader))
try:
    loader.exec_module(module)
    said = "loaded"
except ImportError:
    said = "ImportError"
rooms = [name for name in sys.modules if name.startswith("waagent.")]
print(said, rooms, threading.active_count())
"""
