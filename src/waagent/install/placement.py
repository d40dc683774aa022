"""Which file goes where on which system, and how it is started there at boot (guest.md 9.3, 9.4, 10.1). Pure.

One list for packages and for ``-register-service``. Odd: places are written below /usr where a merged system has its links
/lib and /sbin (``merged``), as packages have to; a source install follows what the family's own files say. CoreOS has its
/usr read-only: its unit goes below /etc, and the OEM's cloud-config has one for images that are made with it.
"""

from __future__ import annotations

import enum
import gzip
from collections.abc import Iterator
from dataclasses import dataclass

from waagent.config.render import sample
from waagent.guest.profile import Argv, Guest, filled, order
from waagent.install import templates, unit, values
from waagent.model.failure import SystemFailure

PID_FILE = "/var/run/waagent.pid"


class Init(enum.Enum):
    """What starts services."""

    SYSTEMD = "systemd"
    UPSTART = "upstart"
    SYSV = "sysv"
    OPENRC = "openrc"
    OPENWRT = "openwrt"
    RC = "rc.d"


@dataclass(frozen=True)
class Placed:
    """A file, or a link when ``target`` says to where. ``keep``: one that is there stays as it is, it is the user's.

    ``packed``: it is laid compressed; ``comment`` is how a line of it becomes a remark.
    """

    path: str
    content: str = ""
    mode: int = 0o644
    target: str = ""
    keep: bool = False
    packed: bool = False
    comment: str = "# "

    def data(self, remark: str = "") -> bytes:
        """Its bytes, with ``remark`` as the last line."""
        text = f"{self.content}{self.comment}{remark}\n" if remark else self.content
        return gzip.compress(text.encode(), mtime=0) if self.packed else text.encode()


@dataclass(frozen=True)
class Placement:
    """All that one system is given; the commands that have the service started at boot, and no longer.

    ``forget`` are those that have to find the files gone.
    """

    init: Init
    service: str
    files: tuple[Placed, ...]
    register: tuple[Argv, ...]
    unregister: tuple[Argv, ...]
    forget: tuple[Argv, ...] = ()


_BSD = ("freebsd", "openbsd")
_USR_BIN = ("arch", "clear", "chainguard", "azurelinux", "photon")
_PLACES = {
    "coreos": ("/usr/share/oem/bin/waagent", "/usr/share/oem/waagent.conf", "/usr/share/oem/python/bin/python"),
    "clear": ("/usr/bin/waagent", "/usr/share/defaults/waagent/waagent.conf", "/usr/bin/python3"),
    "freebsd": ("/usr/local/sbin/waagent", "/usr/local/etc/waagent.conf", "/usr/local/bin/python3"),
    "openbsd": ("/usr/local/sbin/waagent", "/etc/waagent.conf", "/usr/local/bin/python3"),
}
"""Program, configuration and interpreter where they are not the usual ones."""
_UNITS = {"coreos": "/etc/systemd/system"}
"""Where units go when the family's own directory is no place to write to."""
_WITHOUT_LOGROTATE = ("arch", "clear", "photon", "chainguard", *_BSD)
_WITHOUT_UDEV = ("clear", "openwrt", "photon", *_BSD)
_PACKAGED_UDEV = ("debian", "debian-base", "devuan", "kali")
_WITH_MANUAL = ("rhel6", "rhel7", "rhel8.6", "fedora", "euleros", "uos")
_RHEL_7_1 = order("7.1")
_INITS = {
    "rhel6": Init.SYSV,
    "suse11": Init.SYSV,
    "devuan": Init.SYSV,
    "debian-base": Init.SYSV,
    "ubuntu12": Init.UPSTART,
    "ubuntu14": Init.UPSTART,
    "alpine": Init.OPENRC,
    "openwrt": Init.OPENWRT,
    **dict.fromkeys(_BSD, Init.RC),
}


