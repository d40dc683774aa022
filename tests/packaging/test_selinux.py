"""The SELinux policy module: it compiles, it links with the whole of Debian's policy, and there it allows what it is meant to.

Debian's policy is only looked through: its package is unpacked into a temporary directory and installed nowhere.
"""

import bz2
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "packaging/selinux"
POLICY = "selinux-policy-default"

pytestmark = [pytest.mark.slow, pytest.mark.registry, pytest.mark.timeout(300), pytest.mark.xdist_group("selinux")]


def run(*command: object, directory: Path = PROJECT, timeout: float = 240) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(words[:3])}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def module() -> Path:
    """dist/waagent.pp, built now."""
    if os.geteuid() != 0 and shutil.which("checkmodule") is None:
        pytest.skip("the compiler of policies is missing, and only root installs it")
    return PROJECT / run("bash", "packaging/selinux/build.sh").splitlines()[-1]


@pytest.fixture(scope="module")
def policy(module: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's policy with our module in it, as the kernel would load it."""
    place = tmp_path_factory.mktemp("policy")
    place.chmod(0o755)
    got = subprocess.run(["apt-get", "download", POLICY], cwd=place, capture_output=True, text=True, timeout=120, check=False)
    found = next(place.glob("*.deb"), None)
    if found is None:
        pytest.skip(f"{POLICY} is not to be had: {got.stderr[-200:]}")
    run("dpkg-deb", "-x", found, place / "unpacked")
    for packed in (place / "unpacked/usr/share/selinux/default").glob("*.pp.bz2"):
        (place / packed.name.removesuffix(".bz2")).write_bytes(bz2.decompress(packed.read_bytes()))
    shutil.copy(module, place)
    others = sorted(path.name for path in place.glob("*.pp") if path.name != "base.pp")
    run("semodule_link", "-o", "linked", "base.pp", *others, directory=place)
    run("semodule_expand", "linked", "policy", directory=place)
    return place / "policy"


ASK = """
import json, sys
import setools
policy = setools.SELinuxPolicy(sys.argv[1])
def holds(rule):
    try:
        return not rule.conditional
    except Exception:
        return True
def answer(kind, source, target, tclass, permission):
    given = {"ruletype": [kind], "source": source, "target": target, "tclass": [tclass] if tclass else None}
    if permission:
        given["perms"] = [permission]
    query = setools.TERuleQuery(policy, **{key: value for key, value in given.items() if value})
    return [str(rule) for rule in query.results() if holds(rule)]
found = [answer(*question) for question in json.load(sys.stdin)]
unconfined = [str(one) for one in policy.lookup_type("waagent_t").attributes()]
print(json.dumps([found, unconfined]))
"""
"""One program for all questions: reading the policy takes longer than the answers. What depends on a boolean does not count."""
Question = tuple[str, str, str, str, str]
CONFINED = ("httpd_t", "httpd_sys_script_t", "named_t", "ntpd_t", "postfix_master_t")
KEPT = ("waagent_var_lib_t", "waagent_log_t")
STARTED: list[Question] = [
    ("allow", "init_t", "waagent_t", "process", "transition"),
    ("allow", "init_t", "bin_t", "file", "execute"),
    ("allow", "waagent_t", "bin_t", "file", "entrypoint"),
    ("type_transition", "init_t", "waagent_exec_t", "process", ""),
]
FREE: list[Question] = [
    ("allow", "waagent_t", "shadow_t", "file", "write"),
    ("allow", "waagent_t", "waagent_var_lib_t", "file", "execute_no_trans"),
    ("allow", "waagent_t", "home_root_t", "dir", "add_name"),
    ("allow", "waagent_t", "waagent_t", "capability", "sys_module"),
    ("allow", "waagent_t", "waagent_t", "capability", "sys_admin"),
    ("allow", "waagent_t", "fs_t", "filesystem", "mount"),
    ("allow", "logrotate_t", "waagent_log_t", "file", "rename"),
    ("allow", "init_t", "waagent_var_lib_t", "file", "execute"),
]
SECRET: list[Question] = [
    ("allow", name, kept, "file", permission) for name in CONFINED for kept in KEPT for permission in ("read", "write")
]
SERVICE: Question = ("type_transition", "init_t", "waagent_var_lib_t", "process", "")
MADE: Question = ("type_transition", "waagent_t", "", "", "")
WITHOUT: Question = ("allow", "httpd_t", "var_lib_t", "file", "read")
QUESTIONS = [*STARTED, *FREE, *SECRET, SERVICE, MADE, WITHOUT]


@pytest.fixture(scope="module")
def answers(policy: Path) -> dict[Question, list[str]]:
    command = ["/usr/bin/python3", "-c", ASK, str(policy)]
    given = json.dumps(QUESTIONS)
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found, attributes = json.loads(done.stdout)
    assert "unconfined_domain_type" in attributes
    return dict(zip(QUESTIONS, found, strict=True))


def test_the_module_has_its_name_version_and_places(module: Path, tmp_path: Path) -> None:
    run("semodule_unpackage", module, tmp_path / "mod", tmp_path / "fc")
    places = [line.split()[0] for line in (tmp_path / "fc").read_text().splitlines() if line.strip() and line[0] != "#"]
    assert places == [
        "/usr/bin/waagent",
        "/usr/sbin/waagent",
        "/var/lib/waagent(/.*)?",
        r"/var/log/waagent\.log.*",
        "/var/log/azure(/.*)?",
    ]
    assert b"waagent" in module.read_bytes() and b"1.0.0" in module.read_bytes()


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("/usr/sbin/waagent", "waagent_exec_t"),
        ("/var/lib/waagent", "waagent_var_lib_t"),
        ("/var/lib/waagent/0123.prv", "waagent_var_lib_t"),
        ("/var/log/waagent.log-2026-01-01-1700000000.gz", "waagent_log_t"),
        ("/var/log/azure/Lab.Good/commands.log", "waagent_log_t"),
        ("/etc/waagent.conf", ""),
        ("/var/lib/waagent-other", ""),
    ],
)
def test_each_place_of_the_agent_has_its_type(path: str, type_: str) -> None:
    rows = [line.split() for line in (SOURCE / "waagent.fc").read_text().splitlines() if line.startswith("/")]
    found = [re.sub(r".*object_r:(\w+),.*", r"\1", row[-1]) for row in rows if re.fullmatch(row[0], path)]
    assert found == ([type_] if type_ else [])


