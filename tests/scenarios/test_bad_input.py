"""Bad media, bad documents, a fabric that fails, and packages that are none: each is told to the fabric and to the log, and
the agent lives on. The scenarios are those of the library, with what is our agent's own added: its words and its log.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fabriclab.faults.effects import Drop, Garbage, Status
from fabriclab.faults.rule import Rule
from fabriclab.samples.hostile import BUILDERS, MARK
from fabriclab.scenario import document
from fabriclab.scenario.expected import END, START, Expectation, File, Handler, Health
from scenarios import labs

pytestmark = labs.in_a_guest

FAILED = ("NotReady", "ProvisioningFailed")
AT_ONCE = 5.0


def logged(*texts: str) -> Expectation:
    return Expectation(File(labs.LOG, contains=texts, lacks=("Traceback",)), "logged", END, 0.0, AT_ONCE, "the agent's log")


def reported(text: str) -> Expectation:
    return Expectation(Health(*FAILED, description=text), "reported in words", START, 0.0, 60.0, "")


def handled(name: str, code: int, message: str) -> Expectation:
    return Expectation(Handler(name, status="NotReady", code=code, message=message), f"told {name}", START, 0.0, 60.0, "")


def holds(name: str, *more: Expectation) -> list[str]:
    """What did not hold of a scenario of the library, with `more` expected."""
    scenario = document.find(name)
    return labs.not_held(labs.run(replace(scenario, expectations=(*scenario.expectations, *more))))


# -- the medium and its document


@pytest.mark.slow
def test_no_dvd_and_a_dvd_without_a_document() -> None:
    """Side by side: each of them waits for as long as a medium may be late."""
    none, other = "no provisioning medium was found", "no provisioning medium with ovf-env.xml could be read"
    told = "holds no ovf-env.xml, only: readme.txt"
    with ThreadPoolExecutor() as pool:
        missing = pool.submit(holds, "no-dvd", reported(none), logged("provisioning failed", none))
        without = pool.submit(holds, "dvd-without-ovf", reported(told), logged("provisioning failed", other, told))
        assert (missing.result(), without.result()) == ([], [])


def test_a_document_that_is_no_xml() -> None:
    said = "ovf-env.xml: not a well-formed XML document"
    assert holds("broken-xml", reported(said), logged(said)) == []


def test_a_document_without_a_mandatory_element() -> None:
    said = "ovf-env.xml: "
    assert holds("missing-element", reported(said), reported("HostName"), logged("provisioning failed", "HostName")) == []


def test_a_document_of_a_hostile_kind_expands_no_entities(tmp_path: Path) -> None:
    with labs.begun(labs.scenario_of(tmp_path, ENTITIES)) as lab:
        entry = labs.await_entry(lab, lambda one: one.facts.get("substatus") == "ProvisioningFailed", "the failure is reported")
        assert "ovf-env.xml" in entry.facts["description"]
        assert "root:" not in labs.log(lab)
        assert not lab.guest.run(["getent", "passwd", "kofi"]).ok


ENTITIES = """
[ovf]
raw = '''<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/shadow">]>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure">
<wa:ProvisioningSection><wa:Version>1.0</wa:Version><LinuxProvisioningConfigurationSet
xmlns="http://schemas.microsoft.com/windowsazure"><HostName>&file;</HostName><UserName>kofi</UserName>
</LinuxProvisioningConfigurationSet></wa:ProvisioningSection></Environment>'''
"""


# -- the fabric


@pytest.mark.slow
def test_a_wire_server_that_is_silent_at_first() -> None:
    assert holds("wire-server-silent", logged("the wire server was not reached")) == []


@pytest.mark.slow
def test_a_wire_server_that_answers_503_at_first() -> None:
    assert holds("wire-server-503", logged("the wire server is 168.63.129.16")) == []


def test_a_wire_server_that_answers_garbage_at_first() -> None:
    assert holds("wire-server-garbage", logged("the wire server was not reached")) == []


@pytest.mark.parametrize(
    "effect",
    [pytest.param(Drop(), marks=pytest.mark.slow), Status(503), Garbage(), Garbage(head=True)],
    ids=["silent", "503", "body", "head"],
)
def test_a_fabric_that_fails_all_services_for_a_while_is_served_again(tmp_path: Path, effect: Drop | Status | Garbage) -> None:
    with labs.begun(labs.scenario_of(tmp_path, labs.GOOD)) as lab:
        labs.await_ready(lab)
        lab.fabric.inject(Rule(effect))
        for _ in range(3):
            before = lab.journal.last
            labs.await_entry(lab, lambda entry: bool(entry.exchange and entry.exchange.fault), "a request fails", before)
        lab.fabric.clear_faults()
        labs.do(lab, "good")
        labs.await_entry(lab, labs.says("Lab.Good", "Ready", "success"), "the extension succeeds", lab.journal.last)
        assert "Traceback" not in labs.log(lab)


# -- packages


def test_a_package_that_is_not_a_zip() -> None:
    told = handled("Lab.Broken", 1001, "Failed to download artifacts: [ExtensionDownloadError] ")
    assert holds("package-not-a-zip", told, logged("Lab.Broken__1.0.0.zip: not a zip that can be read")) == []


def test_packages_that_reach_out_of_their_directories() -> None:
    parent = handled("Lab.Parent", 1001, f"../../{MARK}")
    link = handled("Lab.Link", 1001, "Lab.Link__1.0.0.zip: 'out'")
    assert holds("package-escapes", parent, link, logged(f"../../{MARK}", "Lab.Link__1.0.0.zip")) == []


def test_a_handler_without_a_manifest() -> None:
    told = handled("Lab.Nomanifest", -1, "HandlerManifest.json was not found in the package")
    assert holds("handler-without-manifest", told, logged("HandlerManifest.json was not found in the package")) == []


def test_a_handler_whose_enable_fails() -> None:
    told = handled("Lab.Failing", 1009, "Non-zero exit code: 1, /var/lib/waagent/Lab.Failing-1.0.0/handler.sh enable")
    assert holds("enable-fails", told, logged("Non-zero exit code: 1", "failing: enable was told to fail")) == []


def test_every_hostile_package_at_once_stops_no_good_one(tmp_path: Path) -> None:
    wanted = "".join(f'[[step.extension]]\nhostile = "{kind}"\nname = "Hostile.{plain(kind)}"\n' for kind in BUILDERS)
    text = labs.GOOD.replace("[[step]]", f'[[step]]\nid = "hostile"\nat = 3600\ndo = "publish"\n{wanted}\n[[step]]', 1)
    harmless = {"absolute-entry", "bomb", "manifest-with-bom", "backslash-entry"}
    with labs.begun(labs.scenario_of(tmp_path, text)) as lab:
        labs.await_ready(lab)
        labs.do(lab, "hostile")
        labs.do(lab, "good")
        labs.await_entry(lab, labs.says("Lab.Good", "Ready", "success"), "the good extension succeeds")
        for kind in set(BUILDERS) - harmless:
            labs.await_entry(lab, labs.says(f"Hostile.{plain(kind)}", "NotReady"), f"{kind} is reported")
        outside = f"find / -xdev -name '*{MARK}*' -not -path '/var/lib/waagent/Hostile.*'; ls /tmp"
        assert lab.guest.shell(outside).output == ""
        left = lab.guest.shell("ls -A /var/lib/waagent | grep -E '[.]zip$|[.]tmp$|draft|remove'").output
        assert left == "", "half-done packages lie about"
        assert "Traceback" not in labs.log(lab)


def plain(kind: str) -> str:
    """A handler's name has no hyphen."""
    return kind.title().replace("-", "")
