"""The logs that an agent sends through the host plugin: one zip; the blob store keeps the newest (fabric.md 5.2)."""

import io
import zipfile

CONTAINER, NAME = "$agent-logs", "logs.zip"
NAMES = 5000
"""Names of entries that the journal keeps of one bundle."""


class NoBundle(ValueError):
    """What was sent is no zip; one sentence."""


def names(body: bytes) -> list[str]:
    """What is in a bundle, in its order. Raises NoBundle."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as bundle:
            return bundle.namelist()[:NAMES]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as problem:
        raise NoBundle(f"the body is no zip: {problem}") from problem
