"""World + event → world, pure.

How the counters move, as on the real fabric: what the wire server publishes gets a new incarnation, a new sequence number and a
later creation time, and /vmSettings repeats it under a new etag with the source Fabric. What Fast Track publishes changes
/vmSettings alone, whose creation time is then the later one. Without Fast Track every publication goes by the wire server.
"""

import uuid
from dataclasses import replace
from functools import reduce, singledispatch

from fabriclab.world import addresses, events
from fabriclab.world.events import Channel, Event
from fabriclab.world.extension import Extension, Settings
from fabriclab.world.switches import switch
from fabriclab.world.values import FastTrack, GoalStateMetadata, World

MINUTE = 600_000_000  # ticks


class BadEvent(ValueError):
    """An event that does not fit the world, in one sentence."""


def apply(world: World, event: Event) -> World:
    """Raises BadEvent or UnknownSwitch when the event names what is not there."""
    return _apply(event, world)


def apply_all(world: World, happened: tuple[Event, ...]) -> World:
    return reduce(apply, happened, world)


@singledispatch
def _apply(event: object, world: World) -> World:
    raise BadEvent(f"{type(event).__name__}: no event of the world")


@_apply.register
def _(event: events.PublishExtensions, world: World) -> World:
    return _publish(world, event.extensions, event.channel)


@_apply.register
def _(event: events.PutExtension, world: World) -> World:
    wanted = event.extension
    there = any(_same(item, wanted.name) for item in world.published)
    others = tuple(wanted if _same(item, wanted.name) else item for item in world.published)
    return _publish(world, others if there else (*others, wanted), event.channel)


@_apply.register
def _(event: events.UninstallExtension, world: World) -> World:
    found = _named(world, event.name)
    return apply(world, events.PutExtension(replace(found, state="uninstall", settings=(), flaws=frozenset()), event.channel))


@_apply.register
def _(event: events.ForgetExtension, world: World) -> World:
    _named(world, event.name)
    return _publish(world, tuple(item for item in world.published if not _same(item, event.name)), event.channel)


@_apply.register
def _(event: events.ChangeSettings, world: World) -> World:
    found = _named(world, event.name)
    before = next((item for item in found.settings if item.name == event.instance), None)
    if before is None:
        sequence = max((item.sequence for item in found.settings), default=-1) + 1
        changed = (*found.settings, Settings(sequence, event.public, event.protected, event.instance))
    else:
        after = replace(
            before, sequence=before.sequence + 1, public=event.public, protected=event.protected, protected_text=None
        )
        changed = tuple(after if item is before else item for item in found.settings)
    return apply(world, events.PutExtension(replace(found, settings=changed), event.channel))


@_apply.register
def _(event: events.BumpIncarnation, world: World) -> World:
    return replace(world, incarnation=world.incarnation + 1 if event.to is None else event.to)


@_apply.register
def _(event: events.ChangeContainer, world: World) -> World:
    now = world.identity
    other = event.container_id or str(uuid.uuid5(uuid.NAMESPACE_OID, f"after {now.container_id}"))
    revision = now.deployment_revision + (1 if event.revision else 0)
    return replace(world, identity=replace(now, container_id=other, deployment_revision=revision))


@_apply.register
def _(event: events.MoveWireServer, world: World) -> World:
    if event.address not in (addresses.WIRE_SERVER, addresses.SECOND_WIRE_SERVER):
        raise BadEvent(f"{event.address}: the wire server is at {addresses.WIRE_SERVER} or {addresses.SECOND_WIRE_SERVER}")
    return replace(world, wire_server=event.address)


@_apply.register
def _(event: events.RotateCertificate, world: World) -> World:
    others = world.certificates if event.keep_old else ()
    kept = tuple(item for item in others if item.name != event.certificate.name)
    world = replace(world, certificates=(event.certificate, *kept))
    return apply(world, events.BumpIncarnation()) if event.bump else world


@_apply.register
def _(event: events.AddCertificate, world: World) -> World:
    return replace(world, certificates=(*world.certificates, event.certificate), incarnation=world.incarnation + 1)


@_apply.register
def _(event: events.SetProbePort, world: World) -> World:
    return apply(replace(world, probe_port=event.port), events.BumpIncarnation())


@_apply.register
def _(event: events.SetHold, world: World) -> World:
    world = replace(world, on_hold=event.on_hold, profile_sequence=world.profile_sequence + 1)
    return _publish(world, world.published, "wire")


