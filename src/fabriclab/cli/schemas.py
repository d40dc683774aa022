"""A JSON Schema (2020-12) from the types that a document is made of, and the document from values of these types.

Dataclasses and TypedDicts become objects, docstrings and `Annotated` texts their descriptions. A dataclass may name
properties that belong to its document in `also`. Both directions walk the same fields, so that they cannot differ.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from fabriclab.journal.lines import SCHEMA_VERSION

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null", Path: "string"}

Schema = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """A kind of document. The keys of `parts`, which are dataclasses or one TypedDict, and those of `more` stand side by side
    in it. A kind in `more` may also be another form, or a list with one."""

    about: str
    parts: tuple[Any, ...] = ()
    more: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def document(self, *parts: Any, **more: Any) -> dict[str, Any]:
        """Plain values only. Raises TypeError for other parts or keys than the form has."""
        if tuple(map(type, parts)) != self.parts or set(more) != set(self.more):
            raise TypeError(f"{self.about}: not of this form: {[type(one).__name__ for one in parts]}, {sorted(more)}")
        made: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
        for part in parts:
            made |= plain(part)
        return {**made, **{name: plain(more[name]) for name in self.more}}

    def keys(self) -> dict[str, Any]:
        """Every key with its kind."""
        found: dict[str, Any] = {"schema_version": int}
        for part in self.parts:
            found |= kinds(part)
        return {**found, **self.more}

    def needed(self) -> tuple[str, ...]:
        optional = {name for part in self.parts for name in getattr(part, "__optional_keys__", ())}
        return tuple(name for name in self.keys() if name not in optional)


def plain(value: Any) -> Any:
    """A value of these types as JSON knows it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in kinds(type(value))}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [plain(item) for item in value]
    return value


def kinds(kind: Any) -> dict[str, Any]:
    """The keys of an object with their kinds: first the properties in `also`, then the fields."""
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        return hints
    also = {name: get_type_hints(getattr(kind, name).fget, include_extras=True)["return"] for name in getattr(kind, "also", ())}
    return {**also, **{one.name: hints[one.name] for one in fields(kind)}}


def schema(name: str, form: Form, *, closed: bool = False) -> Schema:
    """`closed`: no other keys than these, in no object. Readers should be more generous: keys may be added."""
    walk = _Walk(closed)
    top = walk.object(form.keys(), form.needed(), form.about)
    top["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {"$schema": DIALECT, "title": name, **top, **({"$defs": walk.definitions} if walk.definitions else {})}


class _Walk:
    def __init__(self, closed: bool) -> None:
        self._closed = closed
        self._made: dict[str, Any] = {}
        self.definitions: dict[str, Schema] = {}

    def object(self, keys: Mapping[str, Any], needed: Iterable[str], about: str) -> Schema:
        made: Schema = {
            **({"description": about} if about else {}),
            "type": "object",
            "properties": {name: self.of(kind) for name, kind in keys.items()},
            "required": list(needed),
        }
        return {**made, "additionalProperties": False} if self._closed else made

    def of(self, kind: Any) -> Schema:
        if isinstance(kind, list):
            return {"type": "array", "items": self.of(kind[0])}
        if isinstance(kind, Form):
            made = self.object(kind.keys(), kind.needed(), kind.about)
            made["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
            return made
        origin, inside = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return {**self.of(inside[0]), "description": inside[1]}
        if kind is Any or kind is object:
            return {}
        if origin in (Union, UnionType):
            return _either([self.of(one) for one in inside])
        if origin is Literal:
            return {"enum": list(inside)}
        if origin is not None:
            return self._container(origin, inside)
        if is_dataclass(kind) or is_typeddict(kind):
            return self._named(kind)
        if issubclass(kind, Enum):
            return {"enum": [one.value for one in kind]}
        return {"type": PLAIN[kind]}

    def _container(self, origin: Any, inside: tuple[Any, ...]) -> Schema:
        if issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(inside[1])}
        if origin is tuple and Ellipsis not in inside:
            items = [self.of(one) for one in inside]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        return {"type": "array", "items": self.of(inside[0])}

    def _named(self, kind: Any) -> Schema:
        name = kind.__name__
        if self._made.setdefault(name, kind) is not kind:
            raise TypeError(f"two kinds are named {name}")
        if name not in self.definitions:
            self.definitions[name] = {}
            keys = kinds(kind)
            optional: frozenset[str] = getattr(kind, "__optional_keys__", frozenset())
            self.definitions[name] = self.object(keys, [one for one in keys if one not in optional], _sentence(kind))
        return {"$ref": f"#/$defs/{name}"}


def _either(choices: list[Schema]) -> Schema:
    """One list of types where all are plain ones."""
    if all(set(one) == {"type"} and isinstance(one["type"], str) for one in choices):
        return {"type": [one["type"] for one in choices]}
    return {"anyOf": choices}


def _sentence(kind: Any) -> str:
    """What a class says of itself; a dataclass without a docstring has its signature there."""
    text = (kind.__doc__ or "").strip()
    return "" if text.startswith((f"{kind.__name__}(", "dict(")) else re.sub(r"\bNone\b", "null", " ".join(text.split()))
