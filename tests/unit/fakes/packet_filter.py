"""A machine's packet filter in memory: nft, iptables and firewall-cmd as far as the agent uses them, and who reaches what.

Rules are kept as the tools show them. ``connections`` counts how often it was tried who gets through.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence

from waagent.model.failure import CommandFailure
from waagent.model.secret import Secret
from waagent.system.port import Child, Completed

ADDRESS = "168.63.129.16"
ALL = frozenset({"nft", "iptables", "iptables-restore"})
TRIES = (("root", 80), ("root", 32526), ("other", 80), ("other", 53))


class PacketFilter:
    """The ``Commands`` port. ``version`` is what iptables says of itself."""

    def __init__(self, installed: Iterable[str] = ALL, version: str = "iptables v1.8.9 (nf_tables)") -> None:
        self.installed = set(installed)
        self.version = version
        self.table: str | None = None
        """The address that the table of nftables guards."""
        self.rules: list[str] = []
        """The chain OUTPUT of iptables' table security."""
        self.chains: dict[str, list[str]] = {}
        self.permanent: list[str] = []
        self.firewalld = False
        self.refused: set[str] = set()
        """Programs whose rules the kernel does not take."""
        self.deaf: set[str] = set()
        """Programs that take everything and do nothing."""
        self.cut: set[str] = set()
        """Tries such as ``root:80`` that get no answer while there is a rule of ours, whatever it says."""
        self.down = False
        self.connections = 0
        self.lines: list[str] = []
        self.before: Callable[[str], object] = lambda line: None
        """Called with each command line before it is run."""

    def find(self, program: str) -> str | None:
        return f"/usr/sbin/{program}" if program in self.installed else None

    def spawn(self, argv: Sequence[str], **more: object) -> Child:
        raise AssertionError(f"nobody starts {list(argv)}")

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Secret | None = None,
        timeout: float = 60.0,
        ok: Iterable[int] | None = (0,),
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
    ) -> Completed:
        program, *words = argv
        text = stdin.decode() if isinstance(stdin, bytes) else ""
        self.lines.append(shlex.join(argv) if program != "python3" else "python3 (who reaches what)")
        self.before(self.lines[-1])
        if program == "python3":
            code, out = 0, self._reach(words[1:])
        elif program not in self.installed:
            raise CommandFailure(f"{program} is not installed", argv=argv)
        elif program == "nft":
            code, out = self._nft(words, text)
        elif program.startswith("firewall-"):
            code, out = self._firewalld(program, words)
        elif program.endswith("-restore"):
            code, out = self._restore(program, text)
        else:
            code, out = self._iptables(program, words)
        if ok is not None and code not in ok:
            raise CommandFailure(f"{program} ended with status {code}", argv=argv, exit_code=code)
        return Completed(tuple(argv), code, out, "", out.encode())

    def reaches(self, who: str, port: int, address: str = ADDRESS) -> bool:
        """Whether a new TCP connection gets an answer."""
        if self.down:
            return False
        if (self.table or self.ours) and f"{who}:{port}" in self.cut:
            return False
        if self.table == address and who != "root" and port != 53:
            return False
        for rule in self.rules:
            if f"-d {address}/32" not in rule:
                continue
            if "--dport" in rule and f"--dport {port} " not in f"{rule} ":
                continue
            if "--uid-owner 0" in rule and who != "root":
                continue
            return rule.endswith("ACCEPT")
        return True

    @property
    def ours(self) -> list[str]:
        return [rule for rule in self.rules if ADDRESS in rule]

    def _reach(self, given: list[str]) -> str:
        self.connections += 1
        words = {True: "connected", False: "silent"}
        return "\n".join(f"{who}:{port}={words[self.reaches(who, port, given[3])]}" for who, port in TRIES)

    def _nft(self, words: list[str], text: str) -> tuple[int, str]:
        if words[:1] == ["--json"]:
            return (1, "") if self.table is None else (0, shown_table(self.table))
        if words[:1] == ["list"]:
            return 0, f"table ip walinuxagent {{ {self.table} }}"
        if "nft" in self.refused:
            return 1, ""
        if words == ["-f", "-"] and "nft" not in self.deaf:
            found = re.search(r"ip daddr (\S+)", text)
            self.table = found[1] if found else None
        return 0, ""

    def _restore(self, program: str, text: str) -> tuple[int, str]:
        """All lines or none."""
        rules, chains = list(self.rules), {name: list(lines) for name, lines in self.chains.items()}
        for line in text.splitlines():
            if line.startswith(":"):
                self.chains[line[1:].split()[0]] = []
            elif line.startswith("-") and self._one(program.removesuffix("-restore"), line.split()):
                self.rules, self.chains = rules, chains
                return 1, ""
        return 0, ""

    def _iptables(self, program: str, words: list[str]) -> tuple[int, str]:
        if words == ["--version"]:
            return 0, self.version
        words = [word for word in words if word != "-w"][2:]
        if words[:1] == ["-S"]:
            return 0, "\n".join(
                ["-P OUTPUT ACCEPT", *(f"-N {name}" for name in self.chains), *(f"-A OUTPUT {r}" for r in self.rules)]
            )
        return self._one(program, words), ""

    def _one(self, program: str, words: list[str]) -> int:
        if program in self.deaf:
            return 0
        verb, chain, rule = words[0], words[1], shown_rule(" ".join(words[2:]))
        rules = self.rules if chain == "OUTPUT" else self.chains.get(chain)
        if verb == "-A" and rules is not None and program not in self.refused:
            rules.append(rule)
        elif verb == "-D" and rules is not None and rule in rules:
            rules.remove(rule)
        elif verb == "-N" and rules is None:
            self.chains[chain] = []
        elif verb == "-F" and rules is not None:
            rules.clear()
        elif verb == "-X" and (chain == "OUTPUT" or rules == []):
            self.chains.pop(chain, None)
        else:
            return 1
        return 0

    def _firewalld(self, program: str, words: list[str]) -> tuple[int, str]:
        if program == "firewall-cmd" and not self.firewalld:
            return 252, ""
        if words == ["--state"]:
            return 0, "running"
        if "--get-passthroughs" in words:
            return 0, ""
        rule = " ".join(words[words.index("ipv4") + 1 :])
        if "--passthrough" in words:
            self.permanent.append(rule)
        elif rule in self.permanent:
            self.permanent.remove(rule)
        return 0, "success"


def shown_rule(rule: str) -> str:
    """As iptables lists what it was told."""
    return re.sub(r"-d (\d+(?:\.\d+){3}) ", r"-d \1/32 ", rule).replace("--destination-port", "-m tcp --dport")


def shown_table(address: str, **changes: object) -> str:
    """As ``nft --json list table`` lists ours."""
    matches = [
        {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": address},
        {"op": "!=", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 53},
        {"op": "!=", "left": {"meta": {"key": "skuid"}}, "right": 0},
        {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["invalid", "new"]},
    ]
    expressions = [*({"match": match} for match in matches), {"counter": {"packets": 0, "bytes": 0}}, {"drop": None}]
    chain = {"family": "ip", "table": "walinuxagent", "name": "output", "handle": 1}
    hook = {"type": "filter", "hook": "output", "prio": 0, "policy": "accept"}
    rule = {"family": "ip", "table": "walinuxagent", "chain": "output", "handle": 2, "expr": expressions}
    rows = [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": "ip", "name": "walinuxagent", "handle": 5}},
        {"chain": {**chain, **hook, **changes}},
        {"rule": rule},
    ]
    return json.dumps({"nftables": rows})
