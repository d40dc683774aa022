"""Against a real blob service, Azurite: our agent's status uploads and package downloads, directly (fabric.md 5.6, 6).

Optional: `npm install --prefix .lab/azurite azurite` gets it.
"""

import base64
import hashlib
import hmac
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from fabriclab.documents import manifest
from fabriclab.guests import assemble
from fabriclab.scenario.lab import Lab
from fabriclab.scenario.packages import build
from fabriclab.scenario.step import Source
from fabriclab.world.events import PutExtension, SetStatusBlob
from fabriclab.world.extension import Extension, Package, Settings
from fabriclab.world.values import StatusBlob
from scenarios import fabric_labs as fabric
from scenarios import labs

AZURITE = shutil.which("azurite-blob") or str(assemble.cache() / "azurite/node_modules/.bin/azurite-blob")
pytestmark = [
    *labs.in_a_guest,
    pytest.mark.skipif(
        not Path(AZURITE).exists(), reason="Azurite is not installed: npm install --prefix .lab/azurite azurite"
    ),
]
ACCOUNT, ADDRESS, PORT = "labaccount", "10.77.0.1", 10000
KEY = base64.b64encode(hashlib.sha256(b"lab").digest()).decode()
VERSION, UNTIL = "2018-03-28", "2099-01-01T00:00:00Z"
ASK = """
import sys, urllib.request
method, url, *headers = sys.argv[1:]
named = dict(one.split("=", 1) for one in headers)
request = urllib.request.Request(url, sys.stdin.buffer.read() or None, named, method=method)
with urllib.request.urlopen(request, timeout=20) as answer:
    sys.stdout.write(answer.headers.get("x-ms-blob-type", "") + chr(10))
    sys.stdout.flush()
    sys.stdout.buffer.write(answer.read())
"""


def sign(text: str) -> str:
    return base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()


def blob(name: str, permissions: str) -> str:
    """The signed address of one blob in the container `lab`."""
    text = "\n".join([permissions, "", UNTIL, f"/blob/{ACCOUNT}/lab/{name}", "", "", "", VERSION, "", "", "", "", ""])
    query = urlencode({"sv": VERSION, "sr": "b", "sig": sign(text), "se": UNTIL, "sp": permissions})
    return f"http://{ADDRESS}:{PORT}/{ACCOUNT}/lab/{name}?{query}"


def container() -> str:
    text = "\n".join([ACCOUNT, "rwdlc", "b", "sco", "", UNTIL, "", "", VERSION, ""])
    query = urlencode({"sv": VERSION, "ss": "b", "srt": "sco", "sp": "rwdlc", "se": UNTIL, "sig": sign(text)})
    return f"http://{ADDRESS}:{PORT}/{ACCOUNT}/lab?restype=container&{query}"


def ask(lab: Lab, method: str, url: str, body: bytes = b"", **headers: str) -> tuple[str, str]:
    """A request from inside the guest: the blob's type and the body."""
    given = [f"{name.replace('_', '-')}={value}" for name, value in {"x_ms_version": VERSION, **headers}.items()]
    done = lab.guest.run(["/usr/bin/python3", "-c", ASK, method, url, *given], given=body)
    assert done.ok, done.errors
    kind, _, rest = done.output.partition("\n")
    return kind, rest


@contextmanager
def azurite(lab: Lab, place: Path) -> Iterator[Path]:
    """The service on the fabric's bridge, with the empty container `lab`; gives its log."""
    log = place / "azurite.log"
    inside = ["nsenter", "--target", str(lab.guest.namespace.process), "--net"]
    options = [
        "--blobHost",
        ADDRESS,
        "--blobPort",
        str(PORT),
        "--location",
        str(place),
        "--skipApiVersionCheck",
        "--disableTelemetry",
    ]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    running = subprocess.Popen([*inside, AZURITE, *options], stdout=subprocess.DEVNULL, env=environment)
    try:
        ready = 'until (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; do :; done'
        subprocess.run([*inside, "timeout", "30", "bash", "-c", ready, "ready", ADDRESS, str(PORT)], check=True)
        ask(lab, "PUT", container(), Content_Length="0")
        yield log
    finally:
        running.terminate()
        running.wait(timeout=10)


@pytest.mark.parametrize("kind", ["BlockBlob", "PageBlob"])
def test_packages_come_from_it_and_status_is_stored_in_it(tmp_path: Path, kind: str) -> None:
    with fabric.provisioned(tmp_path) as lab, azurite(lab, tmp_path):
        package = Package("1.0.0", uris=(blob("package", "r"),))
        settings = (Settings(0, {"message": "one"}),)
        wanted = Extension(fabric.GOOD, "1.0.0", settings=settings, location=blob("manifest", "r"), packages=(package,))
        for name, content in (
            ("manifest", manifest.of_extension(wanted)),
            ("package", build(Source("sample", "good"), fabric.GOOD, "1.0.0")),
        ):
            ask(lab, "PUT", blob(name, "cw"), content, x_ms_blob_type="BlockBlob")
        lab.fabric.apply(SetStatusBlob(StatusBlob(kind, blob("status", "rwc"))), PutExtension(wanted))
        labs.await_log(lab, "[Lab.Good-1.0.0] Command: handler.sh enable")
        stored = await_status(lab)
        assert stored[0] == kind
        handler = json.loads(stored[1].rstrip("\0 "))["aggregateStatus"]["handlerAggregateStatus"][0]
        assert (handler["handlerName"], handler["status"]) == (fabric.GOOD, "Ready")
        assert kind == "BlockBlob" or len(stored[1].encode()) % 512 == 0


def await_status(lab: Lab) -> tuple[str, str]:
    """A blob service tells nobody that a blob has changed: it is asked in short turns."""
    for _ in range(60):
        stored = ask(lab, "GET", blob("status", "r"))
        if '"success"' in stored[1]:
            return stored
        lab.journal.wait(lambda entry: True, 1.0, lab.journal.last)
    raise AssertionError(f"no success in the status: {stored}\n{labs.log(lab)}")
