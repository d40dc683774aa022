"""ovf-env.xml: what is read, refused and blanked (guest.md 1.4 to 1.7)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waagent.codec import ovf_env
from waagent.model.failure import DocumentFailure
from waagent.model.ovf import KeyPair, OvfEnvironment, PoolType, PublicKey
from waagent.model.secret import Secret

SETTINGS = "<HostName>db-node-7</HostName><UserName>maria</UserName>"
PLATFORM = "<w:ProvisionGuestAgent>true</w:ProvisionGuestAgent>"


def document(settings: str = SETTINGS, platform: str = PLATFORM, version: str = "<w:Version>1.0</w:Version>") -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:w="http://schemas.microsoft.com/windowsazure"
             xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <w:ProvisioningSection>
    {version}
    <LinuxProvisioningConfigurationSet xmlns="http://schemas.microsoft.com/windowsazure">{settings}
    </LinuxProvisioningConfigurationSet>
  </w:ProvisioningSection>
  <w:PlatformSettingsSection>
    <w:PlatformSettings>{platform}</w:PlatformSettings>
  </w:PlatformSettingsSection>
</Environment>
"""


def parse(settings: str = "", platform: str = "") -> OvfEnvironment:
    return ovf_env.parse(document(SETTINGS + settings, PLATFORM + platform).encode())


def password(found: OvfEnvironment) -> str | None:
    return found.user_password.reveal() if found.user_password else None


def test_a_small_document_says_host_user_and_nothing_else() -> None:
    assert parse() == OvfEnvironment("db-node-7", "maria")


@pytest.mark.parametrize(
    ("gone", "name"),
    [
        ("<HostName>db-node-7</HostName>", "HostName"),
        ("<UserName>maria</UserName>", "UserName"),
        ("<w:ProvisionGuestAgent>true</w:ProvisionGuestAgent>", "ProvisionGuestAgent"),
        ("<w:Version>1.0</w:Version>", "Version"),
        ("w:ProvisioningSection", "ProvisioningSection"),
        ("LinuxProvisioningConfigurationSet", "LinuxProvisioningConfigurationSet"),
        ("w:PlatformSettingsSection", "PlatformSettingsSection"),
        ("w:PlatformSettings>", "PlatformSettings"),
    ],
)
def test_a_missing_mandatory_element_is_named(gone: str, name: str) -> None:
    text = document().replace(gone, "" if gone.startswith("<") else "w:Other" + (">" if gone.endswith(">") else ""))
    text = text.replace('xmlns="http://schemas.microsoft.com/windowsazure"', "") if "Configuration" in name else text
    with pytest.raises(DocumentFailure, match=rf"ovf-env\.xml: Environment.*{name}"):
        ovf_env.parse(text.encode())


def test_another_root_is_refused() -> None:
    with pytest.raises(DocumentFailure, match="Environment"):
        ovf_env.parse(b'<Environment xmlns="urn:other"/>')


@pytest.mark.parametrize("element", ["<HostName/>", "<HostName></HostName>", "<HostName>  </HostName>"])
def test_an_empty_host_name_counts_as_missing(element: str) -> None:
    with pytest.raises(DocumentFailure, match="HostName"):
        ovf_env.parse(document(SETTINGS.replace("<HostName>db-node-7</HostName>", element)).encode())


def test_a_nil_element_counts_as_missing_even_with_text() -> None:
    found = parse('<UserPassword xsi:nil="true">secret</UserPassword><CustomData xsi:nil="1">eA==</CustomData>')
    assert (found.user_password, found.custom_data) == (None, None)


def test_prefixes_do_not_matter() -> None:
    text = document().replace("w:", "anything:").replace("xmlns:w=", "xmlns:anything=")
    assert ovf_env.parse(text.encode()) == parse()


def test_entities_and_cdata_are_decoded_in_the_password_and_blanks_kept() -> None:
    assert password(parse("<UserPassword> Tr&amp;n&#115;it&lt;<![CDATA[&]]> </UserPassword>")) == " Tr&nsit<& "


