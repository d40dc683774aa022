import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from unit.fabric.doubles import Answer, FakeCommands, World, serving
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.fabric.connection import Connection, connect
from waagent.fabric.exchange import POLICIES
from waagent.fabric.goal_state import Refresh
from waagent.fabric.parts import HistoryDocument
from waagent.model.failure import DocumentFailure, ExchangeFailure, HttpFailure, StatusFailure
from waagent.model.goal_state import CertificateSummary, Channel, Thumbprint
from waagent.system.port import Request, Response

PATHS = Paths.of(Config())
WS = "http://168.63.129.16:80/machine/c/i"
BASE = 638_900_000_000_000_000
PROFILE = "https://labstat.blob.example.net/$system/labvm01.vmSettings?sig=bGFi"
THUMB = "0123456789ABCDEF0123456789ABCDEF01234567"
PEM = b"-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n"


class Fabric:
    """A fabric whose truth the test changes between two polls."""

    def __init__(self) -> None:
        self.incarnation = "1"
        self.container = "container-1"
        self.parts = ["HostingEnvironmentConfig", "SharedConfig", "ExtensionsConfig", "Certificates"]
        self.remote_access = False
        self.created = BASE
        self.profile: Answer | None = None
        self.settings: dict[str, object] | None = None
        self.etag = '"1"'
        self.settings_answer: Answer | None = None
        self.broken: dict[str, Answer] = {}
        self.role_missing = 0
        self.asked: list[Request] = []
        self.after_goal_state: Callable[[], None] | None = None

    def fast_track(self, ticks: int, etag: str, **changes: object) -> None:
        """Publish settings that many ticks after the base."""
        self.etag = etag
        self.settings = {
            "hostGAPluginVersion": "1.0.8.175",
            "vmSettingsSchemaVersion": "0.0",
            "activityId": "a",
            "correlationId": "c",
            "inSvdSeqNo": 13,
            "extensionsLastModifiedTickCount": BASE + ticks,
            "extensionGoalStatesSource": "FastTrack",
            "onHold": False,
            "requiredFeatures": [],
            "gaFamilies": [],
            "extensionGoalStates": [],
            **changes,
        }

    def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        name = self.name(request)
        if name in self.broken:
            return self.broken[name]
        if name == "goalstate":
            answer = 200, self.goal_state()
            if self.after_goal_state is not None:
                self.after_goal_state()
            return answer
        if name == "vmSettings":
            return self.vm_settings(request)
        if name == "extensionsConfig":
            return 200, self.extensions_config()
        if name == "profile" and self.profile is not None:
            return self.profile
        return {
            "hostingEnvironmentConfig": (
                200,
                b'<HostingEnvironmentConfig><Deployment name="tenant"/><Incarnation instance="_labvm01"/>'
                b'<Role name="LabRole"/></HostingEnvironmentConfig>',
            ),
            "sharedConfig": (200, b'\xef\xbb\xbf<SharedConfig version="1.0.0.0"/>'),
            "certificates": (200, b"<CertificateFile><Version>2012-11-30</Version></CertificateFile>"),
            "remoteaccess": (
                200,
                b"<RemoteAccess><Version>1</Version><Incarnation>1</Incarnation><Users>"
                b"<User><Name>labjit</Name><Password>MIIBLAB</Password></User></Users></RemoteAccess>",
            ),
        }.get(name, 404)

    @staticmethod
    def name(request: Request) -> str:
        if "vmSettings?" in request.url:
            return "profile"
        for key in ("type=", "comp="):
            if key in request.url:
                return request.url.split(key)[1].partition("&")[0]
        return request.url.rpartition("/")[2]

    def goal_state(self) -> bytes:
        role = ""
        if self.role_missing:
            self.role_missing -= 1
        else:
            urls = {
                "HostingEnvironmentConfig": f"{WS}?comp=config&amp;type=hostingEnvironmentConfig",
                "SharedConfig": f"{WS}?comp=config&amp;type=sharedConfig",
                "ExtensionsConfig": f"{WS}?comp=config&amp;type=extensionsConfig",
                "Certificates": f"{WS}?comp=certificates",
            }
            parts = "".join(f"<{each}>{urls[each]}</{each}>" for each in self.parts)
            role = (
                "<RoleInstanceList><RoleInstance><InstanceId>i._labvm01</InstanceId><State>Started</State><Configuration>"
                f"{parts}<ConfigName>config.{self.container}</ConfigName></Configuration></RoleInstance></RoleInstanceList>"
            )
        access = f"<RemoteAccessInfo>{WS}?comp=remoteaccess</RemoteAccessInfo>" if self.remote_access else ""
        return (
            f"<GoalState><Version>2012-11-30</Version><Incarnation>{self.incarnation}</Incarnation><Machine/>"
            f"<Container><ContainerId>{self.container}</ContainerId>{access}{role}</Container></GoalState>"
        ).encode()

    def extensions_config(self) -> bytes:
        profile = "" if self.profile is None else f"<InVMArtifactsProfileBlob>{PROFILE}</InVMArtifactsProfileBlob>"
        return (
            f'<Extensions version="1.0.0.0"><Plugins/><PluginSettings/>{profile}'
            f'<InVMGoalStateMetaData inSvdSeqNo="1" createdOnTicks="{self.created}" activityId="a" correlationId="c"/>'
            "</Extensions>"
        ).encode()

    def vm_settings(self, request: Request) -> Answer:
        if self.settings_answer is not None:
            return self.settings_answer
        if self.settings is None:
            return 404
        if request.headers.get("if-none-match") == self.etag:
            return 304
        return Response(200, {"etag": self.etag}, json.dumps(self.settings).encode())

    def take(self) -> list[str]:
        """Names of what was asked for since the last time."""
        names = [self.name(request) for request in self.asked]
        self.asked.clear()
        return names


