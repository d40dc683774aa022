"""Packages that an agent must survive: names that lead out of the directory, links, what is no zip, manifests that are none.

Each is the sample `good` with something wrong about it. What would be written outside is a file named MARK, to look for.
"""

import codecs
import io
import json
import stat
import zipfile
from collections.abc import Callable

from fabriclab.samples.package import MANIFEST, pack

MARK = "escaped-from-a-package"


def parent_entry(name: str, version: str = "1.0.0") -> bytes:
    """An entry ../../MARK."""
    return _with(pack("good", name, version), zipfile.ZipInfo(f"../../{MARK}"), b"out of the directory\n")


def absolute_entry(name: str, version: str = "1.0.0") -> bytes:
    """An entry with an absolute name: /tmp/MARK."""
    return _with(pack("good", name, version), zipfile.ZipInfo(f"/tmp/{MARK}"), b"out of the directory\n")


def symlink_entry(name: str, version: str = "1.0.0") -> bytes:
    """A symbolic link to /tmp, and an entry that goes through it."""
    link = zipfile.ZipInfo("out")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return _with(_with(pack("good", name, version), link, b"/tmp"), zipfile.ZipInfo(f"out/{MARK}"), b"through a link\n")


def backslash_entry(name: str, version: str = "1.0.0") -> bytes:
    """An entry ..\\..\\MARK, as a packer on another system writes it."""
    return _with(pack("good", name, version), zipfile.ZipInfo(f"..\\..\\{MARK}"), b"out of the directory\n")


def not_a_zip(name: str, version: str = "1.0.0") -> bytes:
    return f"<html><body>{name} {version}: this is a web page</body></html>\n".encode() * 20


def empty(name: str, version: str = "1.0.0") -> bytes:
    return b""


def truncated(name: str, version: str = "1.0.0") -> bytes:
    """Only the first half of the zip."""
    whole = pack("good", name, version)
    return whole[: len(whole) // 2]


def wrong_sum(name: str, version: str = "1.0.0") -> bytes:
    """A zip whose first entry has another content than its checksum says."""
    whole = bytearray(pack("good", name, version, replace={"AAA": b"\0" * 64}))
    with zipfile.ZipFile(io.BytesIO(bytes(whole))) as packed:
        first = packed.infolist()[0]
    at = first.header_offset + 14  # the sum in the local header; the one in the directory follows it
    whole[at : at + 4] = b"\xde\xad\xbe\xef"
    directory = whole.find(b"PK\x01\x02")
    whole[directory + 16 : directory + 20] = b"\xde\xad\xbe\xef"
    return bytes(whole)


def bomb(name: str, version: str = "1.0.0", size: int = 64 * 1024 * 1024) -> bytes:
    """One entry of many zeros that packs to almost nothing."""
    return pack("good", name, version, replace={"zeros": b"\0" * size})


def manifest_not_json(name: str, version: str = "1.0.0") -> bytes:
    return pack("good", name, version, replace={MANIFEST: b"[{"})


def manifest_null(name: str, version: str = "1.0.0") -> bytes:
    return pack("good", name, version, replace={MANIFEST: json.dumps([{"handlerManifest": None}]).encode()})


def manifest_with_bom(name: str, version: str = "1.0.0") -> bytes:
    """Harmless, and seen in real packages: an agent must read it."""
    with zipfile.ZipFile(io.BytesIO(pack("good", name, version))) as packed:
        manifest = packed.read(MANIFEST)
    return pack("good", name, version, replace={MANIFEST: codecs.BOM_UTF8 + manifest})


Builder = Callable[[str, str], bytes]
BUILDERS: dict[str, Builder] = {
    "parent-entry": parent_entry,
    "absolute-entry": absolute_entry,
    "symlink-entry": symlink_entry,
    "backslash-entry": backslash_entry,
    "not-a-zip": not_a_zip,
    "empty": empty,
    "truncated": truncated,
    "wrong-sum": wrong_sum,
    "bomb": bomb,
    "manifest-not-json": manifest_not_json,
    "manifest-null": manifest_null,
    "manifest-with-bom": manifest_with_bom,
}


def _with(packed: bytes, entry: zipfile.ZipInfo, content: bytes) -> bytes:
    written = io.BytesIO(packed)
    with zipfile.ZipFile(written, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(entry, content)
    return written.getvalue()
