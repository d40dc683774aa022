"""Provisioning documents that are broken in every way we could think of (guest.md 1.4, 1.5).

Each gives a ``ProvisionFailure`` that names the element, before any account is touched; nothing that is kept or said holds
the password. Most are made from one good document by a change of its text; the mutations at the end are random.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.guest.families.debian import DEBIAN
from waagent.model.failure import ProvisionFailure
from waagent.provision import run

PASSWORD = "Tr4nsit-91-quay"
GOOD = f"""<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:w="http://schemas.microsoft.com/windowsazure"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <w:ProvisioningSection>
    <w:Version>1.0</w:Version>
    <w:LinuxProvisioningConfigurationSet>
      <w:HostName>db-node-7</w:HostName>
      <w:UserName>maria</w:UserName>
      <w:UserPassword>{PASSWORD}</w:UserPassword>
      <w:DisableSshPasswordAuthentication>false</w:DisableSshPasswordAuthentication>
      <w:SSH>
        <w:PublicKeys><w:PublicKey>
          <w:Path>/home/maria/.ssh/authorized_keys</w:Path>
          <w:Value>ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQEXAMPLE maria@desk</w:Value>
        </w:PublicKey></w:PublicKeys>
        <w:KeyPairs><w:KeyPair>
          <w:Fingerprint>3F9A0C77D1E24B5580AA9E1D6B2C4F70918237C1</w:Fingerprint>
          <w:Path>$HOME/maria/.ssh/id_rsa</w:Path>
        </w:KeyPair></w:KeyPairs>
      </w:SSH>
      <w:CustomData>IyEvYmluL3NoCg==</w:CustomData>
    </w:LinuxProvisioningConfigurationSet>
  </w:ProvisioningSection>
  <w:PlatformSettingsSection>
    <w:Version>1.0</w:Version>
    <w:PlatformSettings><w:ProvisionGuestAgent>true</w:ProvisionGuestAgent></w:PlatformSettings>
  </w:PlatformSettingsSection>
</Environment>"""


class Machine:
    """A Debian whose drive holds a document. Any command but those that look is a defect of the test's subject."""

    def __init__(self, document: bytes) -> None:
        self.config, _ = parse("Provisioning.DecodeCustomData=y\n")
        self.paths = Paths.of(self.config)
        self.files = MemoryFiles(
            {"/proc/mounts": "/dev/sr0 /media/cd udf ro 0 0\n", "/etc/passwd": "root:x:0:0:r:/root:/bin/sh\n"}
        )
        self.files.put_other("/dev/sr0").put("/media/cd/ovf-env.xml", document)
        self.commands = ScriptedCommands(["getent"]).on("getent", ...)
        self.system = fake_system(files=self.files, commands=self.commands)

    def read(self) -> ProvisionFailure | None:
        try:
            run.read_document(self.system, DEBIAN, self.config, self.paths)
        except ProvisionFailure as failure:
            return failure
        return None

    def kept(self) -> str:
        """All that was written, and all that was said."""
        written = [path for path in self.files.changes if path != self.paths.lib]
        assert not [path for path in self.files.changes if not path.startswith(self.paths.lib)], "something else was changed"
        said = repr(self.commands.calls) + self.system.log.text  # type: ignore[attr-defined]
        return said + "".join(self.files.read(path).decode("utf-8", "replace") for path in written)


@dataclass(frozen=True)
class Broken:
    """``change`` makes the document from the good one; ``names`` is what the reason must contain."""

    id: str
    change: Callable[[str], str]
    names: str


def without(name: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"\s*<w:{name}>.*?</w:{name}>", "", text, flags=re.DOTALL)


def with_text(name: str, content: str) -> Callable[[str], str]:
    return lambda text: re.sub(
        rf"<w:{name}>[^<]*</w:{name}>", lambda _: f"<w:{name}>{content}</w:{name}>", text, count=1, flags=re.DOTALL
    )


