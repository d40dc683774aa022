"""docs/reference.md, generated: every verb, event, value and switch that a scenario may name, as the code declares them."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import Enum
from typing import Any, get_type_hints

from fabriclab.documents.ovf import Ovf
from fabriclab.faults import effects
from fabriclab.faults.rule import Rule
from fabriclab.scenario import schema
from fabriclab.scenario.schema import Key
from fabriclab.world import extension, values
from fabriclab.world.switches import Switches

HEAD = """# Reference of the scenario's words

Generated from the code by `make docs`; [lab.md](lab.md) says how they are used. A value in TOML fits the kind named here;
`false` stands for "none" where a kind says so. The same keys work for `fabriclab do VERB KEY=VALUE`, for the page, and for
`fabric.do` in a test.
"""
VALUES = (
    *(values.World, values.Identity, values.FastTrack, values.StatusBlob, values.TenantCertificate, values.JitUser),
    *(values.Metadata, values.GoalStateMetadata),
    *(extension.Extension, extension.Settings, extension.Dependency, extension.Package, extension.AgentFamily),
)


def page() -> str:
    return "\n".join([HEAD, *_steps(), *_faults(), *_values(), *_switches(), *_medium()]).rstrip() + "\n"


def _steps() -> Iterator[str]:
    yield "## Steps\n"
    for name, verb in schema.verbs().items():
        yield f"### `{name}`\n"
        if verb["about"]:
            yield f"{_plain(verb['about'])}\n"
        yield from _table(verb["keys"])
        if "extension" in verb:
            yield "Each `[[step.extension]]`:\n"
            yield from _table(verb["extension"])


def _faults() -> Iterator[str]:
    yield "## Faults\n"
    yield "Which exchanges one strikes; all the conditions that are given must hold, and counting is over what fits.\n"
    conditions = [key for key in schema.keys_of(Rule) if key["name"] != "effect"]
    yield from _table([{**key, "name": "from"} if key["name"] == "since" else key for key in conditions])
    kinds = [one for _, one in inspect.getmembers(effects, inspect.isclass) if one.__module__ == effects.__name__]
    for kind in kinds:
        yield f'### `effect = "{schema.hyphened(kind.__name__)}"`\n'
        yield f"{_doc(kind)}\n"
        yield from _table(schema.keys_of(kind))


def _values() -> Iterator[str]:
    yield "## Values of the fabric\n"
    yield "`[fabric]` takes the keys of World; the others are tables in it, in steps, and in each other.\n"
    for kind in VALUES:
        yield f"### {kind.__name__}\n"
        if _doc(kind):
            yield f"{_doc(kind)}\n"
        yield from _table(schema.keys_of(kind))


def _switches() -> Iterator[str]:
    yield "## Switches\n"
    yield "What the protocol leaves open, and what may be wrong with a document: `[fabric] switches.NAME`, or `set-switch`.\n"
    yield from _table(schema.keys_of(Switches))
    kinds = get_type_hints(Switches)
    for field in fields(Switches):
        kind = kinds[field.name]
        if isinstance(kind, type) and issubclass(kind, Enum) and _doc(kind):
            yield f"* `{field.name}`: {_doc(kind)}"
    yield ""


def _medium() -> Iterator[str]:
    yield "## The provisioning document\n"
    yield "Keys of `[ovf]`, the elements of `ovf-env.xml`; [lab.md](lab.md) names those that the lab adds.\n"
    yield from _table(schema.keys_of(Ovf))


def _table(keys: Iterable[Key]) -> Iterator[str]:
    rows = [f"| `{key['name']}` | {_plain(key['kind'])} | {_default(key)} |" for key in keys]
    if rows:
        yield "\n".join(["| key | kind | default |", "|---|---|---|", *rows]) + "\n"


def _default(key: Key) -> str:
    if key.get("needed"):
        return "needed"
    if "default" not in key:
        return ""
    value: Any = key["default"]
    said = str(value).lower() if isinstance(value, bool) else str(value).lstrip("\0")
    return f"`{said}`" if said else "empty"


def _doc(kind: type[Any]) -> str:
    text = (inspect.getdoc(kind) or "").strip()
    return "" if text.startswith(f"{kind.__name__}(") else _plain(text)


def _plain(text: str) -> str:
    """One paragraph, safe in a table."""
    return " ".join(text.replace("|", "\\|").split())
