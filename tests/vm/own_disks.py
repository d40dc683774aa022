"""A whole disk as an image builder makes one: partition table, boot loader, kernel, Debian, and the agent's package.

Nothing of the lab is on it. It is made in a mount namespace of its own, over a cached root that has boot loaders and a kernel.
"""

import subprocess
import uuid
from pathlib import Path

import pytest

from fabriclab.guests import assemble, machine, root, systemd, vm_firmware, vm_image
from fabriclab.guests.machine import Machine
from fabriclab.guests.root import DebianRoot, RootUnavailable
from fabriclab.guests.systemd import link

LOADERS = ("dosfstools", "grub-common", "grub-efi-amd64-bin", "grub-pc-bin", "grub2-common", "mtools")
SECTOR = 512
FIRST, EFI_SECTORS = 2048, 65536
SYSTEM_MIB = 2200
IDENTITY = str(uuid.uuid5(uuid.NAMESPACE_DNS, "own-disk.lab"))
MODULES = "part_msdos part_gpt ext2 search search_fs_uuid configfile normal linux serial terminal"
MENU = """serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
menuentry Debian {{
  linux /boot/{kernel} root=UUID={identity} ro console=ttyS0 net.ifnames=0 mitigations=off
  initrd /boot/{initial}
}}
"""
CORE = f"search --no-floppy --fs-uuid --set=root {IDENTITY}\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n"
INSTALL = """set -e
base=$1 layer=$2 place=$3 package=$4 mib=$5
mkdir "$place/tree" "$place/upper" "$place/work"
mount -t tmpfs lab "$place/upper" && mkdir "$place/upper/u" "$place/upper/w"
mount -t overlay -o "lowerdir=$layer:$base,upperdir=$place/upper/u,workdir=$place/upper/w" lab "$place/tree"
mount -t proc proc "$place/tree/proc"
cp "$package" "$place/tree/root/agent.deb"
chroot "$place/tree" dpkg -i /root/agent.deb >"$place/dpkg.log" 2>&1 || { cat "$place/dpkg.log" >&2; exit 1; }
rm "$place/tree/root/agent.deb"
chroot "$place/tree" sh -ec "cd /root
  grub-mkimage -O i386-pc -c core.cfg -p /boot/grub -o core.img biosdisk $6
  cat /usr/lib/grub/i386-pc/boot.img core.img >loader
  grub-mkimage -O x86_64-efi -c core.cfg -p /boot/grub -o loader.efi $6
  truncate -s $7 efi && mkfs.vfat -F 16 efi >/dev/null
  mmd -i efi ::EFI ::EFI/BOOT && mcopy -i efi loader.efi ::EFI/BOOT/BOOTX64.EFI"
mv "$place/tree/root/loader" "$place/tree/root/efi" "$place"
rm "$place"/tree/root/core.* "$place"/tree/root/loader.efi
umount "$place/tree/proc"
mke2fs -q -t ext4 -U "$8" -E lazy_itable_init=1 -d "$place/tree" "$place/system" "${mib}M"
"""


def make(package: Path, place: Path, firmware: str) -> Path:
    """The disk as a qcow2 file. `place`: an empty directory. Skips where there is no Debian mirror."""
    try:
        base = root.obtain(
            DebianRoot("bookworm", (*systemd.PACKAGES, *assemble.LIBRARIES, *vm_image.PACKAGES, *LOADERS)),
            assemble.cache() / "roots",
        )
    except RootUnavailable as problem:
        pytest.skip(f"no root to make a disk of: {problem}")
    layer = place / "layer"
    layer.mkdir()
    write_layer(layer, base)
    arguments = [base, layer, place, package, SYSTEM_MIB, MODULES, EFI_SECTORS * SECTOR, IDENTITY]
    command = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", INSTALL, "sh", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    disk, made = place / "disk.raw", place / "my.qcow2"
    (bios if firmware == vm_firmware.BIOS else uefi)(disk, place)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", str(disk), str(made)], timeout=600, check=True)
    for used in (disk, place / "system"):
        used.unlink()
    return made


def write_layer(layer: Path, base: Path) -> None:
    """What such an image has of its own: names, network, boot menu."""
    kernel, initial = (next((base / "boot").glob(f"{name}-*")).name for name in ("vmlinuz", "initrd.img"))
    files = {
        "boot/grub/grub.cfg": MENU.format(kernel=kernel, initial=initial, identity=IDENTITY),
        "root/core.cfg": CORE,
        "etc/fstab": f"UUID={IDENTITY} / ext4 errors=remount-ro 0 1\n",
        "etc/hostname": "image\n",
        "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 image\n",
        "etc/machine-id": "",
        "etc/resolv.conf": f"nameserver {Machine().nameserver}\n",
        "etc/systemd/network/10-eth0.network": systemd.network(Machine(), None),
    }
    for name, text in files.items():
        machine.write(layer / name, text, 0o644)
    for name, target in systemd.LINKS.items():
        link(layer / name, target)


def bios(disk: Path, place: Path) -> None:
    """An MBR, GRUB's core image in the gap behind it, one partition."""
    table(disk, FIRST * SECTOR, "label: dos\nstart=2048, type=83, bootable\n")
    loader = (place / "loader").read_bytes()
    assert len(loader) < FIRST * SECTOR
    put(disk, 0, loader[:440])
    put(disk, SECTOR, loader[SECTOR:])
    put(disk, FIRST * SECTOR, place / "system")


def uefi(disk: Path, place: Path) -> None:
    """A GPT with an EFI system partition, in which GRUB has the name that firmware looks for."""
    start = FIRST + EFI_SECTORS
    table(disk, (start + FIRST) * SECTOR, f"label: gpt\nstart=2048, size={EFI_SECTORS}, type=uefi\nstart={start}, type=linux\n")
    put(disk, FIRST * SECTOR, place / "efi")
    put(disk, start * SECTOR, place / "system")


def table(disk: Path, more: int, text: str) -> None:
    with open(disk, "wb") as file:
        file.truncate((SYSTEM_MIB << 20) + more)
    subprocess.run(["sfdisk", "--quiet", str(disk)], input=text, text=True, timeout=60, check=True)


def put(disk: Path, at: int, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        with open(disk, "r+b") as file:
            file.seek(at)
            file.write(content)
        return
    command = [
        "dd",
        f"if={content}",
        f"of={disk}",
        "bs=1M",
        "oflag=seek_bytes",
        f"seek={at}",
        "conv=notrunc,sparse",
        "status=none",
    ]
    subprocess.run(command, timeout=600, check=True)
