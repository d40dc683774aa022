"""The tree that a lab guest gets: where the package puts things, compiled, and harmless to those that load the program."""

import importlib.util
import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = "usr/lib/python3/dist-packages/waagent"


def lay(layer: Path, *more: str) -> None:
    command = [sys.executable, str(PROJECT / "packaging/lay.py"), *more, str(layer)]
    subprocess.run(command, check=True, timeout=60, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("layer")
    lay(made)
    return made


def found(layer: Path) -> dict[str, str]:
    """Place of every file that is not compiled -> mode, or where a link goes."""
    return {
        str(path.relative_to(layer)): str(path.readlink()) if path.is_symlink() else f"{path.stat().st_mode & 0o7777:04o}"
        for path in layer.rglob("*")
        if (path.is_symlink() or path.is_file()) and path.suffix != ".pyc"
    }


def test_the_files_are_where_the_specification_of_the_packages_says(layer: Path) -> None:
    outside = {place: mode for place, mode in found(layer).items() if not place.startswith(PACKAGE)}
    assert outside == {
        "etc/logrotate.d/waagent.logrotate": "0644",
        "etc/waagent.conf": "0644",
        "usr/lib/systemd/system/waagent.service": "walinuxagent.service",
        "usr/lib/systemd/system/walinuxagent.service": "0644",
        "usr/lib/udev/rules.d/66-azure-storage.rules": "0644",
        "usr/lib/udev/rules.d/99-azure-product-uuid.rules": "0644",
        "usr/sbin/waagent": "0755",
    }


def test_every_module_of_the_agent_is_there_and_nothing_of_the_lab(layer: Path) -> None:
    source = PROJECT / "src/waagent"
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py")}
    assert {str(path.relative_to(layer / PACKAGE)) for path in (layer / PACKAGE).rglob("*.py")} == modules
    assert not list(layer.rglob("*fabriclab*"))


def test_directories_are_open_to_all_readers(layer: Path) -> None:
    modes = {path.stat().st_mode & 0o7777 for path in layer.rglob("*") if path.is_dir() and not path.is_symlink()}
    assert modes == {0o755}


def test_the_modules_are_compiled_for_the_interpreter_of_the_service(layer: Path) -> None:
    verbose = run(layer, ["-v"], "-version").stderr
    loaded = [line for line in verbose.splitlines() if "code object from" in line and "dist-packages/waagent/" in line]
    assert loaded and all(".pyc" in line for line in loaded)


def test_the_version_is_printed_without_the_rooms_of_the_agent(layer: Path) -> None:
    done = run(layer, ["-X", "importtime"], "-version")
    assert [line.partition(":")[0] for line in done.stdout.splitlines()][1:] == ["Python", "Goal state agent"]
    rooms = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "waagent." in line}
    assert {room.split(".")[1] for room in rooms} <= {"cli", "model"}
    assert not {"urllib3", "ssl", "xml"} & {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_an_extension_that_loads_the_program_as_a_module_sets_nothing_off(layer: Path, tmp_path: Path) -> None:
    program = shutil.copy(layer / "usr/sbin/waagent", tmp_path / "waagent")
    with pytest.raises(ImportError, match="no module to extensions"):
        load("waagent", program)
    module = load("another_name", program)
    assert {name for name in vars(module) if not name.startswith("__")} == {"sys"}


def test_the_program_is_source_that_old_interpreters_can_read_too(layer: Path) -> None:
    text = (layer / "usr/sbin/waagent").read_text(encoding="ascii")
    assert text.startswith("#!/usr/bin/python3\n")
    assert "annotations" not in text and 'f"' not in text


def test_the_data_alone_can_be_laid_for_the_package(tmp_path: Path, layer: Path) -> None:
    lay(tmp_path, "--data-only")
    assert found(tmp_path) == {place: mode for place, mode in found(layer).items() if not place.startswith(PACKAGE)}


def test_changed_sources_are_never_taken_from_the_cache(files: ModuleType, layer: Path) -> None:
    laid = {str(path.relative_to(layer)): path.read_bytes() for path in layer.rglob("*.py")}
    assert laid == {file.place: file.content for file in files.modules() if file.place.endswith(".py")}


def run(layer: Path, options: list[str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PYTHONPATH": str((layer / PACKAGE).parent), "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
    command = ["/usr/bin/python3", *options, str(layer / "usr/sbin/waagent"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, env=environment)


def load(name: str, program: Path) -> ModuleType:
    loader = SourceFileLoader(name, str(program))
    specification = importlib.util.spec_from_loader(name, loader)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    loader.exec_module(module)
    return module
