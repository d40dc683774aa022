"""Judges a package without running it: its zip, its manifest, the commands it names, line ends, names and sizes. Pure but for
reading the package and asking whether an interpreter exists on this machine."""

import io
import re
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fabriclab.judge import handler as handlers
from fabriclab.judge import lint_commands, manifest
from fabriclab.judge.handler import BadHandler, Source
from fabriclab.judge.manifest import BadManifest
from fabriclab.judge.rule import Finding, Judgement, found, held, not_seen, unless, violated

MIB = 1 << 20
ENTRIES, UNPACKED, RATIO = 10_000, 1024 * MIB, 200
NAME_BYTES = 255
OF_THE_AGENT = ("HandlerEnvironment.json", "mrseq", "heartbeat.log", "package_validated")
FOLDERS_OF_THE_AGENT = ("config", "status")
_KEY = re.compile(rb"^-----BEGIN [A-Z ]*PRIVATE KEY-----", re.MULTILINE)
JUNK = (".git/", ".svn/", "__pycache__/", ".DS_Store", "Thumbs.db", "__MACOSX/", ".venv/", "node_modules/.cache/")


@dataclass(frozen=True)
class _Check:
    name: str
    sentence: str
    section: str
    advice: str
    judge: Callable[[Source], Judgement]


def lint(path: str) -> tuple[Finding, ...]:
    """A finding for each rule. Raises BadHandler when there is nothing to read at `path`."""
    try:
        source = handlers.open_source(path)
    except BadHandler as problem:
        if not Path(path).is_file():
            raise
        first = CHECKS[0]
        return (found(first.name, first.sentence, first.section, first.advice, violated(str(problem))),)
    return tuple(_find(one, source) for one in CHECKS)


def _find(check: _Check, source: Source) -> Finding:
    return found(check.name, check.sentence, check.section, check.advice, check.judge(source))


def _zip(source: Source) -> Judgement:
    if source.raw is None:
        return not_seen("a directory: what is packed from it has none of this")
    problems: list[str] = []
    with zipfile.ZipFile(io.BytesIO(source.raw)) as packed:
        seen: dict[str, str] = {}
        for one in packed.infolist():
            name = one.filename
            problems += [f"{name!r} {reason}" for reason in _hazards(one)]
            folded = name.lower()
            if folded in seen:
                problems.append(
                    f"{name!r} is there twice" if seen[folded] == name else f"{name!r} and {seen[folded]!r} differ by case"
                )
            seen[folded] = name
    return unless(problems, f"{len(seen)} entries")


