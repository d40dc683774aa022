"""Storage through a real proxy (tinyproxy, on the fabric's side); wire server, host plugin and metadata never (trap 24)."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fabriclab.scenario.lab import Lab
from scenarios import fabric_labs as fabric
from scenarios import labs

TINYPROXY = shutil.which("tinyproxy")
pytestmark = [
    *labs.in_a_guest,
    pytest.mark.skipif(TINYPROXY is None, reason="tinyproxy is not installed; packaging/setup-debian.sh gets it"),
]

GUEST, PROXY, PORT = "10.77.0.4", "10.77.0.1", 3128
SETTINGS = """
Port {port}
Listen {address}
Timeout 30
MaxClients 20
LogFile "{log}"
LogLevel Connect
Allow 10.77.0.0/24
"""


@contextmanager
def proxy(lab: Lab, place: Path) -> Iterator[Path]:
    """A proxy at 10.77.0.1:3128 for this lab; gives its log."""
    log, settings = place / "proxy.log", place / "proxy.conf"
    settings.write_text(SETTINGS.format(port=PORT, address=PROXY, log=log))
    inside = ["nsenter", "--target", str(lab.guest.namespace.process), "--net"]
    running = subprocess.Popen([*inside, str(TINYPROXY), "-d", "-c", str(settings)], stdout=subprocess.DEVNULL)
    try:
        ready = 'until (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; do :; done'
        subprocess.run([*inside, "timeout", "10", "bash", "-c", ready, "ready", PROXY, str(PORT)], check=True)
        yield log
    finally:
        running.terminate()
        running.wait(timeout=10)


def clients(lab: Lab, service: str) -> set[str]:
    """The addresses that this service was asked from."""
    entries = fabric.requests(lab, service)
    return {entry.exchange.client.partition(":")[0] for entry in entries if entry.exchange}


def serve(lab: Lab, environment: dict[str, str]) -> None:
    """Starts the agent with this in its environment, and has it run an extension and upload a status directly."""
    running = lab.guest.spawn([*labs.AGENT, "-daemon"], environment=environment)
    labs.await_ready(lab)
    fabric.await_success(lab, "one", fabric.publish(lab))
    labs.await_entry(lab, lambda entry: entry.kind == "health_signal", "the first minute's duties", patience=40)
    running.stop()


FAULT = '[[fault]]\nservice = "hostplugin"\npath = "/status*"\neffect = "status"\ncode = 500\n'
CONFIGURED = f'[configuration]\n"HttpProxy.Host" = "{PROXY}"\n"HttpProxy.Port" = "{PORT}"\n'
VARIABLES = {"http_proxy": f"http://{PROXY}:{PORT}"}


@pytest.mark.parametrize(
    ("configuration", "environment", "proxied"),
    [
        (CONFIGURED, {}, True),
        ("", {**VARIABLES, "no_proxy": "10.77.0.0/24"}, False),
        pytest.param("", VARIABLES, True, marks=pytest.mark.slow),
        pytest.param("", {"HTTP_PROXY": f"{PROXY}:{PORT}", "HTTPS_PROXY": f"{PROXY}:{PORT}"}, True, marks=pytest.mark.slow),
        pytest.param("", {**VARIABLES, "NO_PROXY": "localhost, 10.77.0.1"}, False, marks=pytest.mark.slow),
        pytest.param('[configuration]\n"HttpProxy.Host" = "10.77.0.1"\n', VARIABLES, False, marks=pytest.mark.slow),
        pytest.param("", {}, False, marks=pytest.mark.slow),
    ],
    ids=["configured", "no_proxy network", "environment", "capitals", "no_proxy address", "a host without a port", "none"],
)
def test_storage_goes_through_the_proxy_and_the_host_never_does(
    tmp_path: Path, configuration: str, environment: dict[str, str], proxied: bool
) -> None:
    text = f"starts_agent = false\n{configuration}{FAULT}{fabric.OVF}"
    with labs.begun(labs.scenario_of(tmp_path, text)) as lab, proxy(lab, tmp_path) as log:
        serve(lab, environment)
        assert clients(lab, "blob") == {PROXY if proxied else GUEST}
        assert {entry.exchange.method for entry in fabric.requests(lab, "blob") if entry.exchange} == {"GET", "PUT"}
        for service in ("wireserver", "hostplugin", "imds"):
            assert clients(lab, service) == {GUEST}, f"{service} was asked through the proxy"
        told = log.read_text()
        assert ("$system" in told) == proxied
        assert "168.63.129.16" not in told and "169.254.169.254" not in told


def test_where_the_proxy_is_gone_the_host_carries_everything(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path, CONFIGURED) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab), patience=150)
        assert not fabric.requests(lab, "blob")
