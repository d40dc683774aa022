"""Goal states by the wire server: identities, incarnations, certificates, accounts, hold, features (fabric.md 3, 4, 10)."""

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from fabriclab.journal.entry import Entry
from fabriclab.scenario.lab import Lab
from fabriclab.world.events import (
    AddCertificate,
    AddJitUser,
    BumpIncarnation,
    ChangeContainer,
    RemoveJitUser,
    RequireFeatures,
    RotateCertificate,
    SetHold,
    SetStatusBlob,
    SetSwitch,
)
from fabriclab.world.values import JitUser, StatusBlob, TenantCertificate
from scenarios import fabric_labs as fabric
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.slow]
LIB = "/var/lib/waagent"
SECRET = {"secret": "not to be seen"}


def certificate_files(lab: Lab) -> dict[str, str]:
    """Name and mode of each certificate or key file."""
    listed = lab.guest.shell(f"cd {LIB} && stat -c '%n %a' *.crt *.prv 2>/dev/null; true").output
    return dict(line.rsplit(" ", 1) for line in listed.splitlines())


def thumbprints(lab: Lab) -> set[str]:
    return {lab.fabric.keys.get(one).thumbprint for one in lab.fabric.world.certificates}


# -- who we are


def test_another_container_without_a_new_incarnation_is_taken_up(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        before = lab.journal.last
        world = lab.fabric.apply(ChangeContainer())
        wanted = world.identity.container_id

        def knows_it(entry: Entry) -> bool:
            exchange = entry.exchange
            return (
                fabric.asked("hostplugin", "vmSettings")(entry)
                and exchange is not None
                and exchange.status in (200, 304)
                and exchange.request_header("x-ms-containerid") == wanted
            )

        labs.await_entry(lab, knows_it, "the new identity is used", before, patience=10)
        fabric.await_success(lab, "two", fabric.change(lab, "fast-track", "two"))
        assert len(fabric.refused(lab, before)) <= 2, "the old identity was used again and again"


@pytest.mark.parametrize("number", [1, 77])
def test_an_incarnation_that_goes_back_or_leaps_is_a_new_one(tmp_path: Path, number: int) -> None:
    with fabric.provisioned(tmp_path, "[fabric]\nincarnation = 9\n") as lab:
        before = lab.journal.last
        lab.fabric.apply(BumpIncarnation(number))
        labs.await_entry(lab, fabric.asked("wireserver", f"certificates&incarnation={number}", 200), "its parts", before)


def test_a_goal_state_that_lacks_its_role_instance_for_a_moment_does_no_harm(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        lab.fabric.apply(SetSwitch("omit_role_instance", 3))
        fabric.await_success(lab, "one", fabric.publish(lab))
        assert "could not be fetched" not in labs.log(lab)


# -- certificates


@pytest.mark.parametrize("ciphers", [["AES128_CBC", "DES_EDE3_CBC"], ["AES128_CBC"], ["DES_EDE3_CBC"]])
def test_certificates_come_by_either_cipher(tmp_path: Path, ciphers: list[str]) -> None:
    with fabric.provisioned(tmp_path, f"[fabric.switches]\nciphers = {json.dumps(ciphers)}\n") as lab:
        fabric.await_success(lab, "one; protected settings: read", fabric.publish(lab, protected=SECRET))
        (thumbprint,) = thumbprints(lab)
        files = certificate_files(lab)
        assert set(files) == {f"{thumbprint}.crt", f"{thumbprint}.prv"}
        assert set(files.values()) <= {"400", "600"}
        asked = fabric.requests(lab, "wireserver", "comp=certificates")
        assert {entry.facts.get("cipher") for entry in asked if not entry.refusal} == {ciphers[0]}


@pytest.mark.parametrize("mode", ["no-data", "wrong-format", "garbage", "garbage-content", "no-format", "single-line"])
def test_odd_certificates_stop_no_extension_that_needs_none(tmp_path: Path, mode: str) -> None:
    with fabric.provisioned(tmp_path, f'[fabric.switches]\ncertificates = "{mode}"\n') as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        files = certificate_files(lab)
        assert bool(files) == (mode in ("no-format", "single-line")), files
        assert not lab.guest.shell(f"ls {LIB}/Certificates.pfx").ok


def test_a_rotated_certificate_is_there_for_the_settings_encrypted_to_it(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one; protected settings: read", fabric.publish(lab, protected=SECRET))
        old = thumbprints(lab)
        lab.fabric.apply(RotateCertificate(TenantCertificate("tenant-2")))
        fabric.await_success(lab, "two; protected settings: read", fabric.publish(lab, message="two", protected=SECRET))
        new = thumbprints(lab)
        assert new != old
        assert {name.partition(".")[0] for name in certificate_files(lab)} >= new


def test_several_certificates_with_and_without_keys_are_all_written(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        before = lab.journal.last
        lab.fabric.apply(
            AddCertificate(TenantCertificate("ec-1", key="ec")), AddCertificate(TenantCertificate("user-1", key=""))
        )
        labs.await_entry(lab, fabric.asked("wireserver", "comp=certificates", 200), "they are fetched", before)
        fabric.await_success(lab, "one", fabric.publish(lab))
        names = set(certificate_files(lab))
        first, ec, user = (lab.fabric.keys.get(one).thumbprint for one in lab.fabric.world.certificates)
        assert names == {f"{first}.crt", f"{first}.prv", f"{ec}.crt", f"{ec}.prv", f"{user}.crt"}


def test_a_certificate_whose_time_is_over_serves_its_settings_all_the_same(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path, '[[fabric.certificates]]\nname = "old"\nexpired = true\n') as lab:
        fabric.await_success(lab, "one; protected settings: read", fabric.publish(lab, protected=SECRET))


def test_certificates_that_could_not_be_had_at_first_are_fetched_as_soon_as_they_can_be(tmp_path: Path) -> None:
    fault = '[[fault]]\nservice = "wireserver"\npath = "*comp=certificates*"\neffect = "status"\ncode = 500\n'
    with fabric.provisioned(tmp_path, fault) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab), patience=60)
        assert certificate_files(lab) == {}
        before = lab.journal.last
        lab.fabric.clear_faults()
        labs.await_entry(lab, fabric.asked("wireserver", "comp=certificates", 200), "they are fetched", before)
        labs.await_log(lab, "the certificates of the goal state are here now: 1")


# -- just-in-time accounts


def until(hours: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%a, %d %b %Y %H:%M:%S UTC")


def await_account(lab: Lab, name: str, there: bool, patience: float = labs.PATIENCE) -> None:
    """A user database tells nobody that it changes: it is looked at in short turns."""
    end = time.monotonic() + patience
    while lab.guest.run(["id", name]).ok != there:
        assert time.monotonic() < end, f"account {name} there: {not there}\n{labs.log(lab)}"
        time.sleep(0.1)


def test_just_in_time_accounts_come_and_go(tmp_path: Path) -> None:
    password = "Jit-Passw0rd-é"
    with fabric.provisioned(tmp_path) as lab:
        lab.fabric.apply(AddJitUser(JitUser("jit1", password, until(2))), AddJitUser(JitUser("jit2", "Other-Pw-1", until(2))))
        for name in ("jit1", "jit2"):
            await_account(lab, name, True)
        account = lab.guest.run(["getent", "passwd", "jit1"]).output
        assert account.split(":")[4] == "JIT_Account"
        stored = lab.guest.run(["getent", "shadow", "jit1"]).output.split(":")[1]
        check = f"import crypt,sys; sys.exit(crypt.crypt({password!r}, {stored!r}) != {stored!r})"
        assert lab.guest.run(["/usr/bin/python3", "-W", "ignore", "-c", check]).ok, "another password"
        assert "jit1" in lab.guest.shell("cat /etc/sudoers.d/*").output
        lab.fabric.apply(RemoveJitUser("jit1"))
        await_account(lab, "jit1", False)
        assert not lab.guest.run(["test", "-e", "/home/jit1"]).ok
        assert "jit1" not in lab.guest.shell("cat /etc/sudoers.d/*").output
        lab.fabric.apply(RemoveJitUser("jit2", forget=True))
        await_account(lab, "jit2", False)
        assert not lab.guest.shell(f"grep -rF '{password}' /var/log /var/lib/waagent").ok, "the password is in a file"


def test_an_access_that_has_expired_or_cannot_be_read_makes_no_account(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        users = [JitUser("late", "A-Password-1", until(-1)), JitUser("odd", "A-Password-2", "tomorrow")]
        users += [JitUser("good", "A-Password-3", until(1)), JitUser("kofi", "A-Password-4", until(1))]
        before = lab.guest.run(["getent", "shadow", "kofi"]).output
        lab.fabric.apply(*(AddJitUser(user) for user in users))
        await_account(lab, "good", True)
        labs.await_log(lab, "the account kofi is refused: an ordinary account has this name")
        assert "the account odd is refused: the expiration 'tomorrow' cannot be read" in labs.log(lab)
        assert not lab.guest.run(["id", "late"]).ok and not lab.guest.run(["id", "odd"]).ok
        assert lab.guest.run(["getent", "shadow", "kofi"]).output == before


def test_an_access_that_expires_is_ended_without_a_new_goal_state(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        lab.fabric.apply(AddJitUser(JitUser("brief", "A-Password-1", until(25 / 3600))))
        await_account(lab, "brief", True)
        await_account(lab, "brief", False, patience=90)


# -- hold, features, and what the goal state lacks


def test_on_hold_nothing_is_run_and_the_status_still_goes_out(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path, "[fabric]\non_hold = true\n") as lab:
        before = fabric.publish(lab)
        labs.await_entry(lab, fabric.is_status, "a status", before)
        labs.await_entry(lab, fabric.is_status, "the next status", lab.journal.last)
        assert not lab.guest.shell(f"test -e {labs.COMMANDS}").ok, "it was run in spite of the hold"
        before = lab.journal.last
        lab.fabric.apply(SetHold(False))
        fabric.await_success(lab, "one", before)


@pytest.mark.parametrize("profile", ["404", "empty", "not-json", "no-address", "nul-padded"])
def test_a_profile_with_any_problem_means_not_on_hold(tmp_path: Path, profile: str) -> None:
    with fabric.provisioned(tmp_path, f'[fabric.switches]\nprofile = "{profile}"\n') as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))


def test_features_that_we_do_not_know_fail_the_goal_state_with_2001(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        before = lab.journal.last
        lab.fabric.apply(RequireFeatures(("MultipleExtensionsPerHandler", "TimeTravel")))

        def fails(entry: Entry) -> bool:
            if not fabric.is_status(entry):
                return False
            aggregate = fabric.blob(entry)["aggregateStatus"]["vmArtifactsAggregateStatus"]["goalStateAggregateStatus"]
            return (aggregate["status"], aggregate["code"]) == ("Failed", 2001) and "TimeTravel" in json.dumps(aggregate)

        entry = labs.await_entry(lab, fails, "the goal state fails", before)
        handlers = fabric.blob(entry)["aggregateStatus"]["handlerAggregateStatus"]
        assert [one["handlerName"] for one in handlers] == [fabric.GOOD], "handlers on disk are reported on"


def test_a_goal_state_without_extensions_config_or_certificates_is_a_goal_state(tmp_path: Path) -> None:
    omit = '["ExtensionsConfig", "Certificates", "HostingEnvironmentConfig", "SharedConfig"]'
    with fabric.provisioned(tmp_path, f"[fabric]\nfast_track = false\n[fabric.switches]\nomit = {omit}\n") as lab:
        lab.fabric.apply(SetSwitch("omit", []))
        fabric.await_success(lab, "one", fabric.publish(lab))


def test_odd_but_legal_documents_are_read(tmp_path: Path) -> None:
    text = (
        '[fabric.switches]\nbom = ["goalState", "extensionsConfig", "sharedConfig", "remoteAccess"]\npadded_addresses = true\n'
        'duplicate_config_name = true\nhealth_probe = true\ngoal_state_version = "2010-12-15"\nplugin_versions_bom = true\n'
    )
    with fabric.provisioned(tmp_path, text) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        assert not fabric.refused(lab)
        assert (lab.guest.read(f"{LIB}/SharedConfig.xml") or b"").startswith(b"<")


def test_a_status_place_that_is_missing_is_asked_for_and_used_when_it_comes(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path, "[fabric]\nfast_track = false\n[fabric.status_blob]\npresent = false\n") as lab:
        labs.await_log(lab, "the goal state names no place for the status")
        before = lab.journal.last
        lab.fabric.apply(SetStatusBlob(StatusBlob()))
        labs.await_entry(lab, fabric.is_status, "a status", before)
