"""`/?comp=versions` (fabric 1.5): opaque texts, one of them malformed, as in real lists."""

from fabriclab.documents.markup import Element, child, document
from fabriclab.world.values import World


def render(world: World) -> bytes:
    root = Element("Versions")
    child(child(root, "Preferred"), "Version", world.switches.preferred_version)
    supported = child(root, "Supported")
    for version in world.switches.versions:
        child(supported, "Version", version)
    return document(root, "versions" in world.switches.bom)
