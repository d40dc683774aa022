"""From a sample's directory to the zip that is published (extensions 1.2, 5.1).

Every package holds its own scripts, those in shell/ and a HandlerManifest.json with the name and version it is published under.
Times are fixed, so that the same sample gives the same bytes. Modes are plain 0644: an agent has to make files executable.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from fabriclab.given.spelling import meant

MANIFEST = "HandlerManifest.json"
SHELL = "shell"


class NoSample(ValueError):
    """There is no sample of this name; says which there are."""


def names() -> tuple[str, ...]:
    return tuple(sorted(item.name for item in _library().iterdir() if (item / "handler.sh").is_file() and item.name != SHELL))


def about(sample: str) -> str:
    """What it is for: the comment at the head of its script."""
    lines = files(sample)["handler.sh"].decode().splitlines()[1:]
    said = []
    for line in lines:
        if not line.startswith("#"):
            break
        said.append(line.lstrip("# "))
    return " ".join(said)


@dataclass(frozen=True)
class ListedSample:
    """A sample and what it is for."""

    name: str
    about: str


def listed() -> tuple[ListedSample, ...]:
    return tuple(ListedSample(name, about(name)) for name in names())


def files(sample: str) -> dict[str, bytes]:
    """Name and content of the sample's files, without those of shell/."""
    if sample not in names():
        raise NoSample(f"{sample}: no such sample; there are {', '.join(names())}{meant(sample, names())}")
    return {item.name: item.read_bytes() for item in (_library() / sample).iterdir() if item.is_file()}


def pack(
    sample: str,
    name: str,
    version: str = "1.0.0",
    *,
    manifest: Mapping[str, Any] | None = None,
    replace: Mapping[str, bytes] | None = None,
) -> bytes:
    """The zip. `manifest`: members of handlerManifest to change, None takes one out. `replace`: files over its own."""
    content = files(sample)
    shared = _library() / SHELL
    content.update({f"{SHELL}/{item.name}": item.read_bytes() for item in shared.iterdir() if item.is_file()})
    if MANIFEST in content:
        content[MANIFEST] = _manifest(content[MANIFEST], name, version, manifest or {})
    content.update(replace or {})
    return archive(content)


def archive(content: Mapping[str, bytes]) -> bytes:
    """A zip of plain files, sorted by name."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            packed.writestr(entry, content[name])
    return written.getvalue()


def _manifest(shipped: bytes, name: str, version: str, changes: Mapping[str, Any]) -> bytes:
    document = json.loads(shipped)
    document[0] |= {"name": name.rpartition(".")[2], "version": version}
    for key, value in changes.items():
        document[0]["handlerManifest"].pop(key, None)
        if value is not None:
            document[0]["handlerManifest"][key] = value
    return json.dumps(document, indent=2).encode()


def _library() -> Path:
    return Path(str(resources.files("fabriclab.samples")))
