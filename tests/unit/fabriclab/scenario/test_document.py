"""scenario.document: a scenario file is read whole, or refused with file, key and reason."""

import re
from pathlib import Path

import pytest

from fabriclab.documents.ovf import NIL
from fabriclab.faults.effects import Status
from fabriclab.given import toml
from fabriclab.guests.login import KeyPair
from fabriclab.scenario import document, table
from fabriclab.scenario import step as steps
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.expected import END, START, File, Health, Login, Requests, Tree
from fabriclab.scenario.table import BadScenario
from fabriclab.world.events import BumpIncarnation, SetSwitch, UninstallExtension
from fabriclab.world.extension import Dependency, Flaw

KEY = KeyPair(b"private", "ssh-ed25519 AAAA lab")


def parse(text: str, path: Path = Path("some.toml")) -> Scenario:
    return document.parse(table.Table(toml.loads(text), str(path)), path)


def refusal(text: str) -> str:
    with pytest.raises(BadScenario) as refused:
        parse(text)
    return str(refused.value)


def thumbprint(name: str) -> str:
    return f"THUMB-{name}"


@pytest.mark.parametrize("name", document.names())
def test_every_scenario_of_the_library_says_what_it_is_and_can_fail(name: str) -> None:
    found = document.find(name)
    assert found.about
    document.demand_expectations(found)


def test_an_empty_scenario_is_a_plain_azure_machine_without_a_dvd() -> None:
    found = parse("")
    assert (found.name, found.machine.hostname, found.machine.dmi) == ("some", "guest", "azure")
    assert found.medium.files(None, thumbprint) is None
    with pytest.raises(BadScenario, match="at least one"):
        document.demand_expectations(found)


def test_the_machine_is_described() -> None:
    found = parse("""
        [machine]
        hostname = "image"
        dmi = "none"
        address = "dhcp"
        routes = []
        resource_disk_mib = 64
        files = { "/etc/motd" = "hello" }
        [configuration]
        "ResourceDisk.Format" = true
        "Provisioning.PasswordCryptId" = 5
    """)
    assert (found.machine.dmi, found.machine.address, found.machine.routes) == ("none", None, ())
    assert found.machine.resource_disk == 64 << 20
    assert found.machine.files == {"/etc/motd": "hello"}
    assert found.configuration == {"ResourceDisk.Format": "y", "Provisioning.PasswordCryptId": "5"}


def test_the_fabric_takes_the_fields_of_the_world() -> None:
    found = parse("""
        [fabric]
        incarnation = 7
        fast_track = false
        on_hold = true
        identity = { vm_name = "other", container_id = "c" }
        certificates = [{ name = "one" }, { name = "two", key = "ec" }]
        switches = { strict_headers = false, certificates = "garbage", omit = ["RoleInstance"] }
    """)
    world = found.world(None)
    assert (world.incarnation, world.fast_track, world.on_hold) == (7, None, True)
    assert (world.identity.vm_name, world.identity.container_id, world.identity.location) == ("other", "c", "labregion")
    assert [(one.name, one.key) for one in world.certificates] == [("one", "rsa"), ("two", "ec")]
    assert not world.switches.strict_headers and world.switches.certificates.value == "garbage"


