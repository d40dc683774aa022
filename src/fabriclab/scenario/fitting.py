"""A TOML value as a field of a frozen dataclass takes it, by the field's declared type.

So a scenario can name every value of the world, and a new field there is a new key here. TOML has no null: `false` stands for
None where a field may be None and is no flag.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from enum import Enum
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from fabriclab.given.spelling import meant, none_of

T = TypeVar("T")


class Unfit(ValueError):
    """`key` says where inside the value, `reason` what is wrong there."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


def build(kind: type[T], values: Mapping[str, Any], key: str = "") -> T:
    """A dataclass from a table with its fields as keys. Raises Unfit."""
    kinds = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    given = {name: fit(kinds[name], value, _below(key, name)) for name, value in _known(values, set(known), key).items()}
    for name, field in known.items():
        if name not in given and field.default is MISSING and field.default_factory is MISSING:
            raise Unfit(_below(key, name), "missing")
    return kind(**given)


def lay_over(before: T, values: Mapping[str, Any], key: str = "") -> T:
    """The dataclass with the fields changed that `values` names; nested ones keep what their tables do not name."""
    kinds = get_type_hints(type(before))
    changes: dict[str, Any] = {}
    for name, value in _known(values, {field.name for field in fields(before)}, key).items():  # type: ignore[arg-type]
        now = getattr(before, name)
        nested = is_dataclass(now) and isinstance(value, Mapping)
        changes[name] = lay_over(now, value, _below(key, name)) if nested else fit(kinds[name], value, _below(key, name))
    return replace(before, **changes)  # type: ignore[type-var]


def fit(kind: Any, value: Any, key: str) -> Any:
    if kind is Any:
        return value
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _one_of(inside, value, key)
    if origin is Literal:
        if value not in inside:
            raise Unfit(key, f"{value!r} is {none_of(str(value), map(str, inside))}")
        return value
    if origin in (tuple, frozenset):
        return _several(origin, inside, value, key)
    if origin is not None:  # a mapping
        return _sure(value, origin, "a table", key)
    if is_dataclass(kind):
        assert isinstance(kind, type)
        return build(kind, _sure(value, Mapping, "a table", key), key)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(kind, value, key)
    return _plain(kind, value, key)


def _one_of(kinds: tuple[Any, ...], value: Any, key: str) -> Any:
    if value is False and type(None) in kinds and bool not in kinds:
        return None
    *others, last = [kind for kind in kinds if kind is not type(None)]
    for kind in others:
        try:
            return fit(kind, value, key)
        except Unfit:
            continue
    return fit(last, value, key)


def _several(origin: Any, inside: tuple[Any, ...], value: Any, key: str) -> Any:
    given = _sure(value, list, "a list", key)
    if origin is frozenset or (len(inside) == 2 and inside[1] is Ellipsis):
        return origin(fit(inside[0], part, f"{key}[{number}]") for number, part in enumerate(given, 1))
    if len(given) != len(inside):
        raise Unfit(key, f"not {len(inside)} values")
    return tuple(fit(one, part, f"{key}[{number}]") for number, (one, part) in enumerate(zip(inside, given, strict=True), 1))


def _member(kind: type[Enum], value: Any, key: str) -> Enum:
    for member in kind:
        if value == member.value:
            return member
    raise Unfit(key, f"{value!r} is {none_of(str(value), (str(member.value) for member in kind))}")


def _plain(kind: Any, value: Any, key: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is bytes and isinstance(value, str):
        return value.encode()
    kind = getattr(kind, "__supertype__", kind)
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", bytes: "text"}
    if kind is not bool and isinstance(value, bool):
        raise Unfit(key, f"not {names.get(kind, kind.__name__)}")
    return _sure(value, kind, names.get(kind, kind.__name__), key)


def _sure(value: Any, kind: Any, expected: str, key: str) -> Any:
    if not isinstance(value, kind):
        raise Unfit(key, f"not {expected}")
    return value


def _known(values: Mapping[str, Any], known: set[str], key: str) -> Mapping[str, Any]:
    unknown = sorted(set(values) - known)
    if unknown:
        raise Unfit(_below(key, unknown[0]), unknown_key(unknown[0], known))
    return values


def unknown_key(name: str, known: Iterable[str]) -> str:
    """The reason, with the nearest known key where one is near, else all of them."""
    listed = sorted(known)
    return f"unknown key{meant(name, listed) or '; there are ' + ', '.join(listed)}"


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
