"""From the start of the daemon to its reports: who provisions, what was done before, what is said to the fabric."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from unit.fakes import FrozenClock, ListLog, MemoryFiles, ReplayHttp, ScriptedCommands, system
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.daemon.boot import Boot, needs_certificates
from waagent.daemon.reports import Reports
from waagent.guest.families.debian import DEBIAN
from waagent.model.event import Operation
from waagent.model.failure import HttpFailure, StatusFailure
from waagent.model.health import READY, STARTING, HealthReport
from waagent.model.ovf import KeyPair, OvfEnvironment, PublicKey
from waagent.provision import ending, pool

STORED = "D0DF4C54-4ECB-4A4B-9954-5BDF3ED5C3B8"
UUID = "544CDFD0-CB4E-4B4A-9954-5BDF3ED5C3B8"


class Said:
    """Stands for ``Reports``; what is said is delivered at once."""

    def __init__(self, owed: bool = False) -> None:
        self.reports: list[HealthReport] = []
        self.owed = owed

    def owe(self) -> None:
        self.owed = True

    def is_owed(self) -> bool:
        return self.owed

    def say(self, health: HealthReport) -> None:
        self.reports.append(health)

    def say_fingerprint(self, fingerprint: str | None) -> None: ...


class Machine:
    def __init__(self, configuration: str = "", *, cloud_init: bool = False, owed: bool = False) -> None:
        self.config, _ = parse(configuration)
        self.paths = Paths.of(self.config)
        self.files, self.log, self.clock, self.http = MemoryFiles(), ListLog(), FrozenClock(), ReplayHttp()
        self.files.put("/sys/class/dmi/id/product_uuid", f"{UUID}\n").put("/var/lib/waagent/.keep", "").put("/dev/.keep", "")
        self.commands = ScriptedCommands(installed=["systemctl"])
        answer = "enabled\n" if cloud_init else "disabled\n"
        self.commands.on("systemctl", "is-enabled", "cloud-init-local.service", stdout=answer)
        self.system = system(files=self.files, log=self.log, clock=self.clock, commands=self.commands, http=self.http)
        agent: Any = SimpleNamespace(
            system=self.system,
            config=self.config,
            paths=self.paths,
            guest=DEBIAN,
            random=lambda count: bytes(count),
        )
        self.said: Any = Said(owed)
        self.events: list[Operation] = []
        self.searches: list[str] = []
        self.freed: list[int] = []
        """One for each time that the medium's place was said to be free: how often the search had begun by then."""
        self.boot = Boot(
            agent,
            self.said,
            self.events.append,
            lambda: self.searches.append("begun"),
            lambda: None,
            medium_read=lambda: self.freed.append(len(self.searches)),
        )

    @property
    def marker(self) -> str | None:
        content = self.files.read_if_there(self.paths.provisioned)
        return None if content is None else content.decode()


def test_without_any_proof_and_without_a_medium_this_is_not_azure_and_nothing_is_said() -> None:
    machine = Machine()
    machine.clock.ends_after_pauses = 1
    assert machine.boot.run(None) is False
    assert (machine.said.reports, machine.searches, machine.marker) == ([], [], None)


def test_a_disk_that_was_moved_elsewhere_is_left_alone_without_a_look_at_drives() -> None:
    machine = Machine()
    machine.files.put(machine.paths.provisioned, "11111111-2222-4333-8444-555555555555")
    assert machine.boot.run(None) is False
    assert (machine.clock.pauses, machine.said.reports, machine.searches) == ([], [], [])


def test_a_machine_that_was_provisioned_by_its_medium_is_still_on_azure_without_it() -> None:
    machine = Machine()
    machine.files.put(machine.paths.provisioned, STORED)
    assert machine.boot.run(None) is True
    assert (machine.said.reports, machine.searches) == ([], ["begun"])


@pytest.mark.parametrize("setting", ["Provisioning.Enabled=n\n", "Provisioning.Agent=disabled\n"])
def test_where_nobody_provisions_the_marker_is_written_and_ready_is_said_at_every_start(setting: str) -> None:
    machine = Machine(setting)
    for _ in range(2):
        assert machine.boot.run("its tag") is True
    assert machine.said.reports == [READY, READY]
    assert machine.marker == STORED


