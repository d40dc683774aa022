"""Every document that a command writes, by its name: `fabriclab schema NAME` gives its JSON Schema, docs/json.md its keys."""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fabriclab.cli.arguments import STANDARD_OUTPUT
from fabriclab.cli.schemas import Form, schema
from fabriclab.dashboard.picture import Boot, Channel, Reported
from fabriclab.journal import lines
from fabriclab.journal.entry import Entry
from fabriclab.journal.lines import Line
from fabriclab.judge.report import JudgedDocument
from fabriclab.judge.rule import Finding
from fabriclab.samples.package import ListedSample
from fabriclab.scenario.comparison import AimDocument, Row
from fabriclab.scenario.document import ListedScenario
from fabriclab.scenario.measure import Conditions, MachineDocument, Run
from fabriclab.scenario.outcome import Result, TimelineEvent
from fabriclab.scenario.pace import Crowd, Speed
from fabriclab.scenario.side_by_side import SideBySide

OK = Annotated[bool, "what the exit status says: true with 0, false with 1"]
VERBS = Annotated[dict[str, dict[str, Any]], "by name: about, and keys with name, kind, needed or default"]
JOURNAL = Annotated[list[Line], "every exchange and event, without credentials"]


@dataclass(frozen=True)
class Done:
    """A step that was done. `output`: what a command printed, None where there was none."""

    done: str
    output: str | None


RUN = Form(
    "`fabriclab run SCENARIO --json FILE`: the result, the timeline, what changed in the guest's files, and the whole journal.",
    (Result,),
    {"journal": JOURNAL},
)
FORMS: dict[str, Form] = {
    "run": RUN,
    "run-several": Form(
        "`fabriclab run SCENARIO --count N --json FILE`, N above 1: a document `run` for each guest.",
        more={
            "ok": OK,
            "seconds": Annotated[float, "from the first guest's making to the last one's end"],
            "memory": Annotated[int, "bytes of all guests together at their ends (PSS)"],
            "guests": [RUN],
        },
    ),
    "compare": Form(
        "`fabriclab compare A B SCENARIO --json FILE`: both results and where they differ.",
        (SideBySide,),
        {"runs": tuple[Result, Result]},
    ),
    "bench": Form(
        "`fabriclab bench --json FILE`: every measured value, in seconds, MiB and bytes, and what was made of them.",
        more={
            "agents": list[str],
            "conditions": Conditions,
            "machine": MachineDocument,
            "runs": list[Run],
            "table": list[Row],
            "aims": list[AimDocument],
        },
    ),
    "pace": Form(
        "`fabriclab pace --json FILE`: how many polls the emulator serves, and how soon.",
        more={"machine": MachineDocument, "speed": Speed, "crowd": Crowd},
    ),
    "scenarios": Form(
        "`fabriclab scenarios --json`: the scenarios that come with the lab.", more={"scenarios": list[ListedScenario]}
    ),
    "ext-run": Form(
        "`fabriclab ext run HANDLER --json FILE`: what was judged, the stages behind it, and the whole journal.",
        (JudgedDocument,),
        {"journal": JOURNAL},
    ),
    "ext-lint": Form("`fabriclab ext lint HANDLER --json FILE`.", more={"ok": OK, "findings": list[Finding]}),
    "ext-samples": Form(
        "`fabriclab ext samples --json`: the handlers that come with the lab.", more={"samples": list[ListedSample]}
    ),
    "replay": Form(
        "`fabriclab replay JOURNAL --json FILE`: the events that are told, and the entries that were chosen.",
        more={"source": str, "events": list[TimelineEvent], "journal": JOURNAL},
    ),
    "up": Form(
        "`fabriclab up --json FILE`: how to reach the lab, once its guest is up.",
        more={
            "lab": Annotated[int, "the process id, for --lab"],
            "page": Annotated[str | None, "the address below which state, stream, entries, offers and do are"],
            "scenario": str,
        },
    ),
    "do": Form("`fabriclab do VERB … --json`: one line for each step.", (Done,)),
    "verbs": Form("`fabriclab do --json`: what may be done to a running lab.", more={"verbs": VERBS}),
    "offers": Form(
        "`offers` of the page: what may be done, with what.",
        more={
            "verbs": VERBS,
            "samples": Annotated[dict[str, str], "what each is for"],
            "faults": Annotated[dict[str, dict[str, Any]], "the switches, each as a [[fault]] table"],
            "effects": Annotated[dict[str, str], "each in words"],
            "services": dict[str, str],
            "contents": Annotated[list[str], "of disks"],
        },
    ),
    "state": Form(
        "`state` of the page: the lab as it is now.",
        more={
            "last": Annotated[int, "the newest entry of the journal"],
            "health": Annotated[dict[str, Any] | None, "the newest report: state, substatus, text, since"],
            "boots": int,
            "paused": bool,
            "statuses": int,
            "starts": Annotated[list[Boot], "of the agent, with what came about since"],
            "timeline": Annotated[list[dict[str, Any]], "events as in `run`, with the number of their entry"],
            "channels": list[Channel],
            "extensions": Annotated[list[Reported], "what the newest status blob says"],
            "now": Annotated[float, "seconds since the journal's start"],
            "scenario": str,
            "about": str,
            "agent": Annotated[dict[str, Any], "name, running, status"],
            "guest": Annotated[dict[str, Any], "running, name, kind, disks"],
            "vm": Annotated[dict[str, str], "id, name, container"],
            "incarnation": int,
            "etag": Annotated[str | int | None, "of vmSettings, where there is Fast Track"],
            "on_hold": bool,
            "certificates": list[str],
            "wanted": Annotated[list[dict[str, Any]], "the wanted extensions, without protected settings"],
            "sources": Annotated[dict[str, dict[str, Any]], "the packages of extensions, by their names"],
            "faults": Annotated[list[dict[str, Any]], "the switches: name, on, struck"],
            "other_faults": Annotated[list[dict[str, Any]], "text, table, struck"],
            "connections": int,
        },
    ),
    "journal": Form("A line of `journal.jsonl` (`run --keep`), and what `replay --entry NUMBER` prints.", (Line,)),
}


