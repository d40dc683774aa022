"""Who else wants the temporary disk: cloud-init, or an administrator's line in /etc/fstab (guest.md trap 36).

cloud-init formats and mounts it in its second stage, and writes a line into /etc/fstab for it. While that stage is not over
nobody else touches the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Any

from waagent.guest import block
from waagent.model.disk import Volume
from waagent.system.port import System

FSTAB = "/etc/fstab"
CLOUD_LINK = "/dev/disk/cloud/azure_resource"
AZURE_LINK = "/dev/disk/azure/resource"
RUN = "/run/cloud-init"
DATA = "/var/lib/cloud/data"
PATIENCE = 300.0
"""Seconds that cloud-init gets for its second stage; after that the disk is looked at as it is."""


def claim(fstab: str, disk: str, volumes: Iterable[tuple[str, Volume]]) -> str:
    """The first word of the line of /etc/fstab that wants the disk; empty where none does."""
    labels = {f"LABEL={volume.label}" for _, volume in volumes if volume.label}
    for line in fstab.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        wanted = block.unescaped(words[0]).replace('"', "")
        if wanted.startswith((CLOUD_LINK, AZURE_LINK)) or block.is_part_of(wanted, disk) or wanted in labels:
            return wanted
    return ""


def wait_for_cloud_init(system: System) -> None:
    """Until cloud-init's second stage is over, where it is at work on this boot."""
    if not _is_at_work(system):
        return
    system.log.info("cloud-init is at work: the temporary disk waits until it is done with disks")
    end = system.clock.monotonic() + PATIENCE
    with closing(system.files.watch((RUN, DATA))) as watch:
        while _is_at_work(system) and system.clock.monotonic() < end:
            if not watch.wait(end - system.clock.monotonic()):
                return


def _is_at_work(system: System) -> bool:
    """``init`` is the stage that sets up disks; ``result.json`` is cloud-init's last word on this boot."""
    if system.files.exists(f"{RUN}/result.json"):
        return False
    stages = _said(system)
    init = stages.get("init")
    return bool(stages) and not (isinstance(init, dict) and init.get("finished"))


def _said(system: System) -> dict[str, Any]:
    content = system.files.read_if_there(f"{RUN}/status.json", limit=1024 * 1024)
    if not content:
        return {}
    import json

    try:
        said = json.loads(content)["v1"]
    except (ValueError, KeyError, TypeError):
        return {}
    return said if isinstance(said, dict) else {}