@pytest.mark.parametrize(
    ("configuration", "marker", "cloud_init"),
    [
        ("Provisioning.Enabled=n\n", False, False),
        ("", True, False),
        ("Provisioning.Agent=waagent\n", False, True),
        ("", False, False),
    ],
)
def test_whoever_reads_no_medium_or_has_read_it_says_that_its_place_is_free(
    configuration: str, marker: bool, cloud_init: bool
) -> None:
    machine = Machine(configuration, cloud_init=cloud_init)
    machine.clock.ends_after_pauses = 3
    if marker:
        machine.files.put(machine.paths.provisioned, STORED)
    machine.boot.run("its tag")
    assert machine.freed == [1]


def test_a_machine_provisioned_before_says_nothing() -> None:
    machine = Machine()
    machine.files.put(machine.paths.provisioned, STORED)
    assert machine.boot.run("its tag") is True
    assert (machine.said.reports, machine.searches) == ([], ["begun"])


def test_a_ready_that_was_never_delivered_is_said_at_the_next_start() -> None:
    machine = Machine(owed=True)
    machine.files.put(machine.paths.provisioned, UUID.lower())
    machine.boot.run("its tag")
    assert machine.said.reports == [READY]


def test_what_was_cut_short_after_the_marker_is_finished_at_the_next_start_even_where_the_medium_was_the_only_proof() -> None:
    machine = Machine(owed=True)
    machine.files.put(machine.paths.provisioned, STORED).put("/sys/block/sr0/dev", "")
    ending.begin(machine.system, machine.paths, "/dev/sr0", run_custom_data=False)
    machine.commands.on("eject", "/dev/sr0")
    assert machine.boot.run(None) is True
    assert machine.commands.lines[-1] == ("eject", "/dev/sr0")
    assert not machine.files.exists(ending.record_path(machine.paths))
    assert machine.said.reports == [READY]


def test_a_copy_of_a_machine_forgets_the_other_one_and_provisions_nobody() -> None:
    machine = Machine()
    machine.files.put(machine.paths.provisioned, "11111111-2222-4333-8444-555555555555")
    machine.files.put(machine.paths.published_hostname, "the-other")
    machine.files.put(machine.paths.ovf_env, "kept")
    machine.boot.run("its tag")
    assert (machine.said.reports, machine.marker) == ([READY], STORED)
    assert not machine.files.exists(machine.paths.published_hostname) and machine.files.exists(machine.paths.ovf_env)
    assert "not generalized" in machine.log.of("warning")[0]


def test_two_provisioners_are_a_failure_that_is_reported_and_leaves_no_marker() -> None:
    machine = Machine("Provisioning.Agent=waagent\n", cloud_init=True)
    assert machine.boot.run("its tag") is True
    (report,) = machine.said.reports
    assert (report.state, report.substatus) == ("NotReady", "ProvisioningFailed")
    assert "cloud-init is enabled" in (report.description or "")
    assert machine.marker is None
    assert [(event.operation, event.success) for event in machine.events] == [("Provision", False)]


def test_a_machine_without_its_medium_reports_why_before_it_goes_on() -> None:
    machine = Machine()
    assert machine.boot.run("its tag") is True
    (report,) = machine.said.reports
    assert "medium" in (report.description or "") and machine.marker is None


def test_the_end_of_the_program_is_no_failure_of_provisioning() -> None:
    machine = Machine()
    machine.clock.ends_after_pauses = 1
    assert machine.boot.run("its tag") is True
    assert (machine.said.reports, machine.events, machine.marker) == ([], [], None)