class Bench:
    def __init__(self, change: Callable[[Config], Config] = lambda config: config) -> None:
        self.fabric = Fabric()
        self.world: World = serving(self.fabric.answer)
        self.world.commands = FakeCommands()
        self.world.files.content[PATHS.transport_certificate] = PEM
        self.history: list[tuple[str, tuple[HistoryDocument, ...]]] = []
        self.config = change(Config())
        self.restart()

    def restart(self) -> None:
        """A new process over the same files."""
        policies = {name: replace(policy, attempts=1, throttled_attempts=None) for name, policy in POLICIES.items()}
        self.connection: Connection = connect(
            self.world.system,
            self.config,
            PATHS,
            "168.63.129.16",
            agent_version="9.9.9.10",
            history=lambda tag, documents: self.history.append((tag, documents)),
            policies=policies,
        )

    def poll(self, force: bool = False) -> Refresh:
        return self.connection.reader.refresh(force)

    @property
    def memory(self) -> str | None:
        data = self.world.files.content.get(PATHS.fast_track)
        return None if data is None else json.loads(data)["timestamp"]


def without_fast_track(config: Config) -> Config:
    return replace(config, debug=replace(config.debug, enable_fast_track=False))


PARTS = ["extensionsConfig", "hostingEnvironmentConfig", "sharedConfig", "certificates"]


def test_the_first_poll_fetches_everything_in_the_order_of_the_protocol() -> None:
    bench = Bench()
    bench.fabric.remote_access = True
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", "vmSettings", *PARTS, "remoteaccess"]
    assert (refresh.wire_changed, refresh.extensions_changed) == (True, True)
    goal_state = refresh.goal_state
    assert goal_state.extensions.identity == "incarnation_1"
    assert (goal_state.hosting.vm_name, goal_state.hosting.role_name, goal_state.hosting.tenant_name) == (
        "_labvm01",
        "LabRole",
        "tenant",
    )
    assert goal_state.remote_access is not None


