"""From an agent's adapter to a guest that is ready to start: root, layers, configuration, provisioning DVD."""

from dataclasses import dataclass, replace
from pathlib import Path

from fabriclab.guests import adapter as adapters
from fabriclab.guests import compiled, dvd, kernel, machine, root, rootless, systemd, vm_firmware, vm_image, vm_own
from fabriclab.guests.adapter import SYSTEMD, VM, Adapter, BadAdapter
from fabriclab.guests.guest import Guest, ManagedGuest
from fabriclab.guests.machine import Machine
from fabriclab.guests.namespace import FabricNamespace, NamespaceUnavailable
from fabriclab.guests.partitions import make_mbr
from fabriclab.guests.sandbox import Disk, Sandbox
from fabriclab.guests.systemd import SystemdGuest
from fabriclab.guests.vm import VmGuest
from fabriclab.guests.vm_own import OwnVmGuest

LIBRARIES = ("python3-defusedxml", "python3-urllib3")  # what our agent needs of a root that is not this machine's
MANAGED = (SystemdGuest, VmGuest)  # their service manager starts the agent
NTFS = 7  # how the platform hands a temporary disk over


@dataclass(frozen=True)
class Provisioning:
    """What the first boot brings. `ovf_env` None: no DVD. `resource_disk`: bytes of the temporary disk, 0 for none."""

    ovf_env: bytes | None = None
    custom_data: bytes | None = None
    resource_disk: int = 0


def checkout() -> Path | None:
    """The source tree this program runs from, when it runs from one."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "pyproject.toml").is_file() and (parent / "src/fabriclab").is_dir():
            return parent
    return None


def cache() -> Path:
    """Where roots are kept: .lab in the source tree, else the user's cache."""
    tree = checkout()
    return tree / ".lab" if tree is not None else Path.home() / ".cache/fabriclab"


def on_systemd(adapter: Adapter, suite: str | None = None) -> Adapter:
    """The same agent for a guest with a service manager, which has a Debian root of its own."""
    suite = suite or adapter.suite
    packages = (*systemd.PACKAGES, *systemd.OF_SUITE.get(suite, ()), *LIBRARIES, *adapter.packages)
    return replace(adapter, guest=SYSTEMD, root="debian", suite=suite, packages=packages)


def with_packages(adapter: Adapter, packages: tuple[str, ...]) -> Adapter:
    """The same agent in a Debian root that has these packages too."""
    if not packages:
        return adapter
    needed = LIBRARIES if adapter.root == "machine" else ()
    return replace(adapter, root="debian", packages=(*needed, *adapter.packages, *packages))


def on_vm(adapter: Adapter, suite: str | None = None) -> Adapter:
    """The same agent for a virtual machine, which has what a guest with systemd has and a kernel."""
    return replace(on_systemd(adapter, suite), guest=VM)


def on_image(path: Path) -> Adapter:
    """Whatever agent is on somebody's own disk, in a virtual machine. Raises BadAdapter."""
    if not path.is_file():
        raise BadAdapter(f"{path}: there is no such disk image")
    return Adapter(path.name, path.resolve(), guest=VM, unit="", image=path.resolve())


def image_of(adapter: Adapter) -> vm_image.Image:
    """The disk image of a virtual machine, made first when it is not there yet. Raises RootUnavailable."""
    if adapter.image is not None:
        vm_image.demand_tools()
        vm_firmware.of_disk(adapter.image, vm_own.kind_of(adapter.image))
        return vm_image.Image(adapter.image.parent, own=adapter.image)
    return vm_image.obtain(adapter.suite, adapter.packages, cache())