def test_the_ovf_document_is_rendered_with_the_labs_own_key_and_the_metadata_know_it() -> None:
    found = parse("""
        [ovf]
        hostname = "web-1"
        username = "maria"
        password = "a&b"
        disable_ssh_password_authentication = true
        ssh_keys = ["generated", "ssh-rsa BBBB other"]
        custom_text = "#!/bin/sh"
        nil = ["kms_server_hostname"]
        leave_out = ["version"]
        public_keys = [{ path = "/p", fingerprint = "certificate:tenant-1" }]
    """)
    assert found.needs_key
    files = found.medium.files(KEY, thumbprint)
    assert files is not None and files["CustomData.bin"] == b"#!/bin/sh"
    text = re.sub(r">\s+<", "><", files["ovf-env.xml"].decode())
    for part in (
        "<HostName>web-1</HostName>",
        "<UserPassword>a&amp;b</UserPassword>",
        "<DisableSshPasswordAuthentication>true</DisableSshPasswordAuthentication>",
        "<Path>/home/maria/.ssh/authorized_keys</Path><Value>ssh-ed25519 AAAA lab</Value>",
        "<Value>ssh-rsa BBBB other</Value>",
        "<Fingerprint>THUMB-tenant-1</Fingerprint>",
        "<CustomData>IyEvYmluL3No</CustomData>",
        'KmsServerHostname xsi:nil="true"',
    ):
        assert part in text
    assert "Version>" not in text
    assert found.medium.ovf is not None and found.medium.ovf.kms_server_hostname == NIL
    identity = found.world(KEY).identity
    assert (identity.admin_user, identity.public_keys) == ("maria", ("ssh-ed25519 AAAA lab", "ssh-rsa BBBB other"))


def test_a_document_can_be_raw_and_a_disc_can_lack_one() -> None:
    assert parse('[ovf]\nraw = "<x>"').medium.files(None, thumbprint) == {"ovf-env.xml": b"<x>"}
    assert parse('[medium]\nfiles = { "README.txt" = "r" }').medium.files(None, thumbprint) == {"README.txt": b"r"}


def test_a_late_medium_becomes_a_step() -> None:
    found = parse('[ovf]\nhostname = "x"\n[medium]\ndelay = 20')
    (late,) = found.steps
    assert isinstance(late.do, steps.InsertMedium) and (late.at, late.delay) == (START, 20.0)


def test_an_extension_is_published_from_a_sample_with_settings_beside_it_or_in_a_list() -> None:
    found = parse("""
        [[step]]
        do = "publish"
        channel = "fast-track"
        only = true
        [[step.extension]]
        sample = "good"
        name = "Lab.Good"
        public = { a = 1 }
        protected = { b = 2 }
        sequence = 4
        level = 2
        depends_on = [{ handler = "Lab.Other" }]
        flaws = ["no-text"]
        [[step.extension]]
        sample = "multi"
        name = "Lab.Multi"
        version = "2.0.0"
        settings = [{ name = "one", sequence = 1 }, { name = "two", state = "disabled" }]
        [[step.extension]]
        hostile = "not-a-zip"
        name = "Lab.Bare"
        settings = []
    """)
    publish = found.steps[0].do
    assert isinstance(publish, steps.Publish) and publish.only and publish.channel == "fast-track"
    good, multi, bare = (wanted.extension for wanted in publish.wanted)
    (settings,) = good.settings
    assert (good.version, good.multi_config, good.flaws) == ("1.0.0", False, frozenset({Flaw.NO_TEXT}))
    assert (settings.public, settings.protected, settings.sequence, settings.level) == ({"a": 1}, {"b": 2}, 4, 2)
    assert settings.depends_on == (Dependency("Lab.Other"),)
    assert multi.multi_config and [(one.name, one.state) for one in multi.settings] == [("one", "enabled"), ("two", "disabled")]
    assert bare.settings == ()
    assert [wanted.source.kind for wanted in publish.wanted] == ["sample", "sample", "hostile"]


def test_a_directory_is_found_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/HandlerManifest.json").write_text("[]")
    text = '[[step]]\ndo = "publish"\n[[step.extension]]\ndirectory = "mine"\nname = "A.B"'
    publish = parse(text, tmp_path / "s.toml").steps[0].do
    assert isinstance(publish, steps.Publish) and publish.wanted[0].source.name == str(tmp_path / "mine")


