"""The handler to judge: its files, its manifest, and the name and version that it is published under.

It comes from a directory, a zip or, by name, from the lab's samples. Name and version are those of the command line, else what
signingInfo says, else the manifest's or those of the file's name (Name-Version or Name__Version, as agents name them).
"""

import io
import json
import re
import stat
import zipfile
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from fabriclab.given.spelling import meant
from fabriclab.judge import manifest
from fabriclab.judge.manifest import Manifest
from fabriclab.samples import package

RECORDER = ".fabriclab"
PUBLISHER = "Lab"
SAMPLE_VERSION = "1.0.0"
_VERSION = re.compile(r"\d+(\.\d+){0,3}")
_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+")
_TYPE = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_FILE = re.compile(r"(?P<name>[A-Za-z0-9_.]+?)(-|__)(?P<version>\d+(\.\d+)*)")


class BadHandler(ValueError):
    """What was named is no handler that could be published; one sentence."""


@dataclass(frozen=True)
class Source:
    """Files of a package and their modes. `raw`: the zip as it came, None for a directory."""

    path: str
    files: dict[str, bytes] = field(repr=False)
    modes: dict[str, int] = field(default_factory=dict, repr=False)
    raw: bytes | None = field(default=None, repr=False)

    @property
    def stem(self) -> str:
        name = Path(self.path).resolve().name
        return name[:-4] if name.lower().endswith(".zip") else name

    @property
    def manifest_data(self) -> bytes | None:
        found = manifest.find(list(self.files))
        return self.files[found] if found is not None else None


@dataclass(frozen=True)
class Handler:
    name: str
    version: str
    source: Source
    manifest: Manifest

    @property
    def numbers(self) -> tuple[int, ...]:
        return version_numbers(self.version)

    def next_version(self) -> "Handler":
        """The same package under the next higher version."""
        *first, last = self.version.split(".")
        return replace(self, version=".".join([*first, str(int(last) + 1)]))

    def package(self) -> bytes:
        """The zip that is published: the handler's files, with the recorder in place of its commands."""
        files = dict(self.source.files)
        at = manifest.find(list(files))
        if at is not None and self.manifest.commands:
            document = manifest.parse(files[at])
            originals = {name: text for name, text in self.manifest.commands.items() if text.strip()}
            for name in originals:
                document[0]["handlerManifest"][f"{name}Command"] = f"{RECORDER}/record {name}"
            files[at] = json.dumps(document, indent=2).encode()
            files[f"{RECORDER}/commands.json"] = json.dumps(originals).encode()
            files[f"{RECORDER}/record"] = (resources.files("fabriclab.judge") / "recorder.py").read_bytes()
        return package.archive(files)


def version_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def open_source(path: str) -> Source:
    """Raises BadHandler."""
    place = Path(path)
    if place.is_dir():
        found = sorted(one for one in place.rglob("*") if one.is_file())
        names = {str(one.relative_to(place)): one for one in found}
        return Source(
            path,
            {name: one.read_bytes() for name, one in names.items()},
            {name: stat.S_IMODE(one.stat().st_mode) for name, one in names.items()},
        )
    if place.is_file():
        return unzip(path, place.read_bytes())
    if path in package.names():
        return replace(unzip(path, package.pack(path, f"{PUBLISHER}.{path.capitalize()}", SAMPLE_VERSION)), raw=None)
    known = ", ".join(package.names())
    raise BadHandler(f"{path}: neither a directory, nor a zip, nor one of the samples {known}{meant(path, package.names())}")


def unzip(path: str, data: bytes) -> Source:
    """Raises BadHandler."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            infos = [one for one in packed.infolist() if not one.is_dir()]
            files = {one.filename: packed.read(one) for one in infos}
            return Source(path, files, {one.filename: stat.S_IMODE(one.external_attr >> 16) for one in infos}, data)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as problem:
        raise BadHandler(f"{path}: no zip that can be read: {problem}") from problem


def load(path: str, name: str | None = None, version: str | None = None) -> Handler:
    """Raises BadHandler when it is no handler, or its name or version cannot be told."""
    source = open_source(path)
    data = source.manifest_data
    if data is None:
        raise BadHandler(f"{path}: there is no {manifest.NAME} in it (`fabriclab ext lint {path}` says more)")
    try:
        read = manifest.read(data)
    except manifest.BadManifest as problem:
        raise BadHandler(f"{path}: {problem}") from problem
    return Handler(_name(source, read, name), _version(source, read, version), source, read)


def _name(source: Source, read: Manifest, given: str | None) -> str:
    if given is not None:
        if not _NAME.fullmatch(given):
            raise BadHandler(f'--name "{given}": not of the form Publisher.Type (letters, digits, "." and "_", no "-")')
        return given
    signed = (read.signing("publisher"), read.signing("type"))
    if all(signed):
        return f"{signed[0]}.{signed[1]}"
    of_file = _FILE.fullmatch(source.stem)
    for found in (of_file and of_file["name"], read.text("name"), source.stem if "." in source.stem else None):
        if found and _TYPE.fullmatch(found):
            return found if "." in found else f"{PUBLISHER}.{found}"
    raise BadHandler(f"{source.path}: neither its manifest nor its file name says what it is called; use --name Publisher.Type")


def _version(source: Source, read: Manifest, given: str | None) -> str:
    if given is not None:
        if not _VERSION.fullmatch(given):
            raise BadHandler(f'--version "{given}": not one to four numbers with dots between')
        return given
    of_file = _FILE.fullmatch(source.stem)
    for found in (read.signing("version"), of_file and of_file["version"], read.text("version")):
        if found and _VERSION.fullmatch(found):
            return found
    raise BadHandler(f"{source.path}: neither its manifest nor its file name says which version it is; use --version 1.0.0")
