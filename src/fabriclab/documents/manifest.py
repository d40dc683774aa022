"""The manifest of an extension or of an agent family (fabric 8.1): which versions there are, and where."""

from collections.abc import Iterable

from fabriclab.documents.markup import Element, child, document
from fabriclab.world.extension import AgentFamily, Extension, Package
from fabriclab.world.values import World


def render(name: str, packages: Iterable[Package], bom: bool = False) -> bytes:
    """`name`: of the extension, for the addresses of packages that name none."""
    every = tuple(packages)
    root = Element("PluginVersionManifest", {"xmlns:i": "http://www.w3.org/2001/XMLSchema-instance"})
    _plugins(child(root, "Plugins"), name, [package for package in every if not package.internal])
    internal = [package for package in every if package.internal]
    if internal:
        _plugins(child(root, "InternalPlugins"), name, internal)
    return document(root, bom)


def of_extension(extension: Extension, bom: bool = False) -> bytes:
    return render(extension.name, extension.listed, bom)


def of_family(family: AgentFamily, bom: bool = False) -> bytes:
    return render("WALinuxAgent", family.packages, bom)


def every(world: World) -> dict[str, bytes]:
    """Blob name and content of each extension's manifest, for both channels; a name that both have lists all its versions."""
    wanted = world.extensions + (world.fast_track.extensions if world.fast_track is not None else ())
    packages: dict[str, dict[str, Package]] = {}
    names: dict[str, str] = {}
    for extension in wanted:
        names.setdefault(extension.manifest_blob, extension.name)
        versions = packages.setdefault(extension.manifest_blob, {})
        versions.update({package.version: package for package in extension.listed})
    bom = "manifest" in world.switches.bom
    return {blob: render(names[blob], versions.values(), bom) for blob, versions in packages.items()}


def families(world: World) -> dict[str, bytes]:
    """The same for agent families."""
    return {family.manifest_blob: of_family(family, "manifest" in world.switches.bom) for family in world.families}


def _plugins(parent: Element, name: str, packages: list[Package]) -> None:
    for package in packages:
        plugin = child(parent, "Plugin")
        child(plugin, "Version", package.version)
        uris = child(plugin, "Uris")
        for uri in package.addresses(name):
            child(uris, "Uri", uri)
        if package.disallow_major_upgrade:
            child(plugin, "DisallowMajorVersionUpgrade", "True")
