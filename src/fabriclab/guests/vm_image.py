"""The disk image of a virtual machine, made once from a Debian root: file system, kernel and a small initial file system.

The root is one of `root.py`, with a kernel; what makes it the lab's machine is laid over it by an overlay while `mke2fs -d`
fills the image, so no disk is mounted for it. The initial file system finds the root by where its adapter is, whatever the
kernel calls it; only one on SCSI can go on from a saved state (QEMU does not save NVMe). Odd: the file system has no journal:
a machine of the lab is not meant to survive a power cut, and every write of it is emulated.
"""

import fcntl
import gzip
import hashlib
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fabriclab.guests import machine, root, systemd, workshop
from fabriclab.guests.machine import Machine
from fabriclab.guests.root import DebianRoot, RootUnavailable
from fabriclab.guests.systemd import link

PACKAGES = ("busybox-static", "kmod", "linux-image-cloud-amd64")
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mke2fs": "e2fsprogs",
    "zstd": "zstd",
}
PORTS = ("lab.0", "lab.shell")  # the lab's, and that of `fabriclab shell`
KEPT = 14 * 86400.0  # seconds after its last use for which an image is kept
INSIDE = Path(__file__).parent / "inside"
_PLACE = "usr/lib/fabriclab"
_FILE_SYSTEM = ("-t", "ext4", "-O", "^has_journal,^metadata_csum", "-E", "lazy_itable_init=1", "-m", "0")
_UNITS = "etc/systemd/system"

# What starts by itself in the first minutes and costs an emulated machine more than the rest of its boot.
_MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "systemd-pstore.service",
)
_HANDS = f"""[Unit]
Description=the lab's hands in this machine
DefaultDependencies=no
Wants={{devices}}
After={{devices}} systemd-tmpfiles-setup-dev.service systemd-udevd.service
Before=walinuxagent.service waagent.service

[Service]
Type=notify
ExecStartPre=/bin/sh /{_PLACE}/machine.sh
ExecStart=/usr/bin/python3 -I -S /{_PLACE}/hands.py {" ".join(PORTS)}
KillMode=process
Restart=always
TimeoutStartSec=infinity
OOMScoreAdjust=-900
"""
_GATE = """[Unit]
Description=the lab: what is done before the agent starts
ConditionKernelCommandLine=lab.gate
Wants=lab-hands.service
After=network-online.target lab-hands.service
Before=walinuxagent.service waagent.service

[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'echo here >/run/lab/reached; read it </run/lab/open'
"""
_START = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs d /dev
mount -t sysfs s /sys
{modules}
i=0
while [ $i -lt 500 ]; do
  for found in /sys/bus/pci/devices/0000:00:07.0/virtio*/host*/target*/*/block/* \
      /sys/bus/pci/devices/0000:00:1f.0/nvme/nvme*/nvme*n1; do
    found=/dev/$(echo "${{found##*/}}" | sed 's/c[0-9]*n/n/') # what is below the controller may be one path of several
    [ ! -b "$found" ] || break 2
  done
  usleep 10000; i=$((i+1))
done
mount -t ext4 -o rw,noatime "$found" /root
umount /sys
mount --move /dev /root/dev
exec switch_root /root /sbin/init "$@"
"""


@dataclass(frozen=True)
class Image:
    """`base`: the Debian root that it is made of. `own`: a disk of somebody's own, which has neither kernel nor base."""

    directory: Path
    base: Path | None = None
    own: Path | None = None

    @property
    def disk(self) -> Path:
        return self.own if self.own is not None else self.directory / "root.ext4"

    @property
    def kernel(self) -> Path:
        return self.directory / "vmlinuz"

    @property
    def initial(self) -> Path:
        return self.directory / "initrd"


def demand_tools(search: str | None = None) -> None:
    """Raises RootUnavailable with the Debian packages that are missing."""
    path = search if search is not None else "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    lacking = sorted({package for tool, package in TOOLS.items() if shutil.which(tool, path=path) is None})
    if lacking:
        raise RootUnavailable(f"A virtual machine needs what these Debian packages bring: {', '.join(lacking)}.")


