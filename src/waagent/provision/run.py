"""Provisioning, in the pieces that the daemon puts between its reports to the fabric (guest.md 2.3).

::

    cloudinit.owner      who provisions
    marker.check         was it done already
    read_document        medium -> document, saved redacted
    (daemon: endpoint, NotReady/Provisioning/Starting, certificates)
    provision            steps 7 to 19
    ending.finish        ProvisionGuestAgent, the medium goes, custom data runs
    (daemon: Ready)

The medium is ejected only after the marker was written. REF does it before anything is set up, so that an agent that is
stopped half-way finds no document at its next start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest import dhcp_client
from waagent.guest.profile import Guest
from waagent.model.failure import Failure, ProvisionFailure
from waagent.model.ovf import OvfEnvironment
from waagent.provision import cloudinit, ending, hostkeys, marker, media, objection
from waagent.provision.observe import Facts, observe
from waagent.provision.plan import PUBLISH, Step, steps
from waagent.system.apply import apply
from waagent.system.port import System

RANDOM_BYTES = 64


@dataclass(frozen=True)
class Document:
    """The parsed provisioning document and the device it came from, to eject in the end."""

    ovf: OvfEnvironment
    device: str | None = None


@dataclass(frozen=True)
class Outcome:
    """``fingerprint`` as ssh-keygen prints it without colons, ``fingerprint_md5`` for the fabric; seconds it all took."""

    fingerprint: str | None = None
    fingerprint_md5: str | None = None
    seconds: float = 0.0


def read_document(system: System, guest: Guest, config: Config, paths: Paths) -> Document:
    """Step 4: read the medium, parse it, save the redacted copy (0600). Errors: ``ProvisionFailure``."""
    if guest.refusal:
        raise ProvisionFailure(guest.refusal)
    with _step("reading the provisioning document"):
        medium = media.read(system, guest, config)
        ovf = save_document(system, paths, medium.ovf)
        objection.check(system, config, ovf)
        return Document(ovf, medium.device)


def take_document(system: System, config: Config, paths: Paths, content: bytes, device: str | None) -> Document:
    """The customer's document of a pool VM, saved as that of a medium is. Errors: ``ProvisionFailure``."""
    with _step("reading the customer's document"):
        ovf = save_document(system, paths, content)
        objection.check(system, config, ovf)
        return Document(ovf, device)


def save_document(system: System, paths: Paths, content: bytes) -> OvfEnvironment:
    """Parse first, so that the password is known, then keep the copy without it."""
    from waagent.codec import ovf_env

    ovf = ovf_env.parse(content)
    for remark in ovf.remarks:
        system.log.info(f"provisioning document: {remark}")
    system.files.make_directory(paths.lib, mode=0o700)
    system.files.write(paths.ovf_env, ovf_env.redact(content), mode=0o600)
    return ovf


def provision(
    system: System,
    guest: Guest,
    config: Config,
    paths: Paths,
    ovf: OvfEnvironment,
    random: Callable[[int], bytes],
    device: str | None = None,
    new_host_keys: Callable[[], tuple[str, ...]] | None = None,
) -> Outcome:
    """Steps 7 to 19. ``random`` gives that many random bytes; ``device`` is for ``ending.finish``.

    ``new_host_keys`` waits for host keys that somebody began to make earlier; None: they are made now.

    Errors: ``ProvisionFailure`` whose reason begins with the step; no marker is written then.
    """
    started = system.clock.monotonic()
    run_custom_data = config.provisioning.execute_custom_data and bool(ovf.custom_data)
    with _no_new_host_keys_left(system, config):
        with _step("planning"):
            facts, todo = prepare(system, guest, config, paths, ovf, random, new_host_keys)
        with _step("preparing the end"):
            ending.begin(system, paths, device, run_custom_data=run_custom_data)
        for step in todo:
            with _step(step.name):
                apply(system, step.actions)
                if step.name == PUBLISH:
                    dhcp_client.renew(system, guest, facts.dhcp.interface, renamed=True)
    public = hostkeys.public_path(config, facts.new_host_keys[0] if facts.new_host_keys else None)
    return Outcome(
        fingerprint=hostkeys.fingerprint(system, public),
        fingerprint_md5=hostkeys.md5_fingerprint(system, public),
        seconds=system.clock.monotonic() - started,
    )


def prepare(
    system: System,
    guest: Guest,
    config: Config,
    paths: Paths,
    ovf: OvfEnvironment,
    random: Callable[[int], bytes],
    new_host_keys: Callable[[], tuple[str, ...]] | None = None,
) -> tuple[Facts, tuple[Step, ...]]:
    """Facts and steps. New host keys are made here, beside the old ones: a failure then has changed nothing yet."""
    made = new_host_keys() if new_host_keys is not None else make_host_keys(system, config)
    facts = observe(system, guest, config, paths, ovf, made)
    if facts.sshd.config is not None and not guest.sshd_config_edited:
        system.log.info("this image owns sshd_config: login settings go to a drop-in, where it includes any")
    return facts, steps(config, guest, paths, ovf, facts, random(RANDOM_BYTES))


def make_host_keys(system: System, config: Config) -> tuple[str, ...]:
    """The types of the new pairs that wait beside the old ones; none where the image's keys are kept."""
    return hostkeys.generate(system, config) if config.provisioning.regenerate_ssh_host_key_pair else ()


def forget_new_host_keys(system: System, config: Config) -> None:
    """After a failure, private keys that nobody will use do not stay."""
    with suppress(Failure):
        system.files.remove(hostkeys.new_directory(config))


def mark(system: System, guest: Guest, paths: Paths, vm_id: str | None = None) -> None:
    """Write the marker by itself: where nobody provisions, and after the VM id changed."""
    apply(system, marker.write(paths, marker.vm_id(system, guest) if vm_id is None else vm_id))


def read_cloud_init_document(system: System, paths: Paths) -> OvfEnvironment:
    """The document that cloud-init saves, once it is there. Errors: ``ProvisionFailure``."""
    with _step("waiting for cloud-init"):
        return cloudinit.wait_for_document(system, paths)


def follow_cloud_init(system: System, guest: Guest, config: Config, paths: Paths) -> Outcome:
    """Wait until cloud-init has made the host key, then write the marker. Errors: ``ProvisionFailure``."""
    started = system.clock.monotonic()
    with _step("waiting for cloud-init"):
        found, public = cloudinit.wait_for_host_key(system, config)
        mark(system, guest, paths)
    md5 = hostkeys.md5_fingerprint(system, public)
    return Outcome(fingerprint=found, fingerprint_md5=md5, seconds=system.clock.monotonic() - started)


@contextmanager
def _no_new_host_keys_left(system: System, config: Config) -> Iterator[None]:
    try:
        yield
    except Failure:
        forget_new_host_keys(system, config)
        raise


@contextmanager
def _step(name: str) -> Iterator[None]:
    """The edge of one step: whatever goes wrong inside leaves it as a ``ProvisionFailure`` that names the step."""
    try:
        yield
    except Failure as failure:
        facts = {**failure.facts, "step": name}
        said = facts.get("stderr", "").strip()
        reason = f"{name}: {failure.reason}" + (f" ({said[-300:]})" if said and said not in failure.reason else "")
        raise ProvisionFailure(reason, hint=failure.hint, facts=facts, causes=failure.causes) from failure
    except Exception as error:  # one of the four edges that must survive anything
        raise ProvisionFailure(f"{name}: {type(error).__name__}: {error}", facts={"step": name}) from error
