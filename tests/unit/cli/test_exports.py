from __future__ import annotations

from unit.fakes import MemoryFiles
from waagent.cli.exports import exports
from waagent.config.parse import parse
from waagent.config.sections import Config
from waagent.guest.detect import detect
from waagent.guest.profile import Guest

FLATCAR = detect(MemoryFiles({"/etc/os-release": "ID=flatcar\nVERSION_ID=3815.2.0\n"}))


def test_every_child_is_told_the_version_and_nothing_else_on_an_ordinary_system() -> None:
    assert exports(Config(), Guest(), "9.8.7.6", {"PATH": "/bin"}) == {"_AZURE_GUEST_AGENT_DAEMON_VERSION_": "9.8.7.6"}


def test_fips_is_for_openssl_in_every_child() -> None:
    config, _ = parse("OS.EnableFIPS=y\n")
    assert exports(config, Guest(), "1", {})["OPENSSL_FIPS"] == "1"


def test_coreos_has_its_own_python_behind_what_is_there() -> None:
    made = exports(Config(), FLATCAR, "1", {"PATH": "/usr/bin:/bin"})
    assert made["PATH"] == "/usr/bin:/bin:/usr/share/oem/python/bin"
    assert made["PYTHONPATH"] == "/usr/share/oem/bin/waagent"


def test_a_place_is_added_once() -> None:
    made = exports(Config(), FLATCAR, "1", exports(Config(), FLATCAR, "1", {"PATH": "/bin"}))
    assert made["PATH"] == "/bin:/usr/share/oem/python/bin"
