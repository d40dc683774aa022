"""Health reports, role properties and health signals (fabric.md 2.2 to 2.4)."""

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import health_report
from waagent.model.health import READY, STARTING, HealthReport, provisioning_failed

HEAD = (
    '<?xml version="1.0" encoding="utf-8"?><Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema"><GoalStateIncarnation>1</GoalStateIncarnation><Container>'
    "<ContainerId>C</ContainerId><RoleInstanceList><Role><InstanceId>I</InstanceId><Health>"
)
TAIL = "</Health></Role></RoleInstanceList></Container></Health>"


def description(report: HealthReport) -> str:
    root = ElementTree.fromstring(health_report.render(report, "1", "C", "I"))
    return root.findtext(".//Description") or ""


def test_ready_has_no_details() -> None:
    assert health_report.render(READY, "1", "C", "I").decode() == f"{HEAD}<State>Ready</State>{TAIL}"
    odd = HealthReport("Ready", "Provisioning", "x")
    assert health_report.render(odd, "1", "C", "I").decode() == f"{HEAD}<State>Ready</State>{TAIL}"


def test_not_ready_says_why() -> None:
    assert health_report.render(STARTING, "1", "C", "I").decode() == (
        f"{HEAD}<State>NotReady</State><Details><SubStatus>Provisioning</SubStatus>"
        f"<Description>Starting</Description></Details>{TAIL}"
    )


def test_markup_in_a_description_is_escaped() -> None:
    data = health_report.render(provisioning_failed("a < b && c > d"), "1", "C", "I")
    assert b"a &lt; b &amp;&amp; c &gt; d" in data


@pytest.mark.parametrize(("character", "kept"), [("x", 3686), ("&", 3686), ("é", 2048), ("€", 1365)])
def test_a_description_is_cut_before_escaping_to_what_the_server_takes(character: str, kept: int) -> None:
    assert description(HealthReport("NotReady", "ProvisioningFailed", character * 5000)) == character * kept


def test_a_signature_never_leaves_in_a_description() -> None:
    assert "SECRET" not in description(provisioning_failed("GET https://x/y?a=1&sig=SECRET failed"))


@given(st.text(), st.text())
def test_any_text_gives_well_formed_xml(text: str, identity: str) -> None:
    data = health_report.render(HealthReport("NotReady", "ProvisioningFailed", text), identity, identity, identity)
    found = ElementTree.fromstring(data).findtext(".//Description") or ""
    assert len(found.encode()) <= 4096
    assert json.dumps(found)
