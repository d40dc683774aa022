"""guests.login: a person logs in to a real sshd in a real guest."""

import os

import pytest

from fabriclab.guests import namespace
from fabriclab.guests.login import log_in, make_key_pair
from fabriclab.guests.machine import Machine
from fabriclab.guests.sandbox import Sandbox

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest needs root"),
    pytest.mark.skipif(not os.path.exists("/usr/sbin/sshd"), reason="this machine's root has no sshd"),
]


def test_the_right_key_and_the_right_password_open_the_door_and_wrong_ones_do_not() -> None:
    right, wrong = make_key_pair(), make_key_pair()
    with namespace.running() as fabric:
        guest = Sandbox(fabric, Machine())
        guest.prepare()
        guest.start()
        made = guest.shell(
            "useradd -m -s /bin/sh visitor && echo 'visitor:Right-1' | chpasswd && mkdir -m 700 /home/visitor/.ssh"
            f" && echo '{right.public}' >/home/visitor/.ssh/authorized_keys && chown -R visitor: /home/visitor"
            " && ssh-keygen -A && /usr/sbin/sshd -o PasswordAuthentication=yes"
        )
        assert made.ok, made.errors
        by_key = log_in(fabric, "visitor", "id -un", key=right)
        assert (by_key.status, by_key.output) == (0, "visitor\n"), by_key.errors
        assert log_in(fabric, "visitor", "exit 7", password="Right-1").status == 7
        assert log_in(fabric, "visitor", "true", key=wrong).status == 255
        assert log_in(fabric, "visitor", "true", password="Wrong-1").status == 255
