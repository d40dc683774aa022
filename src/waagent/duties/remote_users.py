"""Just-in-time accounts: made, and taken away, as the remote access document says (fabric.md 10, extensions.md 10.1).

An account is ours when its comment is exactly ``JIT_Account``; an ordinary account of the same name is refused and never
touched. Odd: the password of an account that exists is not refreshed; the account itself expires a day after the access
does, in case nobody is here to delete it. An access that expires is ended within a period, not at the next goal state.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from waagent.config.sections import Config
from waagent.guest import accounts, sudo
from waagent.guest.profile import Guest
from waagent.model.event import Operation
from waagent.model.failure import Failure
from waagent.model.goal_state import RemoteAccess, RemoteUser
from waagent.model.secret import Secret
from waagent.system.apply import apply
from waagent.system.port import System

COMMENT = "JIT_Account"
PERIOD = 60.0
TOOLS = ("useradd", "adduser", "chpasswd", "visudo")


class Verb(enum.Enum):
    CREATE = "create"
    DELETE = "delete"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Step:
    """``user`` is the document's for what is created; ``why`` says what is wrong with what is refused."""

    verb: Verb
    name: str
    user: RemoteUser | None = None
    why: str = ""


def decide(access: RemoteAccess | None, ours: frozenset[str], others: frozenset[str], now: datetime) -> tuple[Step, ...]:
    """The table of fabric.md 10. ``ours`` are marked accounts, ``others`` all other ones; None: no remote access at all."""
    wanted = {user.name: user for user in (access.users if access else ())}
    steps = [Step(Verb.DELETE, name) for name in sorted(ours - wanted.keys())]
    for name, user in wanted.items():
        if name in others:
            steps.append(Step(Verb.REFUSE, name, user, "an ordinary account has this name"))
        elif user.expiration is None:
            steps.append(Step(Verb.REFUSE, name, user, f"the expiration {user.expiration_text!r} cannot be read"))
        elif user.expiration <= now:
            steps += [Step(Verb.DELETE, name)] if name in ours else []
        elif name not in ours:
            steps.append(Step(Verb.CREATE, name, user))
    return tuple(steps)


def marked(passwd: str) -> tuple[frozenset[str], frozenset[str]]:
    """The marked accounts in the text of /etc/passwd, and all others."""
    ours: set[str] = set()
    others: set[str] = set()
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) >= 7:
            (ours if fields[4] == COMMENT else others).add(fields[0])
    return frozenset(ours), frozenset(others)


class RemoteUsers:
    """``decrypt`` opens a password with the transport key; ``random`` gives so many random bytes."""

    def __init__(
        self,
        system: System,
        guest: Guest,
        config: Config,
        decrypt: Callable[[str], Secret],
        random: Callable[[int], bytes],
        tell: Callable[[Operation], object],
    ) -> None:
        self._system = system
        self._guest = guest
        self._config = config
        self._decrypt = decrypt
        self._random = random
        self._tell = tell
        self._access: RemoteAccess | None = None
        self._settled = False
        """True while there is nothing to watch: no access is granted, and no marked account was left."""
        self._refused: set[str] = set()

    def take(self, access: RemoteAccess | None) -> None:
        """The document of a new incarnation, to be obeyed at the next look."""
        self._access = access
        self._settled = False
        self._refused.clear()

    def look(self) -> None:
        """Compare and act; one user's failure is told and does not touch the others."""
        if self._settled or not self._guest.remote_users:
            return
        passwd = (self._system.files.read_if_there("/etc/passwd") or b"").decode("utf-8", "replace")
        ours, others = marked(passwd)
        failed = False
        for step in decide(self._access, ours, others, self._system.clock.now()):
            try:
                self._perform(step)
            except Failure as failure:
                failed = True
                self._complain(step, str(failure))
        self._settled = self._access is None and not failed

    def _perform(self, step: Step) -> None:
        if step.verb is Verb.REFUSE:
            if step.name not in self._refused:
                self._refused.add(step.name)
                self._complain(step, step.why)
        elif step.verb is Verb.DELETE:
            self._delete(step.name)
            self._system.log.info(f"the just-in-time account {step.name} was deleted")
        elif step.user is not None:
            self._create(step.user)
            self._system.log.info(f"the just-in-time account {step.name} was made, until {step.user.expiration_text}")

    def _create(self, user: RemoteUser) -> None:
        system, guest, settings = self._system, self._guest, self._config.provisioning
        assert user.expiration is not None
        password = self._decrypt(user.encrypted_password)
        length = accounts.salt_length(settings.password_crypt_id, settings.password_crypt_salt_length)
        hashed = accounts.hash_password(password, settings.password_crypt_id, accounts.salt(self._random(64), length))
        tools = frozenset(tool for tool in TOOLS if system.commands.find(tool))
        expires = (user.expiration + timedelta(days=1)).strftime("%Y-%m-%d")
        try:
            apply(system, accounts.create(guest, user.name, tools=tools, group_exists=True, expires=expires, comment=COMMENT))
            apply(system, accounts.set_password(guest, user.name, hashed, tools=tools))
            apply(
                system,
                sudo.grant(
                    guest,
                    user.name,
                    with_password=True,
                    sudoers_dir=self._config.os.sudoers_dir,
                    rules=self._rules(),
                    sudoers=self._text(sudo.parent_path(self._config.os.sudoers_dir)),
                    directory_exists=system.files.exists(self._config.os.sudoers_dir),
                    visudo="visudo" in tools,
                ),
            )
        except Failure:
            self._delete(user.name)
            raise

    def _delete(self, name: str) -> None:
        directory = self._config.os.sudoers_dir
        apply(self._system, sudo.revoke(self._guest, name, sudoers_dir=directory, rules=self._rules()))
        apply(self._system, accounts.remove(self._guest, name))

    def _rules(self) -> str | None:
        return self._text(sudo.rules_path(self._guest, self._config.os.sudoers_dir))

    def _text(self, path: str) -> str | None:
        content = self._system.files.read_if_there(path)
        return None if content is None else content.decode("utf-8", "surrogateescape")

    def _complain(self, step: Step, why: str) -> None:
        text = f"remote access: cannot {step.verb.value} the account {step.name}: {why}"
        if step.verb is Verb.REFUSE:
            text = f"remote access: the account {step.name} is refused: {why}"
        self._system.log.warning(text)
        self._tell(Operation("JitAccess", False, text, self._system.clock.now()))
