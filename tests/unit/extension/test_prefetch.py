import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from unit.extension.lab import FakeSource, Lab, goal, single
from waagent.model.extension import PackageVersion
from waagent.model.failure import ExtensionFailure

NAMES = ("A.One", "A.Two", "A.Three")


class Meeting(FakeSource):
    """Hands out nothing before so many downloads are under way at once."""

    def __init__(self, lab: Lab, count: int) -> None:
        super().__init__(lab.files, lab.source.packages)
        self.barrier = threading.Barrier(count)

    def download(
        self,
        uris: Sequence[str],
        destination: str,
        accept: Callable[[str], object],
        manifest_uri: str | None = None,
        *,
        fast_track: bool = False,
    ) -> str:
        self.barrier.wait(10)
        return super().download(uris, destination, accept, manifest_uri, fast_track=fast_track)


class Told(FakeSource):
    """Remembers which list each package was said to come from; lists in ``broken`` cannot be had the first time."""

    def __init__(self, lab: Lab, broken: str = "") -> None:
        super().__init__(lab.files, lab.source.packages)
        self.manifests: dict[str, str | None] = {}
        self.broken = broken
        self.lists: list[str] = []

    def version_list(self, uris: Sequence[str], *, fast_track: bool = False) -> tuple[tuple[PackageVersion, ...], str]:
        self.lists.append(uris[0])
        if uris[0] == self.broken:
            raise ExtensionFailure("ExtensionDownloadError", "Failed to download the manifest from all URIs")
        return super().version_list(uris, fast_track=fast_track)

    def download(
        self,
        uris: Sequence[str],
        destination: str,
        accept: Callable[[str], object],
        manifest_uri: str | None = None,
        *,
        fast_track: bool = False,
    ) -> str:
        self.manifests[uris[0]] = manifest_uri
        return super().download(uris, destination, accept, manifest_uri, fast_track=fast_track)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    for name in NAMES:
        made.publish(name=name)
    return made


def process(lab: Lab, source: FakeSource, *names: str) -> None:
    lab.source = source
    lab.start().process(goal(*(single(name=name) for name in names)))


def test_packages_of_one_goal_state_are_fetched_side_by_side(lab: Lab) -> None:
    process(lab, Meeting(lab, 3), *NAMES)
    assert [lab.state(name=name) for name in NAMES] == ["Enabled"] * 3
    assert lab.names() == sorted(f"{name}-1.0.0" for name in NAMES)


def test_each_package_goes_with_the_list_that_names_it(lab: Lab) -> None:
    source = Told(lab)
    process(lab, source, *NAMES)
    assert source.manifests == {f"{name}/1.0.0": name for name in NAMES}
    assert sorted(source.lists) == sorted(NAMES)


def test_a_list_that_cannot_be_had_is_the_failure_of_its_handler_alone(lab: Lab) -> None:
    process(lab, Told(lab, "A.Two"), *NAMES)
    assert lab.status(name="A.Two")["code"] == -1
    assert "Failed to get the manifest of extension A.Two" in lab.status(name="A.Two")["message"]
    assert [lab.state(name=name) for name in ("A.One", "A.Three")] == ["Enabled"] * 2


def test_what_is_installed_is_not_fetched_again(lab: Lab) -> None:
    process(lab, FakeSource(lab.files, lab.source.packages), *NAMES)
    again = Told(lab)
    process(lab, again, *NAMES)
    assert again.downloads == []


def test_a_package_for_what_is_skipped_goes(lab: Lab) -> None:
    lab.publish(name="A.One", behaviour="exit 1")
    lab.source = FakeSource(lab.files, lab.source.packages)
    lab.start().process(goal(single(name="A.One", level=1), single(name="A.Two", level=2)))
    assert lab.status(name="A.Two")["message"].startswith("Skipping")
    assert [name for name in lab.names() if name.endswith(".zip")] == []


def test_nothing_is_fetched_for_what_is_not_allowed(tmp_path: Path) -> None:
    lab = Lab(tmp_path, enabled=False)
    for name in NAMES:
        lab.publish(name=name)
    source = Told(lab)
    process(lab, source, *NAMES)
    assert (source.lists, source.downloads) == ([], [])
    assert {lab.status(name=name)["code"] for name in NAMES} == {1009}
