"""Where the package of a published extension comes from: one of the lab's samples, a hostile one, a directory or a file."""

from pathlib import Path

from fabriclab.given.spelling import meant
from fabriclab.samples import hostile, package
from fabriclab.scenario.step import Source

KINDS = ("sample", "hostile", "directory", "package")


def problem(source: Source) -> str | None:
    """Why there is no such package, in one sentence; None when there is one."""
    if source.kind == "sample" and source.name not in package.names():
        return f'"{source.name}" is no sample; there are {", ".join(package.names())}{meant(source.name, package.names())}'
    if source.kind == "hostile" and source.name not in hostile.BUILDERS:
        known = sorted(hostile.BUILDERS)
        return f'"{source.name}" is no hostile package; there are {", ".join(known)}{meant(source.name, known)}'
    if source.kind == "directory" and not (Path(source.name) / package.MANIFEST).is_file():
        return f"{source.name} is no directory with a {package.MANIFEST}"
    if source.kind == "package" and not Path(source.name).is_file():
        return f"{source.name} is no file"
    return None


def build(source: Source, name: str, version: str) -> bytes:
    """The package's bytes. `name` and `version`: what it is published as; a directory or a file stays as it is."""
    if source.kind == "sample":
        return package.pack(source.name, name, version)
    if source.kind == "hostile":
        return hostile.BUILDERS[source.name](name, version)
    place = Path(source.name)
    if source.kind == "package":
        return place.read_bytes()
    found = sorted(path for path in place.rglob("*") if path.is_file())
    return package.archive({str(path.relative_to(place)): path.read_bytes() for path in found})
