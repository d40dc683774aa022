"""The command line that images, units and tools use: argv → ``Invocation``, pure (guest.md 8.1 and 8.2).

Words may be written ``-daemon``, ``--daemon``, ``/daemon`` or ``daemon``; flags may stand anywhere; the last of several
verbs wins. Kept from the reference but made strict: a word counts only as a whole, an unknown one is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class UsageError(Exception):
    """An argument that no verb or flag spells; the text says which."""


@dataclass(frozen=True)
class Verb:
    """One row of the table: what to type, what it does, and whether it needs root and a configuration file."""

    word: str
    meaning: str
    needs_root: bool = True
    needs_configuration: bool = True
    available: bool = True


VERBS = (
    Verb("daemon", "run in the foreground and serve the platform; what units and init scripts start"),
    Verb("start", "start the daemon in the background and return"),
    Verb("run-exthandlers", "serve goal states without provisioning, while the process that started this one lives"),
    Verb("provision", "run provisioning once, report it, and end with its success or failure"),
    Verb("deprovision", "clean the system so that it can be provisioned again"),
    Verb("deprovision+user", "as deprovision, and delete the last provisioned user with its home"),
    Verb("register-service", "lay the files of the service and have it started at boot", needs_configuration=False),
    Verb("install", "old spelling of register-service", needs_configuration=False),
    Verb("setup", "old spelling of register-service", needs_configuration=False),
    Verb("unregister-service", "take away what register-service has laid", needs_configuration=False),
    Verb("uninstall", "old spelling of unregister-service", needs_configuration=False),
    Verb("serialconsole", "have the kernel's boot messages on the first serial port, from the next boot on"),
    Verb("collect-logs", "collect logs into one archive, <Lib.Dir>/logcollector/logs.zip"),
    Verb("setup-firewall", "set the rules that keep the wire server for root, once (=IP)"),
    Verb("show-configuration", "print every option with its effective value", needs_root=False),
    Verb("version", "print the versions of agent, system and Python", needs_root=False, needs_configuration=False),
    Verb("help", "print this list", needs_root=False, needs_configuration=False),
)
FLAGS = {
    "verbose": "log more",
    "debug": "with -run-exthandlers: go on without the process that started it",
    "force": "skip the question that the deprovision verbs ask; with -register-service: put files of others aside",
    "dry-run": "with the deprovision and service verbs and -serialconsole: print what would be done, and touch nothing",
    "undo": "with -serialconsole: take back exactly what it added",
    "full": "with -collect-logs: collect more",
    "if-enabled": "with -setup-firewall: do nothing unless OS.EnableFirewall=y",
}
OPTIONS = {
    "destdir": "with -register-service, for packagers: lay the files below this directory, and run nothing",
    "lnx-distro": "with --destdir: for this system in place of the one this runs on",
    "lnx-distro-version": "its version",
    "lnx-distro-fullname": "its full name",
}
"""Written ``--name=VALUE``, ``--name:VALUE`` or as two words."""
_BY_WORD = {verb.word: verb for verb in VERBS}
_HELP_WORDS = {"usage": "help", "?": "help"}
_FIREWALL = re.compile(r"setup-firewall=([\d.]{7,})")
_OPTION = re.compile(rf"({'|'.join(OPTIONS)})[=:](.*)", re.DOTALL)
_CONFIGURATION = re.compile(r"configuration-path:([\w/.-]+)", re.ASCII)


@dataclass(frozen=True)
class Invocation:
    """One parsed command line."""

    verb: Verb
    flags: frozenset[str] = frozenset()
    configuration_path: str | None = None
    firewall_address: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        """The value of one of ``OPTIONS``, None when it was not given."""
        return dict(self.options).get(name)


def parse(arguments: list[str]) -> Invocation:
    """The invocation that ``arguments`` (without the program's name) spell; none at all is help.

    Errors: ``UsageError`` naming the first argument that means nothing.
    """
    verb = _BY_WORD["help"]
    flags: set[str] = set()
    options: dict[str, str] = {}
    configuration_path = firewall_address = None
    rest = iter(arguments)
    for argument in rest:
        word = argument.lstrip("-/")
        word = _HELP_WORDS.get(word, word)
        if word in _BY_WORD and word != "setup-firewall":
            verb = _BY_WORD[word]
        elif word in FLAGS:
            flags.add(word)
        elif match := _CONFIGURATION.fullmatch(word):
            configuration_path = match[1]
        elif match := _FIREWALL.fullmatch(word):
            verb, firewall_address = _BY_WORD["setup-firewall"], match[1]
        elif match := _OPTION.fullmatch(word):
            options[match[1]] = match[2]
        elif word in OPTIONS:
            options[word] = next(rest, "")
        elif argument:
            raise UsageError(f"unknown argument: {argument}")
    for name, value in options.items():
        if not value:
            raise UsageError(f"--{name} needs a value")
    return Invocation(verb, frozenset(flags), configuration_path, firewall_address, tuple(options.items()))


def usage(program: str) -> str:
    """The help text: one usage line with all words, then each with its meaning."""
    words = [f"-{verb.word}{'=IP' if verb.word == 'setup-firewall' else ''}" for verb in VERBS]
    flags = [f"-{flag}" for flag in FLAGS] + ["-configuration-path:FILE", *(f"--{name}=VALUE" for name in OPTIONS)]
    lines = ["", f"usage: {program} [{'|'.join(words)}] [{'] ['.join(flags)}]", ""]
    lines += [f"  -{verb.word:<20} {verb.meaning}{'' if verb.available else ' (not available yet)'}" for verb in VERBS]
    lines += [f"  -{flag:<20} {meaning}" for flag, meaning in FLAGS.items()]
    lines += [f"  --{f'{name}=':<19} {meaning}" for name, meaning in OPTIONS.items()]
    lines += [f"  -{'configuration-path:':<20} use another configuration file", ""]
    lines += ["Deprovisioning does not guarantee that the image is free of sensitive data.", ""]
    return "\n".join(lines)