def test_linked_with_the_whole_policy_systemd_starts_the_agent_in_its_domain(answers: dict[Question, list[str]]) -> None:
    assert [question for question in STARTED if not answers[question]] == []
    assert answers[STARTED[-1]] == ["type_transition init_t waagent_exec_t:process waagent_t;"]


def test_nothing_is_kept_from_the_agent_and_what_it_starts(answers: dict[Question, list[str]]) -> None:
    assert [question for question in FREE if not answers[question]] == []


def test_a_service_that_an_extension_has_installed_beside_itself_is_started(answers: dict[Question, list[str]]) -> None:
    assert answers[SERVICE] == ["type_transition init_t waagent_var_lib_t:process waagent_t;"]


def test_confined_services_cannot_read_what_the_agent_keeps(answers: dict[Question, list[str]]) -> None:
    assert [answers[question] for question in SECRET if answers[question]] == []


def test_without_the_module_a_confined_service_could(answers: dict[Question, list[str]]) -> None:
    """Else the test above would say nothing."""
    assert answers[WITHOUT]


def test_what_the_agent_makes_anew_has_its_type_at_once(answers: dict[Question, list[str]]) -> None:
    assert {line for line in answers[MADE] if " waagent_" in line.partition(":")[2]} == {
        "type_transition waagent_t var_lib_t:dir waagent_var_lib_t waagent;",
        "type_transition waagent_t var_log_t:dir waagent_log_t azure;",
        "type_transition waagent_t var_log_t:file waagent_log_t waagent.log;",
    }


def test_the_drop_in_does_no_harm_where_there_is_no_module() -> None:
    lines = [line for line in (SOURCE / "waagent-selinux.conf").read_text().splitlines() if line and line[0] != "#"]
    assert lines == ["[Service]", "SELinuxContext=-system_u:system_r:waagent_t:s0"]  # the dash: a failure is no failure
