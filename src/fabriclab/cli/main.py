"""The command line of the lab; verbs.py has the words. Exit statuses, of every verb:

0    what was asked for holds (of bench: every run came to its end; of pace: every poll was answered)
1    it does not hold, or the lab failed or cannot be had on this machine
2    the scenario, agent, handler or command line is wrong: one sentence says file, key and reason
130  interrupted
"""

import os
import sys

HELD, NOT_HELD, WRONG, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Whatever is loaded is loaded inside: Ctrl-C ends with one line at any time."""
    try:
        return _do(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return _interrupted("interrupted")


def _do(arguments: list[str]) -> int:
    from fabriclab.cli.verbs import parser
    from fabriclab.guests import rootless
    from fabriclab.guests.adapter import BadAdapter
    from fabriclab.guests.namespace import NamespaceUnavailable
    from fabriclab.guests.root import RootUnavailable
    from fabriclab.scenario.table import BadScenario

    options = parser().parse_args(arguments)
    if options.boots and rootless.needed():
        return refuse(rootless.enter(arguments), NOT_HELD)
    try:
        return int(options.do(options))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader went away; nothing is left to say to it
        return NOT_HELD
    except KeyboardInterrupt:
        return _interrupted("interrupted; the guest and its fabric are gone" if options.boots else "interrupted")
    except (BadAdapter, BadScenario) as problem:
        return refuse(str(problem), WRONG)
    except (NamespaceUnavailable, RootUnavailable) as problem:
        return refuse(str(problem), NOT_HELD)


def _interrupted(said: str) -> int:
    if sys.stderr.isatty():
        print(file=sys.stderr)  # the terminal has written ^C
    return refuse(said, INTERRUPTED)


def refuse(text: str, status: int) -> int:
    print(f"fabriclab: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
