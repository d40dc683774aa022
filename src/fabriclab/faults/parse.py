"""A fault as a plain table (one `[[faults]]` of a scenario file) → Rule.

effect = "status"          one of: delay drop reset status truncate drip garbage wrong-length never-ending stale
code = 503                 the effect's own keys stand beside it
service = "wireserver"     wireserver, hostplugin, imds, blob, dhcp, dns
method, path, nth (a number or a list), first, every, from, until, probability, seed
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fabriclab.faults.effects import (
    Delay,
    Drip,
    Drop,
    Effect,
    Garbage,
    NeverEnding,
    Reorder,
    Reset,
    Stale,
    Status,
    Truncate,
    WrongLength,
)
from fabriclab.faults.rule import Rule
from fabriclab.given.spelling import meant, none_of

SERVICES = ("wireserver", "hostplugin", "imds", "blob", "dhcp", "dns")
_DATAGRAM_EFFECTS = ("delay", "drop", "garbage")


KEYS = ("effect", "service", "method", "path", "nth", "first", "every", "from", "until", "probability", "seed")
"""Those of every fault; an effect has its own besides."""


class BadFault(ValueError):
    """A table that is no fault: which key, and why, in one sentence."""


@dataclass
class _Table:
    """Takes keys out of the table; what is left at the end was not known."""

    values: dict[str, Any]
    where: str

    def refuse(self, key: str, reason: str) -> BadFault:
        return BadFault(f"{self.where}.{key}: {reason}" if self.where else f"{key}: {reason}")

    def text(self, key: str, default: str | None = None) -> str | None:
        value = self.values.pop(key, default)
        if value is not None and not isinstance(value, str):
            raise self.refuse(key, f"{value!r} is not text")
        return value

    def flag(self, key: str) -> bool:
        value = self.values.pop(key, False)
        if not isinstance(value, bool):
            raise self.refuse(key, f"{value!r} is neither true nor false")
        return value

    def number(self, key: str, default: float | None = None, least: float = 0.0) -> float | None:
        value = self.values.pop(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < float("inf"):
            raise self.refuse(key, f"{value!r} is not a number of at least {least:g}")
        return float(value)

    def whole(self, key: str, default: int | None = None, least: int | None = 1) -> int | None:
        value = self.values.pop(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
            raise self.refuse(key, f"{value!r} is not a whole number" + ("" if least is None else f" of at least {least}"))
        return value


def parse(document: Mapping[str, Any], where: str = "fault") -> Rule:
    """Raises BadFault, naming `where` and the key."""
    if not isinstance(document, Mapping):
        raise BadFault(f"{where}: not a table")
    table = _Table(dict(document), where)
    kind = table.text("effect")
    if kind is None:
        raise table.refuse("effect", f"missing; one of {', '.join(EFFECTS)}")
    if kind not in EFFECTS:
        raise table.refuse("effect", f"{kind!r} is {none_of(kind, EFFECTS)}")
    service = _service(table, kind)
    rule = Rule(
        effect=EFFECTS[kind](table),
        service=service,
        method=table.text("method"),
        path=table.text("path"),
        nth=_nth(table),
        first=table.whole("first"),
        every=table.whole("every"),
        since=table.number("from"),
        until=table.number("until"),
        probability=_probability(table),
        seed=_needed(table.whole("seed", 0, least=None)),
    )
    if table.values:
        left = sorted(table.values)[0]
        raise table.refuse(left, f"unknown key for the effect {kind!r}{meant(left, KEYS)}")
    if rule.since is not None and rule.until is not None and rule.until <= rule.since:
        raise table.refuse("until", "not after `from`")
    return rule


def parse_all(documents: Any, where: str = "faults") -> tuple[Rule, ...]:
    """A list of tables; errors name the place in the list, from 1."""
    if not isinstance(documents, list | tuple):
        raise BadFault(f"{where}: not a list of tables")
    return tuple(parse(document, f"{where}[{number}]") for number, document in enumerate(documents, 1))


def _service(table: _Table, kind: str) -> str | None:
    service = table.text("service")
    if service is not None and service not in SERVICES:
        raise table.refuse("service", f"{service!r} is {none_of(service, SERVICES)}")
    if service in ("dhcp", "dns") and kind not in _DATAGRAM_EFFECTS:
        raise table.refuse("effect", f"{kind!r} does not exist for {service}, only {', '.join(_DATAGRAM_EFFECTS)}")
    return service


def _nth(table: _Table) -> tuple[int, ...]:
    value = table.values.pop("nth", [])
    values = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(item, int) and not isinstance(item, bool) and item >= 1 for item in values):
        raise table.refuse("nth", f"{value!r} is neither a number from 1 nor a list of them")
    return tuple(values)


def _probability(table: _Table) -> float:
    value = _given(table.number("probability", 1.0))
    if value > 1:
        raise table.refuse("probability", f"{value:g} is more than 1")
    return value


def _status(table: _Table) -> Effect:
    code = table.whole("code", least=None)
    if code is None:
        raise table.refuse("code", "missing")
    if not 200 <= code <= 599:
        raise table.refuse("code", f"{code} is not the status of an answer")
    body = table.text("body", "")
    headers = table.values.pop("headers", {})
    if not isinstance(headers, Mapping) or not all(_is_header(name, text) for name, text in headers.items()):
        raise table.refuse("headers", "not a table of printable ASCII text")
    return Status(code, body or "", tuple((str(name), text) for name, text in headers.items()))


def _is_header(name: str, text: object) -> bool:
    return isinstance(text, str) and all(part.isascii() and part.isprintable() for part in (name, text)) and " " not in name


def _delay(table: _Table) -> Effect:
    seconds = table.number("seconds")
    if seconds is None:
        raise table.refuse("seconds", "missing")
    return Delay(seconds)


def _wrong_length(table: _Table) -> Effect:
    by = _needed(table.whole("by", WrongLength.by, least=None))
    if by == 0:
        raise table.refuse("by", "0 would be the right length")
    return WrongLength(by)


def _drip(table: _Table) -> Effect:
    return Drip(_needed(table.whole("bytes", Drip.bytes)), _given(table.number("seconds", Drip.seconds)))


def _garbage(table: _Table) -> Effect:
    size = _needed(table.whole("size", Garbage.size))
    return Garbage(size, _needed(table.whole("garbage-seed", Garbage.seed, least=None)), table.flag("head"))


def _never_ending(table: _Table) -> Effect:
    chunk = _needed(table.whole("chunk", NeverEnding.chunk))
    return NeverEnding(chunk, _given(table.number("seconds", NeverEnding.seconds)))


def _needed(value: int | None) -> int:
    assert value is not None
    return value


def _given(value: float | None) -> float:
    assert value is not None
    return value


EFFECTS: dict[str, Callable[[_Table], Effect]] = {
    "delay": _delay,
    "drop": lambda table: Drop(),
    "reset": lambda table: Reset(),
    "status": _status,
    "truncate": lambda table: Truncate(table.whole("after", least=0)),
    "drip": _drip,
    "garbage": _garbage,
    "wrong-length": _wrong_length,
    "never-ending": _never_ending,
    "stale": lambda table: Stale(),
    "reorder": lambda table: Reorder(_given(table.number("seconds", Reorder.seconds))),
}
