"""Setting the host name (guest.md 2.4)."""

from __future__ import annotations

import pytest

from waagent.guest import hostname
from waagent.guest.families import bsd, redhat, small, suse
from waagent.guest.profile import Guest
from waagent.model.failure import ProvisionFailure
from waagent.system.action import Run, WriteFile


def test_the_default_writes_the_file_and_sets_the_name() -> None:
    write, now = hostname.set_name(Guest(), "web-2")
    assert isinstance(write, WriteFile) and (write.path, write.content) == ("/etc/hostname", b"web-2\n")
    assert isinstance(now, Run) and now.argv == ("hostname", "web-2") and now.optional


def test_rhel6_keeps_the_other_lines_and_the_empty_ones() -> None:
    write, _ = hostname.set_name(redhat.RHEL6, "web-2", text="NETWORKING=yes\n\nHOSTNAME=old\nHOSTNAME=older\n")
    assert isinstance(write, WriteFile) and write.content == b"NETWORKING=yes\n\nHOSTNAME=web-2\n"


def test_rhel7_asks_hostnamectl_and_does_not_depend_on_it() -> None:
    plan = hostname.set_name(redhat.RHEL7, "web-2")
    assert isinstance(plan[-1], Run) and plan[-1].argv == ("hostnamectl", "set-hostname", "web-2", "--static")
    assert plan[-1].optional
    assert isinstance(plan[0], WriteFile) and plan[0].path == "/etc/hostname"
    assert len(hostname.set_name(redhat.RHEL7, "web-2", tools=frozenset())) == 2


def test_suse_has_its_own_file_before_12() -> None:
    assert hostname.set_name(suse.SUSE11, "a")[0].path == "/etc/HOSTNAME"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('hostname="a"\nsshd_enable="YES"\nhostname="b"\n', 'hostname="a"\nsshd_enable="YES"\nhostname="web-2"\n'),
        ('x="1"\ny="2"\n', 'x="1"\nhostname="web-2"\ny="2"\n'),
        (None, 'hostname="web-2"\n'),
    ],
)
def test_freebsd_replaces_the_last_line_or_puts_one_before_the_last(before: str | None, after: str) -> None:
    assert hostname.rc_conf(before, "web-2") == after
    write, _ = hostname.set_name(bsd.FREEBSD, "web-2", text=before)
    assert isinstance(write, WriteFile) and write.content == after.encode()


def test_openwrt_goes_through_uci() -> None:
    commands = [action.argv for action in hostname.set_name(small.OPENWRT, "web-2") if isinstance(action, Run)]
    assert commands[0] == ("uci", "set", "system.@system[0].hostname=web-2")
    assert commands[-1] == ("/etc/init.d/system", "reload")


@pytest.mark.parametrize("name", ["", "-x", 'a"b', "a b", "a\nb", "x" * 300])
def test_a_name_that_could_break_a_file_is_refused(name: str) -> None:
    with pytest.raises(ProvisionFailure):
        hostname.set_name(Guest(), name)
