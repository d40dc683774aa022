"""The lines that the recorder wrote in the guest → values (recorder.py says what is in them)."""

import json
from pathlib import Path
from typing import Any

from fabriclab.judge import disk
from fabriclab.judge.evidence import Command

PLACE = "var/lib/fabriclab/records.jsonl"
LIMIT = 1 << 26


def read(upper: Path) -> tuple[Command, ...]:
    """All runs so far, in the order of their beginnings. `upper`: what the guest has written; links of its are not followed."""
    begun: dict[str, dict[str, Any]] = {}
    for line in _lines(upper):
        if line.get("what") == "begin":
            begun[str(line.get("number"))] = {"begin": line, "end": {}}
        elif str(line.get("number")) in begun:
            begun[str(line.get("number"))]["end"] = line
    return tuple(_command(one["begin"], one["end"]) for one in begun.values())


def _command(begin: dict[str, Any], end: dict[str, Any]) -> Command:
    environment = begin.get("environment", {})
    base = str(begin.get("base", ""))
    return Command(
        command=str(begin.get("command")),
        version=base.rpartition("-")[2],
        sequence=environment.get("ConfigSequenceNumber"),
        at=float(begin.get("at", 0.0)),
        instance=environment.get("ConfigExtensionName", ""),
        status=end.get("status"),
        seconds=end.get("seconds"),
        ended=end.get("at"),
        mrseq_before=begin.get("mrseq"),
        mrseq=end.get("mrseq"),
        statuses_before=begin.get("statuses", {}),
        statuses=end.get("statuses", {}),
        lines=tuple(end.get("lines", ())),
        most=int(end.get("most", 0)),
        torn=end.get("torn", {}),
        orphaned=bool(end.get("orphaned")),
        words=str(end.get("words", "")),
    )


def _lines(upper: Path) -> list[dict[str, Any]]:
    text = disk.read(upper, PLACE, LIMIT)
    found = []
    for line in (text or b"").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # the last line may be in the middle of being written
    return [line for line in found if isinstance(line, dict)]
