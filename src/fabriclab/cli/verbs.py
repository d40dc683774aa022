"""The words of the lab and their flags: run · up · do · shell · compare · replay · scenarios · bench · pace · ext · schema.

What a word does is loaded only when it is asked for.
"""

import argparse
import re
from pathlib import Path
from typing import Any

from fabriclab.cli import ext_options
from fabriclab.cli.arguments import STANDARD_OUTPUT, Parser, Version, least, new_file
from fabriclab.given.spelling import none_of
from fabriclab.guests.adapter import Adapter, BadAdapter
from fabriclab.scenario.table import BadScenario


def parser() -> Parser:
    top = Parser(prog="fabriclab", description="An Azure fabric on one machine, and guests to boot on it.")
    top.set_defaults(boots=False)
    top.add_argument("--version", action=Version, help="the version of the package that the lab is part of")
    verbs = top.add_subparsers(metavar="VERB", required=True)

    run = verbs.add_parser("run", help="run a scenario and tell whether what it expects held")
    run.add_argument("scenario", help="a name from `fabriclab scenarios`, or a TOML file")
    run.add_argument(
        "--agent", default="ours", help="ours, debian, cloud-init, a directory or an adapter's TOML file (default: ours)"
    )
    _choose_guest(run)
    run.add_argument("--json", type=new_file, metavar="FILE", help="write the result, the timeline and the journal there")
    run.add_argument("--keep", action="store_true", help="keep what the guest wrote and the journal, and say where")
    run.add_argument("--count", type=least(1, int), metavar="N", help="so many guests at a time (default: the scenario's)")
    run.add_argument(
        "--seed", type=int, metavar="N", help="add random faults, the same for the same seed; shrink them when it fails"
    )
    run.add_argument("--faults", type=least(1, int), metavar="N", help="how many with --seed (default: 6)")
    run.set_defaults(do=_run, boots=True)

    up = verbs.add_parser("up", help="a fabric and a guest until Ctrl-C")
    up.add_argument("scenario", nargs="?", default="first-boot", help="what the fabric wants (default: first-boot)")
    up.add_argument("--agent", default="ours", help="as for run; 'none' starts no agent")
    _choose_guest(up)
    up.add_argument("--page", type=int, default=0, metavar="PORT", help="of the page, on loopback (default: any that is free)")
    up.add_argument("--no-page", dest="page", action="store_const", const=None, help="serve no page, take no `fabriclab do`")
    up.add_argument("--json", type=new_file, metavar="FILE", help="write how to reach it there, once the guest is up")
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
    do.add_argument("--json", action="store_true", help="the list, or the answer to each step, as JSON")
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
        "--speed", type=least(0, float), default=0.0, metavar="X", help="1: as it was; 10: ten times faster; 0: all at once"
    )
    replay.add_argument("--step", action="store_true", help="the next event when Enter is pressed")
    replay.add_argument("--exchanges", action="store_true", help="every request too, with its status, time and sizes")
    replay.add_argument("--bodies", action="store_true", help="every request with the headers and bodies of both directions")
    replay.add_argument("--failed", action="store_true", help="only what was refused, struck, not answered, or bad news")
    replay.add_argument(
        "--service", metavar="NAME", help="only requests of this service (wireserver, hostplugin, imds, blob …)"
    )
    replay.add_argument("--text", type=_pattern, metavar="REGEX", help="only what has this in its line, bodies included")
    replay.add_argument("--from", dest="begin", type=float, default=0.0, metavar="SECONDS", help="only what came later")
    replay.add_argument(
        "--until", dest="end", type=float, default=float("inf"), metavar="SECONDS", help="only what came before"
    )
    replay.add_argument("--guest", type=int, default=0, metavar="N", help="of a run of several guests: which one, from 0")
    replay.add_argument("--json", type=new_file, metavar="FILE", help="write what is told there")
    replay.add_argument("--entry", type=int, metavar="NUMBER", help="one entry whole, as JSON, and nothing else")
    replay.set_defaults(do=_replay)

    bench = verbs.add_parser("bench", help="agents side by side in the same lab: times, memory, requests")
    bench.add_argument(
        "--agents", default="ours,debian", metavar="A,B", help="as for run; the first is compared with the second"
    )
    bench.add_argument("--runs", type=least(1, int), default=3, metavar="N", help="runs of each, in turns (default: 3)")
    bench.add_argument("--idle", type=least(1, float), default=60.0, metavar="SECONDS", help="idle time per run (default: 60)")
    bench.add_argument("--publish", type=least(1, int), default=8, metavar="N", help="goal states per run (default: 8)")
    bench.add_argument("--boots", type=least(1, int), default=4, metavar="N", help="first boots per run (default: 4)")
    bench.add_argument("--seed", type=int, default=1, help="of the moments at which they are published (default: 1)")
    bench.add_argument("--json", type=new_file, metavar="FILE", help="write every measured value there")
    bench.set_defaults(do=_bench, boots=True)

    pace = verbs.add_parser("pace", help="how many polls the emulator serves, and how soon it answers a crowd of agents")
    pace.add_argument("--polls", type=least(100, int), default=20000, metavar="N", help="as fast as can be (default: 20000)")
    pace.add_argument("--agents", type=least(1, int), default=1000, metavar="N", help="in the crowd (default: 1000)")
    pace.add_argument("--period", type=least(0, float), default=6.0, metavar="SECONDS", help="of each one's polls (default: 6)")
    pace.add_argument(
        "--seconds", type=least(1, float), default=30.0, metavar="N", help="how long the crowd asks (default: 30)"
    )
    pace.add_argument("--json", type=new_file, metavar="FILE", help="write what was measured there")
    pace.set_defaults(do=_pace)

    ext_options.add(verbs)

    scenarios = verbs.add_parser("scenarios", help="list the scenarios that come with the lab")
    scenarios.add_argument("--json", type=new_file, nargs="?", const=STANDARD_OUTPUT, metavar="FILE", help="the list as JSON")
    scenarios.set_defaults(do=_scenarios)

    schema = verbs.add_parser("schema", help="the JSON Schema of what a command writes; without a name: which there are")
    schema.add_argument("name", nargs="?", metavar="NAME", help="of the document")
    schema.set_defaults(do=_schema)
    return top


