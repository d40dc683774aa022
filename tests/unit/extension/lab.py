"""A small machine in a temporary directory: real files and real commands, packages made on the spot, a log of commands.

The handlers are shell scripts that write one line per command; nothing outside the directory is touched.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unit.fakes import ListLog
from waagent.config.paths import Paths
from waagent.config.sections import Config, Debug, Lib, Policy
from waagent.config.sections import Extensions as ExtensionsSection
from waagent.extension.run import Extensions
from waagent.guest.profile import Guest
from waagent.model.event import Operation
from waagent.model.extension import PackageVersion, RequestedExtension, RequestedHandler, RequestedState
from waagent.model.failure import ExtensionFailure
from waagent.model.goal_state import Channel, ExtensionsGoalState
from waagent.system.port import System
from waagent.system.real.clock import RealClock
from waagent.system.real.commands import RealCommands
from waagent.system.real.files import RealFiles

NAME = "Contoso.Sample"

SCRIPT = r"""#!/bin/sh
log=$LAB_LOG
printf '%s;%s;%s;%s\n' "$1" "$AZURE_GUEST_AGENT_EXTENSION_VERSION" "$ConfigSequenceNumber" "$ConfigExtensionName" >>"$log"
env | grep -E '^(AZURE|Config|VERSION)' | sort >"$log.$1.$AZURE_GUEST_AGENT_EXTENSION_VERSION.env"
. ./behaviour
"""

SUCCESS = r"""
if [ "$1" = enable ]; then
    stem=${ConfigExtensionName:+$ConfigExtensionName.}$ConfigSequenceNumber
    text='[{"version": 1.0, "status": {"operation": "Enable", "status": "success", "code": 0}}]'
    echo "$text" >"status/$stem.status.tmp"
    mv "status/$stem.status.tmp" "status/$stem.status"
fi
"""


class ShelteredFiles(RealFiles):
    """Real files, without the machine's systemd and control groups."""

    def exists(self, path: str) -> bool:
        return not path.startswith(("/run/systemd", "/sys/fs/cgroup")) and super().exists(path)

    def read_if_there(self, path: str, limit: int = 64 * 1024 * 1024) -> bytes | None:
        return b"0::/\n" if path == "/proc/self/cgroup" else super().read_if_there(path, limit)


def package(behaviour: str = SUCCESS, *, manifest: Mapping[str, Any] | None = None, **options: Any) -> bytes:
    """A handler's zip; ``options`` go into ``handlerManifest``, None removes a key."""
    commands = {f"{word}Command": f"bin/run.sh {word}" for word in ("install", "enable", "update", "disable", "uninstall")}
    body = {key: value for key, value in {**commands, **options}.items() if value is not None}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("HandlerManifest.json", json.dumps([{"version": 1.0, "handlerManifest": body, **(manifest or {})}]))
        archive.writestr("bin/run.sh", SCRIPT)
        archive.writestr("behaviour", behaviour)
    return out.getvalue()


@dataclass
class FakeSource:
    """Version lists and packages in memory."""

    files: RealFiles
    packages: dict[tuple[str, str], bytes] = field(default_factory=dict)
    downloads: list[str] = field(default_factory=list)

    def version_list(self, uris: Sequence[str], *, fast_track: bool = False) -> tuple[tuple[PackageVersion, ...], str]:
        found = [version for name, version in self.packages if name == uris[0]]
        if not found:
            raise ExtensionFailure("ExtensionDownloadError", "Failed to download the manifest from all URIs")
        return tuple(PackageVersion(version, (f"{uris[0]}/{version}",)) for version in found), uris[0]

    def download(
        self,
        uris: Sequence[str],
        destination: str,
        accept: Callable[[str], object],
        manifest_uri: str | None = None,
        *,
        fast_track: bool = False,
    ) -> str:
        name, version = uris[0].split("/")
        self.downloads.append(uris[0])
        with self.files.create(destination) as stream:
            stream.write(self.packages[name, version])
        try:
            accept(destination)
        except ExtensionFailure as failure:
            raise ExtensionFailure(
                "ExtensionDownloadError", "Failed to download the package from all URIs", code=1001, causes=(failure,)
            ) from failure
        return uris[0]