def place(
    guest: Guest,
    *,
    systemd: bool,
    python: str | None = None,
    merged: bool = False,
    manual: str | None = None,
    libraries: str = "",
) -> Placement:
    """What ``guest`` is given. ``systemd``: it has systemctl; ``python``: the interpreter, None for the family's own.

    ``manual``: the text of the manual page, for the systems that get it from here. ``libraries``: the directory of a package's
    own copies of the runtime libraries, which the program takes rather than the system's.
    Errors: ``SystemFailure`` for appliances, whose own software owns these places.
    """
    if guest.family == "appliance":
        raise SystemFailure(f"the service cannot be registered on {guest.id}: its own software owns the machine's services")
    init = init_of(guest, systemd)
    program, configuration, interpreter = _places(guest)
    interpreter = python or interpreter
    words = {
        "name": guest.service_name,
        "program": program,
        "configuration": configuration,
        "python": interpreter,
        "pidfile": PID_FILE,
    }
    files = (
        Placed(program, templates.script("bin/waagent", interpreter, {"libraries": _taken_from(libraries)}), 0o755),
        Placed(configuration, sample(values.of(guest)), keep=True),
        *_logrotate(guest),
        *_udev(guest, merged),
        *_manual(guest, manual),
        *_service(guest, init, words, merged),
    )
    return Placement(init, guest.service_name, files, _register(guest, init), _unregister(guest, init), _forget(guest, init))


def _taken_from(libraries: str) -> str:
    return f'    sys.path.insert(0, "{libraries}")' if libraries else ""


def init_of(guest: Guest, systemd: bool) -> Init:
    """What starts services there; a system of systemd that runs without has scripts."""
    usual = _INITS.get(guest.family, Init.SYSTEMD)
    if usual is Init.SYSTEMD and not systemd:
        return Init.SYSV
    return Init.SYSTEMD if systemd and usual is Init.SYSV and guest.id == "opensuse" else usual


def _places(guest: Guest) -> tuple[str, str, str]:
    usual = ("/usr/bin/waagent" if guest.family in _USR_BIN else "/usr/sbin/waagent", "/etc/waagent.conf", "/usr/bin/python3")
    return _PLACES.get(guest.family, usual)


def _logrotate(guest: Guest) -> Iterator[Placed]:
    if guest.family not in _WITHOUT_LOGROTATE:
        yield Placed("/etc/logrotate.d/waagent.logrotate", templates.text("logrotate/waagent.logrotate"))


def _udev(guest: Guest, merged: bool) -> Iterator[Placed]:
    if guest.family in _WITHOUT_UDEV:
        return
    directory = "/lib/udev/rules.d" if guest.family in _PACKAGED_UDEV or guest.id == "devuan" else "/etc/udev/rules.d"
    for name in ("66-azure-storage.rules", "99-azure-product-uuid.rules"):
        yield Placed(f"{'/usr/lib/udev/rules.d' if merged else directory}/{name}", templates.text(f"udev/{name}"))


def _manual(guest: Guest, text: str | None) -> Iterator[Placed]:
    if text is not None and guest.family in _WITH_MANUAL:
        yield Placed("/usr/share/man/man1/waagent.1.gz", text, packed=True, comment='.\\" ')


def _service(guest: Guest, init: Init, words: dict[str, str], merged: bool) -> Iterator[Placed]:
    name = guest.service_name
    if init is Init.SYSTEMD:
        yield from _systemd(guest, words, merged)
    elif init is Init.UPSTART:
        yield Placed(f"/etc/init/{name}.conf", templates.text("upstart/walinuxagent.conf", words))
        yield Placed("/etc/default/walinuxagent", templates.text("default/walinuxagent"), keep=True)
    elif init is Init.OPENRC:
        yield Placed(f"/etc/init.d/{name}", templates.script("openrc/waagent", "/sbin/openrc-run", words), 0o755)
    elif init is Init.OPENWRT:
        yield Placed(f"/etc/init.d/{name}", templates.script("openwrt/waagent", "/bin/sh /etc/rc.common", words), 0o755)
    elif init is Init.RC:
        shell = "/bin/ksh" if guest.family == "openbsd" else "/bin/sh"
        yield Placed(f"/etc/rc.d/{name}", templates.script(f"bsd/{guest.family}", shell, words), 0o555)
    else:
        yield from _sysv(guest, words)


