"""The wire server's documents and what it refuses, asked over real sockets."""

from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from fabriclab.world.events import AddJitUser, BumpIncarnation, ChangeContainer, PublishExtensions, SetSwitch
from fabriclab.world.values import Extension, JitUser
from unit.fabriclab.emulator.bench import AGENT, Bench, running, world


@pytest.fixture
def bench() -> Iterator[Bench]:
    with running() as made:
        yield made


def addresses(bench: Bench) -> dict[str, str]:
    """The targets in the goal state, by element."""
    root = ElementTree.fromstring(bench.wire("/machine/?comp=goalstate").body)
    found = {element.tag: element.text or "" for element in root.iter() if (element.text or "").strip().startswith("http")}
    for address in found.values():
        assert urlsplit(address).netloc == bench.fabric.authority("wireserver")
    return {name: address.partition(bench.fabric.authority("wireserver"))[2] for name, address in found.items()}


def test_versions_need_no_headers_and_list_the_one_that_guests_speak(bench: Bench) -> None:
    answer = bench.wire("/?comp=versions", {})
    assert answer.status == 200
    root = ElementTree.fromstring(answer.body)
    assert "2012-11-30" in [element.text for element in root.findall("Supported/Version")]


@pytest.mark.parametrize("target", ["/machine/?comp=goalstate", "/machine?comp=goalstate", "/machine/?COMP=GoalState"])
def test_the_goal_state_has_the_incarnation_and_is_told(bench: Bench, target: str) -> None:
    answer = bench.wire(target)
    assert ElementTree.fromstring(answer.body).findtext("Incarnation") == "1"
    assert bench.last.summary == "goal state 1"


def test_every_address_in_the_goal_state_that_needs_no_certificate_can_be_fetched(bench: Bench) -> None:
    bench.fabric.apply(PublishExtensions((Extension("Contoso.Lab.Good", "1.0.0"),)))
    found = addresses(bench)
    for name, root in (
        ("HostingEnvironmentConfig", "HostingEnvironmentConfig"),
        ("SharedConfig", "SharedConfig"),
        ("ExtensionsConfig", "Extensions"),
    ):
        answer = bench.wire(found[name])
        assert (answer.status, ElementTree.fromstring(answer.body).tag) == (200, root)


def test_the_role_instance_may_come_decoded_and_the_type_in_any_case(bench: Bench) -> None:
    target = addresses(bench)["SharedConfig"].replace("%2D", "-").replace("%5F", "_").replace("sharedConfig", "SHAREDCONFIG")
    assert bench.wire(target).status == 200


@pytest.mark.parametrize(
    ("target", "headers", "status", "reason"),
    [
        ("/machine/?comp=goalstate", {"x-ms-agent-name": "x"}, 400, "x-ms-version is missing"),
        ("/machine/?comp=goalstate", {"x-ms-version": "2012-11-30"}, 400, "x-ms-agent-name is missing"),
        ("/machine/?comp=goalstate", {**AGENT, "x-ms-version": "1999-01-01"}, 400, "1999-01-01 is not supported"),
        ("/machine/?comp=weather", AGENT, 400, "unknown comp 'weather'"),
        ("/machine/", AGENT, 400, "comp is missing"),
        ("/somewhere", AGENT, 404, "nothing at /somewhere"),
        ("/machine/other-container/x?comp=config&type=sharedConfig&incarnation=1", AGENT, 410, "other-container is not"),
        ("http://elsewhere.example.net/", AGENT, 404, "nothing at"),
    ],
)
def test_a_wrong_request_is_refused_with_its_reason(
    bench: Bench, target: str, headers: dict[str, str], status: int, reason: str
) -> None:
    assert bench.wire(target, headers).status == status
    assert reason in str(bench.last.refusal)


def test_headers_are_not_asked_for_when_the_world_is_not_strict() -> None:
    with running(world(strict_headers=False)) as bench:
        assert bench.wire("/machine/?comp=goalstate", {}).status == 200


def test_only_get_reads_and_only_post_reports(bench: Bench) -> None:
    assert bench.ask("wireserver", "POST", "/machine/?comp=goalstate", AGENT).status == 405
    assert bench.wire("/machine?comp=health").status == 405


def test_parts_of_another_role_instance_or_kind_are_refused(bench: Bench) -> None:
    target = addresses(bench)["SharedConfig"]
    assert bench.wire(target.replace("labvm01", "other")).status == 410
    assert bench.wire(target.replace("sharedConfig", "weather")).status == 400
    assert bench.wire(target.replace("comp=config", "comp=weather")).status == 400
    assert bench.wire(target.replace("&type=sharedConfig", "")).status == 400


def test_an_older_incarnation_is_remembered_for_a_while_and_an_unknown_one_is_gone(bench: Bench) -> None:
    target = addresses(bench)["ExtensionsConfig"]
    bench.fabric.apply(PublishExtensions((Extension("Contoso.Lab.Good", "1.0.0"),)))
    assert b"Contoso" not in bench.wire(target).body
    assert b"Contoso" in bench.wire(target.replace("incarnation=1", "incarnation=2")).body
    gone = bench.wire(target.replace("incarnation=1", "incarnation=77"))
    assert gone.status == 410 and b"RequestRoleConfigFileNotFound" in gone.body


def test_a_moved_vm_finds_its_old_container_gone(bench: Bench) -> None:
    target = addresses(bench)["SharedConfig"]
    bench.fabric.apply(ChangeContainer())
    assert bench.wire(target).status == 410
    assert bench.wire(addresses(bench)["SharedConfig"]).status == 200


def test_the_role_instance_is_left_out_as_often_as_asked(bench: Bench) -> None:
    bench.fabric.apply(SetSwitch("omit_role_instance", 2))
    there = [b"<InstanceId>" in bench.wire("/machine/?comp=goalstate").body for _ in range(4)]
    assert there == [False, False, True, True]
    assert bench.fabric.world.switches.omit_role_instance == 0


def test_certificates_need_the_transport_certificate_and_a_known_cipher(bench: Bench) -> None:
    target = addresses(bench)["Certificates"]
    assert bench.wire(target).status == 400
    assert "x-ms-guest-agent-public-x509-cert is missing" in str(bench.last.refusal)
    for header in ("no base64!", "QUJD"):
        assert bench.wire(target, {**AGENT, "x-ms-guest-agent-public-x509-cert": header}).status == 400
    given = {**AGENT, "x-ms-guest-agent-public-x509-cert": "QUJD", "x-ms-cipher-name": "ROT13"}
    assert bench.wire(target, given).status == 400
    assert "ROT13" in str(bench.last.refusal)


def test_remote_access_is_offered_only_with_users_and_needs_the_certificate_too(bench: Bench) -> None:
    assert "RemoteAccessInfo" not in addresses(bench)
    bench.fabric.apply(AddJitUser(JitUser("labjit", "secret", "Fri, 02 Jan 2026 12:00:00 UTC")))
    assert bench.wire(addresses(bench)["RemoteAccessInfo"]).status == 400
    assert "secret" not in str(bench.journal.entries())


def test_events_are_told_with_the_counters_after_them(bench: Bench) -> None:
    bench.fabric.apply(BumpIncarnation(to=9))
    assert bench.last.service == "world" and bench.last.summary == "BumpIncarnation"
    assert bench.last.facts["incarnation"] == 9


def test_events_that_do_not_fit_change_nothing(bench: Bench) -> None:
    with pytest.raises(ValueError, match="no such switch"):
        bench.fabric.apply(BumpIncarnation(), SetSwitch("nonsense", 1))
    assert bench.fabric.world.incarnation == 1
