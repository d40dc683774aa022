"""What a scenario expects, as values. `parse` reads them, `look` compares them with what is there.

Three sorts: of the journal (what the agent said to the fabric), of the guest (users, files, processes, log-in) and of the tree
(everything that the guest's file tree differs in from the untouched one).
"""

from dataclasses import dataclass

START, END = "start", "end"


@dataclass(frozen=True)
class Health:
    """A health report; `description`: text that it contains. `absent`: there is none like it."""

    state: str
    substatus: str | None = None
    description: str | None = None
    absent: bool = False

    @property
    def bounds(self) -> bool:
        """Whether only the end of its time can tell that it holds."""
        return self.absent

    def sentence(self) -> str:
        said = "/".join(part for part in (self.state, self.substatus) if part)
        return f"{'never: ' if self.absent else ''}health report {said}" + (
            f' that says "{self.description}"' if self.description else ""
        )


@dataclass(frozen=True)
class Handler:
    """A handler in the status blob. `extension`: the status of its settings; `instance`: name of a multi-config one."""

    name: str
    absent: bool = False
    status: str | None = None
    version: str | None = None
    code: int | None = None
    message: str | None = None
    instance: str | None = None
    extension: str | None = None
    extension_code: int | None = None
    extension_message: str | None = None
    sequence: int | None = None

    def sentence(self) -> str:
        if self.absent:
            return f"status blob without {self.name}"
        who = self.name + (f" ({self.instance})" if self.instance else "")
        parts = [
            f"{label} {value}" if label else str(value)
            for label, value in (
                ("", self.status),
                ("version", self.version),
                ("code", self.code),
                ("message", self.message and f'"{self.message}"'),
                ("extension", self.extension),
                ("extension code", self.extension_code),
                ("extension message", self.extension_message and f'"{self.extension_message}"'),
                ("sequence", self.sequence),
            )
            if value is not None
        ]
        return f"status blob: {who} {', '.join(parts)}" if parts else f"status blob with {who}"


@dataclass(frozen=True)
class GoalState:
    """The status of the whole goal state in the status blob."""

    status: str
    code: int | None = None
    message: str | None = None

    def sentence(self) -> str:
        return f"status blob: goal state {self.status}" + (f", code {self.code}" if self.code is not None else "")


@dataclass(frozen=True)
class Requests:
    """How many exchanges fit. `path` is a glob; `text` a regular expression over the journal's line."""

    service: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    refused: bool | None = None
    text: str | None = None
    at_least: int = 0
    at_most: int | None = None

    @property
    def bounds(self) -> bool:
        return self.at_most is not None

    def sentence(self) -> str:
        what = " ".join(
            str(part)
            for part in (
                self.method,
                self.service,
                self.path,
                self.status,
                {True: "refused", False: "not refused", None: None}[self.refused],
                self.text and f"/{self.text}/",
            )
            if part
        )
        if self.at_most == 0:
            return f"never: {what or 'a request'}"
        bounds = [f"at least {self.at_least}"] if self.at_least else []
        bounds += [f"at most {self.at_most}"] if self.at_most is not None else []
        return f"{' and '.join(bounds)} requests {what}".rstrip()


@dataclass(frozen=True)
class Logs:
    """A bundle of logs that the host plugin has taken; globs over the names in it. `*` crosses directories."""

    holds: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def sentence(self) -> str:
        lacks = [f"without {' '.join(self.lacks)}"] if self.lacks else []
        return ", ".join([f"a bundle of logs with {' '.join(self.holds)}", *lacks])


@dataclass(frozen=True)
class File:
    path: str
    absent: bool = False
    kind: str | None = None
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    content: str | None = None
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    matches: str | None = None

    def sentence(self) -> str:
        if self.absent:
            return f"no {self.path}"
        parts = [
            self.kind,
            f"mode {self.mode:04o}" if self.mode is not None else None,
            f"owner {self.owner}" if self.owner else None,
            f"group {self.group}" if self.group else None,
            "its exact content" if self.content is not None else None,
            *(f'contains "{text}"' for text in self.contains),
            *(f'lacks "{text}"' for text in self.lacks),
            f"matches /{self.matches}/" if self.matches else None,
        ]
        said = ", ".join(part for part in parts if part)
        return f"{self.path}: {said}" if said else f"{self.path} is there"


