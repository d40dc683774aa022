"""Answers of the metadata service (codec.imds)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, damaged, example, value_or_document_failure
from waagent.codec.imds import Compute, network_is_valid, parse_compute
from waagent.model.failure import DocumentFailure

EXAMPLE = example("instance.json")


def compute() -> bytes:
    return json.dumps(json.loads(EXAMPLE)["compute"]).encode()


def test_the_fields_of_telemetry_are_read() -> None:
    assert parse_compute(compute()) == Compute(
        location="labregion",
        subscription_id="aaaaaaaa-0000-4000-8000-000000000001",
        resource_group_name="lab-rg",
        vm_id="99999999-8888-4777-8666-555555555555",
        publisher="labpublisher",
        offer="lab-offer",
        sku="lab-sku",
        version="1.0.0",
    )


def test_what_is_missing_or_null_is_empty_text() -> None:
    assert parse_compute(b'{"location": null}') == Compute()


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b'"x"', b"<html>"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure):
        parse_compute(data)


def test_the_complete_example_has_a_valid_network() -> None:
    assert network_is_valid(EXAMPLE)


def interface(**changes: Any) -> bytes:
    card = {"macAddress": "00155D0A1B2C", "ipv4": {"ipAddress": [{"privateIpAddress": "10.20.0.4"}]}, **changes}
    return json.dumps({"network": {"interface": [card]}}).encode()


@pytest.mark.parametrize(
    ("data", "valid"),
    [
        (interface(), True),
        (interface(macAddress=""), False),
        (interface(macAddress=None), False),
        (interface(ipv4={"ipAddress": []}), False),
        (interface(ipv4={"ipAddress": [{"privateIpAddress": " "}]}), False),
        (interface(ipv4=[]), False),
        (b'{"network": {"interface": []}}', False),
        (b'{"network": {"interface": {}}}', False),
        (b"{}", False),
        *((data, False) for data in HOSTILE),
    ],
)
def test_the_network_needs_both_addresses_of_the_first_interface(data: bytes, valid: bool) -> None:
    assert network_is_valid(data) is valid


@given(st.binary() | damaged(EXAMPLE) | damaged(compute()))
def test_any_bytes_give_a_value_or_a_document_failure(data: bytes) -> None:
    assert isinstance(network_is_valid(data), bool)
    value_or_document_failure(parse_compute, data)