@pytest.mark.parametrize(
    ("keys", "pairs", "expected"),
    [
        ((), (), False),
        ((PublicKey("/p", value="ssh-rsa A"),), (), False),
        ((PublicKey("/p", value="ssh-rsa A", fingerprint="AB"),), (), False),
        ((PublicKey("/p", fingerprint="AB"),), (), True),
        ((), (KeyPair("/p", "AB"),), True),
    ],
)
def test_only_a_key_by_fingerprint_waits_for_the_certificates(
    keys: tuple[PublicKey, ...], pairs: tuple[KeyPair, ...], expected: bool
) -> None:
    assert needs_certificates(OvfEnvironment("h", "u", public_keys=keys, key_pairs=pairs)) is expected


class Wire:
    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.taken: list[tuple[str, str]] = []

    def report_health(self, health: HealthReport, goal_state: str) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.taken.append((health.state, goal_state))

    def goal_state(self) -> tuple[str, bytes]:
        return "fresh identity", b""


def reports(wire: Wire) -> tuple[Reports, MemoryFiles, list[str]]:
    files = MemoryFiles()
    files.put("/var/lib/waagent/.keep", "")
    agent: Any = SimpleNamespace(system=system(files=files), paths=Paths.of(parse("")[0]))
    connection = SimpleNamespace(wire=wire)
    search: Any = SimpleNamespace(wait=lambda: SimpleNamespace(connection=connection), goal_state=lambda: "known identity")
    order: list[str] = []
    return Reports(agent, search, lambda work: work(), before=lambda health: order.append(health.state)), files, order


def test_a_report_whose_identity_is_stale_is_repeated_once_with_a_fresh_one() -> None:
    wire = Wire(StatusFailure(410, "gone"))
    said, _, order = reports(wire)
    said.say(READY)
    assert wire.taken == [("Ready", "fresh identity")]
    assert order == ["Ready"]


def test_a_ready_is_owed_until_the_fabric_took_it() -> None:
    wire = Wire(HttpFailure("timeout", "no answer"))
    said, files, _ = reports(wire)
    said.owe()
    said.say(STARTING)
    assert said.is_owed()
    said.say(READY)
    assert not said.is_owed() and not files.exists("/var/lib/waagent/ready_unsent")
    assert wire.taken == [("Ready", "known identity")]


def test_a_report_that_was_not_taken_is_said_again_until_it_is() -> None:
    wire = Wire(StatusFailure(410, "gone"), StatusFailure(410, "gone"), HttpFailure("timeout", "no answer"))
    said, _, _ = reports(wire)
    assert said.again_in() > 3600
    said.owe()
    said.say(READY)
    assert (wire.taken, said.again_in()) == ([], 5.0)
    said.again()
    assert (wire.taken, said.again_in()) == ([], 10.0)
    said.again()
    assert wire.taken == [("Ready", "known identity")]
    assert not said.is_owed() and said.again_in() > 3600
    said.again()
    assert len(wire.taken) == 1


def test_a_newer_report_takes_the_place_of_one_that_was_not_taken() -> None:
    wire = Wire(HttpFailure("timeout", "no answer"))
    said, _, _ = reports(wire)
    said.say(STARTING)
    said.say(READY)
    said.again()
    assert wire.taken == [("Ready", "known identity")]


def test_a_report_that_is_never_taken_is_tried_once_a_minute_in_the_end() -> None:
    said, _, _ = reports(Wire(*(HttpFailure("timeout", "no answer") for _ in range(99))))
    said.say(READY)
    waits = []
    for _ in range(6):
        waits.append(said.again_in())
        said.again()
    assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_who_waits_for_a_report_learns_of_its_failure() -> None:
    said, _, _ = reports(Wire(HttpFailure("timeout", "no answer")))
    with pytest.raises(HttpFailure):
        said.say_now(READY)


def test_a_vm_that_was_rebooted_in_its_pool_looks_for_no_medium_and_asks_for_its_customers_document() -> None:
    machine = Machine()
    machine.files.put(pool.marker_path(machine.paths), "")
    machine.http.on("GET", pool.URL, status=404).on("GET", pool.URL, b"<empty/>")
    assert machine.boot.run("its tag") is True
    (report,) = machine.said.reports
    assert "Environment" in (report.description or ""), "what the metadata service gave was read"
    assert machine.clock.pauses == [pool.PERIOD, 0.0]
