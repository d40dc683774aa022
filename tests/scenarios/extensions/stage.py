"""A guest with an agent to which goal states are given, and what its extensions' commands have seen.

All packages are the probe (``probe/handler.sh``), which writes down how it is called and does what the test wants of each
command. Works with our agent and with Debian's alike: only the fabric's journal and the guest's files are looked at.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fabriclab.journal.entry import Entry
from fabriclab.samples.package import archive
from fabriclab.scenario import hearing
from fabriclab.scenario.lab import Lab
from fabriclab.world.events import BumpIncarnation, PublishExtensions
from fabriclab.world.extension import CONTAINER, Extension, Package, Settings
from scenarios import labs

HERE = Path(__file__).parent
LIBRARY = "/var/lib/waagent"
CALLS = "var/log/probe/calls"
PATIENCE = 60.0

SCENARIO = """
[configuration]
"Provisioning.SshHostKeyPairType" = "ed25519"
{configuration}

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""


@dataclass(frozen=True)
class Call:
    """One command of a handler, as it saw the world."""

    number: str
    handler: str
    """Name and version, as its directory is called."""
    command: str
    sequence: str
    extension: str
    variables: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.handler.rpartition("-")[0]

    @property
    def short(self) -> str:
        version = self.handler.rpartition("-")[2]
        return f"{version} {self.command} {self.sequence}" + (f" {self.extension}" if self.extension else "")


@dataclass
class Stage:
    """``agent`` is the adapter's name."""

    lab: Lab
    agent: str

    @property
    def ours(self) -> bool:
        return self.agent != "debian"

    # what happens

    def package(
        self, name: str, version: str = "1.0.0", *, files: Mapping[str, bytes | None] | None = None, **manifest: Any
    ) -> bytes:
        """Publish a package; ``manifest``: members of handlerManifest (None takes one out), ``files``: over its own."""
        data = packed(files=files, **manifest)
        self.put(name, version, data)
        return data

    def put(self, name: str, version: str, data: bytes) -> None:
        self.lab.fabric.blobs.put(CONTAINER, Package(version).blob_name(name), data)

    def wish(self, handler: str, command: str, script: str) -> None:
        """What a command of a handler does, by its name or by name and version."""
        path = f"/etc/probe/{handler}/{command}"
        done = self.lab.guest.shell(f"mkdir -p {path.rpartition('/')[0]} && printf %s {shlex.quote(script)} >{path}")
        assert done.ok, done.errors

    def forget(self, handler: str) -> None:
        self.lab.guest.shell(f"rm -rf /etc/probe/{handler}")

    def publish(self, *extensions: Extension, wait: bool = True, channel: str = "wire") -> Entry | None:
        """Make these the wanted extensions, with their packages, and wait until the goal state was worked on."""
        known = set(self.lab.fabric.blobs.names())
        for extension in extensions:
            for each in extension.listed:
                if (CONTAINER, each.blob_name(extension.name)) not in known and each.uris is None:
                    self.package(extension.name, each.version, supportsMultipleExtensions=extension.multi_config)
        mark = self.lab.journal.last
        self.lab.fabric.apply(PublishExtensions(extensions, channel))  # type: ignore[arg-type]
        return self.worked_on(mark) if wait else None

    def again(self) -> Entry:
        """A goal state that says the same once more."""
        mark = self.lab.journal.last
        self.lab.fabric.apply(BumpIncarnation())
        return self.worked_on(mark)

    def restart(self, *, wait: bool = True) -> None:
        """The agent, alone: what it started goes on."""
        mark = self.lab.journal.last
        self.lab.service.stop()
        self.lab.service.start()
        if wait:
            self.worked_on(mark)

    def worked_on(self, after: int, patience: float = PATIENCE) -> Entry:
        """Wait until a status says that the newest goal state was worked on."""
        wanted = str(self.lab.fabric.world.incarnation)
        return labs.await_entry(
            self.lab,
            lambda entry: aggregate(entry).get("inSvdSeqNo") == wanted,
            f"goal state {wanted} is done",
            after,
            patience,
        )

    def polls(self, times: int) -> None:
        """Wait until the agent has asked that often whether there is something new."""
        for _ in range(times):
            mark = self.lab.journal.last
            labs.await_entry(self.lab, lambda entry: entry.summary.startswith(("goal state", "vmSettings")), "a poll", mark)

    def await_status(
        self, name: str, fits: Callable[[Mapping[str, Any]], bool], after: int = 0, patience: float = PATIENCE
    ) -> Mapping[str, Any]:
        """Wait for a status in which an entry of the handler fits."""
        found = labs.await_entry(
            self.lab,
            lambda entry: any(fits(part) for part in parts(entry, name)),
            f"a status of {name} that fits",
            after,
            patience,
        )
        return next(part for part in parts(found, name) if fits(part))

    # what is seen

    def calls(self, name: str) -> list[Call]:
        """The commands of all versions of a handler, in their order."""
        places = sorted((self.lab.guest.upper / CALLS).glob("*/what"))
        return [call for call in (_call(place.parent) for place in places) if call.name == name]

    def commands(self, name: str) -> list[str]:
        return [call.short for call in self.calls(name)]

    def seen(self, call: Call, name: str) -> str:
        """A file that a command wrote down, or the copy of one of its files."""
        return (self.lab.guest.read(f"/{CALLS}/{call.number}/{name}") or b"").decode()

    def read(self, path: str) -> str | None:
        found = self.lab.guest.read(path if path.startswith("/") else f"{LIBRARY}/{path}")
        return None if found is None else found.decode()

    def exists(self, path: str) -> bool:
        return self.lab.guest.run(["test", "-e", path if path.startswith("/") else f"{LIBRARY}/{path}"]).ok

    def state(self, directory: str) -> str | None:
        return self.read(f"{directory}/config/HandlerState")

    def part(self, name: str, entry: Entry | None = None) -> Mapping[str, Any]:
        """What the newest status (or this one) says of a handler; empty when nothing."""
        return next(iter(self.parts(name, entry)), {})

    def parts(self, name: str, entry: Entry | None = None) -> list[Mapping[str, Any]]:
        entries = [entry] if entry is not None else [each for each in self.lab.journal.entries() if each.kind == hearing.STATUS]
        return parts(entries[-1], name) if entries else []


