"""The wire server (fabric.md 2, 3, 10, 11): versions, goal state and its parts, certificates, and the guest's reports.

It refuses what the real fabric refuses, and where the protocol description leaves the refusal open: 400 for a bad request, 410
for a container, role instance or incarnation that is gone. `strict_headers` and `strict_report` of the world switch that off.
"""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

from fabriclab.documents import certificates, extensions_config, goal_state, remote_access, role_configuration, versions
from fabriclab.documents.certificates import BadRecipient, TenantKeys
from fabriclab.emulator import kvp, reports, telemetry
from fabriclab.emulator.limits import Limiter
from fabriclab.emulator.message import XML, Request, Response, refuse
from fabriclab.emulator.reports import BadReport, Health
from fabriclab.emulator.state import State
from fabriclab.journal.entry import GUEST
from fabriclab.journal.journal import Journal
from fabriclab.world.values import World

CERTIFICATE_HEADER = "x-ms-guest-agent-public-x509-cert"
GONE = b'{ "errorCode": "RequestRoleConfigFileNotFound", "message": "The role configuration file is not there any more." }'
JSON = "application/json"


class WireServer:
    """`authorities`: by which guests reach it at each of its addresses, for the addresses in the goal state."""

    name = "wireserver"
    body_limit = 1 << 20

    def __init__(
        self,
        state: State,
        keys: TenantKeys,
        journal: Journal,
        clock: Callable[[], float],
        read_pool: Callable[[], "bytes | None"],
    ) -> None:
        self.authorities: dict[str, str] = {}
        self._state = state
        self._keys = keys
        self._journal = journal
        self._clock = clock
        self._read_pool = read_pool
        self._telemetry_calls = Limiter()
        self._rendered: tuple[World, str, Response] | None = None

    def answer(self, request: Request, world: World) -> Response:
        path = unquote(request.path).rstrip("/").lower()
        component = (request.parameter("comp") or "").lower()
        if path == "" and component == "versions":
            return self._get(request, lambda: _document(versions.render(world), "versions"))
        if path == "/healthservice":
            return self._post(request, "application/json", lambda: self._health_signal(request))
        if path == "/provisioning/health":
            return self._post(request, "application/json", lambda: self._provisioning_health(request))
        refused = _headers(request, world)
        if refused is not None:
            return refused
        if path == "/machine":
            return self._machine(request, world, component)
        if path.startswith("/machine/"):
            return self._get(request, lambda: self._part(request, world, component))
        return refuse(404, f"there is nothing at {request.path}")

    def _machine(self, request: Request, world: World, component: str) -> Response:
        posts = {
            "health": lambda: self._health(request, world),
            "roleproperties": lambda: self._role_properties(request, world),
            "telemetrydata": lambda: self._telemetry(request, world),
        }
        if component == "goalstate":
            return self._get(request, lambda: self._goal_state(world))
        if component in posts:
            return self._post(request, "text/xml", posts[component])
        return refuse(400, f"unknown comp {component!r}" if component else "the parameter comp is missing")

    def _get(self, request: Request, then: Callable[[], Response]) -> Response:
        return then() if request.method == "GET" else refuse(405, f"{request.method} instead of GET")

    def _post(self, request: Request, content_type: str, then: Callable[[], Response]) -> Response:
        if request.method != "POST":
            return refuse(405, f"{request.method} instead of POST")
        given = (request.header("content-type") or "").partition(";")[0].strip().lower()
        if given != content_type:
            return refuse(400, f"the content type is {given!r}, not {content_type}")
        try:
            return then()
        except BadReport as problem:
            return refuse(400, str(problem))

    def _goal_state(self, world: World) -> Response:
        if world.switches.omit_role_instance > 0:
            world, _ = self._state.adjust(_one_less)
        authority = self.authorities.get(world.wire_server, goal_state.AUTHORITY)
        last = self._rendered  # what agents ask for most, by far: of one world it is written once
        if last is not None and last[0] is world and last[1] == authority:
            return last[2]
        made = _document(goal_state.render(world, authority), f"goal state {world.incarnation}")
        self._rendered = (world, authority, made)
        return made

    def _part(self, request: Request, world: World, component: str) -> Response:
        """A part of the goal state, by container, role instance and incarnation."""
        container, _, instance = unquote(request.path).strip("/").partition("/")[2].partition("/")
        if container.lower() != world.identity.container_id.lower():
            return refuse(410, f"the container {container} is not the current one", GONE, JSON)
        if instance.lower() == "remoteaccess" and component == "remoteaccess":
            return self._encrypted(request, world, "remote access")
        if instance.lower() != world.identity.role_instance.lower():
            return refuse(410, f"the role instance {instance} is not the current one", GONE, JSON)
        incarnation = request.parameter("incarnation")
        if incarnation is not None and incarnation != str(world.incarnation):
            remembered = self._state.of_incarnation(incarnation)
            if remembered is None:
                return refuse(410, f"there is no incarnation {incarnation}", GONE, JSON)
            world = remembered
        if component == "certificates":
            return self._encrypted(request, world, "certificates")
        if component == "config":
            return self._config(request, world)
        return refuse(400, f"unknown comp {component!r}" if component else "the parameter comp is missing")

    def _config(self, request: Request, world: World) -> Response:
        kind = (request.parameter("type") or "").lower()
        if kind == "hostingenvironmentconfig":
            thumbprints = certificates.thumbprints(world, self._keys)
            return _document(role_configuration.hosting_environment(world, thumbprints), "hosting environment")
        if kind in ("sharedconfig", "fullconfig"):
            return _document(role_configuration.shared_config(world), "shared config")
        if kind == "extensionsconfig":
            return _document(extensions_config.render(world, self._keys), f"extensions config {world.incarnation}")
        return refuse(400, f"unknown type {kind!r}" if kind else "the parameter type is missing")

    def _encrypted(self, request: Request, world: World, what: str) -> Response:
        header = request.header(CERTIFICATE_HEADER)
        if not header:
            return refuse(400, f"the header {CERTIFICATE_HEADER} is missing")
        cipher = request.header("x-ms-cipher-name") or certificates.DEFAULT_CIPHER
        if cipher not in world.switches.ciphers:
            return refuse(400, f"the cipher {cipher} is not supported")
        try:
            recipient = certificates.recipient(header)
            if what == "certificates":
                document = certificates.render(world, self._keys, recipient, cipher)
            else:
                document = remote_access.render(world, recipient)
        except BadRecipient as problem:
            return refuse(400, f"{CERTIFICATE_HEADER}: {problem}")
        return replace(_document(document, what), facts={"kind": what.replace(" ", "_"), "cipher": cipher})

    def _health(self, request: Request, world: World) -> Response:
        self._collect_pool()
        report = reports.health(request.body)
        given = (report.incarnation, report.container.lower(), report.instance.lower())
        return _stale_ids(given, world, world.switches.strict_report) or _taken(report, world, world.switches.health_status)

    def _provisioning_health(self, request: Request) -> Response:
        self._collect_pool()
        return _taken(reports.provisioning_health(request.body), self._state.world, 201)

    def _role_properties(self, request: Request, world: World) -> Response:
        report = reports.role_properties(request.body)
        given = (str(world.incarnation), report.container.lower(), report.instance.lower())
        facts = {"kind": "role_properties", "properties": report.properties}
        return _stale_ids(given, world, world.switches.strict_report) or Response(202, summary="role properties", facts=facts)

    def _telemetry(self, request: Request, world: World) -> Response:
        switches = world.switches
        if not self._telemetry_calls.admits(self._clock(), switches.telemetry_calls, switches.telemetry_window):
            wait = (("Retry-After", str(switches.retry_after)),) if switches.retry_after is not None else ()
            reason = f"more than {switches.telemetry_calls} calls in {switches.telemetry_window:g} s"
            return refuse(429, reason, headers=wait)
        if len(request.body) > switches.telemetry_body_limit:
            return refuse(413, f"{len(request.body)} bytes are more than {switches.telemetry_body_limit}")
        facts = telemetry.parse(request.body)
        return Response(switches.telemetry_status, summary=f"telemetry, {len(facts['events'])} events", facts=facts)

    def _health_signal(self, request: Request) -> Response:
        facts = reports.health_signal(request.body)
        names = ", ".join(observation["ObservationName"] for observation in facts["observations"])
        return Response(200, summary=f"host health: {names}", facts=facts)

    def _collect_pool(self) -> None:
        """The host reads the KVP pool when a health report arrives, whatever the report then says (12.2)."""
        data = self._read_pool()
        if data is not None:
            pool = kvp.parse(data)
            self._journal.add("kvp", f"KVP pool, {len(pool.records)} records", who=GUEST, facts=pool.facts())


