"""One stage of installing a driver, as every family plans it (guest.md 6.6)."""

from __future__ import annotations

from dataclasses import dataclass

from waagent.system.action import Plan

DRIVER = "hv_network_direct"
PACKAGES = "/opt/microsoft/rdma"
"""Where images keep packages of drivers."""
INSTALL = 1800.0
"""Seconds for a package manager; a kernel takes its time."""


@dataclass(frozen=True)
class Stage:
    """``actions`` first; then ``again``: look once more and plan the next stage, or ``load`` the driver, or ``reboot``.

    A driver that does not load, or that an ``old`` one keeps out, wants a reboot too. ``installs``: it needs somebody's
    consent. ``said`` tells a person what this is.
    """

    said: str
    actions: Plan = ()
    again: bool = False
    load: bool = False
    old: bool = False
    reboot: bool = False
    installs: bool = False
    failed: bool = False