def _hazards(entry: zipfile.ZipInfo) -> list[str]:
    name = entry.orig_filename
    odd: list[str] = []
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        odd.append("is an absolute name")
    if ".." in name.replace("\\", "/").split("/"):
        odd.append("leads out of the directory")
    elif "\\" in name:
        odd.append("has a backslash, which is part of the name on Linux")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.create_system == 3 and kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        odd.append("is a link" if kind == stat.S_IFLNK else "is a device, pipe or socket")
    if entry.flag_bits & 1:
        odd.append("is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        odd.append("is packed by other means than deflate")
    return odd


def _sizes(source: Source) -> Judgement:
    total = sum(len(content) for content in source.files.values())
    problems = [f"{len(source.files)} files, more than {ENTRIES}"] if len(source.files) > ENTRIES else []
    problems += [f"{total // MIB} MiB unpacked, more than {UNPACKED // MIB}"] if total > UNPACKED else []
    if source.raw is not None and total > MIB and total > RATIO * len(source.raw):
        problems.append(f"unpacks to {total // len(source.raw)} times its size, as a zip bomb does")
    packed = f", {len(source.raw)} packed" if source.raw is not None else ""
    return unless(problems, f"{len(source.files)} files, {total} bytes{packed}")


def _names(source: Source) -> Judgement:
    problems = []
    for name in source.files:
        if not name.isprintable() or not name.isascii():
            problems.append(f"{name!r} is not plain ASCII")
        if any(len(part.encode()) > NAME_BYTES for part in name.split("/")):
            problems.append(f"{name[:40]!r}… is longer than {NAME_BYTES} bytes")
        if name in OF_THE_AGENT or name.split("/")[0] in FOLDERS_OF_THE_AGENT:
            problems.append(f"{name} belongs to the agent{' and makes the first enable do nothing' if name == 'mrseq' else ''}")
    return unless(problems)


def _identity(source: Source) -> Judgement:
    try:
        told = handlers.load(source.path)
    except BadHandler as problem:
        if source.manifest_data is None or "--" not in str(problem):
            return not_seen("there is no manifest to say it")
        return not_seen("neither manifest nor file name says both: `ext run` needs --name or --version")
    return held(f"{told.name} {told.version}")


def _present(source: Source) -> Judgement:
    there = sorted(name for name in source.files if name.rpartition("/")[2] == manifest.NAME)
    if not there:
        odd = [name for name in source.files if name.rpartition("/")[2].lower() == manifest.NAME.lower()]
        return unless([f"there is none{f', but {odd[0]}' if odd else ''}"])
    problems = [f"there are several, and agents take any: {', '.join(there)}"] if len(there) > 1 else []
    if there[0] != manifest.NAME:
        problems.append(f"it is {there[0]}: commands are relative to the package's root all the same")
    return unless(problems)


def _form(source: Source) -> Judgement:
    data = source.manifest_data
    if data is None:
        return not_seen("there is no manifest")
    try:
        document = manifest.parse(data)
    except BadManifest as problem:
        return unless([str(problem)])
    handler = document[0]["handlerManifest"]
    problems = [
        f"{flag} is {handler[flag]!r}, which counts as false"
        for flag in manifest.FLAGS
        if flag in handler and not isinstance(handler[flag], bool) and str(handler[flag]).lower() not in ("true", "false")
    ]
    mode = handler.get("updateMode")
    if mode is not None and str(mode).lower() not in manifest.UPDATE_MODES:
        problems.append(f"updateMode {mode!r} is neither UpdateWithInstall nor UpdateWithoutInstall")
    notes = [f'{flag} is the text "{handler[flag]}"' for flag in manifest.FLAGS if isinstance(handler.get(flag), str)]
    notes += ["rebootAfterInstall does nothing"] if manifest.is_true(handler.get("rebootAfterInstall")) else []
    notes += ["only the first element is read"] if len(document) > 1 else []
    return unless(problems, f"tolerated: {', '.join(notes)}" if notes else "")


def _keys(source: Source) -> Judgement:
    return unless([f"{name} holds a private key" for name, content in source.files.items() if _KEY.search(content)])


def _junk(source: Source) -> Judgement:
    return unless([name for name in source.files if any(part in f"{name}" for part in JUNK)])


CHECKS = (
    _Check(
        "zip",
        "the zip unpacks to plain files inside its directory",
        "5.3",
        "pack it with plain zip from inside the directory: no links, no absolute names, no ..",
        _zip,
    ),
    _Check("size", "the package is of a size that agents take", "5.3", "agents refuse what looks like a zip bomb", _sizes),
    _Check(
        "names",
        "file names are plain, and none is the agent's own",
        "1.1",
        "config/, status/, mrseq and HandlerEnvironment.json are made on the machine",
        _names,
    ),
    _Check("identity", "manifest or file name say name and version", "1.1", "", _identity),
    _Check(
        "manifest",
        "there is one HandlerManifest.json, at the package's root",
        "1.2",
        "pack the content of the directory, not the directory itself",
        _present,
    ),
    _Check(
        "manifest-form",
        "the manifest has the form that agents read",
        "1.2",
        "an array with one object that has handlerManifest",
        _form,
    ),
    _Check(
        "commands",
        "all five commands are named",
        "1.2",
        "a missing one fails with code -1 just when it is needed; one script may serve all five",
        lint_commands.named,
    ),
    _Check(
        "commands-exist",
        "each command begins with a file of the package",
        "2.9",
        "commands are run as <directory>/<command>: `bash x.sh` would look for a file named bash",
        lint_commands.exist,
    ),
    _Check(
        "commands-run",
        "each command's file is a program or a script with an interpreter that exists",
        "2.9",
        "begin scripts with #!/bin/sh, or with an interpreter that every distribution has",
        lint_commands.runnable,
    ),
    _Check(
        "line-ends",
        "scripts have Unix line ends and no byte order mark",
        "2.9",
        "the kernel looks for an interpreter named `sh\\r`: convert with dos2unix, and set eol=lf in .gitattributes",
        lint_commands.line_ends,
    ),
    _Check("keys", "no private key is shipped", "1.4", "everybody can download a published package", _keys),
    _Check("junk", "nothing of the workshop is packed", "5.3", "leave it out when packing", _junk),
)
