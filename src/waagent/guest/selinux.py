"""SELinux labels of what we write for sshd (guest.md 2.9). Enforcing is never switched off around it."""

from __future__ import annotations

from waagent.system.action import Plan, Run

SSH_HOME = "unconfined_u:object_r:ssh_home_t:s0"


def label_keys(directory: str, files: tuple[str, ...], tools: frozenset[str]) -> Plan:
    """Label a ``.ssh`` directory by the policy, then each file explicitly: an unusual home is unknown to the policy."""
    if "getenforce" not in tools:
        return ()
    why = "let sshd read the keys"
    restore: Plan = (Run(("restorecon", "-R", directory), optional=True, why=why),) if "restorecon" in tools else ()
    return (*restore, *(Run(("chcon", SSH_HOME, path), optional=True, why=why) for path in files))


def restore(paths: tuple[str, ...], tools: frozenset[str]) -> Plan:
    """Give files the label that the policy has for their path; nothing without SELinux."""
    if "getenforce" not in tools or "restorecon" not in tools:
        return ()
    return tuple(Run(("restorecon", "-R", path), optional=True, why="give it its policy's label") for path in paths)
