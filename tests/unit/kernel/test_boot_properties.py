"""Whatever stands in the files: taken back, every byte is as it was; done twice is done once; a shell sees the options."""

from __future__ import annotations

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from unit.kernel.boot_machines import REAL_CONFIG, BootMachine, entry, os_release
from waagent.guest.bootloader import missing
from waagent.kernel.purpose import serial_console
from waagent.kernel.run import prepare
from waagent.system.apply import apply

SERIAL = serial_console("x86_64")
WORD = st.sampled_from(
    [
        "quiet",
        "splash",
        "console=ttyS0",
        "console=ttyS0,115200n8",
        "console=tty0",
        "earlyprintk=ttyS0",
        "a=console=ttyS0",
        "é",
        "$x",
    ]
)
WORDS = st.lists(WORD, max_size=4).map(" ".join)
KEYS = st.sampled_from(["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_TIMEOUT", "#GRUB_CMDLINE_LINUX_DEFAULT"])
PREFIX = st.sampled_from(["", "", "$GRUB_CMDLINE_LINUX_DEFAULT ", "${GRUB_CMDLINE_LINUX} "])
ASSIGNMENT = st.one_of(
    st.builds('{}="{}{}"'.format, KEYS, PREFIX, WORDS),
    st.builds("{}='{}'".format, KEYS, WORDS),
    st.builds("{}={}".format, KEYS, st.sampled_from(["", "quiet", "console=ttyS0", "\"a\"'b'"])),
    st.builds('export {}="{}" # a note'.format, KEYS.filter(lambda key: key[0] != "#"), WORDS),
)
LINE = st.one_of(ASSIGNMENT, st.sampled_from(["", "# a comment", "GRUB_TERMINAL=console", "\tkernel /x", "title y"]))
END = st.sampled_from(["", "\n", "\n\n"])


def text_of(lines: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda each, end: "\n".join(each) + end, st.lists(lines, max_size=6), END)


def holds(machine: BootMachine) -> None:
    before = machine.state()
    apply(machine.system, prepare(machine.system, machine.guest, SERIAL))
    once = machine.state()
    assert prepare(machine.system, machine.guest, SERIAL) == ()
    assert machine.state() == once
    apply(machine.system, prepare(machine.system, machine.guest, SERIAL, undo=True))
    assert machine.state() == before
    assert prepare(machine.system, machine.guest, SERIAL, undo=True) == ()


@settings(max_examples=60, deadline=None)
@given(text_of(LINE), st.none() | text_of(ASSIGNMENT), st.sampled_from(["debian", "rhel", "sles"]))
def test_grub_2(main: str, override: str | None, name: str) -> None:
    files = os_release(name, "9") | {"/etc/default/grub": main, "/boot/grub2/grub.cfg": "", "/boot/grub/grub.cfg": REAL_CONFIG}
    if override is not None:
        files["/etc/default/grub.d/50-x.cfg"] = override
    given_machine = {"files": files, "tools": ["update-grub" if name == "debian" else "grub2-mkconfig"]}
    machine = BootMachine(given_machine)
    apply(machine.system, prepare(machine.system, machine.guest, SERIAL))
    assert_a_shell_sees_the_options([machine.files.text(path) for path in files if path.startswith("/etc/default")])
    holds(BootMachine(given_machine))


def assert_a_shell_sees_the_options(texts: list[str]) -> None:
    script = "\n".join([*texts, 'echo "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"'])
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    assert [word for word in words if word.split(",")[0] == "console=ttyS0"], script
    assert "earlyprintk=ttyS0" in words, script


@settings(deadline=None)
@given(
    text_of(
        st.one_of(st.builds("{}kernel {}{}".format, st.sampled_from(["", "\t", "# "]), WORDS, st.sampled_from(["", " "])), LINE)
    )
)
def test_grub_legacy(menu: str) -> None:
    release = {"/etc/redhat-release": "CentOS release 6.10 (Final)\n"}
    holds(BootMachine({"files": release | {"/boot/grub/menu.lst": menu}}))


LOADER_LINE = st.builds(
    '{}="{}"'.format,
    st.sampled_from(["console", "boot_serial", "boot_multicons", "comconsole_speed", "zfs_load"]),
    st.sampled_from(["YES", "NO", "vidconsole", "comconsole", "efi,comconsole", "115200", ""]),
)


@settings(deadline=None)
@given(st.none() | text_of(st.one_of(LOADER_LINE, st.sampled_from(["", "# x"]))))
def test_freebsds_loader(text: str | None) -> None:
    files = {"/boot/kernel/kernel": ""} | ({} if text is None else {"/boot/loader.conf": text})
    holds(BootMachine({"kernel": ("FreeBSD", "14.0"), "files": files}))


OEM_LINE = st.builds('set {}="{}"'.format, st.sampled_from(["linux_console", "linux_append", "oem_id"]), WORDS)


@settings(deadline=None)
@given(st.none() | text_of(OEM_LINE))
def test_an_images_own_grub_cfg(text: str | None) -> None:
    files = os_release("flatcar", "3815.2.0") | {"/oem/bin/x": ""} | ({} if text is None else {"/oem/grub.cfg": text})
    holds(BootMachine({"files": files}))


ENTRY_WORD = st.sampled_from(
    [
        "ro",
        "quiet",
        "console=tty0",
        "console=ttyS0",
        "console=ttyS0,115200n8",
        "earlyprintk=vga",
        "earlyprintk=ttyS0",
        "$kernelopts",
    ]
)
OPTIONS = st.lists(ENTRY_WORD, max_size=4, unique=True).map(" ".join)
PLAIN_OPTIONS = OPTIONS.map(lambda text: text.replace("$kernelopts", "rhgb"))


@settings(max_examples=200, deadline=None)
@given(st.lists(OPTIONS, min_size=1, max_size=3), PLAIN_OPTIONS, st.none() | PLAIN_OPTIONS)
def test_boot_loader_entries(options: list[str], variable: str, cmdline: str | None) -> None:
    files = os_release("rhel", "9.4") | {"/boot/grub2/grubenv": f"# GRUB Environment Block\nkernelopts={variable}\n####"}
    for number, each in enumerate(options):
        files |= entry(f"5.{number}", each)
    if cmdline is not None:
        files["/etc/kernel/cmdline"] = f"{cmdline}\n"
    given_machine = {"files": files, "tools": ["grubby"]}
    machine = BootMachine(given_machine)
    apply(machine.system, prepare(machine.system, machine.guest, SERIAL))
    now = machine.files.text("/boot/grub2/grubenv").split("kernelopts=")[1].split("\n")[0]
    for number, each in enumerate(options):
        words = machine.options(f"5.{number}").replace("$kernelopts", now).split()
        assert missing(words, SERIAL.options) == ()
        assert set(each.replace("$kernelopts", variable).split()) <= set(words), "grubby took something away"
    holds(BootMachine(given_machine))
