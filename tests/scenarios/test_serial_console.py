"""``-serialconsole`` in a real guest with the files of Debian's grub, and with its real grub-mkconfig where it can be had."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.guests.process import Completed
from fabriclab.scenario.lab import Lab
from scenarios import labs

pytestmark = labs.in_a_guest

DEFAULTS = """# If you change this file, run 'update-grub' afterwards to update
GRUB_DEFAULT=0
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""
"""
CLOUD = 'GRUB_CMDLINE_LINUX_DEFAULT="console=tty1"\n'
UPDATE = """#!/bin/sh
# stands in for the one of grub2-common
. /etc/default/grub
for each in /etc/default/grub.d/*.cfg; do [ -e "$each" ] && . "$each"; done
printf '\\tlinux\\t/vmlinuz root=/dev/sda1 ro %s %s\\n' "$GRUB_CMDLINE_LINUX" "$GRUB_CMDLINE_LINUX_DEFAULT" >/boot/grub/grub.cfg
"""
ADDED = "console=ttyS0 earlyprintk=ttyS0"
# Asks for the device below /, which an overlay has not; everything else of grub is real.
PROBE = """#!/bin/sh
case "$*" in
  *fs_uuid*) echo 0b1f8f6e-95d6-4c53-b9ba-3b35a3b4b7a4 ;;
  *partuuid*) echo 7a5c1c7b-01 ;;
  *compatibility_hint*|*hints_string*) ;;
  *abstraction*) ;;
  *target=fs*) echo ext2 ;;
  *partmap*) echo gpt ;;
  *) echo /dev/null ;;
esac
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A guest with Debian's files and nothing started."""
    with labs.begun(labs.scenario_of(tmp_path, "starts_agent = false\n")) as made:
        put(made, "/etc/default/grub", DEFAULTS)
        put(made, "/etc/default/grub.d/50-cloudimg-settings.cfg", CLOUD)
        put(made, "/usr/sbin/update-grub", UPDATE, 0o755)
        assert made.guest.shell("mkdir -p /boot/grub && update-grub").ok
        yield made


def put(lab: Lab, path: str, text: str, mode: int = 0o644) -> None:
    done = lab.guest.run(
        ["/bin/sh", "-c", f"mkdir -p {Path(path).parent} && cat >{path} && chmod {mode:o} {path}"], given=text.encode()
    )
    assert done.ok, done.errors


def tree(lab: Lab) -> set[str]:
    return {change.text() + str(change.after and change.after.digest) for change in lab.guest.changes()}


def serialconsole(lab: Lab, *flags: str) -> Completed:
    return labs.agent(lab, "-serialconsole", *flags)


def kernel_line(lab: Lab) -> str:
    return (lab.guest.read("/boot/grub/grub.cfg") or b"").decode()


def test_the_options_reach_grub_cfg_and_go_again_without_a_trace(lab: Lab) -> None:
    before = tree(lab)
    done = serialconsole(lab)
    assert (done.status, done.errors) == (0, "")
    assert re.search(r"^\d+\. run update-grub ", done.output, re.MULTILINE)
    assert f"console=tty1 {ADDED}" in kernel_line(lab), "the override of the cloud image wins over the main file"
    assert f'"quiet {ADDED}"' in (lab.guest.read("/etc/default/grub") or b"").decode()
    assert (lab.guest.read("/etc/default/grub.waagent-serialconsole") or b"").decode() == DEFAULTS
    once = tree(lab)

    again = serialconsole(lab)
    assert again.status == 0 and "nothing was changed" in again.output
    assert tree(lab) == once

    back = serialconsole(lab, "--undo")
    assert (back.status, back.errors) == (0, "")
    assert "ttyS0" not in kernel_line(lab)
    assert tree(lab) == before
    assert "nothing to take back" in serialconsole(lab, "-undo").output


def test_a_dry_run_prints_its_plan_and_touches_nothing(lab: Lab) -> None:
    before = tree(lab)
    done = serialconsole(lab, "--dry-run")
    assert (done.status, done.errors) == (0, "")
    assert re.search(r"^\d+\. write /etc/default/grub \(\d+ bytes\) ", done.output, re.MULTILINE)
    assert "Nothing was done (dry run)." in done.output
    assert tree(lab) == before


def test_a_grub_cfg_that_cannot_be_made_is_told_and_made_by_the_next_call(lab: Lab) -> None:
    put(lab, "/usr/sbin/update-grub", "#!/bin/sh\necho no room for grub.cfg >&2\nexit 1\n", 0o755)
    failed = serialconsole(lab)
    assert failed.status == 1
    assert "update-grub" in failed.errors and "no room for grub.cfg" in failed.errors and "-undo" in failed.errors
    put(lab, "/usr/sbin/update-grub", UPDATE, 0o755)
    assert serialconsole(lab).status == 0
    assert ADDED in kernel_line(lab)


def test_without_a_boot_loader_it_fails_says_what_it_looked_for_and_touches_nothing(lab: Lab) -> None:
    assert lab.guest.shell("rm /usr/sbin/update-grub").ok
    before = tree(lab)
    done = serialconsole(lab)
    assert done.status == 1
    assert "no boot loader is known here" in done.errors and "grub2-mkconfig" in done.errors
    assert tree(lab) == before


@pytest.mark.registry
def test_debians_own_grub_mkconfig_reads_what_was_written(lab: Lab, tmp_path: Path) -> None:
    assert lab.guest.run(["tar", "-C", "/", "-x"], given=grub(tmp_path)).ok
    put(lab, "/usr/sbin/grub-probe", PROBE, 0o755)
    ready = lab.guest.shell(
        "cp /usr/share/grub/default/grub /etc/default/grub; touch /boot/vmlinuz-6.1.0-50-amd64 /boot/initrd.img-6.1.0-50-amd64;"
        "echo CONFIG_X=y >/boot/config-6.1.0-50-amd64; update-grub"
    )
    assert ready.ok, ready.errors
    assert "vmlinuz-6.1.0-50-amd64" in kernel_line(lab) and "ttyS0" not in kernel_line(lab)
    original, shipped = kernel_line(lab), lab.guest.read("/etc/default/grub")
    done = serialconsole(lab)
    assert done.status == 0, done.errors
    lines = re.findall(r"^\s*linux\s.*$", kernel_line(lab), re.MULTILINE)
    assert [ADDED in line for line in lines if "single" not in line] == [True] * sum("single" not in line for line in lines)
    assert any(f"console=tty1 {ADDED}" in line for line in lines)
    assert serialconsole(lab, "-undo").status == 0
    assert kernel_line(lab) == original
    assert lab.guest.read("/etc/default/grub") == shipped


def grub(place: Path) -> bytes:
    """The packages of Debian's grub that make grub.cfg, as an archive to unpack at the root."""
    names = ["grub-common", "grub2-common", "gettext-base"]
    if shutil.which("apt-get") is None:
        pytest.skip("there is no apt-get to fetch Debian's grub with")
    if subprocess.run(
        ["apt-get", "download", "-q", *names], cwd=place, capture_output=True, timeout=120, check=False
    ).returncode:
        pytest.skip("the registry of Debian packages is not reachable")
    for package in place.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, place / "root"], check=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for part in ("etc/grub.d", "usr/sbin", "usr/bin", "usr/share/grub", "usr/lib"):
            if (place / "root" / part).exists():
                archive.add(place / "root" / part, part)
    return packed.getvalue()
