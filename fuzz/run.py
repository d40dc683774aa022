"""Runs one target with atheris, or replays inputs: ``python -m fuzz.run NAME [--seconds S] [FILE …]``.

Limits for each input: one second of processor time and 64 MiB more memory. What exceeds them, or raises anything but a
``Failure``, ends the run with status 1 and is kept under ``build/fuzz/<name>/``. A corpus grows there from run to run.
"""

import argparse
import re
import resource
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["waagent"]):
    from fuzz.targets import ROOT, TARGETS, Target
    from waagent.model.failure import Failure

CPU_SECONDS = 1.0
MEMORY_KIB = 64 * 1024
LONGEST = 64 * 1024


class TooMuch(Exception):
    """An input that took more than it may."""


def limited(target: Target, data: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.thread_time()
    try:
        target.run(data)
    except Failure:
        pass
    seconds = time.thread_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if seconds > CPU_SECONDS:
        raise TooMuch(f"{seconds:.2f} s for {len(data)} bytes")
    if memory > MEMORY_KIB:
        raise TooMuch(f"{memory // 1024} MiB more for {len(data)} bytes")


def prepare(name: str, target: Target) -> tuple[Path, Path]:
    """The corpus with its first examples, and the words that appear in them."""
    place = ROOT / "build/fuzz" / name
    corpus = place / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    words: set[bytes] = set()
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
        words.update(re.findall(rb"[A-Za-z][A-Za-z0-9_.]{2,30}", seed))
    dictionary = place / "words"
    dictionary.write_text("".join(f'"{word.decode()}"\n' for word in sorted(words)[:400]))
    return corpus, dictionary


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz.run")
    parser.add_argument("name", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("files", nargs="*", type=Path, help="inputs to replay in place of fuzzing")
    given = parser.parse_args()
    target = TARGETS[given.name]
    for path in given.files:
        limited(target, path.read_bytes())
    if given.files:
        return 0
    corpus, dictionary = prepare(given.name, target)
    options = [
        f"-max_total_time={given.seconds}", f"-max_len={LONGEST}", "-timeout=30", "-rss_limit_mb=1024", "-print_final_stats=1",
        f"-artifact_prefix={corpus.parent}/", f"-dict={dictionary}", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: limited(target, data))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