def nil(name: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"<w:{name}>[^<]*</w:{name}>", f'<w:{name} xsi:nil="true">x</w:{name}>', text)


def replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


MANDATORY = ("HostName", "UserName", "ProvisionGuestAgent")
BROKEN = (
    *(Broken(f"no {name}", without(name), name) for name in MANDATORY),
    *(Broken(f"empty {name}", with_text(name, ""), name) for name in MANDATORY),
    *(Broken(f"blank {name}", with_text(name, " \n\t"), name) for name in MANDATORY),
    *(Broken(f"nil {name}", nil(name), name) for name in MANDATORY),
    *(Broken(f"only a comment in {name}", with_text(name, "<!-- x -->"), name) for name in MANDATORY),
    Broken("no Version at all", without("Version"), "Version"),
    Broken("no ProvisioningSection", without("ProvisioningSection"), "ProvisioningSection"),
    Broken("no configuration set", without("LinuxProvisioningConfigurationSet"), "LinuxProvisioningConfigurationSet"),
    Broken("a Windows configuration set", replaced("LinuxProv", "WindowsProv"), "LinuxProvisioningConfigurationSet"),
    Broken("no PlatformSettingsSection", without("PlatformSettingsSection"), "PlatformSettingsSection"),
    Broken("no PlatformSettings", without("PlatformSettings"), "PlatformSettings"),
    Broken("another root", replaced("Environment", "Envelope"), "Environment"),
    Broken("the root in another namespace", replaced("ovf/environment/1", "ovf/environment/2"), "Environment"),
    Broken("elements in another namespace", replaced("windowsazure", "windowsblue"), "ProvisioningSection"),
    Broken("names in lower case", replaced("HostName", "hostname"), "HostName"),
    *(
        Broken(f"host name {text!r}", with_text("HostName", text), "HostName")
        for text in ("-db", "db node", "db&#10;node", "db;reboot", "..", "a" * 300, "d&#xFC;b", "&lt;b&gt;", "db/7", "$(id)")
    ),
    *(
        Broken(f"user name {text!r}", with_text("UserName", text), "UserName")
        for text in (
            "-maria",
            "ma ria",
            "ma:ria",
            "ma/ria",
            "maria&#10;x",
            "maria,x",
            "$(id)",
            "ma\\ria",
            "a" * 300,
            "%wheel",
            "#0",
            "ALL!",
        )
    ),
    *(
        Broken(f"key path {text!r}", with_text("Path", text), "PublicKey 1: ")
        for text in (
            "",
            "authorized_keys",
            "/home/maria/.ssh/",
            "/x",
            "/etc/passwd",
            "/home/maria/../../etc/ssh/x",
            "/home/keys",
        )
    ),
    Broken("a key without Path", replaced("<w:Path>/home/maria/.ssh/authorized_keys</w:Path>", ""), "PublicKey 1: its Path"),
    Broken("a key that is none", with_text("Value", "hello"), "PublicKey 1: its Value"),
    Broken("a private key as public key", with_text("Value", "-----BEGIN OPENSSH PRIVATE KEY-----"), "PublicKey 1: its Value"),
    Broken("a key without anything", with_text("Value", ""), "PublicKey 1: it has neither Value nor Fingerprint"),
    Broken("a key pair without Fingerprint", without("Fingerprint"), "KeyPair 1: it has no Fingerprint"),
    Broken(
        "a key pair with an odd Fingerprint", with_text("Fingerprint", "../../etc/shadow"), "KeyPair 1: it has no Fingerprint"
    ),
    Broken("a key pair without Path", replaced("<w:Path>$HOME/maria/.ssh/id_rsa</w:Path>", ""), "KeyPair 1: its Path"),
    Broken("custom data that is no Base64", with_text("CustomData", "***"), "CustomData"),
    Broken("custom data that is cut off", with_text("CustomData", "IyEvYmluL3NoC"), "CustomData"),
    Broken("a password beyond crypt(3)", with_text("UserPassword", PASSWORD * 40), "UserPassword"),
    Broken("nothing at all", lambda text: "", "ovf-env.xml"),
    Broken("only white space", lambda text: " \n\0\0", "ovf-env.xml"),
    Broken("cut off in the middle", lambda text: text[: len(text) // 2], "ovf-env.xml"),
    Broken("cut off in the password", lambda text: text[: text.index(PASSWORD) + 5], "ovf-env.xml"),
    Broken("twice in one file", lambda text: text + text, "ovf-env.xml"),
    Broken("an unclosed element", replaced("</w:UserName>", ""), "ovf-env.xml"),
    Broken("an unknown prefix", replaced("<w:UserName>", "<v:UserName>"), "ovf-env.xml"),
    Broken("an unknown entity", with_text("UserName", "&maria;"), "ovf-env.xml"),
    Broken("a bare ampersand", with_text("UserPassword", f"{PASSWORD}&x"), "ovf-env.xml"),
    Broken("a character that XML forbids", with_text("UserName", "ma&#0;ria"), "ovf-env.xml"),
    Broken("a document type", replaced("<Environment", '<!DOCTYPE x [<!ENTITY y "z">]><Environment'), "ovf-env.xml"),
    Broken("another encoding than it says", replaced("utf-8", "utf-99"), "ovf-env.xml"),
    Broken("HTML", lambda text: "<html><body>Bad Gateway<br></body></html>", "ovf-env.xml"),
    Broken("JSON", lambda text: '{"HostName": "db"}', "ovf-env.xml"),
)


def test_the_good_document_is_good_and_there_are_more_than_forty_broken_ones() -> None:
    assert Machine(GOOD.encode()).read() is None
    assert len(BROKEN) > 40 and len({each.id for each in BROKEN}) == len(BROKEN)
    assert all(each.change(GOOD) != GOOD for each in BROKEN)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.id)
def test_a_broken_document_is_refused_by_the_name_of_its_element_and_changes_nothing(broken: Broken) -> None:
    machine = Machine(broken.change(GOOD).encode())
    failure = machine.read()
    assert failure is not None, "it was taken for a good one"
    assert failure.reason.startswith("reading the provisioning document: ")
    assert broken.names in failure.reason
    assert PASSWORD not in machine.kept() + str(failure) + repr(failure.facts) + failure.hint
    assert len(failure.reason) < 700, "the fabric shows it to people"


@pytest.mark.parametrize("wide", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_another_encoding_is_no_defect(wide: str) -> None:
    machine = Machine(GOOD.replace('encoding="utf-8"', "").encode(wide))
    assert machine.read() is None
    assert PASSWORD not in machine.kept()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """The good document after a few strokes: bytes lost, doubled, put in, or whole elements moved."""
    data = bytearray(GOOD.encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        length = draw(st.integers(0, 60))
        piece = data[at : at + length]
        to = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("lose", "double", "insert", "swap"))):
            case "lose":
                del data[at : at + length]
            case "double":
                data[to:to] = piece
            case "insert":
                data[at:at] = draw(
                    st.sampled_from((b"\0", b"<", b"&", b"<w:", b"]]>", b"<!--", b"\xff\xfe", b"</Environment>"))
                )
            case _:
                del data[at : at + length]
                data[to:to] = piece
        if not data:
            break
    return bytes(data)


@settings(max_examples=300, deadline=None)
@example(GOOD.replace("</w:UserPassword>", "").encode())
@given(damaged())
def test_a_damaged_document_is_read_or_refused_and_never_keeps_the_password(document: bytes) -> None:
    machine = Machine(document)
    failure = machine.read()
    kept = machine.kept() + (str(failure) if failure else "")
    if document.count(PASSWORD.encode()) == 1:
        before, _, after = document.partition(PASSWORD.encode())
        in_its_element = before.rstrip().endswith(b"<w:UserPassword>") and after.lstrip().startswith(b"</w:UserPassword>")
        assert not (in_its_element and PASSWORD in kept)
