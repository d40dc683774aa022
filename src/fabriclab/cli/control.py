"""`fabriclab do`: acts on a lab that `fabriclab up` keeps running, in the words of a scenario's steps.

The page's address, token included, lies in the lab's own work files, which only root and the lab's user can read; it is gone
with the lab.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from fabriclab.cli import documents
from fabriclab.cli.documents import Done
from fabriclab.cli.shell import named
from fabriclab.guests import presence
from fabriclab.guests.namespace import PLACES
from fabriclab.scenario import schema, steps, table

NOTE = "page.json"
PATIENCE = 180.0  # seconds: a reboot takes its time
_OF_PUBLISH = ("only", "channel")


class Unreachable(Exception):
    """No lab that could be acted on; one sentence."""


def leave_note(work: Path, address: str) -> None:
    descriptor = os.open(work / NOTE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"address": address}, file)


def do(verb: str | None, keys: list[str], file: Path | None, wanted: int | None, *, as_json: bool = False) -> int:
    """`as_json`: what there is, or one answer per line, as a document."""
    if verb is None and file is None:
        print(json.dumps(documents.FORMS["verbs"].document(verbs=schema.verbs()), ensure_ascii=False) if as_json else listed())
        return 0
    try:
        wishes = _from_file(file) if file is not None else [document(verb or "", keys)]
        for one in wishes:  # what is wrong is wrong without a lab, too
            steps.parse(table.Table(dict(one), "do"), 1)
        address = find(wanted)
    except Unreachable as problem:
        print(f"fabriclab: {problem}", file=sys.stderr)
        return 1
    except (ValueError, table.BadScenario) as problem:
        print(f"fabriclab: {problem}", file=sys.stderr)
        return 2
    for one in wishes:
        status, answer = _ask(address, one)
        if status != 200:
            print(f"fabriclab: {answer.get('error', answer)}", file=sys.stderr)
            return 2 if status == 400 else 1
        if as_json:
            done = documents.FORMS["do"].document(Done(str(answer["done"]), answer.get("output")))
            print(json.dumps(done, ensure_ascii=False))
        else:
            print(said(answer), end="")
    return 0


def said(answer: dict[str, Any]) -> str:
    """What a command printed, whole and nothing else; of any other step that it was done."""
    output = answer.get("output")
    return f"{answer['done']}\n" if output is None else str(output)


def document(verb: str, keys: list[str]) -> dict[str, Any]:
    """The step's table. Of `publish` the keys are those of the one extension. Raises ValueError for what is no KEY=VALUE."""
    given: dict[str, Any] = {}
    kinds = _kinds(verb)
    for pair in keys:
        key, found, text = pair.partition("=")
        if not found or not key:
            raise ValueError(f"{pair}: not KEY=VALUE")
        if key == "do":
            raise ValueError(f"{pair}: the verb stands before the keys")
        given[key] = _value(text, kinds.get(key, ""))
    if verb == "publish" and "extension" not in given:
        outside = {key: given.pop(key) for key in _OF_PUBLISH if key in given}
        return {"do": verb, **outside, "extension": [given]}
    return {"do": verb, **given}


def listed() -> str:
    """Every verb with its keys; those in brackets may be left out."""
    lines = []
    for name, verb in schema.verbs().items():
        keys = [key["name"] if key.get("needed") else f"[{key['name']}]" for key in verb.get("extension", []) + verb["keys"]]
        lines += [f"{name} {' '.join(keys)}".rstrip(), f"    {verb['about']}"]
    return "\n".join(line for line in lines if line.strip())


def find(wanted: int | None) -> str:
    """The address of the page of the one lab that fits. Raises Unreachable."""
    labs = [lab for lab in presence.labs() if wanted in (None, lab.lab) and presence.may_enter(lab.fabric)]
    if not labs:
        raise Unreachable(
            "No lab runs now: start one with `fabriclab up`." if wanted is None else f"No lab has the process id {wanted}."
        )
    notes = {lab.lab: note for lab in labs if (note := _note(lab.fabric)) is not None}
    if not notes:
        raise Unreachable("The lab that runs now serves no page: only one of `fabriclab up` can be acted on.")
    if len(notes) > 1:
        raise Unreachable(f"Several labs run; choose one with --lab: {', '.join(map(named, notes))}.")
    return str(next(iter(notes.values()))["address"])


def _note(fabric: int) -> dict[str, Any] | None:
    for place in PLACES:
        try:
            found: dict[str, Any] = json.loads(Path(f"/proc/{fabric}/root{place}/{NOTE}").read_text())
        except (OSError, ValueError):
            continue
        return found
    return None


def _from_file(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.read(file).plain_tables("step")
    if not found:
        raise ValueError(f"{file}: step: at least one [[step]] is needed")
    return found


def _kinds(verb: str) -> dict[str, str]:
    about = schema.verbs().get(verb, {"keys": []})
    return {key["name"]: key["kind"] for key in about.get("extension", []) + about["keys"]}


def _value(text: str, kind: str) -> Any:
    """JSON, else text. Where the key wants text, `version=2.10` is no number, and `command=true` no truth."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if kind == "text or false" and value is False:
        return value
    return text if kind.startswith("text") and not isinstance(value, str) else value


def _ask(address: str, document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"{address}do", json.dumps(document).encode(), {"Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as problem:
        return problem.code, json.load(problem)
    except OSError as problem:
        return 0, {"error": f"the lab does not answer: {problem}"}
