"""Faults in the words of a person who reads the journal, a list of what is in force, or the label of a switch.

An effect is what the answer is like ("answered 503"), a rule is that with where and how often ("answered 503: wire server, GET,
the first 2").
"""

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

SERVICES = {
    "wireserver": "wire server",
    "hostplugin": "host plugin",
    "imds": "metadata service",
    "blob": "storage",
    "dhcp": "DHCP",
    "dns": "DNS",
}
_PLAIN = {Drop: "never answered", Reset: "connection reset", Stale: "answered as before the last change"}


def effect(one: Effect) -> str:
    """What the answer is like."""
    if isinstance(one, Delay):
        return f"answered {one.seconds:g} s late"
    if isinstance(one, Status):
        return f"answered {one.code}" + (" with other headers" if one.headers else "") + (" and a text" if one.body else "")
    if isinstance(one, Truncate):
        return "answer cut in half" if one.after is None else f"answer cut after {_count(one.after, 'byte')} of the body"
    if isinstance(one, Drip):
        return f"answered {_count(one.bytes, 'byte')} at a time, {one.seconds:g} s apart"
    if isinstance(one, Garbage):
        return f"{_count(one.size, 'random byte')} as the {'whole answer' if one.head else 'body'}"
    if isinstance(one, WrongLength):
        return f"Content-Length {_count(abs(one.by), 'byte')} too {'long' if one.by > 0 else 'short'}"
    if isinstance(one, NeverEnding):
        return "a body that never ends"
    if isinstance(one, Reorder):
        return f"overtaken by the next answer, or {one.seconds:g} s late"
    return _PLAIN[type(one)]


def about(rule: Rule) -> str:
    """The effect, where and how often."""
    said = [
        SERVICES.get(rule.service, rule.service) if rule.service else "",
        rule.method or "",
        f"path {rule.path}" if rule.path else "",
        *_counted(rule),
        f"from {rule.since:g} s on" if rule.since is not None else "",
        f"until {rule.until:g} s" if rule.until is not None else "",
        f"{100 * rule.probability:g} of 100" if rule.probability < 1 else "",
    ]
    return f"{effect(rule.effect)}: {', '.join(one for one in said if one) or 'everything'}"


def _counted(rule: Rule) -> tuple[str, ...]:
    """Which of the requests that fit."""
    return (
        f"the {_listed([ordinal(one) for one in rule.nth])}" if rule.nth else "",
        "" if rule.first is None else "the first" if rule.first == 1 else f"the first {rule.first}",
        "" if rule.every in (None, 1) else f"every {ordinal(rule.every or 1)}",
    )


def ordinal(number: int) -> str:
    """2nd, 11th, 23rd."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
