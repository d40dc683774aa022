"""The libraries that are bundled where a system lacks them: a table that is true, and the same bytes for everybody."""

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).resolve().parents[2]
MODULE_TIME = 1767225600


@pytest.fixture(scope="module")
def vendor(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("vendor")


def test_the_table_has_every_runtime_library_of_the_project_and_no_other(vendor: ModuleType) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = {re.match(r"[\w-]+", text)[0]: text for text in project["dependencies"]}  # type: ignore[index]
    rows = {row.name: row for row in vendor.table() if row.form != "copy"}
    assert set(rows) == set(wanted)
    for name, text in wanted.items():
        least = re.search(r">=([\d.]+)", text)
        assert least is not None
        numbers = [tuple(int(part) for part in version.split(".")[:2]) for version in (rows[name].version, least[1])]
        assert numbers[0] >= numbers[1]
        assert bool(rows[name].python) == ("python_version" in text)
        assert re.fullmatch(r"[0-9a-f]{64}", rows[name].sha256) and rows[name].page.startswith("https://")


def test_a_copy_in_the_tree_is_the_one_that_the_table_names(vendor: ModuleType) -> None:
    copies = [row for row in vendor.table() if row.form == "copy"]
    assert [row.name for row in copies] == ["uplot"]
    for row in copies:
        files = [PROJECT / file for file in row.files]
        assert hashlib.sha256(files[0].read_bytes()).hexdigest() == row.sha256
        assert f"v{row.version}" in files[0].read_text(encoding="utf-8")[:400]
        assert any("LICENSE" in file.name and file.stat().st_size > 500 for file in files)


def test_a_library_that_has_to_be_compiled_is_named_instead_of_left_out(vendor: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(vendor.Unvendored, match=r"Python 3.13 needs crypt-r, which has to be compiled"):
        vendor.put(tmp_path / "made", "3.13", None)
    assert not (tmp_path / "made").exists()


def wheel(path: Path, entries: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return path


def test_what_a_wheel_holds_has_the_same_modes_whatever_the_umask(vendor: ModuleType, tmp_path: Path) -> None:
    archive = wheel(tmp_path / "x-1-py3-none-any.whl", {"x/__init__.py": "1\n", "x-1.dist-info/licenses/LICENSE": "MIT\n"})
    before = os.umask(0o077)
    try:
        vendor.unpack(archive, tmp_path / "made")
    finally:
        os.umask(before)
    found = {str(path.relative_to(tmp_path / "made")): path.stat() for path in (tmp_path / "made").rglob("*")}
    assert {name: f"{status.st_mode & 0o777:o}" for name, status in found.items()} == {
        "x": "755",
        "x/__init__.py": "644",
        "x-1.dist-info": "755",
        "x-1.dist-info/licenses": "755",
        "x-1.dist-info/licenses/LICENSE": "644",
    }
    assert {status.st_mtime for status in found.values()} == {int(os.environ.get("SOURCE_DATE_EPOCH", vendor.TIME))}


@pytest.mark.parametrize("entry", ["../outside.py", "/etc/outside", "x-1.data/scripts/run"])
def test_a_wheel_with_more_than_the_files_of_a_package_is_refused(vendor: ModuleType, tmp_path: Path, entry: str) -> None:
    with pytest.raises(vendor.Unvendored, match="no plain file of a package"):
        vendor.unpack(wheel(tmp_path / "x-1-py3-none-any.whl", {entry: ""}), tmp_path / "made")


@pytest.mark.registry
def test_the_libraries_are_fetched_unpacked_with_their_licences_and_listed(tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = [sys.executable, str(PROJECT / "packaging/vendor.py"), str(made)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(MODULE_TIME)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    if "No matching distribution" in done.stderr or "Connection" in done.stderr:
        pytest.skip("the registry of Python packages is not reachable")
    assert done.returncode == 0, done.stderr
    listed = {row["name"]: row for row in json.loads((made / "vendored.json").read_text())}
    assert set(listed) == {"urllib3", "defusedxml"}
    for name, row in listed.items():
        assert (made / name / "__init__.py").is_file()
        texts = [path for path in made.glob(f"{name}-{row['version']}.dist-info/**/LICENSE*") if path.is_file()]
        assert len(texts) == 1 and texts[0].stat().st_size > 500


@pytest.mark.registry
def test_a_library_with_other_bytes_than_the_tables_is_refused(vendor: ModuleType, tmp_path: Path) -> None:
    (row,) = [row for row in vendor.table() if row.name == "defusedxml"]
    other = vendor.Library(**{**vars(row), "sha256": "0" * 64})
    with pytest.raises(vendor.Unvendored, match=r"(?s)could not fetch.*(hash|HASH|No matching distribution)"):
        vendor.put(tmp_path / "made", "3.10", None, [other])