def obtain(suite: str, packages: tuple[str, ...], cache: Path) -> Image:
    """The image, made when it is not there yet (a minute and a half). Raises RootUnavailable."""
    demand_tools()
    wanted = DebianRoot(suite, (*packages, *PACKAGES))
    base = root.obtain(wanted, cache / "roots")
    place = cache / "vm" / f"{suite}-{_digest(wanted)}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.parent / f".{place.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            workshop.sweep(place)
            _make(base, place)
        place.touch()
    _forget(place)
    return Image(place, base)


def _forget(place: Path) -> None:
    """Removes the suite's other images that nobody has used for a while."""
    for other in place.parent.glob(f"{place.name.partition('-')[0]}-*"):
        if other != place and time.time() - other.stat().st_mtime > KEPT:
            shutil.rmtree(other, ignore_errors=True)


def _digest(wanted: DebianRoot) -> str:
    texts = [wanted.name, _HANDS, _GATE, _START, *_MASKED, *systemd.LINKS, systemd.network(Machine(), None), *_FILE_SYSTEM]
    inside = [path.read_bytes() for path in sorted(INSIDE.glob("*.*"))]
    return hashlib.sha256(b"\0".join([*(text.encode() for text in texts), *inside])).hexdigest()[:8]


def _make(base: Path, place: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as directory:
        building = Path(directory)
        made, layer = building / "made", building / "layer"
        for one in (made, layer, building / "tree", building / "work"):
            one.mkdir(mode=0o755)
        (release,) = [one.name for one in (base / "lib/modules").iterdir()]
        shutil.copy(base / "boot" / f"vmlinuz-{release}", made / "vmlinuz")
        (made / "initrd").write_bytes(gzip.compress(initial(base, release), 1))
        write_layer(layer, base)
        _fill(base, layer, building, made / "root.ext4")
        made.rename(place)


def write_layer(layer: Path, base: Path) -> None:
    """The lab's own files of the machine."""
    machine.hide(layer, base, tuple(str(path.relative_to(base)) for path in (base / "boot").glob("initrd*")))
    for path in INSIDE.glob("*.*"):
        machine.write(layer / _PLACE / path.name, path.read_text(), 0o755)
    devices = " ".join(f"dev-virtio\\x2dports-{name}.device" for name in PORTS)
    machine.write(layer / f"{_UNITS}/lab-hands.service", _HANDS.format(devices=devices), 0o644)
    machine.write(layer / f"{_UNITS}/lab-gate.service", _GATE, 0o644)
    for name in ("lab-hands", "lab-gate"):
        link(layer / f"{_UNITS}/multi-user.target.wants/{name}.service", f"../{name}.service")
    for name in _MASKED:
        link(layer / _UNITS / name, "/dev/null")
    for name, target in systemd.LINKS.items():
        link(layer / name, target)
    machine.write(layer / "etc/machine-id", "", 0o444)
    machine.write(layer / "etc/fstab", "", 0o644)
    machine.write(layer / "etc/systemd/network/10-eth0.network", systemd.network(Machine(), None), 0o644)
    machine.write(layer / "etc/modules-load.d/lab.conf", "overlay\n", 0o644)


def initial(base: Path, release: str) -> bytes:
    """An initial file system, as a `newc` archive, that mounts a disk on SCSI or on NVMe (which is in the kernel)."""
    listed = subprocess.run(
        ["chroot", str(base), "modprobe", "-S", release, "-aD", "virtio_pci", "virtio_scsi", "sd_mod"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    modules = list(dict.fromkeys(line.split()[1] for line in listed.splitlines() if line.startswith("insmod")))
    start = _START.format(modules="\n".join(f"insmod /m/{Path(name).name}" for name in modules))
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in ("bin", "dev", "proc", "sys", "root", "m")]
    entries.append(("bin/busybox", stat.S_IFREG | 0o755, (base / "bin/busybox").read_bytes()))
    entries += [(f"m/{Path(name).name}", stat.S_IFREG | 0o644, (base / name.lstrip("/")).read_bytes()) for name in modules]
    entries.append(("init", stat.S_IFREG | 0o755, start.encode()))
    return b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1)) + _entry(0, "TRAILER!!!", 0, b"")


def _entry(number: int, name: str, mode: int, content: bytes) -> bytes:
    named = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(named), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + named
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def _fill(base: Path, layer: Path, building: Path, disk: Path) -> None:
    """mke2fs over root and layer, in a mount namespace of its own; the rest of the disk is room to work in."""
    measured = subprocess.run(["du", "-sxm", str(base)], capture_output=True, text=True, timeout=120, check=True).stdout
    used = int(measured.split()[0])
    script = 'mount -t overlay -o "lowerdir=$1:$2" lab "$3" && shift 3 && exec mke2fs -q "$@"'
    tree = str(building / "tree")
    arguments = [str(layer), str(base), tree, *_FILE_SYSTEM, "-d", tree, str(disk), f"{used + used // 3 + 700}M"]
    done = workshop.run(["sh", "-c", script, "sh", *arguments], timeout=600)
    if done.returncode != 0:
        raise RootUnavailable(f"The machine's disk image could not be made: {done.stderr.strip()[-500:]}")
