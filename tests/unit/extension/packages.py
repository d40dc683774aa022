"""Packages for the tests, as publishers and as nobody honest would make them."""

from __future__ import annotations

import io
import json
import stat
import warnings
import zipfile
from collections.abc import Iterable

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.extension.place import Place

NAME = "Contoso.Lab.Script"
PATHS = Paths.of(Config())
PLACE = Place.of(PATHS, NAME, "1.2.3")
COMMANDS = {f"{each}Command": f"bin/run.sh {each}" for each in ("install", "enable", "update", "disable", "uninstall")}
MANIFEST = json.dumps([{"version": 1.0, "handlerManifest": COMMANDS}]).encode()
Entry = tuple[str | zipfile.ZipInfo, bytes]


def package(*entries: Entry, manifest: bytes | None = MANIFEST, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with a manifest at the top and these entries."""
    all_entries: Iterable[Entry] = [*entries, *([("HandlerManifest.json", manifest)] if manifest is not None else [])]
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", compression) as archive:
        warnings.simplefilter("ignore")
        for name, content in all_entries:
            archive.writestr(name, content)
    return target.getvalue()


def special(name: str, kind: int, mode: int = 0o777) -> zipfile.ZipInfo:
    """An entry that says it is something else than a file (``stat.S_IFLNK``, …), or has a mode."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | mode) << 16
    return info


LINK, DEVICE, FILE = stat.S_IFLNK, stat.S_IFBLK, stat.S_IFREG
