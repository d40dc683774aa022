"""The files other software expects (fabric.md appendix B, extensions.md 1.1)."""

import dataclasses

import pytest

from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.config.sections import Config

PATHS = Paths.of(Config())


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("ovf_env", "/var/lib/waagent/ovf-env.xml"),
        ("custom_data", "/var/lib/waagent/CustomData"),
        ("provisioned", "/var/lib/waagent/provisioned"),
        ("published_hostname", "/var/lib/waagent/published_hostname"),
        ("shared_config", "/var/lib/waagent/SharedConfig.xml"),
        ("transport_certificate", "/var/lib/waagent/TransportCert.pem"),
        ("transport_key", "/var/lib/waagent/TransportPrivate.pem"),
        ("certificates_p7m", "/var/lib/waagent/Certificates.p7m"),
        ("wire_server_endpoint", "/var/lib/waagent/WireServerEndpoint"),
        ("goal_state_placeholder", "/var/lib/waagent/GoalState.1.xml"),
        ("history", "/var/lib/waagent/history"),
        ("events", "/var/lib/waagent/events"),
        ("log", "/var/log/waagent.log"),
        ("pid", "/var/run/waagent.pid"),
        ("sudoers", "/etc/sudoers.d/waagent"),
        ("extension_logs", "/var/log/azure"),
    ],
)
def test_the_agents_files_have_fixed_names(field: str, path: str) -> None:
    assert getattr(PATHS, field) == path


def test_everything_follows_the_configuration() -> None:
    text = "Lib.Dir=/s/waagent/\nExtension.LogDir=/log/azure\nPid.File=/p\nOS.SudoersDir=/usr/local/etc/sudoers.d\n"
    paths = Paths.of(parse(text)[0])
    assert paths.lib == "/s/waagent"
    assert paths.ovf_env == "/s/waagent/ovf-env.xml"
    assert (paths.pid, paths.sudoers) == ("/p", "/usr/local/etc/sudoers.d/waagent")
    assert paths.handler("A.B", "1.0").logs == "/log/azure/A.B"
    own = {f.name: getattr(paths, f.name) for f in dataclasses.fields(paths)}
    outside = {name for name, path in own.items() if not path.startswith("/s/waagent")}
    assert outside == {"log", "pid", "extension_logs", "sudoers", "policy"}


def test_a_handler_has_its_tree() -> None:
    handler = PATHS.handler("Contoso.Sample", "1.0.0")
    assert handler.base == "/var/lib/waagent/Contoso.Sample-1.0.0"
    assert handler.environment == f"{handler.base}/HandlerEnvironment.json"
    assert handler.settings(None, 3) == f"{handler.base}/config/3.settings"
    assert handler.settings("job", 0) == f"{handler.base}/config/job.0.settings"
    assert handler.extension_status(None, 3) == f"{handler.base}/status/3.status"
    assert handler.extension_status("job", 0) == f"{handler.base}/status/job.0.status"
    assert handler.extension_state("job") == f"{handler.base}/config/job.HandlerState"
    assert handler.command_log() == "/var/log/azure/Contoso.Sample/CommandExecution.log"
    assert handler.command_log("job") == "/var/log/azure/Contoso.Sample/CommandExecution_job.log"
    assert handler.extension_events == "/var/log/azure/Contoso.Sample/events"


def test_packages_agents_and_certificates_lie_in_the_state_directory() -> None:
    assert PATHS.package("A.B", "1.2") == "/var/lib/waagent/A.B__1.2.zip"
    assert PATHS.agent("9.9.9.10") == "/var/lib/waagent/WALinuxAgent-9.9.9.10"
    assert PATHS.certificate("AB") == "/var/lib/waagent/AB.crt"
    assert PATHS.private_key("AB") == "/var/lib/waagent/AB.prv"