def _run(options: argparse.Namespace) -> int:
    from fabriclab.cli.run import run

    if options.faults is not None and options.seed is None:
        raise BadScenario("--faults: says how many faults --seed adds; without --seed there are none")
    used = _adapter(options, options.agent)
    return run(
        options.scenario, used, options.json, keep=options.keep, seed=options.seed, faults=options.faults, count=options.count
    )


def _up(options: argparse.Namespace) -> int:
    from fabriclab.cli.up import NO_AGENT, up

    without = options.agent == NO_AGENT
    used = _adapter(options, "ours" if without else options.agent)
    return up(options.scenario, used, starts_agent=not without, page=options.page, output=options.json)


def _do(options: argparse.Namespace) -> int:
    from fabriclab.cli.control import do

    return do(options.step, options.keys, options.file, options.lab, as_json=options.json)


def _choose_guest(verb: Any) -> None:
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
    from fabriclab.cli.replay import Choice, replay

    choice = Choice(
        options.exchanges, options.bodies, options.failed, options.service, options.text, options.begin, options.end
    )
    return replay(
        options.journal,
        choice,
        speed=options.speed,
        steps=options.step,
        number=options.entry,
        guest=options.guest,
        output=options.json,
    )


def _bench(options: argparse.Namespace) -> int:
    from fabriclab.cli.bench import bench
    from fabriclab.scenario.measure import Conditions

    conditions = Conditions(options.idle, options.publish, options.boots, options.seed)
    return bench(options.agents, options.runs, conditions, options.json)


def _scenarios(options: argparse.Namespace) -> int:
    from fabriclab.cli.run import list_scenarios

    return list_scenarios(options.json)


def _pace(options: argparse.Namespace) -> int:
    from fabriclab.cli.pace import pace

    return pace(options.polls, options.agents, options.period, options.seconds, options.json)


def _schema(options: argparse.Namespace) -> int:
    from fabriclab.cli import documents

    if options.name is not None and options.name not in documents.FORMS:
        raise BadScenario(f"schema: {options.name}: {none_of(options.name, documents.FORMS)}")
    print(documents.show(options.name))
    return 0


def _pattern(text: str) -> "re.Pattern[str]":
    try:
        return re.compile(text)
    except re.error as problem:
        raise argparse.ArgumentTypeError(f"{text}: no regular expression: {problem}") from problem
