"""Which packages may run: the policy file and the signatures of packages, with a root certificate made for the test.

Follows extensions.md 5.6 and 5.7. What the policy asks for is enforced here, which the reference does not do.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fabriclab.scenario import hearing
from fabriclab.world.extension import Settings
from scenarios import labs
from scenarios.extensions.stage import HERE, LIBRARY, Stage, brief, going, one, packed, several, staged

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extension-trust"), pytest.mark.timeout(300)]

POLICY = "/etc/waagent_policy.json"
SETTINGS = '"Debug.EnableExtensionPolicy" = "y"\n"Debug.EnableSignatureValidation" = "y"'
REFUSED = "Extension will not be processed: failed to run extension "


@dataclass(frozen=True)
class Signer:
    """A root of its own, and a signer below it."""

    place: Path

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            ["openssl", *arguments], input=given, capture_output=True, cwd=self.place, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(self) -> None:
        new = ("req", "-newkey", "rsa:2048", "-nodes", "-days", "30")
        self.run(*new, "-x509", "-subj", "/CN=Lab Root", "-keyout", "root.key", "-out", "root.pem")
        self.run(*new, "-subj", "/CN=Lab Signer", "-keyout", "signer.key", "-out", "signer.csr")
        self.run(
            *("x509", "-req", "-in", "signer.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"),
            *("-days", "30", "-out", "signer.pem"),
        )

    def sign(self, package: bytes) -> str:
        (self.place / "package").write_bytes(package)
        signed = self.run(
            *("cms", "-sign", "-binary", "-in", "package", "-signer", "signer.pem", "-inkey", "signer.key"),
            *("-outform", "der", "-md", "sha256"),
        )
        return base64.b64encode(signed).decode()


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    made = Signer(tmp_path_factory.mktemp("signer"))
    made.make()
    return made


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Iterator[Stage]:
    files = {"/etc/test-root.pem": (signer.place / "root.pem").read_text()}
    adapter = HERE / "hurried/adapter.toml"
    with staged(tmp_path_factory.mktemp("stage"), "ours", SETTINGS, adapter, files) as made:
        yield made


def policy(stage: Stage, text: str | None = None, /, **extensions: Any) -> None:
    """Lay a policy file, from the members of ``extensionPolicies`` or as it is."""
    content = json.dumps({"policyVersion": "0.1.0", "extensionPolicies": extensions}) if text is None else text
    done = stage.lab.guest.run(["/bin/sh", "-c", f"cat >{POLICY}"], given=content.encode())
    assert done.ok


def signed(stage: Stage, signer: Signer, name: str, **changes: str) -> dict[str, str]:
    """Publish a signed package; what the goal state says of it. ``changes``: to its signing information."""
    publisher, _, kind = name.rpartition(".")
    info = {"publisher": publisher, "type": kind, "version": "1.0.0"} | changes
    manifest = json.loads((HERE / "probe/HandlerManifest.json").read_bytes())
    manifest[0]["signingInfo"] = info
    data = packed(files={"HandlerManifest.json": json.dumps(manifest).encode()})
    stage.put(name, "1.0.0", data)
    return {"encoded_signature": signer.sign(data)}


def message(stage: Stage, name: str) -> str:
    return hearing.message(stage.part(name))


# -- the policy's lists


def test_what_is_not_on_the_list_is_neither_run_nor_uninstalled(stage: Stage) -> None:
    policy(stage)
    stage.publish(one("List.Later"), one("List.Leaves"))
    policy(stage, allowListedExtensionsOnly=True, extensions={"list.GOOD": {}})
    stage.publish(one("List.Good"), one("List.Bad"), one("List.Later", sequence=1), going("List.Leaves"))
    assert brief(stage.part("List.Good")) == ("Ready", 0, "success", 0)
    assert brief(stage.part("List.Bad")) == ("NotReady", 1009, "error", 1009)
    assert message(stage, "List.Bad").startswith(f"{REFUSED}'List.Bad' because it is not on the allow list")
    assert POLICY in message(stage, "List.Bad")
    assert stage.commands("List.Bad") == []
    assert brief(stage.part("List.Later"))[:2] == ("NotReady", 1009)
    assert stage.commands("List.Later") == ["1.0.0 install 0", "1.0.0 enable 0"]
    assert brief(stage.part("List.Leaves"))[:2] == ("NotReady", 1010)
    assert stage.exists("List.Leaves-1.0.0")
    placed = json.loads(stage.read("List.Later-1.0.0/status/1.status") or "[]")[0]["status"]
    assert (placed["status"], placed["code"], placed["operation"]) == ("error", 1009, None)


def test_the_policy_is_read_anew_for_each_goal_state(stage: Stage) -> None:
    policy(stage, allowListedExtensionsOnly=True)
    stage.publish(one("List.Again"))
    assert stage.commands("List.Again") == []
    policy(stage, allowListedExtensionsOnly=False)
    stage.again()
    assert brief(stage.part("List.Again")) == ("Ready", 0, "success", 0)


def test_each_of_several_that_is_not_allowed_says_so_itself(stage: Stage) -> None:
    policy(stage, allowListedExtensionsOnly=True)
    stage.publish(several("List.Many", Settings(0, {}, name="a"), Settings(3, {}, name="b")))
    for name in ("a.0", "b.3"):
        assert '"code": 1009' in (stage.read(f"List.Many-1.0.0/status/{name}.status") or "")


def test_what_depends_on_something_that_is_not_allowed_is_skipped(stage: Stage) -> None:
    policy(stage, allowListedExtensionsOnly=True, extensions={"List.After": {}})
    stage.publish(one("List.First", level=1), one("List.After", level=2))
    assert stage.commands("List.After") == []
    assert brief(stage.part("List.After"))[:2] == ("NotReady", -1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not valid"),
        ("[]", "not valid"),
        ('{"policyVersion": "0.2.0"}', "0.2.0"),
        ('{"policyVersion": "0.1.0", "odd": 1}', "odd"),
        ('{"policyVersion": "0.1.0", "extensionPolicies": {"signatureRequired": "yes"}}', "signatureRequired"),
    ],
)
def test_a_policy_that_is_not_valid_stops_everything_and_says_what_is_wrong(stage: Stage, text: str, reason: str) -> None:
    policy(stage, text)
    stage.publish(one("List.Stopped"))
    assert brief(stage.part("List.Stopped"))[:2] == ("NotReady", 1009)
    said = message(stage, "List.Stopped")
    assert said.startswith("Extension will not be processed: [InvalidPolicyError]")
    assert reason in said
    assert POLICY in said
    assert stage.commands("List.Stopped") == []


# -- signatures


def test_a_package_signed_below_the_root_is_run_and_remembered(stage: Stage, signer: Signer) -> None:
    policy(stage, signatureRequired=True)
    stage.publish(one("Sign.Good", **signed(stage, signer, "Sign.Good")))
    assert brief(stage.part("Sign.Good")) == ("Ready", 0, "success", 0)
    assert stage.read("Sign.Good-1.0.0/package_validated") == ""
    assert stage.lab.guest.shell(f"ls {LIBRARY} | grep signature").output == ""
    stage.publish(one("Sign.Good", sequence=1))  # installed and remembered: the goal state need not carry it again
    assert brief(stage.part("Sign.Good")) == ("Ready", 0, "success", 0)


def test_packages_that_are_not_what_was_signed_are_not_run(stage: Stage, signer: Signer) -> None:
    policy(stage, signatureRequired=True)
    other = signed(stage, signer, "Sign.Other")
    stage.package("Sign.Changed", files={"more": b"x"})
    named = signed(stage, signer, "Sign.Named", publisher="Somebody")
    stage.publish(
        one("Sign.None"),
        one("Sign.Changed", **other),
        one("Sign.Named", **named),
        one("Sign.Garbage", encoded_signature="bm90IGEgc2lnbmF0dXJl"),
        one("Sign.Text", encoded_signature="***"),
    )
    for name, reason in (
        ("Sign.None", "the package is not signed"),
        ("Sign.Changed", "the signature does not hold"),
        ("Sign.Named", "publisher is 'Somebody', not 'Sign'"),
        ("Sign.Garbage", "the signature does not hold"),
        ("Sign.Text", "the signature is not base64"),
    ):
        assert brief(stage.part(name))[:2] == ("NotReady", 1009), name
        assert reason in message(stage, name), name
        assert "requires a valid signature" in message(stage, name), name
        assert stage.commands(name) == [], name
        assert not stage.exists(f"{name}-1.0.0/package_validated"), name
        assert name == "Sign.Named" or not stage.exists(f"{name}-1.0.0/handler.sh"), "unpacked although it was refused"


def test_one_extension_may_be_held_to_more_or_to_less(stage: Stage) -> None:
    policy(stage, signatureRequired=False, extensions={"Sign.Strict": {"signatureRequired": True}})
    stage.publish(one("Sign.Strict"), one("Sign.Loose"))
    assert brief(stage.part("Sign.Strict"))[:2] == ("NotReady", 1009)
    assert brief(stage.part("Sign.Loose")) == ("Ready", 0, "success", 0)


def test_without_a_policy_a_bad_signature_is_only_told(stage: Stage) -> None:
    stage.lab.guest.shell(f"rm -f {POLICY}")
    stage.publish(one("Sign.Told", encoded_signature="bm90IGEgc2lnbmF0dXJl"))
    assert brief(stage.part("Sign.Told")) == ("Ready", 0, "success", 0)
    assert not stage.exists("Sign.Told-1.0.0/package_validated")
    assert "PackageSignatureResult: the signature does not hold" in labs.log(stage.lab)


# -- secrets


def test_protected_settings_and_signatures_of_addresses_are_in_no_log_and_no_status(stage: Stage) -> None:
    secret = "tr0ub4dor-and-3"
    stage.lab.guest.shell(f"rm -f {POLICY}")
    stage.wish("Hush.Fails", "enable", "env >&2; exit 1")
    mark = stage.lab.journal.last
    stage.publish(one("Hush.Good", protected={"password": secret}), one("Hush.Fails", protected={"password": secret}))
    stage.restart()
    found = stage.lab.guest.shell(f"grep -rlF {secret} /var/log /var/lib/waagent /run /tmp /etc 2>/dev/null").output.split()
    assert found == []
    logs = stage.lab.guest.shell("grep -rhiE 'sig=[^R<]' /var/log/waagent.log /var/log/azure").output
    assert logs == ""
    sealed = (stage.read("Hush.Good-1.0.0/config/0.settings") or "").partition('"protectedSettings": "')[2].partition('"')[0]
    assert len(sealed) > 100
    assert sealed not in labs.log(stage.lab)
    sent = [entry.exchange.request_body for entry in stage.lab.journal.since(mark) if entry.exchange]
    assert [body for body in sent if secret.encode() in body or sealed.encode() in body] == []
