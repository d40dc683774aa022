#!/bin/sh
# What a virtual machine on Hyper-V has and one on QEMU lacks: /sys/bus/vmbus/devices, with the storage devices by which an
# agent finds the temporary disk and the data disks (guest contract 4.1). The ids are Azure's, the disks below are the real ones.
# Layer: /sys/bus gets a directory of ours by an overlay; the hosts of the SCSI adapters are bound below it.
# machine.sh [GENERATION], default from the kernel's command line (lab.generation=).
set -e
mkdir -p /run/lab
for pipe in reached open; do [ -p /run/lab/$pipe ] || mkfifo -m 600 /run/lab/$pipe; done # how a boot is held back
generation=${1:-$(sed -n 's/.*lab\.generation=\([12]\).*/\1/p' /proc/cmdline)}
bus=/sys/bus/vmbus
modprobe -a virtio_pci virtio_scsi
if [ -d $bus/devices ]; then
  for place in $bus/devices/*/host*; do umount "$place"; done
  umount $bus
else
  mkdir -p /run/lab/bus/vmbus
  mount -t overlay -o ro,lowerdir=/run/lab/bus:/sys/bus lab /sys/bus
fi
mount -t tmpfs -o mode=0755,nosuid,nodev,noexec,size=1m lab $bus

offer() { # DEVICE_ID PCI_ADDRESS
  for host in /sys/bus/pci/devices/"$2"/virtio*/host*; do
    mkdir -p "$bus/devices/$1/${host##*/}"
    echo "{$1}" >"$bus/devices/$1/device_id"
    mount --bind "$(readlink -f "$host")" "$bus/devices/$1/${host##*/}"
  done
}
if [ "$generation" = 2 ]; then
  offer f8b3781a-1e82-4818-a1c3-63d806ec15bb 0000:00:08.0
else
  offer 00000000-0000-8899-0000-000000000000 0000:00:07.0
  offer 00000000-0001-8899-0000-000000000000 0000:00:08.0
fi
offer f8b3781b-1e82-4818-a1c3-63d806ec15bb 0000:00:09.0
