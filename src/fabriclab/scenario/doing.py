"""Carries out a scenario's steps on an open lab."""

from fabriclab.faults import words
from fabriclab.journal.entry import LAB
from fabriclab.scenario import step as steps
from fabriclab.scenario.lab import DRIVE, Lab
from fabriclab.scenario.packages import build
from fabriclab.world.events import PublishExtensions, PutExtension
from fabriclab.world.extension import CONTAINER

PAUSE = "pause"  # the kind of the entry that says whether the guest stands still


class StepFailed(Exception):
    """A step could not be done; the text says why."""


def do(what: steps.Do, lab: Lab) -> str | None:
    """The output of a command; None of anything else. Raises StepFailed, or OSError from the guest."""
    if isinstance(what, steps.Publish):
        _publish(what, lab)
    elif isinstance(what, steps.Happen):
        lab.fabric.apply(what.event)
    elif isinstance(what, steps.Inject):
        lab.fabric.inject(what.fault)
    elif isinstance(what, steps.Lift):
        if not lab.fabric.lift(what.fault):
            raise StepFailed(f"no such fault is in force: {words.about(what.fault)}")
    elif isinstance(what, steps.ClearFaults):
        lab.fabric.clear_faults()
    elif isinstance(what, steps.DoAgent):
        _do_agent(what.what, lab)
    elif isinstance(what, steps.Reboot):
        lab.journal.add("guest", "guest powered off and on", who=LAB)
        lab.reboot(what.agent)
    elif isinstance(what, steps.InsertMedium):
        lab.journal.add("guest", "provisioning DVD inserted", who=LAB)
        lab.insert_medium(what.medium)
    elif isinstance(what, steps.EjectMedium):
        lab.journal.add("guest", "provisioning DVD taken out", who=LAB)
        lab.eject_medium()
    elif isinstance(what, steps.ReplaceDisk):
        lab.journal.add("guest", f"another disk {what.drive.name} for the next boot", who=LAB)
        what.drive.insert(lab.guest)
    elif isinstance(what, steps.RemoveDisk):
        lab.journal.add("guest", f"no disk {what.name} from the next boot on", who=LAB)
        _known_disk(what.name, lab)
        lab.guest.remove(what.name)
    elif isinstance(what, steps.AttachDisk | steps.DetachDisk):
        _change_disks(what, lab)
    elif isinstance(what, steps.Pause):
        lab.guest.pause(over=what.over)
        said, facts = "guest goes on" if what.over else "guest stands still", {"kind": PAUSE, "over": what.over}
        lab.journal.add("guest", said, who=LAB, facts=facts)
    elif isinstance(what, steps.Run):
        return _run(what, lab)
    else:
        lab.journal.add("guest", what.text, who=LAB)
    return None


def _change_disks(what: steps.AttachDisk | steps.DetachDisk, lab: Lab) -> None:
    if isinstance(what, steps.DetachDisk):
        _known_disk(what.name, lab)
        lab.guest.detach(what.name)
        lab.journal.add("guest", f"disk {what.name} taken out", who=LAB)
        return
    name = what.drive.name
    if name in lab.guest.disks:
        raise StepFailed(f"{name} is in the guest already: take it out first, or name another")
    what.drive.attach(lab.guest)
    lab.journal.add("guest", f"disk {name} put in", who=LAB)


def _known_disk(name: str, lab: Lab) -> None:
    disks = [one for one in lab.guest.disks if one != DRIVE]
    if name not in disks:
        raise StepFailed(f"{name}: no such disk in the guest; there {'are ' + ', '.join(disks) if disks else 'is none'}")


def _publish(what: steps.Publish, lab: Lab) -> None:
    for wanted in what.wanted:
        for package in wanted.extension.listed:
            data = build(wanted.source, wanted.extension.name, package.version)
            lab.fabric.blobs.put(CONTAINER, package.blob_name(wanted.extension.name), data)
    extensions = tuple(wanted.extension for wanted in what.wanted)
    if what.only:
        lab.fabric.apply(PublishExtensions(extensions, what.channel))
    else:
        lab.fabric.apply(*(PutExtension(extension, what.channel) for extension in extensions))


def _do_agent(what: str, lab: Lab) -> None:
    if what in ("stop", "restart"):
        lab.service.stop()
    if what == "kill":
        lab.service.kill()
    if what in ("start", "restart"):
        lab.service.start()


def _run(what: steps.Run, lab: Lab) -> str:
    lab.journal.add("guest", f"runs: {what.command}", who=LAB)
    done = lab.guest.shell(what.command)
    if what.status is not None and done.status != what.status:
        raise StepFailed(f"`{what.command}` ended with status {done.status}: {done.errors.strip() or done.output.strip()}")
    return done.output + done.errors
