"""What the host says of RDMA in the key-value pool: the firmware's version, or the addresses of cards (guest.md 6.6).

A version means NetworkDirect, a device that needs a driver of just that version. Without one it is SR-IOV, whose driver
is in every kernel; there the pool may say the addresses of InfiniBand's cards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from waagent.codec import kvp_pool
from waagent.codec.shared_config import address
from waagent.model.network import RdmaAddress
from waagent.system.port import System

POOL = "/var/lib/hyperv/.kvp_pool_0"
VERSION_KEY = "NdDriverVersion"
CARDS_KEY = "IPoIB_Data"
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True)
class Told:
    """``version`` None: SR-IOV. ``cards`` None: nothing is said of them; empty: what is said makes no sense."""

    version: str | None = None
    cards: tuple[RdmaAddress, ...] | None = None


def read(system: System) -> Told:
    """Errors: ``SystemFailure`` of a pool that cannot be read; a missing one says nothing."""
    records = kvp_pool.latest(system.files.read_if_there(POOL) or b"")
    version = records.get(VERSION_KEY, "").strip()
    cards = records.get(CARDS_KEY)
    return Told(version if _VERSION.fullmatch(version) else None, None if cards is None else pairs(cards))


def pairs(text: str) -> tuple[RdmaAddress, ...]:
    """``NUMPAIRS:2|MAC:IP|MAC:IP``; nothing at all where the count or any pair is wrong."""
    head, *parts = text.strip().strip("|").split("|")
    count = re.fullmatch(r"NUMPAIRS:(\d+)", head)
    found = []
    for part in parts:
        mac, _, ipv4 = part.partition(":")
        pair = address(ipv4, mac)
        if pair is None:
            return ()
        found.append(pair)
    return tuple(found) if count and int(count[1]) == len(found) else ()
