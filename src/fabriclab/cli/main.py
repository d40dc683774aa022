"""The command line of the lab: fabriclab run · up · do · shell · compare · replay · scenarios · bench · ext.

Exit statuses: 0 every expectation held (of bench: every run came to its end), 1 one did not or the lab failed, 2 the scenario,
agent or command line is bad (one sentence says file, key and reason), 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from fabriclab.cli import ext_options
from fabriclab.cli.arguments import new_file
from fabriclab.guests import rootless
from fabriclab.guests.adapter import Adapter, BadAdapter
from fabriclab.guests.namespace import NamespaceUnavailable
from fabriclab.guests.root import RootUnavailable
from fabriclab.scenario.table import BadScenario


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if options.boots and rootless.needed():
        return refuse(rootless.enter(sys.argv[1:] if arguments is None else arguments), 1)
    try:
        return int(options.do(options))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader went away; nothing is left to say to it
        return 1
    except KeyboardInterrupt:
        return 130
    except (BadAdapter, BadScenario) as problem:
        return refuse(str(problem), 2)
    except (NamespaceUnavailable, RootUnavailable) as problem:
        return refuse(str(problem), 1)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="fabriclab", description="An Azure fabric on one machine, and guests to boot on it.")
    top.set_defaults(boots=False)
    verbs = top.add_subparsers(metavar="VERB", required=True)

    run = verbs.add_parser("run", help="run a scenario and tell whether what it expects held")
    run.add_argument("scenario", help="a name from `fabriclab scenarios`, or a TOML file")
    run.add_argument("--agent", default="ours", help="ours, debian, a directory or an adapter's TOML file (default: ours)")
    _choose_guest(run)
    run.add_argument("--json", type=new_file, metavar="FILE", help="write the result, the timeline and the journal there")
    run.add_argument("--keep", action="store_true", help="keep what the guest wrote and the journal, and say where")
    run.add_argument("--count", type=_from(1, int), metavar="N", help="so many guests at a time (default: the scenario's)")
    run.add_argument(
        "--seed", type=int, metavar="N", help="add random faults, the same for the same seed; shrink them when it fails"
    )
    run.add_argument("--faults", type=_from(1, int), metavar="N", help="how many with --seed (default: 6)")
    run.set_defaults(do=_run, boots=True)

    up = verbs.add_parser("up", help="a fabric and a guest until Ctrl-C")
    up.add_argument("scenario", nargs="?", default="first-boot", help="what the fabric wants (default: first-boot)")
    up.add_argument("--agent", default="ours", help="as for run; 'none' starts no agent")
    _choose_guest(up)
    up.add_argument("--page", type=int, default=0, metavar="PORT", help="of the page, on loopback (default: any that is free)")
    up.add_argument("--no-page", dest="page", action="store_const", const=None, help="serve no page, take no `fabriclab do`")
    up.set_defaults(do=_up, boots=True)

    do = verbs.add_parser(
        "do",
        help="act on a running lab: one step of a scenario, now",
        epilog="Without a verb: the list of verbs. `fabriclab do publish sample=good name=Lab.Good public='{\"a\": 1}'`",
    )
    do.add_argument("step", nargs="?", metavar="VERB", help="as in a scenario's [[step]]")
    do.add_argument("keys", nargs="*", metavar="KEY=VALUE", help="the step's keys; a value is JSON, else text")
    do.add_argument("--lab", type=int, metavar="PID", help="which lab, when several run")
    do.add_argument("--file", type=Path, metavar="FILE", help="a TOML file with [[step]] tables, done in their order")
    do.set_defaults(do=_do)

    shell = verbs.add_parser("shell", help="a shell inside a running lab")
    shell.add_argument("where", nargs="?", default="guest", choices=["guest", "fabric"])
    shell.add_argument("--lab", type=int, metavar="PID", help="which lab, when several run")
    shell.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="COMMAND", help="instead of a shell, with options of its own"
    )
    shell.set_defaults(do=_shell)

    compare = verbs.add_parser("compare", help="two agents through one scenario, and what differs")
    compare.add_argument("first", metavar="A", help="an agent, as for run")
    compare.add_argument("second", metavar="B", help="the other one")
    compare.add_argument("scenario", help="as for run")
    _choose_guest(compare)
    compare.add_argument("--json", type=new_file, metavar="FILE", help="write both results and what differs there")
    compare.set_defaults(do=_compare, boots=True)

    replay = verbs.add_parser("replay", help="a recorded run once more, event by event")
    replay.add_argument(
        "journal", type=Path, help="journal.jsonl of `run --keep` (or its directory), or the file of `run --json`"
    )
    replay.add_argument(
        "--speed", type=_from(0, float), default=0.0, metavar="X", help="1: as it was; 10: ten times faster; 0: all at once"
    )
    replay.add_argument("--step", action="store_true", help="the next event when Enter is pressed")
    replay.add_argument("--exchanges", action="store_true", help="every request too")
    replay.add_argument("--entry", type=int, metavar="NUMBER", help="one entry whole, as JSON, and nothing else")
    replay.set_defaults(do=_replay)

    bench = verbs.add_parser("bench", help="agents side by side in the same lab: times, memory, requests")
    bench.add_argument(
        "--agents", default="ours,debian", metavar="A,B", help="as for run; the first is compared with the second"
    )
    bench.add_argument("--runs", type=_from(1, int), default=3, metavar="N", help="runs of each, in turns (default: 3)")
    bench.add_argument("--idle", type=_from(1, float), default=60.0, metavar="SECONDS", help="idle time per run (default: 60)")
    bench.add_argument("--publish", type=_from(1, int), default=8, metavar="N", help="goal states per run (default: 8)")
    bench.add_argument("--boots", type=_from(1, int), default=4, metavar="N", help="first boots per run (default: 4)")
    bench.add_argument("--seed", type=int, default=1, help="of the moments at which they are published (default: 1)")
    bench.add_argument("--json", type=new_file, metavar="FILE", help="write every measured value there")
    bench.set_defaults(do=_bench, boots=True)

    ext_options.add(verbs)

    scenarios = verbs.add_parser("scenarios", help="list the scenarios that come with the lab")
    scenarios.set_defaults(do=_scenarios)
    return top


def _run(options: argparse.Namespace) -> int:
    from fabriclab.cli.run import run

    if options.faults is not None and options.seed is None:
        return refuse("--faults: says how many faults --seed adds; without --seed there are none", 2)
    used = _adapter(options, options.agent)
    return run(
        options.scenario, used, options.json, keep=options.keep, seed=options.seed, faults=options.faults, count=options.count
    )


def _up(options: argparse.Namespace) -> int:
    from fabriclab.cli.up import NO_AGENT, up

    without = options.agent == NO_AGENT
    used = _adapter(options, "ours" if without else options.agent)
    return up(options.scenario, used, starts_agent=not without, page=options.page)


def _do(options: argparse.Namespace) -> int:
    from fabriclab.cli.control import do

    return do(options.step, options.keys, options.file, options.lab)


def _choose_guest(verb: argparse.ArgumentParser) -> None:
    kinds = ["sandbox", "systemd", "vm"]
    verb.add_argument("--guest", default="sandbox", choices=kinds, help="the kind of guest (default: sandbox)")
    suites = ["bullseye", "bookworm", "trixie", "sid"]
    verb.add_argument("--image", type=Path, metavar="FILE", help="of a VM: a disk of your own (qcow2 or raw) with its agent")
    verb.add_argument("--root", choices=suites, help="of a systemd guest or a VM (default: the agent's, or bookworm)")


def _adapter(options: argparse.Namespace, name: str) -> Adapter:
    from fabriclab.guests import adapter, assemble

    if options.image is not None:
        if options.guest != "vm":
            raise BadAdapter("--image: only a virtual machine (--guest vm) boots a disk of your own")
        return assemble.on_image(options.image)
    found = adapter.find(name)
    if options.guest == "systemd":
        return assemble.on_systemd(found, options.root)
    if options.guest == "vm":
        return assemble.on_vm(found, options.root)
    if options.root is not None:
        raise BadAdapter(
            "--root: only a guest with systemd or a virtual machine (--guest systemd, vm) takes a Debian root of choice"
        )
    return found


def _shell(options: argparse.Namespace) -> int:
    from fabriclab.cli.shell import shell

    return shell(options.where, options.lab, options.command)


def _compare(options: argparse.Namespace) -> int:
    from fabriclab.cli.compare import compare

    first, second = (_adapter(options, name) for name in (options.first, options.second))
    return compare(first, second, options.scenario, options.json)


def _replay(options: argparse.Namespace) -> int:
    from fabriclab.cli.replay import replay

    return replay(options.journal, speed=options.speed, steps=options.step, exchanges=options.exchanges, number=options.entry)


def _bench(options: argparse.Namespace) -> int:
    from fabriclab.cli.bench import bench
    from fabriclab.scenario.measure import Conditions

    conditions = Conditions(options.idle, options.publish, options.boots, options.seed)
    return bench(options.agents, options.runs, conditions, options.json)


def _scenarios(options: argparse.Namespace) -> int:
    from fabriclab.cli.run import list_scenarios

    return list_scenarios()


def _from(least: int, kind: Callable[[str], float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not least <= value < float("inf"):
            raise ValueError(text)
        return value

    number.__name__ = f"number from {least}"  # what argparse says of a value that does not fit
    return number


def refuse(text: str, status: int) -> int:
    print(f"fabriclab: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
