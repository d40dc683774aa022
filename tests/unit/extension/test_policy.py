"""Who may be processed (extensions.md 3.6, 5.7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unit.fakes import MemoryFiles
from waagent.config.parse import parse
from waagent.extension import policy
from waagent.extension.policy import Gate
from waagent.model.extension import RequestedHandler, RequestedState
from waagent.model.failure import ExtensionFailure

PATH = "/etc/waagent_policy.json"
ACTIVE = "Debug.EnableExtensionPolicy=y\n"


def handler(name: str = "Contoso.Lab.Script", state: RequestedState = RequestedState.ENABLED) -> RequestedHandler:
    return RequestedHandler(name, "1.2.3", state)


def gate(extensions: Any = None, config: str = ACTIVE, **policies: Any) -> Gate:
    files = MemoryFiles()
    document = {"policyVersion": "0.1.0", "extensionPolicies": {**policies, "extensions": extensions}}
    files.put(PATH, json.dumps(document))
    return policy.load(files, parse(config)[0])


def message(found: policy.Refusal | None) -> str:
    assert found is not None
    return found.message


def test_without_a_policy_everything_is_allowed() -> None:
    assert policy.load(MemoryFiles(), parse(ACTIVE)[0]).refusal(handler()) is None


def test_a_policy_that_was_not_switched_on_is_not_even_read() -> None:
    files = MemoryFiles().put(PATH, "garbage").break_at(PATH)
    assert policy.load(files, parse("")[0]).refusal(handler()) is None


def test_a_list_allows_those_on_it_whatever_the_case() -> None:
    found = gate({"contoso.lab.SCRIPT": {}}, allowListedExtensionsOnly=True)
    assert found.refusal(handler()) is None
    assert found.refusal(handler("Contoso.Lab.Other")) is not None
    assert gate({}, allowListedExtensionsOnly=False).refusal(handler()) is None


@pytest.mark.parametrize(
    ("state", "verb", "code"),
    [
        (RequestedState.ENABLED, "run", 1009),
        (RequestedState.UNINSTALL, "uninstall", 1010),
        (RequestedState.DISABLED, "uninstall", 1010),
    ],
)
def test_others_are_refused_for_every_request(state: RequestedState, verb: str, code: int) -> None:
    refusal = gate({}, allowListedExtensionsOnly=True).refusal(handler(state=state))
    assert message(refusal).startswith(f"Extension will not be processed: failed to {verb} extension 'Contoso.Lab.Script'")
    assert PATH in message(refusal)
    assert refusal is not None and (refusal.code, refusal.blocks) == (code, True)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "not JSON"),
        ("[]", "an object is expected"),
        ('{"extensionPolicies": {}}', "policyVersion"),
        ('{"policyVersion": "9.0"}', "not supported"),
        ('{"policyVersion": "0.1.0", "extensionPolicies": {"extensions": {"a.b": null}}}', "extensionPolicies.extensions.a.b"),
        ('{"policyVersion": "0.1.0", "signatureRequired": true}', "signatureRequired"),
    ],
)
def test_a_policy_that_is_not_understood_allows_nothing(content: str, why: str) -> None:
    found = policy.load(MemoryFiles().put(PATH, content), parse(ACTIVE)[0])
    refusal = found.first(handler(state=RequestedState.UNINSTALL))
    assert message(refusal).startswith("Extension will not be processed: [InvalidPolicyError] ")
    assert why in message(refusal) and PATH in message(refusal)
    assert refusal is not None and (refusal.code, refusal.blocks) == (1010, False)


def test_a_policy_that_cannot_be_read_allows_nothing() -> None:
    for files in (
        MemoryFiles().put(PATH).break_at(PATH),
        MemoryFiles().put_directory(PATH),
        MemoryFiles().put_link(PATH, "/no"),
    ):
        assert "[InvalidPolicyError]" in message(policy.load(files, parse(ACTIVE)[0]).refusal(handler()))


def test_extensions_can_be_disabled_by_configuration() -> None:
    found = gate({}, "Extensions.Enabled=n\n")
    refusal = found.refusal(handler(), "Contoso.Lab.Script.jobA")
    assert refusal is not None and refusal.code == 1009
    assert "Contoso.Lab.Script.jobA" in refusal.message
    assert "Extensions.Enabled" in refusal.message and "/etc/waagent.conf" in refusal.message


def test_configuration_comes_before_a_bad_policy() -> None:
    files = MemoryFiles().put(PATH, "{")
    found = policy.load(files, parse(ACTIVE + "Extensions.Enabled=n\n")[0])
    assert "Extensions.Enabled" in message(found.refusal(handler()))


def test_a_signature_that_the_policy_wants_is_enforced() -> None:
    found = gate({"contoso.lab.open": {"signatureRequired": False}}, signatureRequired=True)
    assert found.refusal(handler()) is None
    with pytest.raises(ExtensionFailure) as caught:
        found.require_validated(handler(), "the package is not signed")
    assert caught.value.code == 1009
    assert "requires a valid signature: the package is not signed" in caught.value.reason
    found.require_validated(handler(), None)
    found.require_validated(handler("Contoso.Lab.Open"), "the package is not signed")


def test_no_signature_is_wanted_for_going_or_without_a_policy() -> None:
    strict = gate({}, signatureRequired=True)
    assert strict.wants_signature(handler())
    assert not strict.wants_signature(handler(state=RequestedState.UNINSTALL))
    assert not gate({}).wants_signature(handler())
    assert not Gate().wants_signature(handler())