def _systemd(guest: Guest, words: dict[str, str], merged: bool) -> Iterator[Placed]:
    directory = "/usr/lib/systemd/system" if merged else _UNITS.get(guest.family, guest.unit_directory)
    name = guest.service_name
    text = unit.unit(guest, words["python"], words["program"], words["configuration"])
    yield Placed(f"{directory}/{name}.service", text)
    if guest.family == "coreos" and not merged:
        yield Placed("/usr/share/oem/cloud-config.yml", unit.cloud_config(f"{name}.service", text))
    if guest.family == "rhel7" and order(guest.version)[:2] == _RHEL_7_1:  # its systemctl loses units; service does not
        yield from _sysv(guest, words)
    if name != "waagent":  # tools and people of other distributions say `systemctl restart waagent`
        yield Placed(f"{directory}/waagent.service", target=f"{name}.service")
    if guest.family in unit.SLICED:
        for slice_ in ("azure.slice", "azure-vmextensions.slice"):
            yield Placed(f"{directory}/{slice_}", templates.text(f"systemd/{slice_}"))
    if guest.family == "chainguard":
        yield Placed("/usr/lib/systemd/system-preset/90-waagent.preset", templates.text("systemd/90-waagent.preset", words))


def _sysv(guest: Guest, words: dict[str, str]) -> Iterator[Placed]:
    if guest.family in ("suse11", "suse"):
        yield Placed("/etc/init.d/waagent", templates.script("sysv/suse", "/bin/sh", words), 0o755)
        yield Placed("/usr/sbin/rcwaagent", target="/etc/init.d/waagent")
    elif _is_debian(guest):
        yield Placed(f"/etc/init.d/{guest.service_name}", templates.script("sysv/debian", "/bin/sh", words), 0o755)
        yield Placed("/etc/default/walinuxagent", templates.text("default/walinuxagent"), keep=True)
    else:
        yield Placed("/etc/rc.d/init.d/waagent", templates.script("sysv/redhat", "/bin/sh", words), 0o755)


def _register(guest: Guest, init: Init) -> tuple[Argv, ...]:
    name = guest.service_name
    if init is Init.SYSTEMD:
        # a masked unit cannot be enabled; the old way to switch the service off on Ubuntu was a mask
        unmask = (("systemctl", "unmask", name),) if guest.family.startswith("ubuntu") else ()
        return (*unmask, ("systemctl", "enable", name))
    if init is Init.SYSV:
        return tuple(filled(argv, name=name) for argv in _sysv_commands(guest)[0])
    return tuple(filled(argv, name=name) for argv in guest.service_register)


def _unregister(guest: Guest, init: Init) -> tuple[Argv, ...]:
    """No mask on Ubuntu, as the reference leaves one there: nothing of ours stays."""
    name = guest.service_name
    if init is Init.SYSTEMD:
        return (("systemctl", "disable", name),)
    if init is Init.SYSV:
        return tuple(filled(argv, name=name) for argv in _sysv_commands(guest)[1])
    return tuple(filled(argv, name=name) for argv in guest.service_unregister)


def _sysv_commands(guest: Guest) -> tuple[tuple[Argv, ...], tuple[Argv, ...]]:
    if guest.family in ("suse11", "suse"):
        return (("insserv", "{name}"),), (("insserv", "-r", "{name}"),)
    if _is_debian(guest):
        return (("update-rc.d", "{name}", "defaults"),), ()
    return (("chkconfig", "--add", "{name}"),), (("chkconfig", "--del", "{name}"),)


def _forget(guest: Guest, init: Init) -> tuple[Argv, ...]:
    """While the script is there, update-rc.d leaves the order of the others as it was with it."""
    forced = ("update-rc.d", "-f", guest.service_name, "remove")
    return (forced,) if init is Init.SYSV and _is_debian(guest) else ()


def _is_debian(guest: Guest) -> bool:
    """Also a Devuan that is too old to have a family of its own."""
    return guest.family in _PACKAGED_UDEV or guest.id == "devuan" or guest.family.startswith(("ubuntu", "snappy"))
