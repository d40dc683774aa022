"""[[expect]] tables → expectations. What is expected is said by the one key that names it: `health`, `handler`, `file` …"""

import re
from collections.abc import Callable

from fabriclab.scenario import expected
from fabriclab.scenario.expected import Expectation, What
from fabriclab.scenario.table import BadScenario, Table

SERVICES = ("wireserver", "hostplugin", "imds", "blob", "dhcp", "dns", "world", "guest")
EXTENSION_STATES = ("transitioning", "warning", "error", "success")
HANDLER_STATES = ("Ready", "NotReady", "Installing", "Unresponsive")
KINDS = ("file", "directory", "link", "pipe", "socket", "character device", "block device")

AT_ONCE = 5.0  # seconds for what should already be so


def parse(table: Table, number: int) -> Expectation:
    found = [key for key in READERS if key in table and not (key == "changed" and "only_changed" in table)]
    if len(found) != 1:
        known = ", ".join(READERS)
        said = " and ".join(found) if found else "nothing"
        raise BadScenario(f"{table.file}: {table.where}: says {said}, but exactly one of {known} is needed")
    what = READERS[found[0]](table)
    usual_at, within = _when(what)
    at, delay = table.moment("at", usual_at)
    expectation = Expectation(
        what,
        name=table.text("id", f"expect {number}"),
        at=at,
        delay=delay + table.seconds("delay", 0.0),
        within=table.seconds("within", within),
        about=table.text("about", ""),
    )
    table.finish()
    return expectation


def _when(what: What) -> tuple[str, float]:
    """What is said over time counts from the start; the guest and its tree are looked at when all that is over."""
    if isinstance(what, expected.Requests | expected.Health) and what.bounds:
        return expected.END, 0.0
    if isinstance(what, expected.Health | expected.Handler | expected.GoalState | expected.Requests | expected.Logs):
        return expected.START, 60.0
    return expected.END, AT_ONCE


def _health(table: Table) -> What:
    return expected.Health(
        table.choice("health", ("Ready", "NotReady")),
        table.maybe_text("substatus"),
        table.maybe_text("description"),
        table.flag("absent", False),
    )


def _handler(table: Table) -> What:
    return expected.Handler(
        name=table.text("handler"),
        absent=table.flag("absent", False),
        status=table.choice("status", HANDLER_STATES) if "status" in table else None,
        version=table.maybe_text("version"),
        code=table.maybe_whole("code"),
        message=table.maybe_text("message"),
        instance=table.maybe_text("instance"),
        extension=table.choice("extension", EXTENSION_STATES) if "extension" in table else None,
        extension_code=table.maybe_whole("extension_code"),
        extension_message=table.maybe_text("extension_message"),
        sequence=table.maybe_whole("sequence"),
    )


def _goal_state(table: Table) -> What:
    known = ("Success", "Failed", "Initialize", "Transitioning")
    return expected.GoalState(table.choice("goal_state", known), table.maybe_whole("code"), table.maybe_text("message"))


def _requests(table: Table) -> What:
    what = _exchanges(table.table("requests"), table.whole("at_least", 0), table.maybe_whole("at_most"))
    if not what.at_least and what.at_most is None:
        table.wrong("requests", "neither at_least nor at_most is given")
    return what


def _never(table: Table) -> What:
    return _exchanges(table.table("never"), 0, 0)


def _exchanges(table: Table, at_least: int, at_most: int | None) -> expected.Requests:
    what = expected.Requests(
        service=table.choice("service", SERVICES) if "service" in table else None,
        method=table.maybe_text("method"),
        path=table.maybe_text("path"),
        status=table.maybe_whole("status"),
        refused=table.flag("refused") if "refused" in table else None,
        text=_pattern(table, "text"),
        at_least=at_least,
        at_most=at_most,
    )
    table.finish()
    return what


def _logs(table: Table) -> What:
    return expected.Logs(table.texts("logs"), table.texts("without"))


def _file(table: Table) -> What:
    return expected.File(
        path=_absolute(table, "file"),
        absent=table.flag("absent", False),
        kind=table.choice("kind", KINDS) if "kind" in table else None,
        mode=_mode(table),
        owner=table.maybe_text("owner"),
        group=table.maybe_text("group"),
        content=table.maybe_text("content"),
        contains=_one_or_more(table, "contains"),
        lacks=_one_or_more(table, "lacks"),
        matches=_pattern(table, "matches"),
    )


def _user(table: Table) -> What:
    return expected.User(
        name=table.text("user"),
        absent=table.flag("absent", False),
        shell=table.maybe_text("shell"),
        home=table.maybe_text("home"),
        groups=table.texts("groups") if "groups" in table else None,
        password=table.flag("password") if "password" in table else None,
    )


def _hostname(table: Table) -> What:
    return expected.Hostname(table.text("hostname"))


def _process(table: Table) -> What:
    return expected.Process(_pattern(table, "process") or "", table.flag("absent", False))


def _agent(table: Table) -> What:
    return expected.Agent(table.choice("agent", ("running", "ended")) == "running", table.maybe_whole("status"))


def _command(table: Table) -> What:
    return expected.Command(
        table.text("command"), table.whole("status", 0), table.maybe_text("prints"), _pattern(table, "matches")
    )


def _login(table: Table) -> What:
    by = table.choice("by", ("key", "password"), "key")
    return expected.Login(
        user=table.text("login"),
        by=by,
        password=table.maybe_text("password") if by == "password" else None,
        refused=table.flag("refused", False),
        runs=table.text("runs", "true"),
        prints=table.maybe_text("prints"),
    )


def _probe(table: Table) -> What:
    return expected.Probe(table.whole("probe", 0), table.flag("refused", False))


def _tree(table: Table) -> What:
    return expected.Tree(
        only=table.texts("only_changed") if "only_changed" in table else None,
        among=table.texts("changed"),
    )


def _pattern(table: Table, key: str) -> str | None:
    text = table.maybe_text(key)
    if text is not None:
        try:
            re.compile(text)
        except re.error as problem:
            table.wrong(key, f"no regular expression: {problem}")
    return text


def _mode(table: Table) -> int | None:
    text = table.maybe_text("mode")
    if text is None:
        return None
    if not re.fullmatch(r"[0-7]{3,4}", text):
        table.wrong("mode", f'"{text}" is not three or four octal digits')
    return int(text, 8)


def _one_or_more(table: Table, key: str) -> tuple[str, ...]:
    if key in table and table.is_text(key):
        return (table.text(key),)
    return table.texts(key)


def _absolute(table: Table, key: str) -> str:
    text = table.text(key)
    if not text.startswith("/"):
        table.wrong(key, f'"{text}" does not begin with /')
    return text


READERS: dict[str, Callable[[Table], What]] = {
    "health": _health,
    "handler": _handler,
    "goal_state": _goal_state,
    "requests": _requests,
    "never": _never,
    "logs": _logs,
    "file": _file,
    "user": _user,
    "hostname": _hostname,
    "process": _process,
    "agent": _agent,
    "command": _command,
    "login": _login,
    "probe": _probe,
    "only_changed": _tree,
    "changed": _tree,
}
