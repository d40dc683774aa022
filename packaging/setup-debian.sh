#!/usr/bin/env bash
# The Debian packages that the lab and the tests use; with the argument `vm`, those of the lab's virtual machines; with `deb`,
# `rpm`, `portable` or `selinux`, those that build and look through a package; with `scripts`, those that read init scripts.
# Installs only what is missing, starts no service.
set -euo pipefail

case "${1:-lab}" in
  lab)
    packages=(
      python3 python3-venv python3-urllib3 python3-defusedxml            # the agent and its two libraries, as a guest has them
      iproute2 procps passwd openssl openssh-client openssh-server sudo  # what provisioning works with
      e2fsprogs fdisk parted util-linux mount fuseiso eject              # disks and the provisioning medium
      xfsprogs btrfs-progs ntfs-3g                                       # other file systems of temporary disks, and how they come
      tinyproxy-bin libfaketime                                          # a real proxy for storage; a clock that jumps
      mmdebstrap uidmap                                                  # roots for other agents, guests without root
    )
    ;;
  deb)
    packages=(debhelper dh-python dpkg-dev pybuild-plugin-pyproject python3 python3-hatchling) # Build-Depends of packaging/deb
    ;;
  rpm)
    packages=(rpm rpmlint cpio createrepo-c dnf zypper) # rpmbuild; the rest looks through what it has built
    ;;
  portable)
    packages=(binutils bzip2 make patch perl qemu-user-static squashfs-tools tar xz-utils) # compiles, packs, and starts the other CPU's
    ;;
  scripts)
    packages=(shellcheck busybox mksh ksh) # the shells of other systems, and what reads scripts for mistakes
    ;;
  selinux)
    packages=(checkpolicy semodule-utils selinux-policy-dev m4 make setools bzip2) # the policy module of packaging/selinux
    ;;
  vm)
    packages=(qemu-system-x86 qemu-utils seabios ovmf ipxe-qemu zstd mmdebstrap e2fsprogs util-linux iproute2) # fabriclab --guest vm
    ;;
  *)
    echo "usage: $0 [lab|vm|deb|rpm|scripts|selinux|portable]" >&2
    exit 2
    ;;
esac
missing=()
for name in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "These Debian packages are missing and only root can install them: ${missing[*]}" >&2
  exit 1
fi
echo "installing ${#missing[@]} Debian packages: ${missing[*]}"
if [ ! -e /usr/sbin/policy-rc.d ]; then # nothing that comes with a service starts it on the machine of a developer
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
mkdir -p /run/lock
exec 9>/run/lock/waagent-setup-debian # two tests may want packages at once
flock 9
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
