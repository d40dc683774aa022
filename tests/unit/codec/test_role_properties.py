"""Role properties (fabric.md 2.3, guest.md 2.13)."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import role_properties

LEGAL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"))


def test_the_fingerprint_is_one_line_of_xml() -> None:
    assert role_properties.render("CID", "INSTANCE", "FINGERPRINT").decode() == (
        '<?xml version="1.0" encoding="utf-8"?><RoleProperties><Container><ContainerId>CID</ContainerId><RoleInstances>'
        "<RoleInstance><Id>INSTANCE</Id><Properties>"
        '<Property name="CertificateThumbprint" value="FINGERPRINT" />'
        "</Properties></RoleInstance></RoleInstances></Container></RoleProperties>"
    )


@given(LEGAL, LEGAL)
def test_any_text_survives(identity: str, fingerprint: str) -> None:
    root = ElementTree.fromstring(role_properties.render(identity, identity, fingerprint))
    found = root.find(".//Property")
    assert found is not None and found.get("value") == fingerprint
    assert (root.findtext(".//Id") or "") == identity
