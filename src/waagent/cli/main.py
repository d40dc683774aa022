"""The program: parse, check what the verb needs, run it, and end with an honest status (guest.md 8.4).

0 is success, 1 a failure, 2 a usage error. Each verb imports only what it needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from waagent.cli import legacy
from waagent.model.failure import Failure
from waagent.model.secret import redact


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one invocation and return its exit status."""
    program = os.path.basename(sys.argv[0]) or "waagent"  # noqa: PTH119 - pathlib costs 3 ms at every start
    try:
        invocation = legacy.parse(list(sys.argv[1:] if arguments is None else arguments))
    except legacy.UsageError as error:
        print(f"{program}: {error}", file=sys.stderr)
        print(legacy.usage(program), file=sys.stderr)
        return 2
    try:
        return _run(invocation, program)
    except Failure as failure:
        _complain(program, failure)
        path = invocation.configuration_path
        if path is not None and not os.path.exists(path):  # noqa: PTH110 - as above
            print(legacy.usage(program), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # the outermost edge: say what happened and exit non-zero
        print(f"{program}: unexpected {type(error).__name__}: {redact(str(error))}", file=sys.stderr)
        if "verbose" in invocation.flags:
            raise
        return 1


def _run(invocation: legacy.Invocation, program: str) -> int:
    verb = invocation.verb
    if verb.word == "help":
        print(legacy.usage(program))
        return 0
    if verb.word == "version":
        from waagent.cli import version

        print("\n".join(version.lines()))
        return 0
    if not verb.available:
        print(f"{program}: -{verb.word} is not available yet", file=sys.stderr)
        return 2
    if verb.needs_root and os.geteuid() != 0 and invocation.option("destdir") is None:
        print(f"{program}: -{verb.word} must be run as root", file=sys.stderr)
        return 1

    from waagent.cli import wiring

    return wiring.VERBS[verb.word](invocation)


def _complain(program: str, failure: Failure) -> None:
    print(f"{program}: {redact(str(failure))}", file=sys.stderr)
    if failure.hint:
        print(f"{program}: {redact(failure.hint)}", file=sys.stderr)
