"""What an event carries, built purely (fabric.md 11.2): the parameters of its table, then the common ones, in order.

Odd: the table expects every field of every event, so placeholders stand for what is not known yet; and booleans must be
told from integers (trap 56), which is why values keep their Python types until they are encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from waagent.model.event import AGENT_PROVIDER, LOG_PROVIDER, Event, Operation, Value
from waagent.model.goal_state import HostingEnvironment
from waagent.model.secret import redact

ZERO_GUID = "00000000-0000-0000-0000-000000000000"
AGENT_EVENT, COUNTER_EVENT, LOG_EVENT = 1, 4, 7
Parameters = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Machine:
    """What this machine and this agent are; fixed for the life of a process."""

    agent_version: str
    os_version: str = ""
    """``<System>:<distro>-<version>-<codename>:<kernel>``."""
    ram_mb: int = 0
    processors: int = 0
    cpu_architecture: str = ""


@dataclass(frozen=True)
class Placement:
    """What the fabric and the metadata service say we are; the defaults are the placeholders before we know."""

    container_id: str = ZERO_GUID
    tenant_name: str = "TenantName_UNINITIALIZED"
    role_name: str = "RoleName_UNINITIALIZED"
    role_instance_name: str = "RoleInstanceName_UNINITIALIZED"
    location: str = "Location_UNINITIALIZED"
    subscription_id: str = "SubscriptionId_UNINITIALIZED"
    resource_group_name: str = "ResourceGroupName_UNINITIALIZED"
    vm_id: str = "VMId_UNINITIALIZED"
    image_origin: int = 0


@dataclass(frozen=True)
class Origin:
    """Where in the program an event came from."""

    moment: datetime
    thread_id: int = 0
    process_id: int = 0
    task: str = ""


def hosted(placement: Placement, container_id: str, hosting: HostingEnvironment, role_instance: str | None) -> Placement:
    """``placement`` with what a goal state says; what it does not say stays as it was."""
    return replace(
        placement,
        container_id=container_id or placement.container_id,
        tenant_name=hosting.tenant_name or placement.tenant_name,
        role_name=hosting.role_name or placement.role_name,
        role_instance_name=hosting.vm_name or role_instance or placement.role_instance_name,
    )


def os_version_text(system: str, distribution: str, version: str, code_name: str, kernel: str) -> str:
    """``OSVersion``, for example ``Linux:debian-12-bookworm:6.1.0``."""
    return f"{system}:{distribution}-{version}-{code_name}:{kernel}"


def moment_text(moment: datetime) -> str:
    """A time as events have it: UTC, six fraction digits, Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def common(machine: Machine, placement: Placement, origin: Origin) -> Parameters:
    """The nineteen parameters that every event carries, in the order of fabric.md 11.2."""
    return (
        ("GAVersion", f"WALinuxAgent-{machine.agent_version}"),
        ("ContainerId", placement.container_id),
        ("OpcodeName", moment_text(origin.moment)),
        ("EventTid", origin.thread_id),
        ("EventPid", origin.process_id),
        ("TaskName", origin.task),
        ("OSVersion", machine.os_version),
        ("ExecutionMode", "IAAS"),
        ("RAM", machine.ram_mb),
        ("Processors", machine.processors),
        ("KeywordName", f'{{"CpuArchitecture": "{machine.cpu_architecture}"}}'),
        ("TenantName", placement.tenant_name),
        ("RoleName", placement.role_name),
        ("RoleInstanceName", placement.role_instance_name),
        ("Location", placement.location),
        ("SubscriptionId", placement.subscription_id),
        ("ResourceGroupName", placement.resource_group_name),
        ("VMId", placement.vm_id),
        ("ImageOrigin", placement.image_origin),
    )


def operation_event(operation: Operation, machine: Machine, placement: Placement, origin: Origin) -> Event:
    """Event 1: something the agent or an extension did."""
    specific: Parameters = (
        ("Name", operation.name),
        ("Version", operation.version or machine.agent_version),
        ("Operation", operation.operation),
        ("OperationSuccess", operation.success),
        ("Message", redact(operation.message)),
        ("Duration", operation.duration_ms),
    )
    return Event(AGENT_PROVIDER, AGENT_EVENT, (*specific, *common(machine, placement, origin), *_KIND))


def counter_event(
    category: str, counter: str, instance: str, value: float, machine: Machine, placement: Placement, origin: Origin
) -> Event:
    """Event 4: one performance counter."""
    specific: Parameters = (("Category", category), ("Counter", counter), ("Instance", instance), ("Value", float(value)))
    return Event(AGENT_PROVIDER, COUNTER_EVENT, (*specific, *common(machine, placement, origin)))


def log_event(
    name: str,
    level: str,
    message: str,
    when: str,
    operation_id: str,
    machine: Machine,
    placement: Placement,
    origin: Origin,
    overrides: Mapping[str, Value] | None = None,
) -> Event:
    """Event 7: a log line, ours or an extension's; ``overrides`` replaces common values (fabric.md 11.5)."""
    specific: Parameters = (
        ("EventName", name),
        ("CapabilityUsed", level),
        ("Context1", redact(message)),
        ("Context2", when),
        ("Context3", operation_id),
    )
    replaced = overrides or {}
    rest = tuple((key, replaced.get(key, value)) for key, value in common(machine, placement, origin))
    return Event(LOG_PROVIDER, LOG_EVENT, (*specific, *rest))


_KIND: Parameters = (("ExtensionType", ""), ("IsInternal", False))


# -- where the image came from

ENDORSED = (
    ("canonical", "ubuntu"), ("canonical", "0001-com-ubuntu"), ("redhat", "rhel"), ("suse", "sles"), ("suse", "opensuse"),
    ("openlogic", "centos"), ("oracle", "oracle-linux"), ("credativ", "debian"), ("debian", "debian"),
    ("coreos", "coreos"), ("kinvolk", "flatcar"), ("almalinux", "almalinux"), ("resf", "rockylinux"),
    ("microsoftcblmariner", "cbl-mariner"), ("microsoftcblmariner", "azure-linux"),
)  # fmt: skip


def image_origin(publisher: str | None, offer: str | None) -> int:
    """1 for a custom image (no publisher), 2 for an endorsed distribution, 3 for any other (fabric.md 9.2)."""
    if not publisher:
        return 1
    known = any(publisher.lower() == who and (offer or "").lower().startswith(what) for who, what in ENDORSED)
    return 2 if known else 3


# -- periodic texts (fabric.md 11.6)


def heartbeat_text(count: int, identity: str, failures: int, *, updates: bool, rsm: bool) -> str:
    """The message of ``HeartBeat``; ``identity`` is a guid."""
    mode = "RSM" if rsm else "SelfUpdate"
    return (
        f"HeartbeatCounter: {count};HeartbeatId: {identity.upper()};UpdateGSErrors: {failures};"
        f"AutoUpdate: {int(updates)};UpdateMode: {mode};"
    )


def http_errors_text(errors: Mapping[str, int]) -> str | None:
    """The message of ``HttpErrors``, or None when there were none."""
    if not any(errors.values()):
        return None
    return ";".join(f"{side}:{errors.get(side, 0)}" for side in ("hostplugin", "protocol", "other"))