@_apply.register
def _(event: events.SetFastTrack, world: World) -> World:
    if not event.supported:
        return replace(world, fast_track=None)
    before = world.fast_track or FastTrack(metadata=world.metadata, extensions=world.extensions)
    return replace(
        world,
        fast_track=replace(
            before,
            etag=before.etag + 1,
            plugin_version=event.plugin_version or before.plugin_version,
            source=event.source or before.source,
        ),
    )


@_apply.register
def _(event: events.SetFamilies, world: World) -> World:
    return _publish(replace(world, families=event.families), world.published, "wire")


@_apply.register
def _(event: events.RequireFeatures, world: World) -> World:
    return _publish(replace(world, required_features=event.features), world.published, "wire")


@_apply.register
def _(event: events.SetStatusBlob, world: World) -> World:
    return _publish(replace(world, status_blob=event.status_blob), world.published, "wire")


@_apply.register
def _(event: events.Rename, world: World) -> World:
    identity = replace(world.identity, vm_name=event.vm_name)
    return replace(world, identity=identity, incarnation=world.incarnation + 1)


@_apply.register
def _(event: events.ReplaceVm, world: World) -> World:
    moved = apply(world, events.ChangeContainer())
    return replace(moved, identity=replace(moved.identity, vm_id=event.vm_id), incarnation=1)


@_apply.register
def _(event: events.AddJitUser, world: World) -> World:
    others = tuple(user for user in world.jit_users or () if user.name != event.user.name)
    return _remote_access(replace(world, jit_users=(*others, event.user)))


@_apply.register
def _(event: events.RemoveJitUser, world: World) -> World:
    left = tuple(user for user in world.jit_users or () if user.name != event.name)
    return _remote_access(replace(world, jit_users=None if event.forget and not left else left))


@_apply.register
def _(event: events.SetMetadata, world: World) -> World:
    return replace(world, imds=event.imds)


@_apply.register
def _(event: events.ClaimVm, world: World) -> World:
    imds = replace(world.imds, pps_type=event.pps_type)
    return replace(world, reprovision_data=event.reprovision_data, imds=imds)


@_apply.register
def _(event: events.SetSwitch, world: World) -> World:
    return replace(world, switches=switch(world.switches, event.name, event.value))


def _publish(world: World, extensions: tuple[Extension, ...], channel: Channel) -> World:
    fast = world.fast_track
    latest = max(world.metadata.ticks, fast.metadata.ticks if fast is not None else 0)
    sequence = max(world.metadata.sequence, fast.metadata.sequence if fast is not None else 0) + 1
    metadata = _metadata(sequence, latest + MINUTE)
    extensions = tuple(_with_earlier_versions(world, item) for item in extensions)
    if fast is not None:
        source = "FastTrack" if channel == "fast-track" else "Fabric"
        fast = replace(fast, etag=fast.etag + 1, source=source, metadata=metadata, extensions=extensions)
        if channel == "fast-track":
            return replace(world, fast_track=fast)
    return replace(world, incarnation=world.incarnation + 1, metadata=metadata, extensions=extensions, fast_track=fast)


def _with_earlier_versions(world: World, extension: Extension) -> Extension:
    """A manifest goes on listing what it listed: a guest may still have to fetch the version before."""
    before = next((item for item in world.published if item.manifest_blob == extension.manifest_blob), None)
    if before is None or extension.packages or before.listed == extension.listed:
        return extension
    earlier = (package for package in before.listed if package.version != extension.version)
    return replace(extension, packages=(*earlier, *extension.listed))


def _metadata(sequence: int, ticks: int) -> GoalStateMetadata:
    activity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"activity {sequence}"))
    correlation = str(uuid.uuid5(uuid.NAMESPACE_OID, f"correlation {sequence}"))
    return GoalStateMetadata(sequence, ticks, activity, correlation)


def _remote_access(world: World) -> World:
    return replace(world, incarnation=world.incarnation + 1, remote_access_incarnation=world.remote_access_incarnation + 1)


def _named(world: World, name: str) -> Extension:
    for item in world.published:
        if _same(item, name):
            return item
    known = ", ".join(item.name for item in world.published) or "none"
    raise BadEvent(f"{name}: no such extension is wanted; there are {known}")


def _same(extension: Extension, name: str) -> bool:
    return extension.name.lower() == name.lower()
