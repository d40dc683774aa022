"""Fixtures for the tests of the door."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unit.system.file_systems import Memory, Real, World
from unit.system.http_requests import Client
from waagent.system.real.http import UrllibHttp
from waagent.system.real.plain import PlainHttp


@pytest.fixture(params=["real", "memory"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = Memory() if request.param == "memory" else Real(tmp_path)
    made.files.make_directory("/etc")
    made.files.write("/etc/passwd", f"root:x:0:0::/:\nme:x:{os.geteuid()}:{os.getegid()}::/:\n".encode(), 0o644)
    return made


@pytest.fixture(params=[PlainHttp, UrllibHttp])
def client(request: pytest.FixtureRequest) -> Client:
    """Whichever of the clients: what they promise of plain HTTP is the same."""
    made: Client = request.param
    return made
