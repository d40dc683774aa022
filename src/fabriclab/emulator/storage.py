"""What is in the fabric's blob store: put by the lab (packages), rendered from the world (manifests, artifacts profile), and
written by the guest (status blobs).

Addresses are http://<authority>/<container>/<name>?<signature>; the signature is not checked (appendix C, 9).
"""

import hashlib
import json
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from fabriclab.documents import artifacts_profile, manifest
from fabriclab.world import addresses
from fabriclab.world.extension import CONTAINER as EXTENSIONS
from fabriclab.world.values import World

SYSTEM = "$system"
AGENTS = "agents"
BLOCK_BLOB = "BlockBlob"
PAGE_BLOB = "PageBlob"


@dataclass(frozen=True)
class Blob:
    content: bytes
    kind: str = BLOCK_BLOB

    @cached_property
    def etag(self) -> str:
        return f'"0x{hashlib.sha256(self.content).hexdigest()[:15].upper()}"'


class NoSuchBlob(LookupError):
    pass


class BlobStore:
    """`authority`: where its addresses point; the fabric sets it to where the store really listens."""

    def __init__(self, authority: str = addresses.BLOBS) -> None:
        self.authority = authority
        self._lock = threading.Lock()
        self._blobs: dict[tuple[str, str], Blob] = {}
        self._statuses: list[dict[str, Any]] = []

    def put(self, container: str, name: str, data: bytes, kind: str = BLOCK_BLOB) -> str:
        """Stores a blob and gives an address to read it."""
        with self._lock:
            self._blobs[(container, name)] = Blob(data, kind)
        return self.address(container, name)

    def get(self, container: str, name: str) -> bytes:
        """Raises NoSuchBlob."""
        return self.stored(container, name).content

    def stored(self, container: str, name: str) -> Blob:
        """Raises NoSuchBlob."""
        with self._lock:
            found = self._blobs.get((container, name))
        if found is None:
            raise NoSuchBlob(f"{container}/{name}")
        return found

    def remove(self, container: str, name: str) -> None:
        with self._lock:
            self._blobs.pop((container, name), None)

    def names(self) -> tuple[tuple[str, str], ...]:
        with self._lock:
            return tuple(sorted(self._blobs))

    def address(self, container: str, name: str, permission: str = "r") -> str:
        return addresses.blob(container, name, permission, self.authority)

    def read(self, container: str, name: str, world: World) -> Blob:
        """What a guest gets: a stored blob, else what the world says there is. Raises NoSuchBlob."""
        try:
            return self.stored(container, name)
        except NoSuchBlob:
            rendered = _rendered(container, name, world)
            if rendered is None:
                raise
            return Blob(rendered)

    def is_here(self, url: str) -> bool:
        """Whether an address points into this store, by its real or by its published authority."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        return parts.scheme == "http" and parts.netloc in {self.authority, addresses.BLOBS, f"{addresses.BLOBS}:80"}

    def keep_status(self, document: dict[str, Any]) -> None:
        with self._lock:
            self._statuses.append(document)

    @property
    def status(self) -> dict[str, Any] | None:
        """The newest status document the guest wrote, None before the first."""
        with self._lock:
            return self._statuses[-1] if self._statuses else None

    @property
    def statuses(self) -> tuple[dict[str, Any], ...]:
        with self._lock:
            return tuple(self._statuses)


def place(target: str) -> tuple[str, str]:
    """Container and blob name of a request target or a whole address. Raises NoSuchBlob when it names neither."""
    try:
        path = urlsplit(target).path
    except ValueError as problem:
        raise NoSuchBlob(target.partition("?")[0]) from problem
    container, _, name = path.lstrip("/").partition("/")
    if not container or not name:
        raise NoSuchBlob(path)
    return unquote(container), unquote(name)


def parse_status(content: bytes) -> dict[str, Any] | None:
    """The status document in a blob, whose padding (spaces or NULs) is cut off; None when it is not one (yet)."""
    try:
        document = json.loads(content.rstrip(b"\0 ").decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and "aggregateStatus" in document else None


def _rendered(container: str, name: str, world: World) -> bytes | None:
    if container == EXTENSIONS:
        return manifest.every(world).get(name)
    if container == AGENTS:
        return manifest.families(world).get(name)
    if container == SYSTEM and name == world.profile_name:
        return artifacts_profile.render(world)
    return None