def test_a_goal_state_that_comes_between_the_two_questions_of_a_poll_stirs_the_next() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"1"')
    bench.poll()
    bench.poll()
    assert not bench.connection.reader.stirred()

    def publish() -> None:
        bench.fabric.incarnation = "2"
        bench.fabric.fast_track(2, '"2"', extensionGoalStatesSource="Fabric")

    bench.fabric.after_goal_state = publish
    bench.poll()
    bench.fabric.after_goal_state = None
    assert bench.connection.reader.stirred(), "the new tag is taken for a sign that nothing is new"
    assert bench.poll().wire_changed
    assert not bench.connection.reader.stirred()


def test_a_poll_without_news_asks_for_the_goal_state_alone_once_fast_track_is_not_supported() -> None:
    bench = Bench()
    bench.poll()
    bench.fabric.take()
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate"]
    assert (refresh.wire_changed, refresh.extensions_changed) == (False, False)


def test_in_another_container_a_host_is_asked_anew_whether_it_supports_fast_track() -> None:
    bench = Bench()
    bench.poll()
    bench.fabric.container = "container-2"
    bench.fabric.fast_track(1, '"1"')
    bench.fabric.take()
    assert bench.poll().goal_state.extensions.identity == 'etag_"1"'
    assert bench.fabric.take()[:2] == ["goalstate", "vmSettings"]


@pytest.mark.parametrize("incarnation", ["2", "0"])
def test_another_incarnation_is_new_whether_higher_or_lower(incarnation: str) -> None:
    bench = Bench()
    bench.poll()
    bench.fabric.take()
    bench.fabric.incarnation = incarnation
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", *PARTS]
    assert refresh.goal_state.extensions.identity == f"incarnation_{incarnation}"
    assert refresh.wire_changed
    assert refresh.extensions_changed


def test_the_identity_is_renewed_by_every_poll_although_nothing_else_changed() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"1"')
    bench.poll()
    bench.fabric.container = "container-2"
    refresh = bench.poll()
    assert refresh.goal_state.wire.container_id == "container-2"
    assert not refresh.wire_changed
    settings = [request for request in bench.fabric.asked if request.url.endswith("/vmSettings")][-1]
    assert settings.headers["x-ms-containerid"] == "container-2"
    assert settings.headers["x-ms-host-config-name"] == "config.container-2"


def test_force_fetches_everything_and_keeps_the_etag() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"1"')
    bench.poll()
    bench.fabric.asked.clear()
    refresh = bench.poll(force=True)
    assert bench.fabric.asked[1].headers["if-none-match"] == '"1"'
    assert bench.fabric.take() == ["goalstate", "vmSettings", *PARTS]
    assert (refresh.wire_changed, refresh.extensions_changed) == (True, False)


@pytest.mark.parametrize("part", ["extensionsConfig", "hostingEnvironmentConfig", "sharedConfig", "remoteaccess"])
def test_a_part_that_cannot_be_fetched_fails_the_update_and_the_next_poll_tries_again(part: str) -> None:
    bench = Bench()
    bench.fabric.remote_access = True
    bench.poll()
    bench.fabric.incarnation = "2"
    bench.fabric.broken[part] = 404
    with pytest.raises(StatusFailure):
        bench.poll()
    assert bench.connection.reader.goal_state is not None
    assert bench.connection.reader.goal_state.extensions.identity == "incarnation_1"
    del bench.fabric.broken[part]
    assert bench.poll().goal_state.extensions.identity == "incarnation_2"


def test_certificates_that_cannot_be_fetched_do_not_fail_the_update() -> None:
    bench = Bench()
    bench.fabric.broken["certificates"] = 404
    assert bench.poll().goal_state.certificates == ()
    assert "certificates" in bench.world.log.text()


def test_a_missing_extensions_config_is_an_empty_goal_state() -> None:
    bench = Bench()
    bench.fabric.parts = []
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", "vmSettings"]
    extensions = refresh.goal_state.extensions
    assert (extensions.identity, extensions.in_svd_seq_no, extensions.handlers) == ("incarnation_1", "1", ())


def test_a_goal_state_that_lacks_its_role_for_a_moment_is_asked_for_again() -> None:
    bench = Bench()
    bench.fabric.role_missing = 2
    bench.poll()
    assert bench.world.clock.pauses == [0.5, 0.5]