def test_steps_are_verbs_of_the_lab_or_events_of_the_world() -> None:
    found = parse("""
        [[step]]
        do = "bump-incarnation"
        to = 3
        [[step]]
        do = "remove"
        extension = "A.B"
        at = 2.5
        [[step]]
        do = "set-switch"
        name = "strict_headers"
        value = false
        [[step]]
        id = "storm"
        do = "fault"
        effect = "status"
        code = 503
        [[step]]
        do = "clear-faults"
        at = "storm"
        delay = 4
        [[step]]
        do = "run"
        command = "false"
        any_status = true
        [[step]]
        do = "restart-agent"
        [[step]]
        do = "reboot"
        agent = false
        [[step]]
        do = "insert-dvd"
        ovf = { hostname = "again", ssh_keys = ["generated"] }
    """)
    done = [one.do for one in found.steps]
    assert done[0] == steps.Happen(BumpIncarnation(3))
    assert done[1] == steps.Happen(UninstallExtension("A.B")) and (found.steps[1].at, found.steps[1].delay) == (START, 2.5)
    assert done[2] == steps.Happen(SetSwitch("strict_headers", False))
    assert isinstance(done[3], steps.Inject) and done[3].fault.effect == Status(503)
    assert (found.steps[4].at, found.steps[4].delay) == ("storm", 4.0)
    assert done[5:8] == [steps.Run("false", None), steps.DoAgent("restart"), steps.Reboot(False)]
    assert isinstance(done[8], steps.InsertMedium) and found.needs_key


