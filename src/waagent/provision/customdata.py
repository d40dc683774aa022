"""Custom data: kept as a file, and run once after provisioning when the configuration says so (guest.md 2.10).

It runs after the marker was written and before Ready is reported: a script that reboots the VM or never ends does not
lead to a second provisioning (trap 52). It runs once, whatever happens to this process: the shell that becomes the script
takes a file away first, and where another shell was faster it does nothing.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.model.failure import ProvisionFailure
from waagent.model.secret import Secret
from waagent.system.action import Plan, WriteFile
from waagent.system.port import System

PATIENCE = 900.0
"""Seconds that Ready waits for the script; the platform gives a VM up after some 20 minutes. The script goes on after it."""


_ONCE = 'rm "$1" 2>/dev/null || exit 0; shift; exec "$@"'
"""``rm`` without ``-f`` fails where the file is gone; only one of two can take it away."""


@dataclass(frozen=True)
class Ran:
    """How the script ended; ``exit_code`` is None when it still runs. ``seconds`` is how long it was waited for."""

    exit_code: int | None
    seconds: float


def decode(text: Secret) -> bytes:
    """The decoded bytes; white space in the Base64 is legal. Errors: ``ProvisionFailure``."""
    try:
        return base64.b64decode("".join(text.reveal().split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProvisionFailure(f"CustomData: it is not valid Base64: {error}") from error


def save(config: Config, paths: Paths, text: Secret | None) -> Plan:
    """Keep the custom data, decoded if it is to be; nothing when there is none."""
    if not text:
        return ()
    run = config.provisioning.execute_custom_data
    content = decode(text) if run or config.provisioning.decode_custom_data else text.reveal().encode()
    return (WriteFile(paths.custom_data, content, mode=0o700 if run else 0o600, why="keep the custom data"),)


def due_path(paths: Paths) -> str:
    return f"{paths.lib}/custom_data_due"


def make_due(system: System, paths: Paths) -> None:
    system.files.write(due_path(paths), b"", mode=0o600)


def is_due(system: System, paths: Paths) -> bool:
    return system.files.exists(due_path(paths))


def drop_due(system: System, paths: Paths) -> None:
    system.files.remove(due_path(paths))


def execute(system: System, config: Config, paths: Paths) -> Ran:
    """Run the saved custom data and wait for its end, at most ``PATIENCE`` seconds. Its exit code changes nothing.

    A file without ``#!`` is given to the shell (trap 49). Output goes to ``custom-data.log`` in the extensions' log directory.
    """
    first = system.files.read(paths.custom_data)[:2]
    script = (paths.custom_data,) if first == b"#!" else ("/bin/sh", paths.custom_data)
    argv = ("/bin/sh", "-c", _ONCE, "custom-data", due_path(paths), *script)
    log_path = f"{config.extensions.log_dir}/custom-data.log"
    system.files.make_directory(config.extensions.log_dir)
    system.files.remove(log_path)
    started = system.clock.monotonic()
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    with system.files.create(log_path, 0o600) as output:
        child = system.commands.spawn(argv, directory="/", environment=environment, stdout=output, stderr=output)
        exit_code = child.wait(PATIENCE)
    ran = Ran(exit_code, system.clock.monotonic() - started)
    if exit_code is None:
        system.log.warning(f"the custom data still runs after {ran.seconds:.0f} s; it is not waited for any longer")
    else:
        system.log.info(f"the custom data ended with {exit_code} after {ran.seconds:.1f} s (output: {log_path})")
    return ran