def test_the_shared_config_is_written_as_received_without_its_mark_and_only_when_it_changed() -> None:
    bench = Bench()
    bench.poll()
    assert bench.world.files.content[PATHS.shared_config] == b'<SharedConfig version="1.0.0.0"/>'
    bench.poll(force=True)
    assert bench.world.files.writes.count(PATHS.shared_config) == 1


@pytest.mark.parametrize(
    ("answer", "on_hold"),
    [
        ((200, b'{"onHold": true}'), True),
        ((200, b'{"onHold": false}'), False),
        ((200, b""), False),
        ((200, b"\0\0\0\0"), False),
        (404, False),
        (HttpFailure("refused", "x"), False),
    ],
)
def test_the_artifacts_profile_is_fetched_with_the_config_and_any_problem_means_not_on_hold(
    answer: Answer, on_hold: bool
) -> None:
    bench = Bench()
    bench.fabric.profile = answer
    assert bench.poll().goal_state.extensions.on_hold is on_hold
    assert "profile" in bench.fabric.take()


# -- Fast Track


def test_newer_fast_track_settings_win_over_the_config() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    goal_state = bench.poll().goal_state
    assert (goal_state.extensions.channel, goal_state.fast_track_supported) == (Channel.FAST_TRACK, True)
    assert bench.memory == "2025-08-05T14:13:20.000000Z"


def test_new_settings_alone_change_the_extensions_without_touching_the_wire_server() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.fast_track(20_000_000, '"8"')
    bench.fabric.take()
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", "vmSettings"]
    assert (refresh.wire_changed, refresh.extensions_changed) == (False, True)
    assert bench.memory == "2025-08-05T14:13:22.000000Z"


def test_a_304_keeps_the_cached_settings() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    refresh = bench.poll()
    assert refresh.goal_state.extensions.channel is Channel.FAST_TRACK
    assert not refresh.extensions_changed


def test_a_new_incarnation_alone_chooses_the_newer_again() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.incarnation = "2"
    assert bench.poll().goal_state.extensions.channel is Channel.FAST_TRACK
    bench.fabric.incarnation, bench.fabric.created = "3", BASE + 5
    assert bench.poll().goal_state.extensions.channel is Channel.FABRIC


def test_settings_that_say_fabric_are_discarded_and_end_the_memory() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.incarnation, bench.fabric.created = "2", BASE + 5
    bench.fabric.fast_track(5, '"8"', extensionGoalStatesSource="Fabric")
    assert bench.poll().goal_state.extensions.identity == "incarnation_2"
    assert bench.memory is None


@pytest.mark.parametrize("answer", [500, 502, 400, 304, 302, HttpFailure("timeout", "x"), Response(200, {}, b"{}")])
def test_an_error_of_the_settings_fails_the_round_and_never_falls_back(answer: Answer) -> None:
    bench = Bench()
    bench.poll()
    bench.restart()
    bench.fabric.settings_answer = answer
    with pytest.raises(ExchangeFailure):
        bench.poll()
    assert bench.connection.reader.goal_state is None


def test_a_410_renews_the_identity_and_asks_once_more() -> None:
    bench = Bench()
    answers: list[Answer] = [410, Response(404, {}, b"")]
    bench.fabric.vm_settings = lambda request: answers.pop(0)  # type: ignore[method-assign]
    bench.poll()
    assert bench.fabric.take()[:4] == ["goalstate", "vmSettings", "goalstate", "vmSettings"]


def test_settings_that_do_not_parse_fail_the_round_and_are_kept_once_per_etag() -> None:
    bench = Bench()
    bench.fabric.settings_answer = Response(200, {"etag": '"9"'}, b'{"extensionGoalStates": ')
    for _ in range(3):
        with pytest.raises(DocumentFailure):
            bench.poll()
    assert [tag for tag, _ in bench.history] == ["9"]
    assert all("if-none-match" not in request.headers for request in bench.fabric.asked)


