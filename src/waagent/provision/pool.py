"""Pre-provisioned VMs: booted for a pool under a placeholder, handed to a customer later (guest.md 1.7).

Such a VM reports Ready with the placeholder's document, sees its network change hands, then asks the metadata service for
the customer's document until it is there. How long that takes is the fabric's business: there is no deadline. A marker
tells a VM that was rebooted in the pool not to report Ready again.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from contextlib import closing

from waagent.config.paths import Paths
from waagent.guest import dhcp_client
from waagent.guest.profile import Guest
from waagent.model.failure import ExchangeFailure, Failure, ProvisionFailure
from waagent.model.ovf import PoolType
from waagent.system.port import Request, System

URL = "http://169.254.169.254/metadata/reprovisiondata?api-version=2019-06-01"
DEADLINE = 30.0
INSTANCE_URL = "http://169.254.169.254/metadata/instance?api-version=2021-08-01&extended=true"
INSTANCE_DEADLINE = 5.0
PERIOD = 1.0
"""Seconds between two questions: the metadata service cannot be watched."""
LONG = 60.0
"""Seconds after which the network is looked at although no link said anything."""


class Stage(enum.Enum):
    """What a VM has to go through before it is provisioned."""

    ORDINARY = "ordinary"
    RUNNING = "running"
    SAVABLE = "savable"
    OS_DISK = "os disk"
    REBOOTED = "rebooted in the pool"


def decide(document: PoolType, metadata: str | None, reported: bool) -> Stage:
    """The stage, from the document's type, the metadata service's ``ppsType`` and whether our marker is there.

    Precedence: marker, Savable, PreprovisionedOSDisk, Running, ordinary.
    """
    said = {document.value.lower(), (metadata or "").lower()}
    if reported:
        return Stage.REBOOTED
    if PoolType.SAVABLE.value.lower() in said:
        return Stage.SAVABLE
    if PoolType.OS_DISK.value.lower() in said:
        return Stage.OS_DISK
    return Stage.RUNNING if PoolType.RUNNING.value.lower() in said else Stage.ORDINARY


def stage(system: System, paths: Paths, document: PoolType) -> Stage:
    """Where this VM stands. The metadata service is asked only when the document speaks of a pool at all: an ordinary VM
    waits for no answer, and one whose document says no more than ``PreprovisionedVm`` learns its exact type.
    """
    if was_reported(system, paths):
        return Stage.REBOOTED
    if document is PoolType.NONE:
        return Stage.ORDINARY
    found = decide(document, metadata_type(system), reported=False)
    system.log.info(f"this VM is pre-provisioned: {found.value}")
    return found


def metadata_type(system: System) -> str | None:
    """``extended.compute.ppsType`` of the metadata service; None when it does not say."""
    import json

    try:
        answer = system.http.send(Request("GET", INSTANCE_URL, headers={"Metadata": "true"}, deadline=INSTANCE_DEADLINE))
        said = json.loads(answer.body)["extended"]["compute"]["ppsType"] if answer.status == 200 else None
    except (Failure, ValueError, KeyError, TypeError) as problem:
        system.log.verbose(f"the metadata service does not tell the kind of pool: {problem}")
        return None
    return said if isinstance(said, str) else None


def marker_path(paths: Paths) -> str:
    return f"{paths.lib}/reported_ready"


def was_reported(system: System, paths: Paths) -> bool:
    return system.files.exists(marker_path(paths))


def wait_for_customer(
    system: System, guest: Guest, paths: Paths, stage: Stage, interface: str | None, report_ready: Callable[[], None]
) -> bytes:
    """The customer's document. ``report_ready`` tells the fabric that the VM waits in the pool.

    Errors: ``ProvisionFailure`` where pools are not supported, and when the program ends meanwhile.
    """
    if not guest.pools:
        raise ProvisionFailure(f"pre-provisioned VMs are not supported on {guest.family}")
    if stage is not Stage.REBOOTED:
        before, card = _changes(system, interface), _number(system, interface)
        system.files.write(marker_path(paths), b"", mode=0o600)
        _report(system, stage, report_ready)
        if stage is Stage.OS_DISK:
            _until(system, lambda: False, "the host to shut this VM down")
        elif stage is Stage.SAVABLE:
            # another card by the same name may be there before we look
            gone = "the network interface to be detached"
            _until(system, lambda: not _there(system, interface) or _number(system, interface) != card, gone)
            _until(system, lambda: _there(system, interface), "a network interface to be attached")
        else:
            _until(system, lambda: _changes(system, interface) >= before + 2, "the network link to go down and up")
    dhcp_client.renew(system, guest, interface)
    return _ask(system, guest, interface)


def finish(system: System, paths: Paths) -> None:
    """The customer's VM is provisioned: forget the pool."""
    system.files.remove(marker_path(paths))


def _report(system: System, stage: Stage, report_ready: Callable[[], None]) -> None:
    try:
        report_ready()
    except ExchangeFailure as failure:
        # a savable VM is saved while it reports, so that no answer comes
        if stage is not Stage.SAVABLE:
            system.log.warning(f"reporting Ready from the pool: {failure.reason}")


def _ask(system: System, guest: Guest, interface: str | None) -> bytes:
    request = Request("GET", URL, headers={"Metadata": "true"}, deadline=DEADLINE)
    said = ""
    while True:
        try:
            answer = system.http.send(request)
            if answer.status == 200 and answer.body.strip():
                return answer.body
            text = f"status {answer.status}"
        except Failure as failure:
            text = failure.reason
            dhcp_client.renew(system, guest, interface)
        if text != said:
            system.log.info(f"waiting for the customer's document: {text}")
            said = text
        if not system.clock.pause(PERIOD):
            raise ProvisionFailure("stopped while waiting for the customer's document")


def _until(system: System, true: Callable[[], bool], what: str) -> None:
    system.log.info(f"waiting for {what}")
    with closing(system.sockets.watch_links()) as watch:
        while not true():
            if not watch.wait(LONG):
                raise ProvisionFailure(f"stopped while waiting for {what}")


def _changes(system: System, interface: str | None) -> int:
    """How often the link went down or up; the kernel counts, so that no change is missed between two looks."""
    content = system.files.read_if_there(f"/sys/class/net/{interface}/carrier_changes") if interface else None
    text = (content or b"").decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else 0


def _number(system: System, interface: str | None) -> bytes | None:
    """The kernel's number of the interface: another one for another card."""
    return system.files.read_if_there(f"/sys/class/net/{interface}/ifindex") if interface else None


def _there(system: System, interface: str | None) -> bool:
    return any(name == interface or interface is None for name, _ in system.sockets.interfaces())
