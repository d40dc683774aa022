"""A load balancer's look at the guest, from the fabric's side: one GET over the bridge (guest contract 6.7)."""

import subprocess
import sys

from fabriclab.guests.namespace import FabricNamespace
from fabriclab.world.addresses import WIRE_SERVER

REFUSED = 111
_GET = """
import socket, sys
try:
    client = socket.create_connection((sys.argv[2], int(sys.argv[3])), 5, (sys.argv[1], 0))
except ConnectionRefusedError:
    sys.exit(111)
with client:
    client.sendall(b"GET / HTTP/1.1\\r\\nHost: " + sys.argv[2].encode() + b"\\r\\nUser-Agent: Load Balancer Agent\\r\\n\\r\\n")
    while piece := client.recv(4096):
        sys.stdout.buffer.write(piece)
"""


def probe(namespace: FabricNamespace, address: str, port: int) -> str | None:
    """What the guest answered, headers and all; None where nothing listens. Raises OSError for anything else."""
    entered = ["nsenter", "--target", str(namespace.process), "--net", "--"]
    done = subprocess.run(
        [*entered, sys.executable, "-I", "-c", _GET, WIRE_SERVER, address, str(port)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=20,
        check=False,
    )
    if done.returncode == REFUSED:
        return None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise OSError(said.rpartition("\n")[2] or f"the probe ended with status {done.returncode}")
    return done.stdout.decode("latin-1")