def test_settings_from_a_host_that_is_too_old_count_as_not_supported() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"', hostGAPluginVersion="1.0.8.132")
    goal_state = bench.poll().goal_state
    assert (goal_state.extensions.channel, goal_state.fast_track_supported) == (Channel.FABRIC, False)


def test_of_settings_from_a_host_that_is_too_old_nothing_else_is_read() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"', hostGAPluginVersion="1.0.8.1", extensionGoalStates="of another schema")
    assert bench.poll().goal_state.extensions.channel is Channel.FABRIC


def test_an_unsupported_host_is_asked_again_after_six_hours_of_the_monotonic_clock() -> None:
    bench = Bench()
    bench.poll()
    bench.fabric.fast_track(1, '"7"')
    bench.world.clock.time += 6 * 3600 - 1
    assert bench.poll().goal_state.extensions.channel is Channel.FABRIC
    bench.world.clock.time += 1
    assert bench.poll().goal_state.extensions.channel is Channel.FAST_TRACK


def test_with_fast_track_off_the_settings_are_never_asked_for() -> None:
    bench = Bench(without_fast_track)
    bench.fabric.fast_track(1, '"7"')
    assert bench.poll().goal_state.extensions.channel is Channel.FABRIC
    assert "vmSettings" not in bench.fabric.take()


def test_with_fast_track_off_a_config_older_than_the_memory_is_outdated() -> None:
    bench = Bench(without_fast_track)
    bench.world.files.content[PATHS.fast_track] = b'{"timestamp": "2099-01-02T03:04:05.000000Z"}'
    assert bench.poll().goal_state.extensions.outdated


@pytest.mark.parametrize("content", [b"", b"null", b'{"timestamp": 5}', b"\xff"])
def test_an_unreadable_memory_counts_as_now(content: bytes) -> None:
    bench = Bench(without_fast_track)
    bench.world.files.content[PATHS.fast_track] = content
    assert bench.poll().goal_state.extensions.outdated


# -- support stopped


def test_when_support_stops_the_config_is_used_but_marked_when_older() -> None:
    bench = Bench()
    bench.fabric.fast_track(20_000_000, '"7"')
    bench.poll()
    bench.fabric.settings = None
    bench.fabric.take()
    refresh = bench.poll()
    assert bench.fabric.take() == ["goalstate", "vmSettings", *PARTS]
    assert (refresh.goal_state.extensions.channel, refresh.goal_state.extensions.outdated) == (Channel.FABRIC, True)
    assert (refresh.goal_state.fast_track_supported, refresh.extensions_changed) == (False, True)
    assert bench.memory is not None
    bench.connection.reader.status_reported()
    assert bench.memory is None


def test_when_support_stops_a_newer_config_is_used_as_it_is() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.settings, bench.fabric.created, bench.fabric.incarnation = None, BASE + 50_000_000, "2"
    extensions = bench.poll().goal_state.extensions
    assert (extensions.identity, extensions.outdated) == ("incarnation_2", False)


def test_the_memory_of_a_former_process_means_supported() -> None:
    bench = Bench()
    bench.fabric.fast_track(20_000_000, '"7"')
    bench.poll()
    bench.restart()
    bench.fabric.settings = None
    assert bench.poll().goal_state.extensions.outdated


def test_a_stop_of_support_is_not_lost_when_the_config_cannot_be_fetched() -> None:
    bench = Bench()
    bench.fabric.fast_track(20_000_000, '"7"')
    bench.poll()
    bench.fabric.settings, bench.fabric.broken = None, {"extensionsConfig": 404}
    with pytest.raises(StatusFailure):
        bench.poll()
    bench.fabric.broken = {}
    assert bench.poll().goal_state.extensions.outdated


# -- certificates


def needing(thumbprint: str) -> list[dict[str, object]]:
    settings = {"protectedSettings": "MII", "protectedSettingsCertThumbprint": thumbprint, "publicSettings": "{}"}
    return [
        {
            "name": "Contoso.Lab.Script",
            "version": "2.1.6",
            "state": "enabled",
            "settingsSeqNo": 0,
            "isMultiConfig": False,
            "settings": [settings],
        }
    ]


