"""The version list of an extension or of an agent family, ``PluginVersionManifest`` (fabric.md 8.1).

Odd: versions under ``InternalPlugins`` are marked but selected like the others; ``DisallowMajorVersionUpgrade`` must no
longer influence anything (trap 16); a version may have no address at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from waagent.codec.element import children, first, text, tree, value
from waagent.model.extension import PackageVersion
from waagent.model.failure import DocumentFailure

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DOCUMENT = "manifest.xml"


def parse(data: bytes) -> tuple[PackageVersion, ...]:
    """The versions in the order of the document; entries without a version are left out. Errors: ``DocumentFailure``."""
    root = tree(data, DOCUMENT, "PluginVersionManifest")
    public, internal = first(root, "Plugins"), first(root, "InternalPlugins")
    if public is None and internal is None:
        raise DocumentFailure(DOCUMENT, "PluginVersionManifest", "the element Plugins is missing")
    return (*_versions(public, internal=False), *_versions(internal, internal=True))


def _versions(parent: Element | None, *, internal: bool) -> list[PackageVersion]:
    found = []
    for plugin in children(parent, "Plugin"):
        version = value(plugin, "Version")
        if version is not None:
            uris = (text(each) for each in children(first(plugin, "Uris"), "Uri"))
            found.append(PackageVersion(version, tuple(uri for uri in uris if uri), internal))
    return found
