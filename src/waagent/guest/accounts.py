"""Accounts: making the user, its password hash, locking root (guest.md 2.6, 2.7, 2.11).

Passwords and hashes travel on standard input only: a command line is readable by everybody in ``ps``.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Any

from waagent.guest.profile import AccountTool, Guest
from waagent.model.failure import ProvisionFailure
from waagent.model.secret import Secret
from waagent.system.action import Plan, Remove, Run, WriteFile
from waagent.system.port import System

SALT_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
UID_MIN_UNKNOWN = 100
BLOWFISH_COST = 10
BLOWFISH_SALT = 22
BACKUPS = tuple(f"/etc/{name}-" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"))
"""Where the shadow tools keep the state before their last change."""
LOCKED_ROOT = "root:*LOCK*:14600::::::"
_NAME = re.compile(r"[^\s:/,\\'\"`$&;|<>()*?#!%=\x00-\x1f-][^\s:/,\\'\"`$&;|<>()*?#!%=\x00-\x1f]*")


@dataclass(frozen=True)
class Account:
    """One line of the password database."""

    name: str
    uid: int
    gid: int
    home: str


def check_name(name: str) -> str:
    """``name`` if it can be an argument of a command and a word of a rule file; ``ProvisionFailure`` else."""
    if not _NAME.fullmatch(name) or len(name) > 256:
        raise ProvisionFailure(f"the user name {name!r} holds characters that no account may have")
    return name


def parse_passwd(text: str, name: str) -> Account | None:
    """The account of ``name`` in the text of /etc/passwd or of ``getent passwd``; malformed lines are passed over."""
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) >= 7 and fields[0] == name and fields[2].isdigit() and fields[3].isdigit():
            return Account(name, int(fields[2]), int(fields[3]), fields[5])
    return None


def find(system: System, name: str) -> Account | None:
    """Look an account up as getpwnam does: the local file first, then whatever else the system asks."""
    check_name(name)
    account = parse_passwd(_text(system, "/etc/passwd"), name)
    if account is None and system.commands.find("getent"):
        account = parse_passwd(system.commands.run(("getent", "passwd", name), ok=None).stdout, name)
    return account


def uid_min(login_defs: str | None) -> int:
    """The first ordinary UID that ``/etc/login.defs`` names, 100 when it says nothing."""
    match = re.search(r"^\s*UID_MIN\s+(\d+)", login_defs or "", re.MULTILINE)
    return int(match[1]) if match else UID_MIN_UNKNOWN


def is_system_user(guest: Guest, account: Account, first_ordinary: int) -> bool:
    """Whether the account belongs to the system: a UID below ``first_ordinary``, unless the family names it ordinary."""
    return account.uid < first_ordinary and account.name not in guest.ordinary_users


def create(
    guest: Guest,
    name: str,
    *,
    tools: frozenset[str] = frozenset({"useradd"}),
    group_exists: bool = False,
    expires: str | None = None,
    comment: str | None = None,
) -> Plan:
    """Make an account with the distribution's own defaults. ``expires`` is ``YYYY-MM-DD``.

    useradd's status 9 means that the user or a group of that name exists. Where no such group was there before, it can
    only mean that this action was applied before; else it is the error that the report has to show (trap 20).
    """
    check_name(name)
    extra = (*(("-e", expires) if expires else ()), *(("-c", comment) if comment else ()))
    why = f"create the account {name}"
    if guest.account_tool is AccountTool.PW:
        return (Run(("pw", "useradd", name, "-m", *extra), why=why),)
    shell = ("-s", guest.login_shell) if guest.login_shell else ()
    if "useradd" not in tools and "adduser" in tools and not expires:
        return (Run(("adduser", "-D", *shell, name), why=why),)
    again = (0,) if group_exists or guest.account_tool is AccountTool.OPENBSD else (0, 9)
    return (Run(("useradd", "-m", *shell, *extra, name), ok=again, why=why),)


def remove(guest: Guest, name: str) -> Plan:
    """Delete an account with its home directory; one that does not exist is fine (guest.md 3.4)."""
    check_name(name)
    why = f"delete the account {name} and its home directory"
    touch: Plan = (Run(("touch", guest.utmp), optional=True, why="have a login database"),) if guest.utmp else ()
    if guest.account_tool is AccountTool.PW:
        return (*touch, Run(("rmuser", "-y", name), why=why))
    if guest.account_tool is AccountTool.OPENBSD:
        return (Run(("userdel", "-r", name), why=why),)
    # 6: no such user; 12: the home directory could not be removed, which userdel also says of one that was not there
    return (*touch, Run(("userdel", "-f", "-r", name), ok=(0, 6, 12), why=why))


def forget_backups(guest: Guest) -> Plan:
    """Drop what the shadow tools keep of a deleted account, its password hash among it: nothing of it belongs into an image."""
    if guest.account_tool in (AccountTool.PW, AccountTool.OPENBSD):
        return ()
    return tuple(Remove(path, why="forget the accounts as they were before") for path in BACKUPS)


def set_password(guest: Guest, name: str, hashed: Secret, *, tools: frozenset[str] = frozenset({"chpasswd"})) -> Plan:
    """Give an account a password hash, on standard input."""
    check_name(name)
    why = f"set the password of {name}"
    if guest.account_tool is AccountTool.PW:
        return (Run(("pw", "usermod", name, "-H", "0"), stdin=Secret(hashed.reveal() + "\n"), why=why),)
    if guest.account_tool is AccountTool.OPENBSD:
        # ``usermod -p`` would show the hash in ``ps``; vipw locks and rebuilds the database around an editor we feed
        edit = f",s|^{re.escape(name)}:[^:]*:|{name}:{hashed.reveal()}:|\nw\nq\n"
        return (Run(("env", "EDITOR=ed -s", "vipw"), stdin=Secret(edit), why=why),)
    if "chpasswd" not in tools:
        raise ProvisionFailure("chpasswd is missing, so the password cannot be set", hint="install the shadow tools")
    return (Run(("chpasswd", "-e"), stdin=Secret(f"{name}:{hashed.reveal()}\n"), why=why),)


def lock_root(guest: Guest, password_path: str, *, empty: bool = False) -> Plan:
    """Leave root without a password that anybody could type (guest.md 2.11); never an empty one.

    The file is edited by a command, not replaced by a text: accounts are made between planning and applying. ``empty``
    says that the file is missing or empty, so that there is no line to edit.
    """
    why = "disable the root password"
    if guest.account_tool is AccountTool.PW:
        return (Run(("pw", "usermod", "root", "-h", "-"), why=why),)
    if guest.account_tool is AccountTool.OPENBSD:
        return (Run(("usermod", "-p", "*", "root"), why=why),)
    if empty:
        return (WriteFile(password_path, f"{LOCKED_ROOT}\n".encode(), mode=0o600, why=why),)
    return (Run(("sed", "-i", "-e", f"1i\\{LOCKED_ROOT}", "-e", "/^root:/d", password_path), why=why),)


def salt(random: bytes, length: int) -> str:
    """``length`` characters of the salt alphabet from random bytes; give 2 bytes for each character."""
    number = int.from_bytes(random, "big")
    text = ""
    for _ in range(length):
        number, rest = divmod(number, len(SALT_ALPHABET))
        text += SALT_ALPHABET[rest]
    return text


def salt_length(crypt_id: str, configured: int) -> int:
    """How many salt characters the method takes: 22 for Blowfish, at most 8 for MD5 and 16 for SHA."""
    if crypt_id.startswith("2"):
        return BLOWFISH_SALT
    return max(1, min(configured, 8 if crypt_id == "1" else 16))


def hash_password(password: Secret, crypt_id: str, salt_text: str) -> Secret:
    """``$ID$SALT$HASH`` as crypt(3) makes it, of the password's UTF-8 bytes.

    Errors: ``ProvisionFailure`` for an id outside 1, 2a, 5, 6 (2b on OpenBSD), or where Python cannot reach crypt(3).
    """
    if crypt_id not in ("1", "2a", "2b", "5", "6"):
        raise ProvisionFailure(f"Provisioning.PasswordCryptId={crypt_id} is none of 1, 2a, 5 and 6")
    if crypt_id.startswith("2"):
        # the last of 22 characters carries 2 bits only, and strict libraries refuse any other spelling of them
        setting = f"${crypt_id}${BLOWFISH_COST:02d}${salt_text[:21]}{'.Oeu'[ord(salt_text[21]) % 4]}"
    else:
        setting = f"${crypt_id}${salt_text}"
    made = _crypt_module().crypt(password.reveal(), setting)
    if not isinstance(made, str) or not made.startswith(f"${crypt_id}$"):
        raise ProvisionFailure(
            f"this system's crypt(3) knows no method {crypt_id}", hint="choose Provisioning.PasswordCryptId=6"
        )
    return Secret(made)


def _crypt_module() -> Any:
    import warnings

    for name in ("crypt_r", "crypt"):
        try:
            with warnings.catch_warnings():  # crypt warns that 3.13 has it no more, which is why crypt_r is asked first
                warnings.simplefilter("ignore", DeprecationWarning)
                return importlib.import_module(name)
        except ImportError:
            continue
    raise ProvisionFailure("this Python has no crypt(3)", hint="install the Python package crypt-r (Python 3.13 dropped crypt)")


def _text(system: System, path: str) -> str:
    return (system.files.read_if_there(path) or b"").decode("utf-8", "replace")