@pytest.mark.parametrize("blanked", ["*", "REDACTED"])
def test_the_blanked_password_of_a_saved_copy_is_no_password(blanked: str) -> None:
    assert parse(f"<UserPassword>{blanked}</UserPassword>").user_password is None


@pytest.mark.parametrize(("text", "disabled"), [("true", True), ("TRUE", True), ("false", False), ("yes", False)])
def test_only_true_disables_passwords(text: str, disabled: bool) -> None:
    found = parse(f"<DisableSshPasswordAuthentication>{text}</DisableSshPasswordAuthentication>")
    assert found.disable_ssh_password_authentication is disabled


def test_a_missing_or_empty_flag_is_not_said() -> None:
    assert parse().disable_ssh_password_authentication is None
    found = parse("<DisableSshPasswordAuthentication/>")
    assert found.disable_ssh_password_authentication is None


def test_keys_are_found_anywhere_in_the_set_in_document_order() -> None:
    found = parse(
        "<SSH><PublicKeys><PublicKey><Fingerprint>3f:9a 0c</Fingerprint><Path>$HOME/a/.ssh/authorized_keys</Path></PublicKey>"
        "<PublicKey><Path>/b</Path><Value> ssh-rsa AAAA x@y </Value></PublicKey></PublicKeys>"
        "<KeyPairs><KeyPair><Fingerprint>ab</Fingerprint><Path>/c</Path></KeyPair></KeyPairs></SSH>"
    )
    assert found.public_keys == (
        PublicKey("$HOME/a/.ssh/authorized_keys", fingerprint="3F9A0C"),
        PublicKey("/b", "ssh-rsa AAAA x@y"),
    )
    assert found.key_pairs == (KeyPair("/c", "AB"),)


def test_a_fingerprint_can_never_become_a_path() -> None:
    found = parse("<SSH><KeyPairs><KeyPair><Fingerprint>../../etc/x</Fingerprint><Path>/c</Path></KeyPair></KeyPairs></SSH>")
    assert found.key_pairs == (KeyPair("/c", None),)
    assert "Fingerprint" in found.remarks[0]


def test_custom_data_is_kept_as_it_stands() -> None:
    assert parse("<CustomData>IyEv\nYmlu</CustomData>").custom_data == Secret("IyEv\nYmlu")


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("", PoolType.NONE),
        ("<w:PreprovisionedVm>true</w:PreprovisionedVm>", PoolType.RUNNING),
        ("<w:PreprovisionedVMType>Running</w:PreprovisionedVMType>", PoolType.RUNNING),
        ("<w:PreprovisionedVmType>savable</w:PreprovisionedVmType>", PoolType.SAVABLE),
        ('<w:PreprovisionedVMType xsi:nil="true"/>', PoolType.NONE),
        ("<w:PreprovisionedVMType>None</w:PreprovisionedVMType>", PoolType.NONE),
        ("<w:PreprovisionedVMType>PreprovisionedOSDisk</w:PreprovisionedVMType>", PoolType.OS_DISK),
        ("<w:PreprovisionedVMType>New</w:PreprovisionedVMType>", PoolType.UNKNOWN),
        (
            "<w:PreprovisionedVm>true</w:PreprovisionedVm><w:PreprovisionedVMType>Savable</w:PreprovisionedVMType>",
            PoolType.SAVABLE,
        ),
    ],
)
def test_the_kind_of_pool_is_read_in_both_spellings(platform: str, expected: PoolType) -> None:
    assert parse(platform=platform).pool_type is expected


@pytest.mark.parametrize(("version", "remarks"), [("1.0", 0), ("0.9", 0), ("1.1", 1), ("2", 1), ("10.0", 1)])
def test_a_newer_version_is_only_remarked(version: str, remarks: int) -> None:
    text = document(version=f"<w:Version>{version}</w:Version>")
    assert len(ovf_env.parse(text.encode()).remarks) == remarks


