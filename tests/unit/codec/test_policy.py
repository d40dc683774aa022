"""The extension policy (extensions.md 5.7)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec import policy
from waagent.codec.policy import ExtensionPolicy, Policy
from waagent.model.failure import DocumentFailure

PATH = "/etc/waagent_policy.json"


def parse(value: Any) -> Policy:
    return policy.parse(json.dumps(value).encode(), PATH)


def test_a_policy_without_rules_allows_everything() -> None:
    found = parse({"policyVersion": "0.1.0"})
    assert found == Policy(PATH, "0.1.0")
    assert found.allows("Any.Thing") and not found.wants_signature("Any.Thing")


def test_an_allow_list_is_looked_up_ignoring_case() -> None:
    extensions = {"Contoso.Sample": {}, "Contoso.Signed": {"signatureRequired": False, "runtimePolicy": {"a": 1}}}
    policies = {"allowListedExtensionsOnly": True, "signatureRequired": True, "extensions": extensions}
    found = parse({"policyVersion": "0.1.0", "extensionPolicies": policies})
    assert found.allows("contoso.SAMPLE")
    assert not found.allows("Contoso.Other")
    assert found.wants_signature("Contoso.Sample") and not found.wants_signature("Contoso.Signed")
    assert found.entry("contoso.signed") == ExtensionPolicy("Contoso.Signed", False, {"a": 1})


def test_null_counts_as_absent() -> None:
    assert parse({"policyVersion": "0.1", "extensionPolicies": None}) == Policy(PATH, "0.1")
    rules = {"allowListedExtensionsOnly": None, "signatureRequired": None, "extensions": None}
    assert parse({"policyVersion": "0", "extensionPolicies": rules}) == Policy(PATH, "0")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([], ""),
        ({}, "policyVersion"),
        ({"policyVersion": None}, "policyVersion"),
        ({"policyVersion": 0.1}, "policyVersion"),
        ({"policyVersion": "0.1.0.0"}, "policyVersion"),
        ({"policyVersion": "0.1.x"}, "policyVersion"),
        ({"policyVersion": "0.1.1"}, "policyVersion"),
        ({"policyVersion": "1"}, "policyVersion"),
        ({"PolicyVersion": "0.1.0"}, "PolicyVersion"),
        ({"policyVersion": "0.1.0", "more": None}, "more"),
        ({"policyVersion": "0.1.0", "extensionPolicies": []}, "extensionPolicies"),
        ({"policyVersion": "0.1.0", "extensionPolicies": {"x": 1}}, "extensionPolicies.x"),
        (
            {"policyVersion": "0.1.0", "extensionPolicies": {"allowListedExtensionsOnly": "true"}},
            "extensionPolicies.allowListedExtensionsOnly",
        ),
        ({"policyVersion": "0.1.0", "extensionPolicies": {"signatureRequired": 1}}, "extensionPolicies.signatureRequired"),
        ({"policyVersion": "0.1.0", "extensionPolicies": {"extensions": []}}, "extensionPolicies.extensions"),
        ({"policyVersion": "0.1.0", "extensionPolicies": {"extensions": {"A": None}}}, "extensionPolicies.extensions.A"),
        ({"policyVersion": "0.1.0", "extensionPolicies": {"extensions": {"A": {"b": 1}}}}, "extensionPolicies.extensions.A.b"),
        (
            {"policyVersion": "0.1.0", "extensionPolicies": {"extensions": {"A": {"signatureRequired": "y"}}}},
            "extensionPolicies.extensions.A.signatureRequired",
        ),
    ],
)
def test_what_is_unclear_is_refused_with_file_and_place(value: Any, place: str) -> None:
    with pytest.raises(DocumentFailure) as failure:
        parse(value)
    assert (failure.value.document, failure.value.path) == (PATH, place)


@given(st.binary() | st.dictionaries(st.text(), st.text()).map(lambda value: json.dumps(value).encode()))
def test_hostile_bytes_give_a_document_failure(data: bytes) -> None:
    with pytest.raises(DocumentFailure):
        policy.parse(data, PATH)
