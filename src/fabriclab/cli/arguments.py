"""The reader of the command line: what is wrong is one sentence, with what may have been meant, before a lab is made."""

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from fabriclab.given.spelling import meant

STANDARD_OUTPUT = Path("-")  # as the name of a file

_CHOICE = re.compile(r"(?P<where>.*)invalid choice: '(?P<given>.*)' \(choose from (?P<known>.*)\)")


class Parser(argparse.ArgumentParser):
    """Verbs below it are of this kind too."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Nothing is handed on as unknown: only here it is known which options there are."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(self._unknown(left))
        return found, left

    def error(self, message: str) -> NoReturn:
        choice = _CHOICE.fullmatch(message)
        if choice is not None:
            known = [one.strip("'") for one in choice["known"].split(", ")]
            message = f'{choice["where"]}"{choice["given"]}" is none of {", ".join(known)}{meant(choice["given"], known)}'
        self.exit(2, f"{self.prog}: {message} (--help tells more)\n")

    def _unknown(self, left: Sequence[str]) -> str:
        option = next((one for one in left if one.startswith("-")), None)
        if option is None:
            return f'"{left[0]}" is one argument too many'
        name = option.partition("=")[0]
        return f"{name}: no such option{meant(name, self._options())}"

    def _options(self) -> Iterator[str]:
        return (name for action in self._actions for name in action.option_strings)


class Version(argparse.Action):
    """`--version`: looked up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        try:
            found = metadata.version("waagent")
        except metadata.PackageNotFoundError:
            found = "of a source tree that is not installed"
        parser.exit(0, f"fabriclab {found}\n")


def new_file(text: str) -> Path:
    """A file to be written when all is over: a run is not to be lost for want of a directory. "-" is standard output."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a directory")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no directory {path.parent}")
    return path


def least(number: int, kind: Callable[[str], float]) -> Callable[[str], float]:
    """A number that is not smaller, nor infinite."""

    def read(text: str) -> float:
        value = kind(text)
        if not number <= value < float("inf"):
            raise ValueError(text)
        return value

    read.__name__ = f"number from {number}"  # what argparse says of a value that does not fit
    return read
