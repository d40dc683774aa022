"""Carries out a scenario's steps on an open lab."""

from fabriclab.journal.entry import LAB
from fabriclab.scenario import step as steps
from fabriclab.scenario.lab import Lab
from fabriclab.scenario.packages import build
from fabriclab.world.events import PublishExtensions, PutExtension
from fabriclab.world.extension import CONTAINER


class StepFailed(Exception):
    """A step could not be done; the text says why."""


def do(what: steps.Do, lab: Lab) -> None:
    """Raises StepFailed, or OSError from the guest."""
    if isinstance(what, steps.Publish):
        _publish(what, lab)
    elif isinstance(what, steps.Happen):
        lab.fabric.apply(what.event)
    elif isinstance(what, steps.Inject):
        lab.fabric.inject(what.fault)
    elif isinstance(what, steps.Lift):
        if not lab.fabric.lift(what.fault):
            raise StepFailed(f"no such fault is in force: {what.fault.about}")
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
        lab.guest.remove(what.name)
    elif isinstance(what, steps.Pause):
        lab.journal.add("guest", "guest goes on" if what.over else "guest stands still", who=LAB)
        lab.guest.pause(over=what.over)
    elif isinstance(what, steps.Run):
        _run(what, lab)
    else:
        lab.journal.add("guest", what.text, who=LAB)


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


def _run(what: steps.Run, lab: Lab) -> None:
    lab.journal.add("guest", f"runs: {what.command}", who=LAB)
    done = lab.guest.shell(what.command)
    if what.status is not None and done.status != what.status:
        raise StepFailed(f"`{what.command}` ended with status {done.status}: {done.errors.strip() or done.output.strip()}")
