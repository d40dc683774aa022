"""A running lab as the page sees it: what is, as plain values, and the door to what may be done."""

import threading
from dataclasses import asdict
from typing import Any

from fabriclab.dashboard import files, presets
from fabriclab.dashboard import picture as pictures
from fabriclab.dashboard.control import Control, wanted
from fabriclab.dashboard.picture import Picture
from fabriclab.dashboard.vitals import Vitals
from fabriclab.documents import extensions_config, goal_state, vm_settings
from fabriclab.faults import parse, words
from fabriclab.guests.adapter import VM
from fabriclab.guests.control import ControlError
from fabriclab.guests.diff import Change
from fabriclab.guests.process import GuestTimeout
from fabriclab.guests.volumes import CONTENTS
from fabriclab.journal import lines, redact
from fabriclab.journal.entry import Entry
from fabriclab.samples import package
from fabriclab.scenario import schema
from fabriclab.scenario.lab import DRIVE, Lab
from fabriclab.scenario.runner import Runner
from fabriclab.scenario.step import Publish
from fabriclab.world.values import World

EXAMPLES: dict[str, dict[str, Any]] = {name: {} for name in parse.EFFECTS} | {"status": {"code": 503}, "delay": {"seconds": 2}}
OUTPUT = 16384  # bytes of a command log
LOG = 65536  # bytes of the agent's


class Room:
    """Opened beside a runner, closed with the lab. Any thread may ask."""

    def __init__(self, lab: Lab, runner: Runner) -> None:
        self.lab = lab
        steps = (step.do for step in lab.scenario.steps if isinstance(step.do, Publish))
        self.control = Control(runner, {one.extension.name: one.source for step in steps for one in step.wanted})
        self.picture = Picture()
        self.vitals = Vitals(lab, lambda: sum(self.picture.requests.values()), lambda: self.picture.paused)
        self._lock = threading.Lock()
        self._taken = 0
        self._tree: dict[str, Change] = {}  # as it was looked at last

    def start(self) -> None:
        self._leave = self.lab.journal.subscribe(lambda entry: self.catch_up())
        self.catch_up()
        self.vitals.start()

    def stop(self) -> None:
        self._leave()
        self.vitals.end()

    @property
    def world(self) -> World:
        return self.lab.fabric.world

    def catch_up(self) -> None:
        """Takes what the journal has got since."""
        with self._lock:
            for entry in self.lab.journal.since(self._taken):
                self.picture.take(entry)
                self._taken = entry.number

    def state(self) -> dict[str, Any]:
        """Everything but the stream and the samples."""
        world, lab = self.world, self.lab
        with self._lock:
            picture = self.picture
            seen: dict[str, Any] = {
                "last": picture.last,
                "health": picture.health,
                "boots": picture.boots,
                "paused": picture.paused,
                "statuses": picture.statuses,
                "starts": [asdict(one) for one in picture.starts],
                "timeline": list(picture.lines),
                "channels": [asdict(one) for one in sorted(picture.channels.values(), key=lambda one: one.name)],
                "extensions": [asdict(one) for one in picture.reported],
            }
        fast = world.fast_track
        switches, others = presets.switches(lab.fabric.faults)
        return {
            "schema_version": lines.SCHEMA_VERSION,
            **seen,
            "now": round(lab.journal.elapsed(), 3),
            "scenario": lab.scenario.name,
            "about": lab.scenario.about,
            "agent": {"name": lab.adapter.name, "running": lab.service.is_running, "status": lab.service.status},
            "guest": {
                "running": lab.guest.is_running,
                "name": lab.scenario.machine.hostname,
                "kind": lab.adapter.guest,
                "disks": [name for name in lab.guest.disks if name != DRIVE],
            },
            "vm": {"id": world.identity.vm_id, "name": world.identity.vm_name, "container": world.identity.container_id},
            "incarnation": world.incarnation,
            "etag": fast.etag if fast is not None else None,
            "on_hold": world.on_hold,
            "certificates": [one.name for one in world.certificates],
            "wanted": wanted(world),
            "sources": {name: asdict(source) for name, source in self.control.sources.items()},
            "faults": switches,
            "other_faults": others,
            "connections": lab.fabric.connections,
        }

    def offers(self) -> dict[str, Any]:
        """What does not change: the verbs with their keys, the samples, the faults and the disks that there can be."""
        return {
            "schema_version": lines.SCHEMA_VERSION,
            "verbs": schema.verbs(),
            "samples": {name: package.about(name) for name in package.names()},
            "faults": presets.TABLES,
            "effects": {name: words.effect(parse.parse({"effect": name, **keys}).effect) for name, keys in EXAMPLES.items()},
            "services": words.SERVICES,
            "contents": CONTENTS,
        }

    def documents(self) -> dict[str, str]:
        """What would be served now, without credentials."""
        world = self.world
        keys = self.lab.fabric.keys
        found = {"goal state": goal_state.render(world), "ExtensionsConfig": extensions_config.render(world, keys)}
        if world.fast_track is not None:
            found["vmSettings"] = vm_settings.render(world, keys)
        return {name: redact.text(content.decode("utf-8-sig", "replace")) for name, content in found.items()}

    def rows(self, after: int, most: int = 500) -> list[dict[str, Any]]:
        """The newest entries beyond `after`."""
        return [pictures.row(entry) for entry in self.lab.journal.since(after)[-most:]]

    def entry(self, number: int) -> str | None:
        """One entry whole, as a JSON text without credentials."""
        found: tuple[Entry, ...] = self.lab.journal.since(number - 1)[:1] if number > 0 else ()
        return lines.render(found[0]) if found else None

    def tree(self) -> list[dict[str, Any]]:
        """What the guest has made of its files. Raises OSError."""
        self._must_go_on()
        self._tree = {change.path: change for change in self.lab.guest.changes()}
        return [
            {
                "path": one.path,
                "what": one.what,
                "before": one.before.text() if one.before is not None else None,
                "after": one.after.text() if one.after is not None else None,
            }
            for one in self._tree.values()
        ]

    def file(self, path: str) -> dict[str, Any] | None:
        """The content of a file of the tree that was looked at last, or how it differs; None when it is not in it."""
        change = self._tree.get(path)
        return None if change is None else files.shown(change, self.lab.guest.untouched, self.lab.guest.upper)

    def _must_go_on(self) -> None:
        """A virtual machine that stands still answers nobody."""
        if self.picture.paused and self.lab.adapter.guest == VM:
            raise ControlError("the virtual machine stands still: let it go on first")

    def output(self, name: str, instance: str = "") -> str:
        """The end of an extension's command log in the guest; of a multi-config handler each instance has its own."""
        if not all(part.isalnum() or part in "._-" for part in name + instance):
            return ""
        log = f"CommandExecution_{instance}.log" if instance else "CommandExecution.log"
        return self._end_of(f"/var/log/azure/{name}/{log}", OUTPUT)

    def log(self) -> str:
        """The end of the agent's log in the guest."""
        return self._end_of("/var/log/waagent.log", LOG)

    def _end_of(self, path: str, size: int) -> str:
        script = f"tail -c {size} {path} 2>/dev/null"
        try:
            self._must_go_on()
            return redact.text(self.lab.guest.shell(script).output)
        except (ControlError, GuestTimeout) as problem:
            return str(problem)
