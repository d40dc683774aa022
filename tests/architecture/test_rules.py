"""House rules that a linter does not know. Layers and independence are checked by import-linter (`make check`)."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = sorted((PROJECT / "src").rglob("*.py"))
TESTS = sorted((PROJECT / "tests").rglob("*.py"))
AGENT = [path for path in SOURCES if "waagent" in path.parts]

assert len(SOURCES) > 40


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_is_short_enough_to_read_at_once(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.name != "__init__.py" and path.name != "__main__.py"], ids=name
)
def test_a_module_opens_with_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{name(path)} has no docstring"


def test_there_are_no_dumping_grounds() -> None:
    banned = {"utils", "util", "common", "helpers", "helper", "base", "misc", "manager"}
    assert [name(path) for path in SOURCES if path.stem.lower() in banned or path.parent.name in banned] == []


def test_no_class_is_a_manager_or_helper() -> None:
    found = [
        f"{name(path)}: {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Util)s?$", node.name)
    ]
    assert found == []


def test_the_agent_never_sleeps_and_opens_files_only_through_the_door() -> None:
    allowed = {"cli/version.py"}
    found = []
    for path in AGENT:
        inside = str(path.relative_to(PROJECT / "src/waagent"))
        if inside.startswith("system/real/") or inside in allowed:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called == "open" or called in {"time.sleep", "os.system", "os.open", "os.remove", "os.unlink", "os.rename"}:
                found.append(f"{inside}:{node.lineno}: {called}")
    assert found == []


def test_broad_excepts_stand_only_at_the_edges_that_must_survive_anything() -> None:
    edges = {"daemon", "cli", "provision", "extension"}
    found = [
        f"{name(path)}:{node.lineno}"
        for path in AGENT
        if path.relative_to(PROJECT / "src/waagent").parts[0] not in edges
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and not passes_on(node)
    ]
    assert found == []


def is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}


def passes_on(handler: ast.ExceptHandler) -> bool:
    """Cleaning up and raising the same again swallows nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_tests_use_seams_instead_of_patches() -> None:
    banned = re.compile(r"mock\.patch|monkeypatch\.setattr|from unittest import mock|unittest\.mock")
    here = Path(__file__)
    assert [name(path) for path in TESTS if path != here and banned.search(path.read_text())] == []


def test_nothing_in_the_tree_names_this_workplace() -> None:
    banned = re.compile(rb"(^|[^A-Za-z0-9_.-])/(work|farm)/")
    assert [name(path) for path in own_files() if path != Path(__file__) and banned.search(path.read_bytes())] == []


GENERATED = {
    ".git",
    ".venv",
    ".lab",
    "dist",
    "build",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}


def own_files() -> Iterator[Path]:
    """What a person wrote; what the tools made is not even looked into, as it comes and goes."""
    for directory, names, files in os.walk(PROJECT):
        names[:] = [one for one in names if one not in GENERATED]
        yield from (path for one in files if (path := Path(directory, one)).suffix not in {".pyc", ".iso", ".deb"})