@contextmanager
def staged(
    place: Path, agent: str, configuration: str = "", adapter: Path | None = None, files: Mapping[str, str] | None = None
) -> Iterator[Stage]:
    """A provisioned guest. ``configuration``: lines of the scenario's table; ``adapter``: another way to start ours."""
    period = "" if "GoalStatePeriod" in configuration else '"Extensions.GoalStatePeriod" = "1"'
    scenario = labs.scenario_of(place, SCENARIO.format(configuration=f"{period}\n{configuration}"))
    if files:
        scenario = replace(scenario, machine=replace(scenario.machine, files={**scenario.machine.files, **files}))
    with labs.begun(scenario, str(adapter) if adapter is not None else agent) as lab:
        labs.await_ready(lab)
        yield Stage(lab, agent)


def _call(place: Path) -> Call:
    handler, command, sequence, extension = (place / "what").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in (place / "variables").read_text().splitlines() if "=" in line)
    return Call(place.name, handler, command, sequence, extension, variables)


def packed(*, files: Mapping[str, bytes | None] | None = None, **manifest: Any) -> bytes:
    """The probe as a package."""
    content: dict[str, bytes] = {path.name: path.read_bytes() for path in (HERE / "probe").iterdir()}
    document = json.loads(content["HandlerManifest.json"])
    for key, value in manifest.items():
        document[0]["handlerManifest"].pop(key, None)
        if value is not None:
            document[0]["handlerManifest"][key] = value
    content["HandlerManifest.json"] = json.dumps(document).encode()
    for name, data in (files or {}).items():
        content.pop(name, None)
        if data is not None:
            content[name] = data
    return archive(content)


def one(name: str, version: str = "1.0.0", sequence: int | None = 0, **more: Any) -> Extension:
    """A handler with one configuration; ``sequence`` None: without settings. ``level``, ``public``, ``protected``: of it."""
    of_settings = {key: more.pop(key) for key in ("level", "public", "protected") if key in more}
    settings = () if sequence is None else (Settings(sequence, **({"public": {"a": 1}} | of_settings)),)
    return Extension(name, version, settings=settings, **more)


def several(name: str, *settings: Settings, version: str = "1.0.0", **more: Any) -> Extension:
    """A handler with several configurations."""
    return Extension(name, version, settings=settings, multi_config=True, **more)


def going(name: str, version: str = "1.0.0", **more: Any) -> Extension:
    return Extension(name, version, state="uninstall", **more)


def lists(*versions: str) -> tuple[Package, ...]:
    return tuple(Package(version) for version in versions)


def aggregate(entry: Entry) -> Mapping[str, Any]:
    """The goal state's own status in a status blob; empty when it says none."""
    for _, blob in hearing.blobs([entry]):
        found = blob.get("aggregateStatus", {}).get("vmArtifactsAggregateStatus", {}).get("goalStateAggregateStatus")
        return found if isinstance(found, dict) else {}
    return {}


def parts(entry: Entry, name: str) -> list[Mapping[str, Any]]:
    found = [part for _, blob in hearing.blobs([entry]) for part in hearing.handlers(blob)]
    return [part for part in found if part.get("handlerName") == name]


def brief(part: Mapping[str, Any]) -> tuple[Any, ...]:
    """Handler status and code, and those of its extension."""
    extension = hearing.settings_status(part)
    return (part.get("status"), part.get("code"), extension.get("status"), extension.get("code"))


def instances(found: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """``brief`` by the name of the extension."""
    return {str((part.get("runtimeSettingsStatus") or {}).get("extensionName")): brief(part) for part in found}
