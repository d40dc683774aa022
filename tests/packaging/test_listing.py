"""Lists of what is in artifacts: read from the artifacts themselves, trees in one line, whatever the version."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def listing(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("listing")


def archive(path: Path, *members: tuple[str, int, str]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for name, mode, kind in members:
            entry = tarfile.TarInfo(name)
            entry.mode, entry.uname, entry.gname = mode, "root", "root"
            entry.type = tarfile.DIRTYPE if kind == "directory" else tarfile.SYMTYPE if kind else tarfile.REGTYPE
            entry.linkname = kind if kind != "directory" else ""
            made.addfile(entry, io.BytesIO())
    return path


def test_files_links_and_odd_directories_are_listed_with_mode_and_owner(listing: ModuleType, tmp_path: Path) -> None:
    path = archive(
        tmp_path / "x.tar.gz",
        ("./usr", 0o755, "directory"),
        ("./var/spool", 0o1777, "directory"),
        ("./usr/sbin/waagent", 0o755, ""),
        ("./usr/sbin/su", 0o4755, ""),
        ("./usr/sbin/link", 0o777, "waagent"),
    )
    assert listing.lines(path) == [
        "link root:root /usr/sbin/link -> waagent",
        "4755 root:root /usr/sbin/su",
        "0755 root:root /usr/sbin/waagent",
        "1777 root:root /var/spool/",
    ]


def test_a_tree_is_one_line_that_tells_every_mode_in_it(listing: ModuleType, tmp_path: Path) -> None:
    tree = "usr/lib/python3/dist-packages/waagent"
    members = [(f"{tree}/a.py", 0o644, ""), (f"{tree}/b/c.py", 0o644, "")]
    path = archive(tmp_path / "x.tar.gz", *members)
    assert listing.lines(path) == [f"0644 root:root /{tree}/**"]
    path = archive(tmp_path / "x.tar.gz", *members, (f"{tree}/writable.py", 0o666, ""))
    assert listing.lines(path) == [f"0644,0666 root:root /{tree}/**"]


def test_the_version_is_in_no_list_and_no_lists_name(listing: ModuleType, tmp_path: Path) -> None:
    version = listing.versions.current()
    wheel = tmp_path / f"waagent-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        for name, text in {"waagent/__init__.py": "", f"waagent-{version}.dist-info/entry_points.txt": POINTS}.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100644 << 16
            made.writestr(entry, text)
    assert listing.golden(wheel) == "waagent-VERSION-py3-none-any.whl.txt"
    assert listing.lines(wheel) == [
        "0755 - BIN/waagent",
        "0644 - SITE/waagent/**",
        "0644 - SITE/waagent-VERSION.dist-info/entry_points.txt",
    ]


POINTS = "[console_scripts]\nwaagent = waagent.cli.main:main\n"


@pytest.mark.parametrize(
    ("letters", "mode"),
    [("rwxr-xr-x", 0o755), ("rw-r--r--", 0o644), ("rwsr-xr-x", 0o4755), ("rwxrwxrwt", 0o1777), ("rw-r-S---", 0o2640)],
)
def test_modes_are_read_from_letters(listing: ModuleType, letters: str, mode: int) -> None:
    assert listing._mode(letters) == mode


def test_what_cannot_be_listed_is_told_by_name(listing: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "x.exe").touch()
    with pytest.raises(listing.Unreadable, match=r"x\.exe is of no kind"):
        listing.lines(tmp_path / "x.exe")


def test_the_kept_list_of_the_deb_is_that_of_the_files_it_is_built_from(listing: ModuleType, files: ModuleType) -> None:
    """So that a file that moves is told at once, and not only by the slow tests, which build the package."""
    entries = [
        listing.Entry(f"/{file.place}", file.mode, "root:root", file.target) for file in (*files.data(), *files.modules())
    ]
    from_sources = {
        line if not entry.target else f"link {line.split(' ', 1)[1]}" for entry in entries for line in listing.listed([entry])
    }
    kept = (PROJECT / "tests/golden/packages/waagent_VERSION_all.deb.txt").read_text().splitlines()
    documents = {line for line in kept if "/usr/share/" in line}
    assert set(kept) - documents == {line for line in from_sources if "/usr/share/" not in line}