@dataclass(frozen=True)
class User:
    name: str
    absent: bool = False
    shell: str | None = None
    home: str | None = None
    groups: tuple[str, ...] | None = None
    password: bool | None = None

    def sentence(self) -> str:
        if self.absent:
            return f"no user {self.name}"
        parts = [
            f"shell {self.shell}" if self.shell else None,
            f"home {self.home}" if self.home else None,
            f"groups {' '.join(self.groups)}" if self.groups is not None else None,
            {True: "has a password", False: "has no password", None: None}[self.password],
        ]
        said = ", ".join(part for part in parts if part)
        return f"user {self.name}" + (f": {said}" if said else "")


@dataclass(frozen=True)
class Hostname:
    name: str

    def sentence(self) -> str:
        return f"host name {self.name}"


@dataclass(frozen=True)
class Process:
    """Guest processes whose command line matches the regular expression."""

    pattern: str
    absent: bool = False

    def sentence(self) -> str:
        return f"{'no ' if self.absent else ''}process /{self.pattern}/"


@dataclass(frozen=True)
class Agent:
    """`running` True, or False: it has ended, with `status` where that is given."""

    running: bool
    status: int | None = None

    def sentence(self) -> str:
        if self.running:
            return "the agent runs"
        return "the agent has ended" + (f" with status {self.status}" if self.status is not None else "")


@dataclass(frozen=True)
class Command:
    """A shell command in the guest, as root."""

    command: str
    status: int = 0
    prints: str | None = None
    matches: str | None = None

    def sentence(self) -> str:
        said = f', prints "{self.prints}"' if self.prints is not None else ""
        said += f", matches /{self.matches}/" if self.matches else ""
        return f"`{self.command}` ends with {self.status}{said}"


@dataclass(frozen=True)
class Login:
    """ssh from the fabric's side. `password` None: by key. `runs`: a command there, which must succeed."""

    user: str
    by: str
    password: str | None = None
    refused: bool = False
    runs: str = "true"
    prints: str | None = None

    def sentence(self) -> str:
        if self.refused:
            return f"ssh log-in as {self.user} by {self.by} is refused"
        said = f', `{self.runs}` prints "{self.prints}"' if self.prints is not None else ""
        said = said or (f", `{self.runs}` succeeds" if self.runs != "true" else "")
        return f"ssh log-in as {self.user} by {self.by}{said}"


@dataclass(frozen=True)
class Probe:
    """A load balancer's GET from the fabric's side is answered 200, or `refused`: nothing listens there."""

    port: int
    refused: bool = False

    def sentence(self) -> str:
        return f"a probe of port {self.port} is {'refused' if self.refused else 'answered 200 OK'}"


@dataclass(frozen=True)
class Tree:
    """Every change of the guest's tree fits one of `only` (globs; `**` crosses directories); each of `among` changed."""

    only: tuple[str, ...] | None = None
    among: tuple[str, ...] = ()

    def sentence(self) -> str:
        if self.only is None:
            return f"changed: {' '.join(self.among)}"
        return f"nothing changed but {' '.join(self.only)}" if self.only else "nothing changed in the tree"


OfJournal = Health | Handler | GoalState | Requests | Logs
What = OfJournal | File | User | Hostname | Process | Agent | Command | Tree | Login | Probe


@dataclass(frozen=True)
class Expectation:
    """`at`: the step or expectation after which it counts, "start", or "end" (when all else is decided); `delay` seconds later.

    `within`: seconds from then until it must hold.
    """

    what: What
    name: str
    at: str = START
    delay: float = 0.0
    within: float = 60.0
    about: str = ""

    def sentence(self) -> str:
        return self.about or self.what.sentence()
