"""What is left to do when the marker is written: told by a file, so that an agent that is killed in between goes on with it.

::

    <lib>/provisioning_unfinished   written before the marker, removed when all of this is done; holds the medium's device
    <lib>/custom_data_due           the custom data has not been started yet (customdata.py)

Each part may be done twice but the custom data, which sees to that itself (guest.md 2.10, trap 52).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest.profile import Guest
from waagent.model.failure import Failure
from waagent.model.ovf import OvfEnvironment
from waagent.provision import customdata, media, pool
from waagent.system.port import System


@dataclass(frozen=True)
class Ended:
    """What was done. ``custom_data`` None: there was none to run; else whether it could be started."""

    custom_data: bool | None = None
    agent_disabled: bool = False


def record_path(paths: Paths) -> str:
    return f"{paths.lib}/provisioning_unfinished"


def begin(system: System, paths: Paths, device: str | None, *, run_custom_data: bool) -> None:
    """From now on, once the marker is there, ``finish`` has to be called, by this process or by the next."""
    if run_custom_data:
        customdata.make_due(system, paths)
    system.files.write(record_path(paths), (device or "").encode("utf-8", "surrogateescape"), mode=0o600)


def is_left(system: System, paths: Paths) -> bool:
    return system.files.exists(record_path(paths))


def forget(system: System, paths: Paths) -> None:
    """The machine is another one now: nothing of the old one's is to be finished."""
    customdata.drop_due(system, paths)
    system.files.remove(record_path(paths))


def finish(
    system: System,
    guest: Guest,
    config: Config,
    paths: Paths,
    ovf: OvfEnvironment | None = None,
    await_machine: Callable[[], object] = lambda: None,
) -> Ended:
    """Everything between the marker and Ready. ``ovf`` None: the saved copy of the document is read.

    ``await_machine`` comes back when the machine is as custom data may expect it: with its temporary disk.
    """
    device = (system.files.read_if_there(record_path(paths)) or b"").decode("utf-8", "surrogateescape")
    document = ovf or _saved(system, paths)
    disabled = document is not None and obey_guest_agent(system, paths, document)
    pool.finish(system, paths)
    media.eject(system, guest, device or None)
    ran = None
    if customdata.is_due(system, paths):
        await_machine()
        ran = run_custom_data(system, config, paths) is not None
    system.files.remove(record_path(paths))
    return Ended(ran, disabled)


def run_custom_data(system: System, config: Config, paths: Paths) -> customdata.Ran | None:
    """Between the marker and Ready; a script that cannot be started is only a warning."""
    try:
        return customdata.execute(system, config, paths)
    except Failure as failure:
        system.log.warning(f"the custom data could not be run: {failure.reason}")
        return None


def obey_guest_agent(system: System, paths: Paths, ovf: OvfEnvironment) -> bool:
    """Step 21: create ``disable_agent`` when the document wants no agent; True when it does not want one."""
    if ovf.guest_agent_disabled:
        system.files.write(paths.disable_agent, b"", mode=0o644)
        system.log.warning(f"ProvisionGuestAgent is false: the agent stops after this (marker {paths.disable_agent})")
    return ovf.guest_agent_disabled


def _saved(system: System, paths: Paths) -> OvfEnvironment | None:
    from waagent.codec import ovf_env

    try:
        return ovf_env.parse(system.files.read(paths.ovf_env))
    except Failure as failure:
        system.log.warning(f"the saved provisioning document cannot be read any more: {failure.reason}")
        return None
