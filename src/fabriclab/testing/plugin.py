"""pytest's door to the lab, found by its entry point: the fixtures `fabric` and `guest`.

    def test_my_extension(fabric, guest):
        name = fabric.publish("my-handler", public={"message": "hi"}, wait="success")
        assert guest.run("cat /tmp/greeting").output == "hi"
        fabric.remove(name)
        fabric.wait_until_gone(name)

Every test that names one of them gets a fresh lab. `@pytest.mark.fabriclab(agent=…, guest=…, root=…, scenario=…,
configuration={…})` chooses another than the options say. Nothing of the lab is imported until a test needs it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fabriclab.testing.bench import Fabric, Guest

MARK = "fabriclab"
KEYS = ("agent", "guest", "root", "scenario", "configuration")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fabriclab", "an Azure fabric on one machine")
    group.addoption("--fabriclab-agent", default="ours", help="as `fabriclab run --agent` (default: ours)")
    group.addoption("--fabriclab-guest", default="sandbox", help="sandbox or systemd (default: sandbox)")
    group.addoption("--fabriclab-root", default=None, help="the Debian root of a systemd guest")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}({', '.join(KEYS)}): which lab this test gets")


@pytest.fixture
def fabriclab(request: pytest.FixtureRequest) -> Iterator[tuple["Fabric", "Guest"]]:
    """A lab: (fabric, guest)."""
    from fabriclab.guests import adapter, assemble
    from fabriclab.guests.namespace import NamespaceUnavailable
    from fabriclab.guests.root import RootUnavailable
    from fabriclab.testing import bench

    wanted = _wanted(request)
    used = adapter.find(wanted["agent"])
    if wanted["guest"] == "systemd":
        used = assemble.on_systemd(used, wanted["root"])
    elif wanted["guest"] != "sandbox":
        raise pytest.UsageError(f'fabriclab: guest "{wanted["guest"]}" is none of sandbox, systemd')
    try:
        with bench.lab(used, wanted["scenario"], wanted["configuration"]) as found:
            yield found
    except (NamespaceUnavailable, RootUnavailable) as problem:
        pytest.fail(f"fabriclab: {problem}", pytrace=False)


@pytest.fixture
def fabric(fabriclab: tuple["Fabric", "Guest"]) -> "Fabric":
    """The fabric's side of this test's lab."""
    return fabriclab[0]


@pytest.fixture
def guest(fabriclab: tuple["Fabric", "Guest"]) -> "Guest":
    """The machine's side of this test's lab."""
    return fabriclab[1]


def _wanted(request: pytest.FixtureRequest) -> dict[str, Any]:
    option = request.config.getoption
    wanted: dict[str, Any] = {
        "agent": option("--fabriclab-agent"),
        "guest": option("--fabriclab-guest"),
        "root": option("--fabriclab-root"),
        "scenario": "first-boot",
        "configuration": {},
    }
    mark = request.node.get_closest_marker(MARK)
    if mark is None:
        return wanted
    unknown = sorted(set(mark.kwargs) - set(KEYS))
    if mark.args or unknown:
        said = f"{unknown[0]}: no key" if unknown else "takes keys only"
        raise pytest.UsageError(f"{request.node.nodeid}: @pytest.mark.{MARK}: {said}; there are {', '.join(KEYS)}")
    return {**wanted, **mark.kwargs}
