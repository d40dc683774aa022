"""Remote users: their passwords come out of openssl as UTF-16."""

import base64
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from fabriclab.documents import remote_access
from fabriclab.world.switches import Switches
from fabriclab.world.values import JitUser, World
from unit.fabriclab.documents import openssl

USER = JitUser("labjit", "Pässw0rd&<", "Fri, 02 Jan 2026 12:00:00 UTC")


@pytest.mark.parametrize(("oaep", "transport"), [(False, "rsaEncryption"), (True, "rsaesOaep")])
def test_a_password_opens_with_the_transport_key(tmp_path: Path, oaep: bool, transport: str) -> None:
    pair = openssl.transport(tmp_path)
    world = World(jit_users=(USER,), remote_access_incarnation=2, switches=replace(Switches(), jit_oaep=oaep))
    root = ElementTree.fromstring(remote_access.render(world, pair.der))
    assert (root.findtext("Version"), root.findtext("Incarnation")) == ("1", "2")
    (user,) = root.findall("Users/User")
    assert (user.findtext("Name"), user.findtext("Expiration")) == (USER.name, USER.expiration)
    assert [group.text for group in user.findall("Groups/GroupName")] == ["Administrators", "RemoteDesktopUsers"]
    sealed = base64.b64decode(user.findtext("Password") or "")
    assert openssl.decrypt(sealed, pair.key, pair.certificate).decode("utf-16-le") == USER.password
    shown = openssl.show(sealed)
    assert transport in shown and "subjectKeyIdentifier" in shown


def test_there_may_be_nobody(tmp_path: Path) -> None:
    root = ElementTree.fromstring(remote_access.render(World(jit_users=()), openssl.transport(tmp_path).der))
    users = root.find("Users")
    assert users is not None and len(users) == 0