def root_of(adapter: Adapter) -> Path:
    """The root the adapter asks for, made first when it is not there yet.

    Raises RootUnavailable, NamespaceUnavailable for what cannot be without root, or BadAdapter for another kind of guest.
    """
    if adapter.held_by and adapter.guest != VM:
        raise BadAdapter(f"{adapter.name}: this agent is part of a boot: it needs a virtual machine (--guest vm)")
    if adapter.guest == SYSTEMD and kernel.in_user_namespace():
        raise NamespaceUnavailable("A guest with systemd needs root of the machine itself, for its control groups.")
    if adapter.guest == VM and kernel.in_user_namespace():
        raise NamespaceUnavailable("A virtual machine needs root of the machine itself, to look at its disk.")
    if adapter.guest == VM:
        image = image_of(adapter)
        return image.base if image.base is not None else image.directory
    if kernel.in_user_namespace():  # the ids of such a root are those of its maker's namespace
        packages = adapter.packages if adapter.root == "debian" else LIBRARIES
        return root.obtain(root.DebianRoot(adapter.suite, packages), cache() / f"roots-of-{rootless.caller()}")
    if adapter.root == "machine":
        return Path("/")
    return root.obtain(root.DebianRoot(adapter.suite, adapter.packages), cache() / "roots")


def assemble(
    namespace: FabricNamespace,
    adapter: Adapter,
    base: Path,
    look: Machine,
    provisioning: Provisioning,
    settings: dict[str, str],
    name: str = "guest",
) -> Guest:
    """A prepared guest. `settings`: lines of the agent's configuration file, over those of the adapter."""
    own_root = base != Path("/")
    guest = _make(namespace, adapter, base, replace(look, hidden=() if own_root else look.hidden), name)
    guest.prepare(None if own_root else checkout())
    adapters.lay(adapter, guest.agent_layer)
    if own_root and compiled.is_needed(base, guest.agent_layer):
        compiled.compile_for(base, guest.agent_layer)
    if isinstance(guest, MANAGED):
        enable(guest, adapter, base)
    configure(guest, adapter, base, {**adapter.configuration, **settings})
    if provisioning.ovf_env is not None:
        image = dvd.provisioning(provisioning.ovf_env, provisioning.custom_data)
        guest.insert(Disk("sr0", "provisioning.iso", read_only=True), image)
    if provisioning.resource_disk:
        guest.insert(Disk("sdb", "resource.img"), make_mbr(provisioning.resource_disk, NTFS), provisioning.resource_disk)
    return guest


def _make(namespace: FabricNamespace, adapter: Adapter, base: Path, look: Machine, name: str) -> Guest:
    if adapter.image is not None:
        return OwnVmGuest(namespace, look, image_of(adapter), name)
    if adapter.guest == VM:
        return VmGuest(namespace, look, image_of(adapter), name=name, held_by=adapter.held_by)
    kind = SystemdGuest if adapter.guest == SYSTEMD else Sandbox
    return kind(namespace, look, base, name)


def enable(guest: ManagedGuest, adapter: Adapter, base: Path) -> None:
    """Has systemd start the agent at boot. Raises BadAdapter when neither the agent nor the root has its unit."""
    if not adapter.unit:
        return
    places = [top / part for top in (guest.agent_layer, base) for part in ("usr/lib/systemd/system", "etc/systemd/system")]
    found = next((place / adapter.unit for place in places if (place / adapter.unit).is_file()), None)
    if found is None:
        raise BadAdapter(f"{adapter.source}: start.unit: there is no {adapter.unit} for systemd to start")
    if not adapter.held_by or found.is_relative_to(guest.agent_layer):
        guest.enable(adapter.unit)
    # To systemd a guest in namespaces is a container, whatever its DMI data say. The empty word takes back all conditions.
    is_hidden = adapter.guest == SYSTEMD and "ConditionVirtualization=microsoft" in found.read_text()
    lines = ["[Unit]", "ConditionVirtualization="] if is_hidden else []
    if adapter.environment:
        lines += ["[Service]", *(f'Environment="{name}={value}"' for name, value in adapter.environment.items())]
    guest.drop_in = "\n".join([*lines, ""])


def configure(guest: Guest, adapter: Adapter, base: Path, settings: dict[str, str]) -> None:
    """Sets lines of the agent's configuration file, in the agent's layer: part of the untouched guest."""
    if not settings:
        return
    inside = adapter.configuration_path.lstrip("/")
    own = guest.agent_layer / inside
    shipped = own if own.exists() else base / inside
    text = shipped.read_text() if shipped.exists() else ""
    machine.write(own, adapters.configure(text, settings), 0o644)
