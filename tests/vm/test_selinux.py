"""The SELinux policy module on a kernel that enforces nothing yet and tells everything: boot, provisioning, an extension.

Debian's own policy with the module in it, compiled on this machine into a copy of the root; a kernel in permissive mode names
what would be refused. Odd: the files get their labels in a boot without SELinux, by setfiles, as an image is made.
"""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fabriclab.guests import assemble, dvd
from fabriclab.guests.login import make_key_pair
from fabriclab.guests.root import RootUnavailable
from fabriclab.guests.sandbox import Disk
from scenarios import labs, source_labs
from vm import vm_labs
from vm.vm_labs import do

pytestmark = vm_labs.in_a_machine

PACKAGES = ("selinux-policy-default", "policycoreutils", "selinux-utils")
STORY = """
starts_agent = false

[machine]
hostname = "image"

[configuration]
"Provisioning.SshHostKeyPairType" = "ed25519"

[[step]]
id = "extension"
at = 100000
do = "publish"

[[step.extension]]
sample = "good"
name = "Lab.Good"
public = { message = "hello" }
"""
OVF = """
[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
COMPILE = """\
mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
cp "$3" "$1/root/waagent.pp"
chroot "$1/root" semodule -n -s default -X 300 -i /waagent.pp || exit 1
mkdir -p "$4/etc" && cp -a "$1/root/etc/selinux" "$4/etc/"
"""


def test_nothing_is_refused_from_the_first_boot_to_an_extension(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    plain = source_labs.adapter(layer, *PACKAGES)
    drop_in = layer / "etc/systemd/system/walinuxagent.service.d"
    drop_in.mkdir(parents=True)
    (drop_in / "selinux.conf").write_text((labs.PROJECT / "packaging/selinux/waagent-selinux.conf").read_text())
    used = assemble.on_vm(plain)
    try:
        base = assemble.image_of(used).base
    except RootUnavailable as problem:
        pytest.skip(f"no image of a virtual machine: {problem}")
    subprocess.run(["bash", "packaging/selinux/build.sh"], cwd=labs.PROJECT, check=True, timeout=300)
    (tmp_path / "work").mkdir()
    command = ["unshare", "--mount", "/bin/sh", "-ec", COMPILE, "compile"]
    places = [tmp_path / "work", base, labs.PROJECT / "dist/waagent.pp", layer]
    subprocess.run([*command, *map(str, places)], check=True, timeout=600)

    with vm_labs.begun(tmp_path, STORY, used) as lab:
        guest = vm_labs.machine(lab)
        do(lab, f"{source_labs.PROGRAM} -register-service")
        do(lab, "setfiles -F /etc/selinux/default/contexts/files/file_contexts / 2>/dev/null; true")
        guest.hardware = replace(guest.hardware, words=("security=selinux", "selinux=1", "enforcing=0"))
        seen = lab.journal.last
        medium = labs.scenario_of(tmp_path, OVF).medium
        guest.insert(
            Disk("sr0", "provisioning.iso", read_only=True), dvd.make(medium.files(make_key_pair(), lambda name: "") or {})
        )
        guest.reboot()
        assert do(lab, "cat /sys/fs/selinux/enforce") == "0"
        vm_labs.await_entry(lab, labs.is_ready, "the agent reports Ready", seen)
        assert "waagent_t" in do(lab, "cat /proc/$(pgrep -of 'waagent -daemon')/attr/current")
        seen = lab.journal.last
        labs.do(lab, "extension")
        vm_labs.await_entry(lab, labs.says("Lab.Good", "Ready", "success", "hello"), "Lab.Good succeeds", seen)
        types = do(lab, "stat -c '%n %C' /var/lib/waagent /var/lib/waagent/provisioned /var/log/waagent.log /var/log/azure")
        assert [line.split(":")[2] for line in types.splitlines()] == [
            "waagent_var_lib_t",
            "waagent_var_lib_t",
            "waagent_log_t",
            "waagent_log_t",
        ]
        assert "ssh_home_t" in do(lab, "stat -c %C /home/kofi/.ssh/authorized_keys")
        refused = do(lab, "dmesg | grep 'avc: *denied' || true").splitlines()
        ours = [line for line in refused if "waagent" in line]
        print(f"{len(refused)} refusals in all, {len(ours)} of the agent")
        assert ours == [], "\n".join(ours)
