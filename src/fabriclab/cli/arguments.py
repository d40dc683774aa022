"""Kinds of arguments that are checked while the command line is read, before a lab is made."""

import argparse
from pathlib import Path


def new_file(text: str) -> Path:
    """A file to be written when all is over: a run is not to be lost for want of a directory."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a directory")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no directory {path.parent}")
    return path