class Lab:
    """One machine; ``start`` gives an agent on it, as often as wanted."""

    def __init__(self, root: Path, **config: Any) -> None:
        self.root = root
        self.lib = root / "lib"
        self.lib.mkdir(mode=0o700)
        self.calls_file = root / "calls"
        self.log = ListLog()
        self.told: list[Operation] = []
        self.changes = 0
        self.config = Config(
            lib=Lib(str(self.lib)),
            extensions=ExtensionsSection(log_dir=str(root / "log"), enabled=config.pop("enabled", True)),
            policy=Policy(str(root / "policy.json")),
            debug=Debug(**config),
        )
        self.paths = Paths.of(self.config)
        self.files = ShelteredFiles()
        self.source = FakeSource(self.files)
        self.ending = threading.Event()
        self.system = System(
            files=self.files,
            commands=RealCommands(),
            http=None,  # type: ignore[arg-type]
            clock=RealClock(self.ending),
            sockets=None,  # type: ignore[arg-type]
            log=self.log,
        )
        self.agent = self.start()

    def publish(self, version: str = "1.0.0", behaviour: str = SUCCESS, *, name: str = NAME, **options: Any) -> None:
        self.source.packages[name, version] = package(behaviour, **options)

    def start(self, system: System | None = None, changed: Callable[[], object] | None = None) -> Extensions:
        """An agent of this machine, which knows nothing but the disk. ``changed``: hears what is otherwise counted."""

        def count() -> None:
            self.changes += 1

        return Extensions(
            system or self.system, self.config, self.paths, Guest(), self.source,
            agent_version="9.9.9.9", wire_endpoint=lambda: "168.63.129.16", tell=self.told.append,
            known_features=frozenset({"MultipleExtensionsPerHandler"}), changed=changed or count,
            inherited={"PATH": "/usr/bin:/bin", "LAB_LOG": str(self.calls_file)},
        )  # fmt: skip

    @property
    def calls(self) -> list[str]:
        """What the handlers were asked, as ``command version sequence[ extension]``."""
        if not self.calls_file.exists():
            return []
        return [" ".join(line.split(";")).strip() for line in self.calls_file.read_text().splitlines()]

    def environment(self, word: str, version: str) -> dict[str, str]:
        text = Path(f"{self.calls_file}.{word}.{version}.env").read_text()
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def handler(self, version: str = "1.0.0", name: str = NAME) -> Path:
        return self.lib / f"{name}-{version}"

    def state(self, version: str = "1.0.0", name: str = NAME) -> str | None:
        path = self.handler(version, name) / "config/HandlerState"
        return path.read_text() if path.exists() else None

    def status(self, version: str = "1.0.0", name: str = NAME) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.handler(version, name) / "config/HandlerStatus").read_text())
        return found

    def names(self) -> list[str]:
        """What the library directory holds of handlers."""
        return sorted(path.name for path in self.lib.iterdir() if "-" in path.name or "__" in path.name)


def single(
    version: str = "1.0.0",
    sequence: int | None = 0,
    *,
    name: str = NAME,
    state: RequestedState = RequestedState.ENABLED,
    level: int = 0,
    public: Any = None,
) -> RequestedHandler:
    """A handler with one extension, or none when ``sequence`` is None."""
    extensions = () if sequence is None else (
        RequestedExtension(name, sequence, dependency_level=level, public_settings=public),
    )  # fmt: skip
    return RequestedHandler(name, version, state, (name,), extensions=extensions)


def several(
    *extensions: RequestedExtension, version: str = "1.0.0", name: str = NAME, state: RequestedState = RequestedState.ENABLED
) -> RequestedHandler:
    return RequestedHandler(name, version, state, (name,), multi_config=True, extensions=extensions)


def goal(*handlers: RequestedHandler, number: int = 1, **more: Any) -> ExtensionsGoalState:
    return replace(ExtensionsGoalState(Channel.FABRIC, f"incarnation_{number}"), handlers=handlers, **more)
