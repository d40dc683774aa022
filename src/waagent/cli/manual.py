"""The manual page waagent(1) in roff, from the table of verbs and flags; packages and ``-register-service`` lay it."""

from __future__ import annotations

from collections.abc import Iterable

from waagent import __version__
from waagent.cli.legacy import FLAGS, OPTIONS, VERBS

FILES = (
    ("/etc/waagent.conf", "settings; waagent -show-configuration prints what is in effect"),
    ("/var/log/waagent.log", "what was done, secrets left out"),
    ("/var/log/azure", "logs of the extensions"),
    ("/var/lib/waagent", "state: certificates, extensions, the marker of a provisioned machine"),
)


def page() -> str:
    """The whole page."""
    lines = [
        f'.TH WAAGENT 1 "" "waagent {__version__}" "System Administration"',
        ".SH NAME",
        "waagent \\- Azure Linux agent",
        ".SH SYNOPSIS",
        ".B waagent",
        "VERB [FLAG...]",
        ".SH DESCRIPTION",
        "Provisions a virtual machine on Azure, reports to the platform, and installs and runs the extensions wanted for it.",
        "Words may be written with one dash, two or none. The last of several verbs counts.",
        ".SH VERBS",
        *_list((f"-{verb.word}", verb.meaning + ("" if verb.available else " (not available yet)")) for verb in VERBS),
        ".SH FLAGS",
        *_list((f"-{word}", meaning) for word, meaning in FLAGS.items()),
        *_list((f"--{name}=VALUE", meaning) for name, meaning in OPTIONS.items()),
        *_list([("-configuration-path:FILE", "use another file of settings than /etc/waagent.conf")]),
        ".SH FILES",
        *_list(FILES),
        ".SH EXIT STATUS",
        "0 for success, 1 for a failure, 2 for a wrong use.",
        "",
    ]
    return "\n".join(lines)


def _list(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for term, text in rows for line in (".TP", f".B {_text(term)}", _text(text))]


def _text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("-", "\\-")
