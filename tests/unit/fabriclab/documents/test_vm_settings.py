"""/vmSettings and the artifacts profile: the same wishes in another form."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fabriclab.documents import artifacts_profile, vm_settings
from fabriclab.documents.tenant_keys import TenantKeys
from fabriclab.world.extension import Dependency, Extension, Flaw, Settings
from fabriclab.world.switches import Profile, Switches, VmSettings
from fabriclab.world.values import FastTrack, StatusBlob, TenantCertificate, World
from unit.fabriclab.documents import openssl

GOOD = Extension("Contoso.Lab.Good", "1.0.0", settings=(Settings(3, {"a": {"b": "c"}}, level=1),))
MULTI = Extension(
    "Contoso.Lab.Multi",
    "1.0.3",
    multi_config=True,
    settings=(Settings(4, name="jobA", level=1, depends_on=(Dependency("Contoso.Lab.Good"),)), Settings(5, name="jobB")),
)

SEALED = replace(GOOD, settings=(Settings(0, protected={"a": "b"}),))


@pytest.fixture(scope="module")
def keys() -> TenantKeys:
    return TenantKeys()


def world(*extensions: Extension, mode: VmSettings = VmSettings.NORMAL, **fast: Any) -> World:
    return World(fast_track=FastTrack(extensions=extensions, **fast), switches=Switches(vm_settings=mode))


def parse(wanted: World, keys: TenantKeys) -> Any:
    return json.loads(vm_settings.render(wanted, keys))


def test_public_settings_are_a_string_that_holds_json(keys: TenantKeys) -> None:
    (found,) = parse(world(GOOD), keys)["extensionGoalStates"]
    assert found["settingsSeqNo"] == 3
    (settings,) = found["settings"]
    assert json.loads(settings["publicSettings"]) == {"a": {"b": "c"}}
    assert set(settings) == {"publicSettings"}
    assert found["dependsOn"] == [{"dependsOnExtension": [], "dependencyLevel": 1}]


def test_multi_config_names_its_instances(keys: TenantKeys) -> None:
    (found,) = parse(world(MULTI), keys)["extensionGoalStates"]
    assert found["isMultiConfig"] is True
    assert [(item["extensionName"], item["seqNo"]) for item in found["settings"]] == [("jobA", 4), ("jobB", 5)]
    assert found["dependsOn"] == [
        {"dependsOnExtension": [{"handler": "Contoso.Lab.Good"}], "dependencyLevel": 1, "name": "jobA"}
    ]


def test_protected_settings_open_with_the_key_of_their_thumbprint(keys: TenantKeys, tmp_path: Path) -> None:
    protected = replace(GOOD, settings=(Settings(0, protected={"password": "Swordfish ü"}),))
    body = vm_settings.render(world(protected), keys)
    assert b"Swordfish" not in body
    (settings,) = json.loads(body)["extensionGoalStates"][0]["settings"]
    made = keys.get(TenantCertificate("tenant-1"))
    assert made.key is not None and settings["protectedSettingsCertThumbprint"] == made.thumbprint
    private, certificate = tmp_path / "a.prv", tmp_path / "a.crt"
    private.write_bytes(made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate.write_bytes(made.certificate.public_bytes(Encoding.PEM))
    sealed = base64.b64decode(settings["protectedSettings"])
    assert json.loads(openssl.decrypt(sealed, private, certificate)) == {"password": "Swordfish ü"}
    shown = openssl.show(sealed)
    assert shown.count("version: 0") == 2
    assert "issuerAndSerialNumber" in shown and "rsaEncryption" in shown and "des-ede3-cbc" in shown


def test_settings_can_be_sealed_with_a_certificate_that_is_no_longer_there(keys: TenantKeys) -> None:
    pinned = replace(GOOD, settings=(Settings(0, protected={}, certificate="gone"),))
    (settings,) = parse(world(pinned), keys)["extensionGoalStates"][0]["settings"]
    assert settings["protectedSettingsCertThumbprint"] == keys.get(TenantCertificate("gone")).thumbprint


@pytest.mark.parametrize(
    ("flaw", "extension", "shows"),
    [
        (Flaw.NO_SEQUENCE, GOOD, lambda found: "settingsSeqNo" not in found),
        (Flaw.NO_SEQUENCE, MULTI, lambda found: "seqNo" not in found["settings"][0]),
        (Flaw.TWO_RUNTIME_SETTINGS, GOOD, lambda found: len(found["settings"]) == 2),
        (Flaw.TWO_DEPENDS_ON, GOOD, lambda found: len(found["dependsOn"]) == 2),
        (Flaw.NAMELESS_INSTANCE, MULTI, lambda found: "extensionName" not in found["settings"][0]),
        (Flaw.NAMELESS_DEPENDS_ON, MULTI, lambda found: "name" not in found["dependsOn"][0]),
        (Flaw.NOT_JSON, GOOD, lambda found: found["settings"][0]["publicSettings"] == "{ this is not JSON"),
        (Flaw.NO_THUMBPRINT, SEALED, lambda found: set(found["settings"][0]) == {"protectedSettings"}),
    ],
)
def test_a_flaw_shows_and_shows_only_when_it_is_wanted(
    flaw: Flaw, extension: Extension, shows: Callable[[Any], bool], keys: TenantKeys
) -> None:
    flawed = replace(extension, flaws=frozenset({flaw}))
    assert shows(parse(world(flawed), keys)["extensionGoalStates"][0])
    assert not shows(parse(world(extension), keys)["extensionGoalStates"][0])


def test_source_and_ticks_are_those_of_fast_track(keys: TenantKeys) -> None:
    found = parse(world(source="FastTrack"), keys)
    assert found["extensionGoalStatesSource"] == "FastTrack"
    assert found["extensionsLastModifiedTickCount"] == 638_900_000_000_000_000
    assert "extensionGoalStatesSource" not in parse(world(source=None), keys)


def test_the_etag_is_the_bare_number() -> None:
    assert vm_settings.etag(world(etag=17)) == "17"


def test_a_missing_status_blob_is_left_out(keys: TenantKeys) -> None:
    assert "statusUploadBlob" not in parse(replace(world(), status_blob=StatusBlob(present=False)), keys)


def test_shuffled_case_changes_every_name_and_no_value(keys: TenantKeys) -> None:
    def lower(value: Any) -> Any:
        if isinstance(value, dict):
            return {name.lower(): lower(item) for name, item in value.items()}
        return [lower(item) for item in value] if isinstance(value, list) else value

    plain = parse(world(GOOD, MULTI), keys)
    shuffled = parse(world(GOOD, MULTI, mode=VmSettings.SHUFFLED_CASE), keys)
    assert not set(plain) & set(shuffled)
    assert lower(plain) == lower(shuffled)


def test_modes_of_the_body(keys: TenantKeys) -> None:
    assert vm_settings.render(world(mode=VmSettings.BOM), keys).startswith(b"\xef\xbb\xbf{")
    with pytest.raises(ValueError):
        parse(world(mode=VmSettings.NOT_JSON), keys)


@pytest.mark.parametrize(
    ("mode", "content"),
    [(Profile.NORMAL, True), (Profile.NUL_PADDED, True), (Profile.TEXT, "True")],
)
def test_the_profile_says_whether_extensions_are_held(mode: Profile, content: object) -> None:
    body = artifacts_profile.render(World(on_hold=True, switches=Switches(profile=mode)))
    assert body is not None
    assert json.loads(body.rstrip(b"\0"))["onHold"] == content
    assert (body.endswith(b"\0") and len(body) % 512 == 0) == (mode is Profile.NUL_PADDED)


def test_the_profile_can_be_missing_empty_or_broken() -> None:
    def body(mode: Profile) -> bytes | None:
        return artifacts_profile.render(World(switches=Switches(profile=mode)))

    assert body(Profile.MISSING) is None and body(Profile.NO_ADDRESS) is None
    assert body(Profile.EMPTY) == b""
    with pytest.raises(ValueError):
        json.loads(body(Profile.NOT_JSON) or b"")
