"""The portable archives: what is in them, that they need nothing of a system, and the recipes that they are made by.

The archives have to be built (`make portable`); a test that needs one fails without, it does not skip.
"""

import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]
RECIPES = PROJECT / "packaging/portable"
CPUS = ("x86_64", "aarch64")
MACHINES = {"x86_64": "Advanced Micro Devices X86-64", "aarch64": "AArch64"}
PROGRAMS = ("bin/python", "libexec/openssl")
NAMES = {"python": "CPython", "openssl": "OpenSSL", "zlib": "zlib"}


def archive_of(cpu: str, load: Callable[[str], ModuleType]) -> Path:
    path = PROJECT / f"dist/waagent-{load('versions').current()}-linux-{cpu}.tar.xz"
    assert path.is_file(), f"{path} is not built: run `make portable`"
    return path


@pytest.fixture(scope="module", params=CPUS)
def cpu(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def unpacked(cpu: str, load: Callable[[str], ModuleType], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Somewhere else than where it is meant to be: it finds its own folder."""
    place = tmp_path_factory.mktemp(cpu)
    with tarfile.open(archive_of(cpu, load)) as archive:
        archive.extractall(place)
    yield place / "opt/waagent"
    shutil.rmtree(place)


def run(cpu: str, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program of an archive, with QEMU if it is another CPU's, and nothing in the environment."""
    emulator = [] if cpu == platform.machine() else [f"/usr/bin/qemu-{cpu}-static"]
    words = [*emulator, *map(str, command)]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=110, check=False)


def imports(tree: Path) -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(tree.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            yield path, node


# -- the recipes


def test_the_agent_asks_nothing_of_ctypes_that_the_interpreter_of_its_own_does_not_have() -> None:
    recipe = (RECIPES / "ctypes.c").read_text()
    offered = set(re.findall(r'\{"(\w+)", ', recipe)) | set(re.findall(r'AddObjectRef\(module, "(\w+)"', recipe))
    users = {
        path
        for path, node in imports(PROJECT / "src/waagent")
        if isinstance(node, ast.Import) and node.names[0].name == "ctypes"
    }
    asked = {
        node.attr
        for path, node in imports(PROJECT / "src/waagent")
        if path in users and isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("ctypes", "self._library")
    }
    assert {"CDLL", "get_errno", "inotify_init1"} <= asked
    assert asked <= offered, f"give packaging/portable/ctypes.c what {', '.join(map(str, users))} asks for"
    others = [
        path for path, node in imports(PROJECT / "src/waagent") if isinstance(node, ast.ImportFrom) and node.module == "ctypes"
    ]
    assert others == []


def test_every_source_is_pinned_by_a_checksum_and_has_a_licence() -> None:
    sys.path.insert(0, str(RECIPES))
    try:
        import sources
    finally:
        sys.path.remove(str(RECIPES))
    rows = sources.table()
    assert {row.name: row.title for row in rows} == NAMES
    for row in rows:
        assert row.licence and row.texts and all(re.fullmatch(r"[0-9a-f]{64}", digest) for _, digest in row.files), row.name


# -- what is in an archive


@pytest.mark.long
def test_programs_are_static_and_ask_no_c_library_of_the_system(cpu: str, unpacked: Path) -> None:
    for name in PROGRAMS:
        header = subprocess.run(
            ["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", "--version-info", unpacked / name],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        assert MACHINES[cpu] in header
        assert "INTERP" not in header and "NEEDED" not in header, f"{name} wants a loader or a library of the system"
        versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([0-9.]+)", header)}
        assert not versions or max(versions) <= (2, 17), f"{name} wants glibc {max(versions)}"


@pytest.mark.long
def test_an_archive_has_no_path_of_the_machine_it_was_built_on(unpacked: Path) -> None:
    for path in (path for path in unpacked.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found = [word for word in (str(PROJECT), "build/portable", str(Path.home() / ".cache")) if word.encode() in content]
        assert not found, f"{path.relative_to(unpacked)} has {found}"


@pytest.mark.long
def test_members_are_sorted_of_one_time_and_roots(cpu: str, load: Callable[[str], ModuleType]) -> None:
    with tarfile.open(archive_of(cpu, load)) as archive:
        members = archive.getmembers()
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "root", "root")}
    assert len({member.mtime for member in members}) == 1
    assert {oct(member.mode) for member in members if member.isreg()} == {"0o644", "0o755"}
    assert all(member.name == "opt/waagent" or member.name.startswith("opt/waagent/") for member in members)
    assert not [member.name for member in members if member.name.endswith((".py", ".so", ".a"))]


@pytest.mark.long
def test_every_component_is_in_the_bill_of_materials_and_has_its_licence_inside(
    cpu: str, unpacked: Path, load: Callable[[str], ModuleType]
) -> None:
    archive = archive_of(cpu, load)
    document = json.loads(archive.with_name(f"{archive.name}.cdx.json").read_text())
    said = {part["name"] for part in document["components"]}
    assert said == {"CPython", "OpenSSL", "zlib", "musl", "expat", "zig", "urllib3", "defusedxml", "crypt-r"}
    texts = {path.stem: path.read_text(errors="replace") for path in (unpacked / "share/licences").iterdir()}
    assert set(texts) == {"python", "openssl", "zlib", "musl", "zig", "urllib3", "defusedxml", "crypt-r"}
    assert "expat" in texts["python"].lower() and all(len(text) > 500 for text in texts.values())


# -- what it does


@pytest.mark.long
def test_it_runs_from_any_folder_with_an_empty_environment(cpu: str, unpacked: Path, tmp_path: Path) -> None:
    # QEMU's own /proc/self/exe is that of the program that it runs
    done = run(cpu, unpacked / "bin/python", unpacked / "libexec/waagent", "-version")
    assert done.returncode == 0, done.stderr
    assert "Python: 3.13." in done.stdout
    (tmp_path / "waagent.conf").write_text("Provisioning.Agent=disabled\n")
    done = run(
        cpu,
        unpacked / "bin/python",
        unpacked / "libexec/waagent",
        "-show-configuration",
        f"-configuration-path:{tmp_path}/waagent.conf",
    )
    assert done.returncode == 0, done.stderr
    assert "Provisioning.Agent = disabled" in done.stdout


@pytest.mark.long
def test_called_as_waagent_it_is_the_agent_also_through_a_link(cpu: str, unpacked: Path, tmp_path: Path) -> None:
    if cpu != platform.machine():
        (done,) = [run(cpu, "-0", "waagent", unpacked / "bin/waagent", "-version")]
    else:
        (tmp_path / "waagent").symlink_to(unpacked / "bin/waagent")
        done = run(cpu, tmp_path / "waagent", "-version")
    assert done.returncode == 0 and "Python: 3.13." in done.stdout, done.stderr


@pytest.mark.long
def test_every_module_of_the_agent_can_be_imported(cpu: str, unpacked: Path) -> None:
    source = PROJECT / "src/waagent"
    names = [
        ".".join(("waagent", *path.relative_to(source).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(source.rglob("*.py"))
        if path.name != "__main__.py"
    ]
    program = f"import importlib\nfor name in {names!r}: importlib.import_module(name)\nprint('all')"
    done = run(cpu, unpacked / "bin/python", "-c", program)
    assert (done.stdout, done.returncode) == ("all\n", 0), done.stderr


@pytest.mark.long
def test_it_is_deaf_to_the_environment_and_to_the_folder_it_is_started_in(cpu: str, unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('somebody else')")
    said = "import json, sys; print(sys.path, sys.flags.isolated, json.__file__)"
    done = run(cpu, unpacked / "bin/python", "-c", said, PYTHONPATH=str(tmp_path), PYTHONHOME="/nowhere", PYTHONSTARTUP="/x")
    assert done.stdout.split() == [f"['{unpacked}/lib/python3.13']", "1", f"{unpacked}/lib/python3.13/json/__init__.pyc"]


@pytest.mark.long
def test_it_hashes_passwords_by_every_method_that_can_be_chosen(cpu: str, unpacked: Path) -> None:
    program = (
        "from waagent.guest.accounts import hash_password as h; from waagent.model.secret import Secret;"
        "print(*(h(Secret('p'), i, 's' * 22).reveal()[:4] for i in ('1', '2a', '5', '6')))"
    )
    done = run(cpu, unpacked / "bin/python", "-c", program)
    assert done.stdout.split() == ["$1$s", "$2a$", "$5$s", "$6$s"], done.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    "place",
    [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="a root of its own for the program needs root")
def test_authorities_are_found_where_each_system_has_them(
    place: str, load: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    cpu = platform.machine()
    with tarfile.open(archive_of(cpu, load)) as archive:
        archive.extractall(tmp_path)
    openssl = tmp_path / "opt/waagent/libexec/openssl"
    trusted, key = tmp_path / place.lstrip("/"), tmp_path / "key.pem"
    trusted.parent.mkdir(parents=True)
    request = "[req]\nprompt=no\ndistinguished_name=n\nx509_extensions=x\n[n]\nCN=lab\n[x]\nbasicConstraints=CA:TRUE\n"
    (tmp_path / "request").write_text(request)
    words = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-config", tmp_path / "request")
    made = run(cpu, openssl, *words, "-keyout", key, "-out", trusted)
    assert made.returncode == 0, made.stderr
    program = "import ssl; context = ssl.create_default_context(); print(len(context.get_ca_certs()))"
    done = run(cpu, "/usr/sbin/chroot", tmp_path, "/opt/waagent/bin/python", "-c", program)
    assert done.stdout.strip() == "1", done.stderr
    done = run(cpu, "/usr/sbin/chroot", tmp_path, "/opt/waagent/libexec/openssl", "verify", place)
    assert done.returncode == 0, done.stderr


# -- the image for systemd-sysext


@pytest.mark.long
def test_the_image_is_laid_as_systemd_sysext_wants_it(cpu: str, load: Callable[[str], ModuleType], tmp_path: Path) -> None:
    words = {"x86_64": "x86-64", "aarch64": "arm64"}
    image = PROJECT / f"dist/waagent-{load('versions').current()}-{words[cpu]}.raw"
    assert image.is_file(), f"{image} is not built: run `make portable`"
    subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-dest", tmp_path / "image", image], check=True, timeout=60)
    tree = tmp_path / "image"
    assert [path.name for path in tree.iterdir()] == ["usr"]
    release = (tree / "usr/lib/extension-release.d/extension-release.waagent").read_text()
    assert release == f"ID=_any\nARCHITECTURE={words[cpu]}\n"
    unit = (tree / "usr/lib/systemd/system/waagent.service").read_text()
    assert "ExecStart=/usr/lib/waagent/bin/python -u /usr/sbin/waagent -daemon" in unit
    assert (tree / "usr/lib/systemd/system/multi-user.target.wants/waagent.service").readlink() == Path("../waagent.service")
    assert (tree / "usr/sbin/waagent").read_text().startswith("#!/usr/lib/waagent/bin/python\n")
    assert "C /etc/waagent.conf" in (tree / "usr/lib/tmpfiles.d/waagent.conf").read_text()
    done = run(cpu, tree / "usr/lib/waagent/bin/python", tree / "usr/sbin/waagent", "-version")
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_archive_and_image_have_the_files_that_their_lists_say(cpu: str, load: Callable[[str], ModuleType]) -> None:
    listing = load("listing")
    suffixes = {"x86_64": "-x86-64.raw", "aarch64": "-arm64.raw"}
    found = [
        path for path in listing.versions.artifacts(PROJECT / "dist") if path.name.endswith((f"{cpu}.tar.xz", suffixes[cpu]))
    ]
    assert len(found) == 2
    for path in found:
        kept = PROJECT / "tests/golden/packages" / listing.golden(path)
        assert listing.lines(path) == kept.read_text().splitlines(), "run: make places"
