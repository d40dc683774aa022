"""The whole life of a machine with the agent's Debian package, on a kernel and disks of its own: one story, told once.

Package installed → boot → provisioned from the DVD → an extension succeeds → temporary disk and swap → an image again.
"""

from pathlib import Path

from fabriclab.guests import dvd
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.login import make_key_pair
from fabriclab.guests.sandbox import Disk
from scenarios import labs
from vm import vm_labs
from vm.vm_labs import do

pytestmark = vm_labs.in_a_machine

UNIT = "walinuxagent.service"
STORY = """
starts_agent = false

[machine]
hostname = "image"

[[machine.disk]]
mib = 256

[[step]]
id = "extension"
at = 100000
do = "publish"

[[step.extension]]
sample = "good"
name = "Lab.Good"
public = { message = "hello" }
protected = { secret = "not to be seen" }
"""
OVF = """
[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
SETTINGS = {
    "ResourceDisk.Format": "y",
    "ResourceDisk.EnableSwap": "y",
    "ResourceDisk.SwapSizeMB": "64",
    "Provisioning.SshHostKeyPairType": "ed25519",  # a large prime takes an emulated processor a minute
}


def test_from_the_package_to_an_image_again(package: Path, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    (layer / "srv").mkdir(parents=True)
    (layer / "srv" / package.name).write_bytes(package.read_bytes())
    installed = Adapter("packaged", layer / "adapter.toml", copy=".", command=("true",), unit="")
    with vm_labs.begun(tmp_path, STORY, vm_labs.adapter_of(installed)) as lab:
        guest = vm_labs.machine(lab)
        guest.on_end = lambda again: None  # the machine that is made of the image gets a disc
        assert do(lab, "uname -r").strip().endswith("cloud-amd64")

        # installed, with no archive in reach: it does nothing until the next boot
        do(lab, f"DEBIAN_FRONTEND=noninteractive apt-get install --yes /srv/{package.name}")
        for name, value in SETTINGS.items():
            do(lab, f"sed -i '/^# *{name}=/d; /^{name}=/d' /etc/waagent.conf && echo '{name}={value}' >>/etc/waagent.conf")
        assert do(lab, f"systemctl is-enabled {UNIT}") == "enabled\n"
        assert lab.guest.shell("ls -d /var/lib/waagent").output == ""

        # booted, with the provisioning DVD in the drive
        seen, boots = lab.journal.last, guest.boots
        medium = labs.scenario_of(tmp_path, OVF).medium
        key = make_key_pair()
        guest.insert(Disk("sr0", "provisioning.iso", read_only=True), dvd.make(medium.files(key, lambda name: "") or {}))
        do(lab, "systemctl reboot --no-block")
        guest.await_boots(boots + 1, vm_labs.PATIENCE)
        vm_labs.await_entry(lab, labs.is_ready, "the agent reports Ready", seen)
        assert do(lab, "hostname; id -un kofi; systemctl is-active walinuxagent") == "web-1\nkofi\nactive\n"
        assert key.public.split()[1] in do(lab, "cat /home/kofi/.ssh/authorized_keys")

        # an extension
        seen = lab.journal.last
        labs.do(lab, "extension")
        succeeded = labs.says("Lab.Good", "Ready", "success", "hello; protected settings: read")
        vm_labs.await_entry(lab, succeeded, "Lab.Good succeeds", seen)

        # temporary disk and swap
        vm_labs.settled(lab, "findmnt --noheadings --output SOURCE,FSTYPE /mnt/resource | tr -s ' '", "/dev/sdb1 ext4")
        vm_labs.settled(lab, "swapon --noheadings --show=NAME", "/mnt/resource/swapfile")
        assert do(lab, "stat -c '%s %a' /mnt/resource/swapfile") == "67108864 600\n"
        assert do(lab, "sfdisk --part-type /dev/sdb 1") == "83\n"

        # an image again
        do(lab, f"systemctl stop {UNIT}")
        done = guest.run(["waagent", "-force", "-deprovision+user"])
        assert (done.status, done.errors) == (0, ""), done
        assert not guest.shell("id kofi").ok and not guest.shell("test -e /home/kofi").ok
        assert do(lab, "find /var/lib/waagent /etc/ssh -path '/var/lib/waagent/*' -o -name 'ssh_host_*'") == ""
