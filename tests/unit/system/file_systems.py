"""Two file systems to which the same expectations apply: the real one, and the one in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from unit.fakes import MemoryFiles
from waagent.model.failure import SystemFailure
from waagent.system.port import Files
from waagent.system.real.files import RealFiles

STRANGER = 4242


class Real:
    """The real implementation on a temporary root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: Files = RealFiles(str(root))

    def link(self, path: str, target: str, uid: int = 0) -> None:
        os.symlink(target, f"{self.root}{path}")
        if uid:
            os.lchown(f"{self.root}{path}", uid, uid)

    def pipe(self, path: str) -> None:
        os.mkfifo(f"{self.root}{path}")


class Memory:
    """The fake."""

    def __init__(self) -> None:
        self.memory = MemoryFiles()
        self.files: Files = self.memory

    def link(self, path: str, target: str, uid: int = 0) -> None:
        self.memory.put_link(path, target, uid)

    def pipe(self, path: str) -> None:
        self.memory.put_other(path)


World = Real | Memory


def refused(do: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(SystemFailure) as caught:
        do(*arguments)
    return str(caught.value)