def test_expectations_count_from_the_start_or_at_the_end_by_what_they_look_at() -> None:
    found = parse("""
        [[expect]]
        health = "Ready"
        [[expect]]
        file = "/x"
        mode = "0640"
        contains = "one"
        [[expect]]
        login = "maria"
        by = "password"
        refused = true
        [[expect]]
        never = { refused = true }
        [[expect]]
        requests = { path = "*goalstate*" }
        at_least = 2
        within = 9
        [[expect]]
        only_changed = ["/etc/*"]
        changed = ["/etc/hostname"]
    """)
    health, file, login, never, requests, tree = found.expectations
    assert (health.what, health.at, health.within) == (Health("Ready"), START, 60.0)
    assert (file.what, file.at) == (File("/x", mode=0o640, contains=("one",)), END)
    assert login.what == Login("maria", "password", None, True)
    assert (never.what, never.at) == (Requests(refused=True, at_most=0), END)
    assert (requests.what, requests.at, requests.within) == (Requests(path="*goalstate*", at_least=2), START, 9.0)
    assert tree.what == Tree(("/etc/*",), ("/etc/hostname",))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("machne = 1", "machne: unknown key; did you mean machine?"),
        ('[machine]\ndmi = "aws"', 'machine.dmi: "aws" is none of azure, hyper-v, none'),
        ('[machine]\nfiles = { "etc/x" = "" }', "machine.files.etc/x: does not begin with /"),
        ("[ovf]\nhostnam = 1", "ovf.hostnam: unknown key; did you mean hostname?"),
        ('[ovf]\nleave_out = ["hostnam"]', 'ovf.leave_out: "hostnam" is no key of [ovf]; did you mean hostname?'),
        ('[ovf]\nssh_keys = ["mine"]', 'ovf.ssh_keys: "mine" is neither "generated" nor an OpenSSH public key'),
        ('[ovf]\nraw = ""\nhostname = "x"', "ovf.hostname: unknown key"),
        ("[medium]\ndelay = -1", "medium.delay: -1 is negative"),
        ("[configuration]\nX = []", "configuration.X: neither text nor a number"),
        ("[fabric]\nincarnaton = 1", "fabric.incarnaton: unknown key; did you mean incarnation?"),
        ("[fabric]\nidentity = { vm_name = 1 }", "fabric.identity.vm_name: not text"),
        ("[fabric]\nswitches = { strict = 1 }", "fabric.switches: strict: no such switch; did you mean strict_"),
        ('[[fault]]\neffect = "explode"', "fault[1].effect: 'explode' is none of "),
        ("[[step]]", "step[1].do: missing"),
        ('[[step]]\ndo = "dance"', 'step[1].do: "dance" is no verb'),
        ('[[step]]\ndo = "publish"', "step[1].extension: missing"),
        ('[[step]]\ndo = "publish"\n[[step.extension]]\nname = "A.B"', "step[1].extension[1]: exactly one of sample, "),
        (
            '[[step]]\ndo = "publish"\n[[step.extension]]\nname = "A.B"\nsample = "goood"',
            'step[1].extension[1].sample: "goood" is no sample; there are ',
        ),
        (
            '[[step]]\ndo = "publish"\n[[step.extension]]\nname = "A.B"\nsample = "good"\npublic = {}\nsettings = []',
            "step[1].extension[1].public: stands beside settings",
        ),
        ('[[step]]\ndo = "set-switch"\nname = "no"\nvalue = 1', "step[1].value: no: no such switch"),
        ('[[step]]\ndo = "bump-incarnation"\nby = 1', "step[1].by: unknown key; there are to"),
        ('[[step]]\ndo = "note"\ntext = "x"\nat = "nowhere"', 'step[1].at: "nowhere" is no step or expectation'),
        ('[[step]]\ndo = "note"\ntext = "x"\nat = "end"', "step[1].at: a step cannot be after the end"),
        ('[[step]]\nid = "a"\ndo = "note"\ntext = "x"\nat = "a"', 'step[1].at: "a" waits for this one in the end'),
        ('[[step]]\nid = "a"\ndo = "reboot"\n[[expect]]\nid = "a"\nagent = "running"', 'expect[1].id: "a" is used twice'),
        ("[[expect]]", "expect[1]: says nothing, but exactly one of health, handler, "),
        ('[[expect]]\nhealth = "Ready"\nfile = "/x"', "expect[1]: says health and file, but exactly one of "),
        ('[[expect]]\nhealth = "ready"', 'expect[1].health: "ready" is none of Ready, NotReady'),
        ('[[expect]]\nhandler = "A.B"\nextension = "ok"', 'expect[1].extension: "ok" is none of transitioning, '),
        ('[[expect]]\nrequests = { service = "wireserver" }', "expect[1].requests: neither at_least nor at_most is given"),
        ('[[expect]]\nnever = { sevice = "x" }', "expect[1].never.sevice: unknown key; did you mean service?"),
        ('[[expect]]\nfile = "x"', 'expect[1].file: "x" does not begin with /'),
        ('[[expect]]\nfile = "/x"\nmode = "rw"', 'expect[1].mode: "rw" is not three or four octal digits'),
        ('[[expect]]\nfile = "/x"\nmatches = "("', "expect[1].matches: no regular expression: "),
    ],
)
def test_a_wrong_scenario_is_refused_with_file_key_and_reason(text: str, reason: str) -> None:
    assert refusal(text).startswith(f"some.toml: {reason}")


def test_a_name_or_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match=r"frist-boot: no such scenario; did you mean first-boot"):
        document.find("frist-boot")
    with pytest.raises(BadScenario, match="No such file"):
        document.find(str(tmp_path / "absent.toml"))
    (tmp_path / "bad.toml").write_text("a = ")
    with pytest.raises(BadScenario, match=r"bad\.toml: "):
        document.find(str(tmp_path / "bad.toml"))


def test_metadata_says_what_the_medium_says() -> None:
    said = '[ovf]\nhostname = "web-1"\nusername = "maria"\ndisable_ssh_password_authentication = {}'
    world = parse(said.format("false")).world(None)
    assert (world.identity.computer_name, world.imds.disable_password_authentication) == ("web-1", False)
    assert parse(said.format("true")).world(None).imds.disable_password_authentication
    named = parse('[fabric]\nidentity.computer_name = "other"\n[ovf]\nhostname = "web-1"\nusername = "maria"')
    assert named.world(None).identity.computer_name == "other"


def test_a_scenario_may_be_for_one_kind_of_guest() -> None:
    assert parse('needs_guest = "vm"').needs_guest == "vm"
    with pytest.raises(BadScenario, match="needs_guest"):
        parse('needs_guest = "cloud"')