def entries(journal: Iterable[Entry]) -> list[dict[str, Any]]:
    """As they stand in documents."""
    return [json.loads(lines.render(entry)) for entry in journal]


def text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def write(place: Path, document: dict[str, Any], hide: Callable[[str], str] = lambda said: said) -> None:
    """`place` "-": standard output. `hide`: what is to be kept back of the text."""
    said = hide(text(document))
    if place == STANDARD_OUTPUT:
        sys.stdout.write(said)
    else:
        place.write_text(said, encoding="utf-8", errors="backslashreplace")


def show(name: str | None) -> str:
    """A schema as text, or the list of documents."""
    if name is not None:
        return json.dumps(schema(name, FORMS[name]), indent=2, ensure_ascii=False)
    width = max(map(len, FORMS))
    return "\n".join(f"{name:<{width}}  {form.about.replace('`', '')}" for name, form in FORMS.items())


def page() -> str:
    """docs/json.md."""
    parts, shared = [HEAD], dict[str, Any]()
    for name, form in FORMS.items():
        whole = schema(name, form)
        parts += [f"## `{name}`\n", f"{form.about}\n", *_table(whole)]
        shared |= whole.get("$defs", {})
    parts.append("## What stands in them\n")
    for title, one in sorted(shared.items()):
        parts += [f"### {title}\n", *([f"{one['description']}\n"] if "description" in one else []), *_table(one)]
    return "\n".join(parts)


HEAD = """# The JSON of the lab's commands

Generated from the code by `make docs`. `fabriclab schema` lists these documents, `fabriclab schema NAME` prints the JSON Schema
(2020-12) of one. `schema_version` rises when a key goes away or means something else; keys may be added without it, so readers
ignore those that they do not know. Seconds are decimal fractions, sizes bytes. A FILE of `-` is standard output, and what is
told to people goes to standard error then.
"""


def _table(one: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{key}`{'' if key in one['required'] else ' (or not there)'} | {said(kind)} | {kind.get('description', '')} |"
        for key, kind in one["properties"].items()
    ]
    return ["\n".join(["| key | kind | |", "|---|---|---|", *rows]) + "\n"]


def said(kind: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in kind:
        name = kind["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in kind:
        return f"{kind['const']}"
    if "enum" in kind:
        return " or ".join(f"`{one}`" for one in kind["enum"])
    if "anyOf" in kind:
        return " or ".join(map(said, kind["anyOf"]))
    if "prefixItems" in kind:
        return f"list of {', '.join(map(said, kind['prefixItems']))}"
    named = kind.get("type", "anything")
    if named == "array":
        return f"list of {said(kind['items'])}"
    if named == "object" and "additionalProperties" in kind and kind["additionalProperties"]:
        return f"object with any keys: {said(kind['additionalProperties'])}"
    if named == "object" and "properties" in kind:
        return "object"
    return " or ".join(named) if isinstance(named, list) else str(named)