def _headers(request: Request, world: World) -> Response | None:
    if not world.switches.strict_headers:
        return None
    version = request.header("x-ms-version")
    if version is None:
        return refuse(400, "the header x-ms-version is missing")
    if version not in (*world.switches.versions, world.switches.preferred_version):
        return refuse(400, f"the version {version} is not supported")
    if not request.header("x-ms-agent-name"):
        return refuse(400, "the header x-ms-agent-name is missing")
    return None


def _stale_ids(given: tuple[str, str, str], world: World, strict: bool) -> Response | None:
    identity = world.identity
    current = (str(world.incarnation), identity.container_id.lower(), identity.role_instance.lower())
    if not strict or given == current:
        return None
    names = ("incarnation", "container", "role instance")
    wrong = [f"{name} {got}, not {now}" for name, got, now in zip(names, given, current, strict=True) if got != now]
    return refuse(400, "; ".join(wrong))


def _taken(report: Health, world: World, status: int) -> Response:
    limit = world.switches.health_description_limit
    size = len((report.description or "").encode("utf-8", "replace"))
    if size > limit:
        return refuse(400, f"the description of {size} bytes is over the limit of {limit}")
    told = f"health {report.state}" + (f"/{report.substatus}" if report.substatus else "")
    return Response(status, summary=told, facts=report.facts())


def _document(body: bytes, summary: str) -> Response:
    return Response(200, body, XML, summary=summary)


def _one_less(world: World) -> World:
    left = max(0, world.switches.omit_role_instance - 1)
    return replace(world, switches=replace(world.switches, omit_role_instance=left))