def test_settings_that_need_an_unknown_certificate_refresh_now_and_after_a_period_and_then_go_on() -> None:
    bench = Bench()
    bench.poll()
    bench.world.clock.time += 6 * 3600
    bench.fabric.fast_track(1, '"7"', extensionGoalStates=needing(THUMB))
    bench.fabric.asked.clear()
    refresh = bench.poll()
    assert refresh.goal_state.extensions.channel is Channel.FAST_TRACK
    assert (refresh.wire_changed, refresh.extensions_changed) == (True, True)
    assert bench.world.clock.pauses == [6]
    asked = [request for request in bench.fabric.asked if request.url.endswith("/vmSettings")]
    assert [request.headers.get("if-none-match") for request in asked] == [None, None, None]
    assert bench.fabric.take().count("certificates") == 2
    bench.poll()
    assert "certificates" not in bench.fabric.take()


def test_a_change_is_told_by_the_next_poll_when_the_certificates_could_not_be_completed() -> None:
    bench = Bench()
    bench.poll()
    bench.world.clock.time += 6 * 3600
    bench.fabric.fast_track(1, '"7"', extensionGoalStates=needing(THUMB))
    bench.fabric.broken["extensionsConfig"] = 404
    with pytest.raises(StatusFailure):
        bench.poll()
    del bench.fabric.broken["extensionsConfig"]
    assert bench.poll().extensions_changed


def test_a_missing_certificate_file_is_downloaded_again_while_fast_track_is_in_use() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    store = bench.connection.certificates
    calls: list[int] = []

    def update(fetch: object) -> tuple[CertificateSummary, ...]:
        calls.append(1)
        return (CertificateSummary(Thumbprint(THUMB), True),)

    store.update = update  # type: ignore[method-assign,assignment]
    bench.poll()
    assert len(calls) == 2  # fetched, then found missing: the file is not there
    bench.world.files.content[f"{PATHS.lib}/{THUMB}.crt"] = PEM
    bench.fabric.fast_track(2, '"8"')
    bench.poll()
    assert len(calls) == 2


# -- history


def test_each_update_hands_its_documents_to_the_history_under_its_tag() -> None:
    bench = Bench()
    bench.fabric.fast_track(1, '"7"')
    bench.poll()
    bench.fabric.fast_track(2, '"8"')
    bench.poll()
    bench.poll()
    assert [(tag, [each.name for each in documents]) for tag, documents in bench.history] == [
        (
            "1-7",
            [
                "GoalState.xml",
                "ExtensionsConfig.xml",
                "HostingEnvironmentConfig.xml",
                "SharedConfig.xml",
                "Certificates.json",
                "VmSettings.json",
            ],
        ),
        ("1-8", ["VmSettings.json"]),
    ]


def test_what_the_history_gets_is_redacted() -> None:
    bench = Bench()
    bench.fabric.remote_access = True
    bench.fabric.profile = (200, b"{}")
    settings = [{"protectedSettings": "MIIBLAB", "protectedSettingsCertThumbprint": THUMB}]
    bench.fabric.fast_track(1, '"7"', extensionGoalStates=[{**needing(THUMB)[0], "settings": settings}])
    bench.poll()
    kept = {each.name: each.content for _, documents in bench.history for each in documents}
    assert {"RemoteAccess.xml", "VmSettings.json", "ExtensionsConfig.xml"} <= set(kept)
    assert not [name for name, content in kept.items() if b"MIIBLAB" in content or b"bGFi" in content]


def test_settings_that_cannot_be_redacted_are_not_kept() -> None:
    bench = Bench()
    body = b'{"protectedSettings": {"key": "MIIBLAB"'
    bench.fabric.settings_answer = Response(200, {"etag": '"9"'}, body)
    with pytest.raises(DocumentFailure):
        bench.poll()
    assert bench.history == []
    assert "not kept in the history" in bench.world.log.text()


def test_without_fast_track_the_tag_is_the_incarnation() -> None:
    bench = Bench(without_fast_track)
    bench.poll()
    assert [tag for tag, _ in bench.history] == ["1"]
