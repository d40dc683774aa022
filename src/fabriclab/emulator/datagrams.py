"""The desks of DHCP and DNS: a packet comes in, faults strike it, the answer and what was asked are written down."""

import random
import threading
import traceback

from fabriclab.emulator import dhcp, dns
from fabriclab.emulator.state import State
from fabriclab.faults.effects import Drop, Garbage
from fabriclab.faults.plan import FaultPlan
from fabriclab.faults.rule import Occasion
from fabriclab.journal.entry import GUEST, LAB
from fabriclab.journal.journal import Journal

Packet = tuple[bytes, tuple[str, int]]


class DatagramDesk:
    """`service` names it in faults and journal."""

    service = ""

    def __init__(self, state: State, faults: FaultPlan, journal: Journal, stopping: threading.Event) -> None:
        self._state = state
        self._faults = faults
        self._journal = journal
        self._stopping = stopping

    def respond(self, packet: bytes, sender: tuple[str, int]) -> Packet | None:
        """The answer and whom it goes to; None for silence."""
        try:
            return self._answer(packet, sender)
        except Exception as problem:  # noqa: BLE001 - a mistake of the lab's own must neither end the service nor pass unseen
            told = {"kind": "lab_failure", "traceback": traceback.format_exc()}
            self._journal.add(self.service, f"the emulator failed: {problem!r}", who=LAB, facts=told)
            return None

    def _answer(self, packet: bytes, sender: tuple[str, int]) -> Packet | None:
        raise NotImplementedError

    def _struck(self, kind: str, subject: str, packet: bytes) -> tuple[bytes | None, str | None]:
        """The packet after the faults, None when it is lost; and the fault's name."""
        verdict = self._faults.judge(Occasion(self.service, kind, subject, self._journal.elapsed()))
        if verdict.delay:
            self._stopping.wait(verdict.delay)
        if isinstance(verdict.effect, Drop):
            return None, verdict.name
        if isinstance(verdict.effect, Garbage):
            return random.Random(verdict.effect.seed).randbytes(verdict.effect.size), verdict.name
        return packet, verdict.name

    def _record(self, summary: str, **facts: object) -> None:
        self._journal.add(self.service, summary, who=GUEST, facts={"kind": self.service, **facts})


class DhcpDesk(DatagramDesk):
    service = "dhcp"

    def _answer(self, packet: bytes, sender: tuple[str, int]) -> Packet | None:
        try:
            query = dhcp.parse(packet)
        except dhcp.BadPacket as problem:
            self._record(f"refused: {problem}", refusal=str(problem), client=sender[0])
            return None
        kind = dhcp.KINDS.get(query.kind, str(query.kind))
        answer = dhcp.reply(query, self._state.world)
        if answer is None:
            self._record(f"{kind} from {query.mac}", message=kind, mac=query.mac, answered=False)
            return None
        if query.host_name is not None:
            self._state.registered_name = query.host_name
        sent, fault = self._struck(kind, query.mac, answer)
        told = {"message": kind, "mac": query.mac, "host_name": query.host_name, "answered": sent is not None, "fault": fault}
        self._record(f"{kind} from {query.mac}{f' as {query.host_name}' if query.host_name else ''}", **told)
        return None if sent is None else (sent, dhcp.destination(query, sender))


class DnsDesk(DatagramDesk):
    service = "dns"

    def _answer(self, packet: bytes, sender: tuple[str, int]) -> Packet | None:
        try:
            question = dns.parse(packet)
        except dns.BadQuery as problem:
            self._record(f"refused: {problem}", refusal=str(problem), client=sender[0])
            return None
        answer, said = dns.answer(question, self._state.world, self._state.registered_name)
        sent, fault = self._struck("QUERY", question.name, answer)
        self._record(said, name=question.name, type=question.kind, answered=sent is not None, fault=fault)
        return None if sent is None else (sent, sender)
