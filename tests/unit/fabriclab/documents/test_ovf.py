"""The provisioning document: what is there, what is nil, what is left out."""

import xml.etree.ElementTree as ElementTree

import pytest

from fabriclab.documents import ovf
from fabriclab.documents.ovf import NIL, KeyPair, Ovf, PublicKey

NAMES = {"ovf": ovf.OVF, "wa": ovf.AZURE}
SET = "wa:ProvisioningSection/wa:LinuxProvisioningConfigurationSet"
PLATFORM = "wa:PlatformSettingsSection/wa:PlatformSettings"
XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def parse(document: Ovf) -> ElementTree.Element:
    return ElementTree.fromstring(ovf.render(document))


def told(document: Ovf, where: str, name: str) -> str | None:
    return parse(document).findtext(f"{where}/wa:{name}", namespaces=NAMES)


@pytest.mark.parametrize("form", [Ovf(), Ovf(prefix="w"), Ovf(prefixed_set=True), Ovf(prefix="ns1", prefixed_set=True)])
def test_whatever_the_prefix_elements_are_in_their_namespaces(form: Ovf) -> None:
    assert parse(form).tag == f"{{{ovf.OVF}}}Environment"
    assert told(form, SET, "HostName") == "labvm01"
    assert told(form, PLATFORM, "ProvisionGuestAgent") == "true"
    assert told(form, "wa:ProvisioningSection", "Version") == "1.0"


def test_a_password_with_markup_in_it_comes_back_whole() -> None:
    password = "Tr&nsit<91>\"'quay ü"
    assert told(Ovf(password=password), SET, "UserPassword") == password
    assert b"Tr&amp;nsit&lt;91" in ovf.render(Ovf(password=password))


def test_secrets_do_not_show() -> None:
    assert "geheim" not in repr(Ovf(password="geheim", custom_data="geheim"))


def test_none_leaves_out_and_nil_is_said() -> None:
    root = parse(Ovf(username=None, password=NIL, preprovisioned_vm=None))
    assert root.find(f"{SET}/wa:UserName", NAMES) is None
    assert root.find(f"{PLATFORM}/wa:PreprovisionedVm", NAMES) is None
    nil = root.find(f"{SET}/wa:UserPassword", NAMES)
    assert nil is not None and nil.get(XSI_NIL) == "true" and nil.text is None


def test_an_empty_element_is_another_thing_than_none() -> None:
    root = parse(Ovf(provision_guest_agent=""))
    empty = root.find(f"{PLATFORM}/wa:ProvisionGuestAgent", NAMES)
    assert empty is not None and not empty.text and empty.attrib == {}


def test_keys_by_value_and_by_fingerprint() -> None:
    keys = (PublicKey("/home/a/.ssh/authorized_keys", "ssh-rsa AAAA a"), PublicKey("$HOME/a/k", fingerprint="AB" * 20))
    root = parse(Ovf(public_keys=keys, key_pairs=(KeyPair("$HOME/a/.ssh/id_rsa", "CD" * 20),)))
    found = root.findall(f"{SET}/wa:SSH/wa:PublicKeys/wa:PublicKey", NAMES)
    assert [[part.tag.rpartition("}")[2] for part in key] for key in found] == [["Path", "Value"], ["Fingerprint", "Path"]]
    assert root.findtext(f"{SET}/wa:SSH/wa:KeyPairs/wa:KeyPair/wa:Fingerprint", namespaces=NAMES) == "CD" * 20


def test_without_keys_there_is_no_ssh() -> None:
    assert parse(Ovf()).find(f"{SET}/wa:SSH", NAMES) is None


@pytest.mark.parametrize("spelling", ["PreprovisionedVMType", "PreprovisionedVmType"])
def test_the_type_of_a_pooled_vm_has_two_spellings(spelling: str) -> None:
    pooled = Ovf(preprovisioned_vm=True, preprovisioned_vm_type="Savable", preprovisioned_type_spelling=spelling)
    assert told(pooled, PLATFORM, spelling) == "Savable"
    assert told(pooled, PLATFORM, "PreprovisionedVm") == "true"


def test_a_bom_may_come_first() -> None:
    assert ovf.render(Ovf(bom=True)).startswith(b"\xef\xbb\xbf<?xml")
