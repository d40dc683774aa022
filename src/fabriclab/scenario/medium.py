"""The provisioning DVD of a scenario: [ovf], its document, and [medium], what else is about the disc.

[ovf] has the fields of documents/ovf.py as keys; `false` leaves an element out. Besides: `ssh_keys` (OpenSSH lines, or
"generated" for a key pair of the lab's own), `custom_text` (custom data before base64), `nil` and `leave_out` (lists of keys),
`as_is` (a list: "custom_data" may then be no base64),
`raw` (the whole document as text, instead of everything else). Neither table: no DVD.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

from fabriclab.documents import ovf as document
from fabriclab.documents.ovf import NIL, Ovf, PublicKey
from fabriclab.given.spelling import meant
from fabriclab.guests.login import KeyPair
from fabriclab.scenario.table import Table

GENERATED = "generated"
CERTIFICATE = "certificate:"  # before the id of a tenant certificate, in place of a fingerprint

Thumbprint = Callable[[str], str]


@dataclass(frozen=True)
class Medium:
    """`extra`: more files on the disc. `delay`: seconds after the start at which it is put into the drive."""

    ovf: Ovf | None = None
    raw: bytes | None = None
    ssh_keys: tuple[str, ...] = ()
    custom_data: bytes | None = field(default=None, repr=False)
    extra: tuple[tuple[str, bytes], ...] = ()
    delay: float = 0.0

    @property
    def generates_key(self) -> bool:
        return GENERATED in self.ssh_keys

    @property
    def user(self) -> str | None:
        return self.ovf.username if self.ovf is not None else None

    @property
    def password(self) -> str | None:
        return self.ovf.password if self.ovf is not None else None

    def text(self) -> str:
        if self.ovf is None and self.raw is None:
            return "a DVD without ovf-env.xml" if self.extra else "no DVD"
        return "provisioning DVD in the drive" if not self.delay else f"provisioning DVD in {self.delay:g} s"

    def public_keys(self, key: KeyPair | None) -> tuple[str, ...]:
        return tuple(key.public if line == GENERATED and key is not None else line for line in self.ssh_keys)

    def files(self, key: KeyPair | None, thumbprint: Thumbprint) -> dict[str, bytes] | None:
        """Names and contents in the disc's root directory; None for no disc. `thumbprint`: of a certificate, by its id."""
        found = dict(self.extra)
        if self.raw is not None:
            found["ovf-env.xml"] = self.raw
        elif self.ovf is not None:
            by_value = tuple(PublicKey(self._authorized_keys(), value=line) for line in self.public_keys(key))
            named = tuple(replace(one, fingerprint=_resolved(one.fingerprint, thumbprint)) for one in self.ovf.public_keys)
            pairs = tuple(replace(one, fingerprint=_resolved(one.fingerprint, thumbprint) or "") for one in self.ovf.key_pairs)
            found["ovf-env.xml"] = document.render(replace(self.ovf, public_keys=(*named, *by_value), key_pairs=pairs))
        if self.custom_data is not None:
            found["CustomData.bin"] = self.custom_data
        return found or None

    def _authorized_keys(self) -> str:
        return f"/home/{self.user}/.ssh/authorized_keys"


def parse(table: Table) -> Medium:
    disc = table.table("medium")
    extra = {name: text.encode() for name, text in disc.words("files").items()}
    delay = disc.seconds("delay", 0.0)
    disc.finish()
    medium = Medium(extra=tuple(extra.items()), delay=delay)
    if "ovf" not in table:
        return medium
    part = table.table("ovf")
    raw = part.maybe_text("raw")
    if raw is not None:
        part.finish()
        return replace(medium, raw=raw.encode())
    keys = part.texts("ssh_keys")
    for line in keys:
        if line != GENERATED and " " not in line:
            part.wrong("ssh_keys", f'"{line}" is neither "{GENERATED}" nor an OpenSSH public key')
    text = part.maybe_text("custom_text")
    as_is = part.texts("as_is")
    made = _ovf(part)
    if "custom_data" not in as_is and not _is_base64(made.custom_data):
        part.wrong("custom_data", 'no base64; text goes into custom_text, and as_is = ["custom_data"] takes it as it stands')
    if text is not None:
        made = replace(made, custom_data=base64.b64encode(text.encode()).decode())
    return replace(medium, ovf=made, ssh_keys=keys, custom_data=text.encode() if text is not None else None)


def _ovf(part: Table) -> Ovf:
    known = {one.name for one in fields(Ovf)}
    changes: dict[str, str | None] = {}
    for key, value in (("nil", NIL), ("leave_out", None)):
        for name in part.texts(key):
            if name not in known:
                part.wrong(key, f'"{name}" is no key of [ovf]{meant(name, known) or "; there are " + ", ".join(sorted(known))}')
            changes[name] = value
    key = "disable_ssh_password_authentication"
    if part.is_flag(key):
        changes[key] = "true" if part.flag(key) else "false"
    return replace(part.lay_over(Ovf()), **changes)  # type: ignore[arg-type]


def _is_base64(text: str | None) -> bool:
    if text is None or text == NIL:
        return True
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return False
    return True


def _resolved(fingerprint: str | None, thumbprint: Thumbprint) -> str | None:
    if fingerprint is not None and fingerprint.startswith(CERTIFICATE):
        return thumbprint(fingerprint.removeprefix(CERTIFICATE))
    return fingerprint
