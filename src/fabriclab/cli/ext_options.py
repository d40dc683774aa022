"""The words and flags of `fabriclab ext`, and the help that teaches them. The work is in ext.py, loaded only when asked for."""

import argparse
from pathlib import Path
from typing import Any

from fabriclab.cli.arguments import STANDARD_OUTPUT, new_file

ABOUT = """\
For authors of VM extensions. A handler is judged in a guest on an emulated Azure fabric, by an agent that does not know
it is watched: no subscription, no VM, half a minute.

  fabriclab ext samples                 handlers to look at, and to begin from
  fabriclab ext lint DIR                judge the package without running it
  fabriclab ext run DIR                 live its whole life, and judge it
"""

RUN = """\
Publishes the handler on the lab's fabric and lives its whole life:

  install         a fresh goal state          install, enable
  new settings    the next sequence number    enable
  same goal state published once more         enable, with the same number: nothing may be done twice
  agent restart   as after a reboot           enable, with the same number
  update          the next higher version     disable, update, uninstall (old), install, enable (new)
  disable
  uninstall       then: which files, which processes are left?

The package is published as it is, but for its commands: each runs through a recorder that notes exit status, time,
environment and processes. Rules are `held`, `violated`, or `not seen` where this life gave no occasion.
"""

RUN_MORE = """\
examples:
  fabriclab ext run good                                   a sample that keeps every rule
  fabriclab ext run ./my-handler --name Contoso.Sample --version 1.2.0
  fabriclab ext run my.zip --settings public.json --protected secret.json
  fabriclab ext run my.zip --settings first.json --settings second.json
  fabriclab ext run my-1.3.zip --update-from my-1.2.zip    begins with 1.2, and updates to 1.3 at once
  fabriclab ext run my.zip --agent debian --json result.json

exit status: 0 no rule violated, 1 a rule violated, 2 the handler or the command line is bad.
docs/extension-authors.md explains each rule; the numbers in the column § are sections of the extension contract.
"""

LINT = """\
Judges a package without running it: the zip, HandlerManifest.json, the files its commands name, interpreters, line ends,
names, sizes. Quick enough for every commit, needs neither root nor network.

exit status: 0 nothing found, 1 a rule violated, 2 there is nothing to judge.
"""


def add(verbs: Any) -> None:
    ext = _verb(verbs, "ext", "judge an extension handler: lint it, or live its whole life in a guest", ABOUT)
    words = ext.add_subparsers(metavar="WORD", required=True)
    _add_run(words)
    check = _verb(words, "lint", "judge a package without running it", LINT)
    check.add_argument("handler", metavar="DIR|ZIP", help="the handler's directory, its zip, or the name of a sample")
    check.add_argument("--json", type=new_file, metavar="FILE", help="write the findings there")
    check.set_defaults(do=_lint)
    listed = _verb(words, "samples", "list the sample handlers, or write one to begin from", "Handlers that come with the lab.")
    listed.add_argument("name", nargs="?", metavar="SAMPLE", help="write this one into a directory")
    listed.add_argument("--write", type=Path, metavar="DIR", help="where to (default: the sample's name)")
    listed.add_argument("--json", type=new_file, nargs="?", const=STANDARD_OUTPUT, metavar="FILE", help="the list as JSON")
    listed.set_defaults(do=_samples)


def _add_run(words: Any) -> None:
    run = _verb(words, "run", "live a handler's whole life in a guest, and judge it", RUN, RUN_MORE)
    run.add_argument("handler", metavar="DIR|ZIP", help="the handler's directory, its zip, or the name of a sample")
    run.add_argument("--name", metavar="PUBLISHER.TYPE", help="published name (default: what manifest or file name say)")
    run.add_argument("--version", metavar="N.N.N", help="published version (default: what manifest or file name say)")
    run.add_argument(
        "--settings",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="public settings, JSON; given twice: the second are the new settings (default: {})",
    )
    run.add_argument(
        "--protected", type=Path, metavar="FILE", help="protected settings, JSON; their texts are looked for everywhere"
    )
    run.add_argument(
        "--update-from", metavar="DIR|ZIP", help="an older package: installed first, then updated to the judged one"
    )
    run.add_argument("--update-from-version", metavar="N.N.N", help="its version, where it does not say it itself")
    run.add_argument(
        "--faults", type=Path, metavar="FILE", help="what goes wrong on the fabric: TOML with [[fault]] as in a scenario"
    )
    run.add_argument(
        "--allow-left",
        action="append",
        default=[],
        metavar="GLOB",
        help="files that may stay after uninstall, such as '/opt/my/**'",
    )
    run.add_argument(
        "--patience",
        type=float,
        metavar="SECONDS",
        help="give up on a command or a status after this (default: the contract's 300 to 900 s)",
    )
    run.add_argument("--agent", default="ours", help="ours, debian, a directory or an adapter's TOML file (default: ours)")
    run.add_argument("--json", type=new_file, metavar="FILE", help="write the report and the journal there")
    run.add_argument("--keep", action="store_true", help="keep what the guest wrote and the journal, and say where")
    run.set_defaults(do=_run, boots=True)


def _verb(verbs: Any, name: str, line: str, about: str, more: str = "") -> argparse.ArgumentParser:
    made = verbs.add_parser(
        name, help=line, description=about, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    assert isinstance(made, argparse.ArgumentParser)
    return made


def _run(options: argparse.Namespace) -> int:
    from fabriclab.cli import ext

    return ext.guarded(ext.run, options)


def _lint(options: argparse.Namespace) -> int:
    from fabriclab.cli import ext

    return ext.guarded(ext.lint_package, options)


def _samples(options: argparse.Namespace) -> int:
    from fabriclab.cli import ext

    return ext.guarded(ext.samples, options)
