"""A fabric with goal states of both channels, and a connection that reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from unit.fabric.doubles import Answer, FakeCommands, World, serving
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.fabric.connection import Connection, connect
from waagent.fabric.exchange import POLICIES
from waagent.fabric.goal_state import Refresh
from waagent.fabric.parts import HistoryDocument
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
