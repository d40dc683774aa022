"""An agent as the lab sees it: which root it wants, how its files are laid into a guest, how it is started.

One TOML file per agent (adapters/*.toml, or any other path). Keys:

    name, about                 for people
    [root]  kind                "machine" (this machine's own root) or "debian" (a root of its own)
            suite, packages     for "debian"
    [lay]   run                 a program of this machine that fills the layer; it may name {python} {project} {layer} {adapter}
            copy                a directory, relative to the adapter's file, that is laid over the root as it is
    [start] command             what the guest runs
            environment         a table of text
            unit                systemd's name of it, default walinuxagent.service: what a guest with systemd starts instead;
                                empty when there is none before somebody installs it
            held_by             a word of the kernel's command line that keeps the agent out of a boot; it is started by a boot
                                without the word, so that it has to be a virtual machine, and its package enables it
    [configuration]             key = "value" lines to set in the file `path` (default /etc/waagent.conf)

Unknown keys are refused: a misspelt one would silently test something else.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from fabriclab.given import toml
from fabriclab.given.spelling import meant

CONFIGURATION = "/etc/waagent.conf"
UNIT = "walinuxagent.service"
SANDBOX, SYSTEMD, VM = "sandbox", "systemd", "vm"


class BadAdapter(Exception):
    """An adapter that cannot be used: file, key and reason in one sentence."""


@dataclass(frozen=True)
class Adapter:
    """`guest`: the kind that it is to run in, chosen by whoever uses the adapter; `image`: a disk of a virtual machine that
    has an agent of its own."""

    name: str
    source: Path
    about: str = ""
    root: str = "machine"
    suite: str = "bookworm"
    packages: tuple[str, ...] = ()
    lay: tuple[str, ...] = ()
    copy: str | None = None
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    configuration_path: str = CONFIGURATION
    configuration: dict[str, str] = field(default_factory=dict)
    unit: str = UNIT
    held_by: str = ""
    guest: str = SANDBOX
    image: Path | None = None


def find(name: str) -> Adapter:
    """An adapter by name, by file, or a directory: one with an adapter.toml, or a plain tree with /usr/sbin/waagent."""
    known = _library() / f"{name}.toml"
    if known.is_file():
        return load(known)
    path = Path(name)
    if path.is_dir():
        described = path / "adapter.toml"
        if described.is_file():
            return load(described)
        if not (path / "usr/sbin/waagent").is_file():
            raise BadAdapter(f"{name}: neither adapter.toml nor usr/sbin/waagent is in this directory")
        command = ("/usr/bin/python3", "-u", "/usr/sbin/waagent", "-daemon")
        return Adapter(path.name, path / "adapter.toml", lay=(), copy=".", command=command)
    if path.is_file():
        return load(path)
    raise BadAdapter(
        f"{name}: no such agent; known are {', '.join(names())}, a directory or an adapter's file{meant(name, names())}"
    )


def names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _library().glob("*.toml")))


def load(path: Path) -> Adapter:
    try:
        return parse(toml.read(path), path)
    except toml.Unreadable as problem:
        raise BadAdapter(str(problem)) from problem


def parse(document: dict[str, Any], path: Path) -> Adapter:
    top = _table(document, path, "", {"name", "about", "root", "lay", "start", "configuration"})
    root = _table(top.get("root", {}), path, "root", {"kind", "suite", "packages"})
    lay = _table(top.get("lay", {}), path, "lay", {"run", "copy"})
    start = _table(top.get("start", {}), path, "start", {"command", "environment", "unit", "held_by"})
    settings = dict(_table(top.get("configuration", {}), path, "configuration", None))
    kind = _text(root, path, "root.kind", "machine")
    if kind not in {"machine", "debian"}:
        raise BadAdapter(f'{path}: root.kind: "{kind}" is neither "machine" nor "debian"')
    command = _texts(start, path, "start.command")
    if not command:
        raise BadAdapter(f"{path}: start.command: missing")
    return Adapter(
        name=_text(top, path, "name", path.stem),
        source=path,
        about=_text(top, path, "about", ""),
        root=kind,
        suite=_text(root, path, "root.suite", "bookworm"),
        packages=_texts(root, path, "root.packages"),
        lay=_texts(lay, path, "lay.run"),
        copy=_text(lay, path, "lay.copy", "") or None,
        command=command,
        environment={str(key): str(value) for key, value in start.get("environment", {}).items()},
        configuration_path=str(settings.pop("path", CONFIGURATION)),
        configuration={str(key): str(value) for key, value in settings.items()},
        unit=_text(start, path, "start.unit", UNIT),
        held_by=_text(start, path, "start.held_by", ""),
    )


def lay(adapter: Adapter, layer: Path) -> None:
    """Fills the agent's layer. Raises BadAdapter with the program's last words when it fails."""
    if adapter.copy is not None:
        shutil.copytree((adapter.source.parent / adapter.copy).resolve(), layer, symlinks=True, dirs_exist_ok=True)
    if not adapter.lay:
        return
    places = {"python": sys.executable, "layer": str(layer), "adapter": str(adapter.source.parent), "project": ""}
    if any("{project}" in part for part in adapter.lay):
        places["project"] = str(_project(adapter))
    command = [part.format_map(places) for part in adapter.lay]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    if done.returncode != 0:
        raise BadAdapter(f"{adapter.source}: lay.run: exit status {done.returncode}: {done.stderr.strip()[-500:]}")


def configure(text: str, settings: dict[str, str]) -> str:
    """`text` of a key=value file with each setting set once: in its line, or at the end."""
    left = dict(settings)
    lines = []
    for line in text.splitlines():
        key = line.split("=", 1)[0].strip()
        if "=" in line and key in settings:
            if key in left:
                lines.append(f"{key}={left.pop(key)}")
        else:
            lines.append(line)
    lines += [f"{key}={value}" for key, value in left.items()]
    return "\n".join(lines) + "\n"


def _library() -> Path:
    return Path(str(resources.files("fabriclab.guests") / "adapters"))


def _project(adapter: Adapter) -> Path:
    for parent in Path(__file__).resolve().parents:
        if (parent / "pyproject.toml").is_file() and (parent / "packaging").is_dir():
            return parent
    if (_library() / "packaging/lay.py").is_file():  # the wheel brings along what lays the agent that is installed beside
        return _library()
    raise BadAdapter(f"{adapter.source}: lay.run: this installation of fabriclab is not in a source checkout of the agent")


def _table(value: Any, path: Path, where: str, known: set[str] | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadAdapter(f"{path}: {where}: not a table")
    unknown = sorted(set(value) - known) if known is not None else []
    if unknown:
        raise BadAdapter(f"{path}: {where + '.' if where else ''}{unknown[0]}: unknown key{meant(unknown[0], known or ())}")
    return value


def _text(table: dict[str, Any], path: Path, where: str, default: str) -> str:
    value = table.get(where.rpartition(".")[2], default)
    if not isinstance(value, str):
        raise BadAdapter(f"{path}: {where}: not text")
    return value


def _texts(table: dict[str, Any], path: Path, where: str) -> tuple[str, ...]:
    value = table.get(where.rpartition(".")[2], [])
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise BadAdapter(f"{path}: {where}: not a list of text")
    return tuple(value)
