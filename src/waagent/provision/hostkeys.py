"""Fresh SSH host keys (guest.md 2.8): made under other names first, then put in place of the old ones.

Deleting first and then failing to generate locks everybody out (trap 15). Making them is a conversation, because what
this ssh-keygen can make is only known when it was asked (traps 14 and 53); the swap is a plan.
"""

from __future__ import annotations

from waagent.config.sections import Config
from waagent.model.failure import CommandFailure, ProvisionFailure
from waagent.system.action import Plan, Remove, Rename
from waagent.system.port import System

TYPES = ("rsa", "dsa", "ecdsa", "ed25519")
AUTO = ("rsa", "ecdsa", "ed25519")


def new_directory(config: Config) -> str:
    """On the file system of the keys, so that a rename is enough."""
    return f"{config.os.ssh_dir}/.waagent-host-keys"


def key_name(kind: str) -> str:
    return f"ssh_host_{kind}_key"


def wanted(kind: str) -> tuple[str, ...]:
    """The types to make for ``Provisioning.SshHostKeyPairType``; auto means what ``ssh-keygen -A`` makes today."""
    word = kind.strip().lower()
    if word == "auto":
        return AUTO
    if word not in TYPES:
        raise ProvisionFailure(f"Provisioning.SshHostKeyPairType={kind} is none of {', '.join(TYPES)} and auto")
    return (word,)


def generate(system: System, config: Config) -> tuple[str, ...]:
    """Make the new pairs in ``new_directory``; the types made, the one to take the fingerprint of first.

    The configured type that this ssh-keygen does not know (dsa since OpenSSH 10) becomes rsa, with a warning. Errors:
    ``ProvisionFailure`` when none could be made; the old keys are then still in place.
    """
    directory = new_directory(config)
    system.files.remove(directory)
    system.files.make_directory(directory, mode=0o700)
    kinds = wanted(config.provisioning.ssh_host_key_pair_type)
    failures: list[CommandFailure] = []
    made = _make(system, directory, kinds, failures)
    if not made and "rsa" not in kinds:
        system.log.warning(f"ssh-keygen makes no {kinds[0]} keys; making an rsa key instead")
        made = _make(system, directory, ("rsa",), failures)
    if not made:
        raise ProvisionFailure("no SSH host key could be generated", causes=failures)
    return made


def _make(system: System, directory: str, kinds: tuple[str, ...], failures: list[CommandFailure]) -> tuple[str, ...]:
    made = []
    for kind in kinds:
        argv = ("ssh-keygen", "-q", "-N", "", "-t", kind, "-f", f"{directory}/{key_name(kind)}")
        try:
            system.commands.run(argv, timeout=120.0)
            made.append(kind)
        except CommandFailure as failure:
            system.log.verbose(f"ssh-keygen -t {kind}: {failure.reason}")
            failures.append(failure)
    return tuple(made)


def swap(config: Config, kinds: tuple[str, ...], present: tuple[str, ...]) -> Plan:
    """Put the new pairs in place of all present ones (``present``: paths that match ``ssh_host_*key*``)."""
    directory, ssh_dir = new_directory(config), config.os.ssh_dir
    names = tuple(f"{key_name(kind)}{suffix}" for kind in kinds for suffix in ("", ".pub"))
    put: Plan = tuple(Rename(f"{directory}/{name}", f"{ssh_dir}/{name}", why="use the fresh host key") for name in names)
    old = tuple(path for path in present if path.rpartition("/")[2] not in names)
    drop: Plan = tuple(Remove(path, why="forget the image's host key") for path in old)
    return (*put, *drop, Remove(directory, why="leave nothing behind"))


def present(system: System, config: Config) -> tuple[str, ...]:
    return system.files.glob(f"{config.os.ssh_dir}/ssh_host_*key*")


def public_path(config: Config, kind: str | None = None) -> str:
    """The public half whose fingerprint is reported: of the configured type, rsa for auto."""
    word = kind or config.provisioning.ssh_host_key_pair_type.strip().lower()
    return f"{config.os.ssh_dir}/{key_name('rsa' if word == 'auto' else word)}.pub"


def fingerprint(system: System, path: str) -> str | None:
    """The fingerprint of a public key without colons; None when ssh-keygen does not read the key."""
    try:
        words = system.commands.run(("ssh-keygen", "-lf", path)).stdout.split()
    except CommandFailure:
        return None
    return words[1].replace(":", "") if len(words) > 1 else None


def md5_fingerprint(system: System, path: str) -> str | None:
    """The MD5 hex that historic hosts expected (guest.md 2.13), or whatever an older ssh-keygen prints by itself."""
    try:
        words = system.commands.run(("ssh-keygen", "-E", "md5", "-lf", path)).stdout.split()
    except CommandFailure:
        return fingerprint(system, path)
    return words[1].removeprefix("MD5:").replace(":", "") if len(words) > 1 else None
