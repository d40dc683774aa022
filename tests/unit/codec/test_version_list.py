"""Version lists of extensions and agent families (codec.version_list)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, MARK, damaged, example, value_or_document_failure
from waagent.codec.version_list import parse
from waagent.model.extension import PackageVersion
from waagent.model.failure import DocumentFailure

EXAMPLE = example("version_list.xml")


def test_the_complete_example_is_read_whole() -> None:
    a, b = "https://laba.blob.example.net/p/Contoso.Lab.Script__", "https://labb.blob.example.net/p/Contoso.Lab.Script__"
    assert parse(EXAMPLE) == (
        PackageVersion("2.1.6", (f"{a}2.1.6", f"{b}2.1.6")),
        PackageVersion("2.0.0", (f"{a}2.0.0",)),
        PackageVersion("3.0.0", (f"{a}3.0.0",), internal=True),
    )


def test_a_byte_order_mark_changes_nothing() -> None:
    assert parse(MARK + EXAMPLE) == parse(EXAMPLE)


def test_the_flag_against_major_upgrades_influences_nothing() -> None:
    flag = b"<DisallowMajorVersionUpgrade>True</DisallowMajorVersionUpgrade>"
    assert flag in EXAMPLE
    assert parse(EXAMPLE.replace(flag, b"")) == parse(EXAMPLE)


def test_a_version_may_have_no_address_and_an_entry_without_version_is_left_out() -> None:
    plugin = b"<Plugin><Version> 1.0 </Version><Uris><Uri/></Uris></Plugin>"
    data = b"<PluginVersionManifest><Plugins>" + plugin + b"<Plugin/></Plugins></PluginVersionManifest>"
    assert parse(data) == (PackageVersion("1.0", ()),)


def test_a_list_may_be_empty_but_not_missing() -> None:
    assert parse(b"<PluginVersionManifest><Plugins/></PluginVersionManifest>") == ()
    with pytest.raises(DocumentFailure, match="PluginVersionManifest: the element Plugins is missing"):
        parse(b"<PluginVersionManifest/>")


def test_an_error_page_of_storage_is_no_manifest() -> None:
    with pytest.raises(DocumentFailure, match="the root element is Error"):
        parse(MARK + b'<?xml version="1.0" encoding="utf-8"?><Error><Code>BlobNotFound</Code></Error>')


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_another_document_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure):
        parse(data)


@given(st.binary() | damaged(EXAMPLE))
def test_any_bytes_give_versions_or_a_document_failure(data: bytes) -> None:
    found = value_or_document_failure(parse, data)
    assert found is None or all(each.version for each in found)