def test_a_long_password_and_large_custom_data_are_only_remarked() -> None:
    found = parse(f"<UserPassword>{'x' * 73}</UserPassword><CustomData>{'A' * 90000}</CustomData>")
    assert [remark.split()[0] for remark in found.remarks] == ["UserPassword", "CustomData"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode() + b"\0" * 700,
        lambda text: b"\r\n" + text.encode(),
        lambda text: text.replace("utf-8", "utf-16").encode("utf-16"),
    ],
    ids=["byte order mark", "padding", "blank line first", "utf-16"],
)
def test_what_surrounds_the_document_is_tolerated(wrap) -> None:  # type: ignore[no-untyped-def]
    data = wrap(document(SETTINGS + "<UserPassword>s3cret</UserPassword>"))
    assert password(ovf_env.parse(data)) == "s3cret"
    copy = ovf_env.redact(data)
    assert b"s3cret" not in copy and "s3cret".encode("utf-16-le") not in copy
    assert ovf_env.parse(copy).user_password is None


def test_the_saved_copy_differs_in_the_password_only() -> None:
    text = document(SETTINGS + "<UserPassword>s3cret</UserPassword><CustomData>eA==</CustomData>")
    assert ovf_env.redact(text.encode()).decode() == text.replace("s3cret", "*").strip()


@pytest.mark.parametrize(
    ("element", "kept"),
    [
        ("<w:UserPassword>s3cret</w:UserPassword>", "<w:UserPassword>*</w:UserPassword>"),
        ('<UserPassword a="b">s3cret</UserPassword>', '<UserPassword a="b">*</UserPassword>'),
        ("<UserPassword>\n<![CDATA[s3cret]]>\n</UserPassword>", "<UserPassword>*</UserPassword>"),
        ("<UserPassword><b>s3cret</b>s3cret</UserPassword>", "<UserPassword>*</UserPassword>"),
        ("<UserPassword>a<!-- s3cret -->b</UserPassword>", "<UserPassword>*</UserPassword>"),
        ("<AdminPassword>s3cret</AdminPassword>", "<AdminPassword>*</AdminPassword>"),
        ("<UserPassword/><!-- s3cret -->", "<UserPassword/>"),
        ("<UserPassword>s3cret</UserPassword><UserPassword>s3cret</UserPassword>", "<UserPassword>*</UserPassword>" * 2),
    ],
)
def test_a_password_is_blanked_whatever_its_shape(element: str, kept: str) -> None:
    copy = ovf_env.redact(document(SETTINGS + element).encode()).decode()
    assert kept in copy
    assert "s3cret" not in copy


def test_what_cannot_be_read_is_not_saved() -> None:
    with pytest.raises(DocumentFailure):
        ovf_env.redact(b"<Environment><UserPassword>s3cret</UserPassword>")


def test_a_document_type_is_refused() -> None:
    with pytest.raises(DocumentFailure):
        ovf_env.parse(b'<!DOCTYPE x [<!ENTITY a "b">]>' + document().partition("?>")[2].encode())


def test_the_password_never_prints() -> None:
    assert "s3cret" not in repr(parse("<UserPassword>s3cret</UserPassword>"))


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), min_size=1))
def test_any_password_is_read_as_it_is_and_leaves_no_trace_in_the_copy(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    data = document(SETTINGS + f"<UserPassword>{escaped}</UserPassword>").encode()
    expected = None if not text.strip() or text.strip() in ("*", "REDACTED") else text
    assert password(ovf_env.parse(data)) == expected
    assert b"<UserPassword>*</UserPassword>" in ovf_env.redact(data)


@given(st.binary())
@example(b"\xef\xbb\xbf")
@example(b'<?xml version="1.0" encoding="nonsense"?><a/>')
@example(b'<?xml version="1.0" encoding="utf-7"?><a/>')
@example(b"<a>" * 50000 + b"</a>" * 50000)
def test_hostile_bytes_give_a_document_failure(data: bytes) -> None:
    for function in (ovf_env.parse, ovf_env.redact):
        try:
            function(data)
        except DocumentFailure:
            continue


@given(st.data())
def test_damaged_documents_give_a_value_or_a_document_failure(data: st.DataObject) -> None:
    whole = bytearray(document(SETTINGS + "<UserPassword>s3cret</UserPassword>").encode())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        copy = ovf_env.redact(bytes(whole))
        ovf_env.parse(bytes(whole))
    except DocumentFailure:
        return
    assert ovf_env.parse(copy).host_name
