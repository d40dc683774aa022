"""The agent's codecs read what the lab renders: two programs that share nothing but the protocol must understand each other."""

import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from fabriclab.documents import artifacts_profile as lab_profile
from fabriclab.documents import certificates as lab_certificates
from fabriclab.documents import cms as lab_cms
from fabriclab.documents import extensions_config as lab_config
from fabriclab.documents import goal_state as lab_goal_state
from fabriclab.documents import imds as lab_imds
from fabriclab.documents import manifest as lab_manifest
from fabriclab.documents import remote_access as lab_remote_access
from fabriclab.documents import role_configuration as lab_role
from fabriclab.documents import versions as lab_versions
from fabriclab.documents import vm_settings as lab_settings
from fabriclab.documents.tenant_keys import TenantKeys
from fabriclab.world import switches as lab_switches
from fabriclab.world.extension import Dependency, Extension, Flaw, Package, Settings
from fabriclab.world.values import AgentFamily, FastTrack, GoalStateMetadata, JitUser, StatusBlob, TenantCertificate, World
from unit.fabric import openssl_door
from waagent.codec import (
    artifacts_profile,
    certificates,
    extensions_config,
    goal_state,
    hosting_environment,
    imds,
    remote_access,
    saved,
    version_list,
    versions,
    vm_settings,
)
from waagent.fabric.certificates import CertificateStore
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.failure import DocumentFailure, ExchangeFailure
from waagent.model.goal_state import BlobType, Channel, Etag, ExtensionsGoalState, Incarnation

LOCATIONS = ("http://mirror.example/manifest.xml",)
SEALED = Settings(7, {"a": [1, None, "é<&\"'"]}, protected={"b": "s3cret"})
SCRIPT = Settings(3, None, level=1, depends_on=(Dependency("Contoso.Lab.Good"),))
JOBS = (
    Settings(0, {"x": "y"}, name="jobA", level=2, depends_on=(Dependency("Contoso.Lab.Good"),)),
    Settings(5, {}, name="jobB", state="disabled"),
)
EXTENSIONS = (
    Extension("Contoso.Lab.Good", "1.0.0", settings=(SEALED,), additional_locations=LOCATIONS, encoded_signature="MIIB"),
    Extension("Contoso.Lab.Script", "2.0.0", settings=(SCRIPT,)),
    Extension("Contoso.Lab.Multi", "1.0.3", multi_config=True, settings=JOBS),
    Extension("Contoso.Lab.Bare", "1.0"),
    Extension("Contoso.Lab.Old", "0.9", state="uninstall"),
)
WORLD = World(
    extensions=EXTENSIONS,
    fast_track=FastTrack(source="FastTrack", extensions=EXTENSIONS, metadata=GoalStateMetadata(9, 638900000000000001)),
    required_features=("MultipleExtensionsPerHandler",),
    families=(AgentFamily("Prod", "9.9.9.10", "9.9.9.11", True, False), AgentFamily("Test")),
)


@pytest.fixture(scope="module")
def keys() -> TenantKeys:
    return TenantKeys()


def fabric(world: World, keys: TenantKeys) -> ExtensionsGoalState:
    return extensions_config.parse(lab_config.render(world, keys), Incarnation("1"))


def fast(world: World, keys: TenantKeys) -> ExtensionsGoalState:
    return vm_settings.parse(lab_settings.render(world, keys), Etag("1")).goal_state


def flawed(flaw: Flaw, multi_config: bool) -> World:
    wanted = replace(EXTENSIONS[2 if multi_config else 0], name="Contoso.Lab.Flawed", flaws=frozenset({flaw}))
    extensions = (EXTENSIONS[1], wanted, EXTENSIONS[3])
    return replace(WORLD, extensions=extensions, fast_track=FastTrack(source="FastTrack", extensions=extensions))


def plain(handler: RequestedHandler) -> RequestedHandler:
    """Without what is encrypted anew each time."""
    extensions = tuple(replace(each, protected_settings=None) for each in handler.extensions)
    return replace(handler, extensions=extensions)


def test_both_channels_ask_for_the_same_handlers(keys: TenantKeys) -> None:
    wire, quick = fabric(WORLD, keys), fast(WORLD, keys)
    assert [plain(each) for each in wire.handlers] == [plain(each) for each in quick.handlers]
    assert (wire.families, wire.required_features, wire.status_blob) == (
        quick.families,
        quick.required_features,
        quick.status_blob,
    )
    assert (wire.in_svd_seq_no, quick.in_svd_seq_no) == ("1", 9)
    assert quick.created_on_ticks - wire.created_on_ticks == 1
    good, script, multi, bare, old = wire.handlers
    assert [each.invalid for each in wire.handlers] == [None] * 5
    assert good.extensions[0].public_settings == SEALED.public
    assert good.extensions[0].protected_settings and good.extensions[0].certificate_thumbprint
    assert (good.manifest_uris[-1], good.encoded_signature) == (LOCATIONS[0], "MIIB")
    assert script.extensions == (RequestedExtension("Contoso.Lab.Script", 3, dependency_level=1),)
    assert [(each.name, each.sequence_number, each.state, each.dependency_level) for each in multi.extensions] == [
        ("jobA", 0, RequestedState.ENABLED, 2),
        ("jobB", 5, RequestedState.DISABLED, 0),
    ]
    assert (bare.extensions, old.state) == ((), RequestedState.UNINSTALL)


INVALID = {
    Flaw.VERSION_MISMATCH: "single multi",
    Flaw.DUPLICATE_SETTINGS: "single multi",
    Flaw.BOTH_KINDS: "single multi",
    Flaw.TWO_RUNTIME_SETTINGS: "single multi",
    Flaw.TWO_DEPENDS_ON: "single",
    Flaw.NAMELESS_INSTANCE: "multi",
    Flaw.NAMELESS_DEPENDS_ON: "multi",
    Flaw.NO_SEQUENCE: "single multi",
    Flaw.EMPTY_SEQUENCE: "single multi",
    Flaw.TEXT_SEQUENCE: "single multi",
}
REJECTED = {
    Flaw.NO_SEQUENCE: "single multi",
    Flaw.TWO_RUNTIME_SETTINGS: "single",
    Flaw.TWO_DEPENDS_ON: "single",
    Flaw.NAMELESS_INSTANCE: "multi",
    Flaw.NAMELESS_DEPENDS_ON: "multi",
    Flaw.NOT_JSON: "single multi",
    Flaw.NO_THUMBPRINT: "single",
}


@pytest.mark.parametrize("form", ["single", "multi"])
@pytest.mark.parametrize("flaw", list(Flaw))
def test_a_flaw_of_the_config_stays_with_its_handler(keys: TenantKeys, flaw: Flaw, form: str) -> None:
    before, found, after = fabric(flawed(flaw, form == "multi"), keys).handlers
    assert before.invalid is after.invalid is None
    assert (found.invalid is not None) is (form in INVALID.get(flaw, "").split()), found.invalid
    if found.invalid is None and flaw is not Flaw.EMPTY_RUNTIME_SETTINGS:
        assert [each.sequence_number for each in found.extensions] == ([0, 5] if form == "multi" else [7])


@pytest.mark.parametrize("form", ["single", "multi"])
@pytest.mark.parametrize("flaw", list(Flaw))
def test_a_flaw_of_the_settings_rejects_the_document(keys: TenantKeys, flaw: Flaw, form: str) -> None:
    world = flawed(flaw, form == "multi")
    if form in REJECTED.get(flaw, "").split():
        with pytest.raises(DocumentFailure, match=r"extensionGoalStates\[1\]"):
            fast(world, keys)
    else:
        assert [each.invalid for each in fast(world, keys).handlers] == [None] * 3


def test_an_unknown_state_fails_one_handler_of_the_config_and_all_settings(keys: TenantKeys) -> None:
    wanted = (EXTENSIONS[0], replace(EXTENSIONS[1], state="paused"))
    world = replace(WORLD, extensions=wanted, fast_track=FastTrack(extensions=wanted))
    assert [each.invalid is None for each in fabric(world, keys).handlers] == [True, False]
    with pytest.raises(DocumentFailure, match=r"extensionGoalStates\[1\]\.state"):
        fast(world, keys)


@pytest.mark.parametrize(
    ("mode", "fails"),
    [
        (lab_switches.VmSettings.SHUFFLED_CASE, False),
        (lab_switches.VmSettings.BOM, True),
        (lab_switches.VmSettings.NOT_JSON, True),
    ],
)
def test_the_modes_of_the_settings_are_taken_as_the_protocol_says(
    keys: TenantKeys, mode: lab_switches.VmSettings, fails: bool
) -> None:
    world = replace(WORLD, switches=replace(WORLD.switches, vm_settings=mode))
    if fails:
        with pytest.raises(DocumentFailure):
            fast(world, keys)
    else:
        assert [plain(each) for each in fast(world, keys).handlers] == [plain(each) for each in fast(WORLD, keys).handlers]


@pytest.mark.parametrize(("source", "expected"), [("FastTrack", Channel.FAST_TRACK), ("Fabric", Channel.FABRIC), (None, None)])
def test_the_source_of_the_settings(keys: TenantKeys, source: str | None, expected: Channel | None) -> None:
    world = replace(WORLD, fast_track=FastTrack(source=source))
    assert vm_settings.parse(lab_settings.render(world, keys), Etag("1")).source is expected


@pytest.mark.parametrize(
    ("kind", "expected"), [("PageBlob", BlobType.PAGE), ("nonsense", BlobType.BLOCK), ("", BlobType.BLOCK)]
)
def test_the_place_of_the_status(keys: TenantKeys, kind: str, expected: BlobType) -> None:
    world = replace(WORLD, status_blob=StatusBlob(kind))
    for found in (fabric(world, keys), fast(world, keys)):
        assert found.status_blob is not None and found.status_blob.blob_type is expected
    without = replace(WORLD, status_blob=StatusBlob(present=False))
    assert fabric(without, keys).status_blob is fast(without, keys).status_blob is None


def test_byte_order_marks_padding_and_repeated_names_change_nothing(keys: TenantKeys) -> None:
    marked = frozenset(
        {"goalState", "sharedConfig", "extensionsConfig", "hostingEnvironmentConfig", "certificates", "manifest"}
    )
    odd = replace(WORLD, switches=replace(WORLD.switches, bom=marked, padded_addresses=True, duplicate_config_name=True))
    assert goal_state.parse(lab_goal_state.render(odd)) == goal_state.parse(lab_goal_state.render(WORLD))
    assert [plain(each) for each in fabric(odd, keys).handlers] == [plain(each) for each in fabric(WORLD, keys).handlers]


def test_who_we_are() -> None:
    found = goal_state.parse(lab_goal_state.render(WORLD))
    identity = WORLD.identity
    assert (found.container_id, found.instance_id) == (identity.container_id, identity.role_instance)
    assert (found.config_name, found.remote_access_url) == (identity.config_name, None)
    assert found.certificates_url and found.extensions_config_url and found.shared_config_url and found.hosting_environment_url
    hosting = hosting_environment.parse(lab_role.hosting_environment(WORLD, ()))
    assert hosting.vm_name == f"_{identity.vm_name}"
    assert "2012-11-30" in versions.parse(lab_versions.render(WORLD))


def test_a_goal_state_without_its_role_for_a_moment() -> None:
    world = replace(WORLD, switches=replace(WORLD.switches, omit_role_instance=1))
    found = goal_state.parse(lab_goal_state.render(world))
    assert (found.container_id, found.instance_id, found.config_name) == (WORLD.identity.container_id, None, None)


@pytest.mark.parametrize("bom", [False, True])
def test_a_version_list(bom: bool) -> None:
    packages = (Package("1.0.0"), Package("1.1.0", uris=()), Package("2.0.0", internal=True, disallow_major_upgrade=True))
    found = version_list.parse(lab_manifest.render("Contoso.Lab.Good", packages, bom))
    assert [(each.version, len(each.uris), each.internal) for each in found] == [
        ("1.0.0", 1, False),
        ("1.1.0", 0, False),
        ("2.0.0", 1, True),
    ]


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("mode", ["normal", "nul-padded", "text", "empty", "not-json"])
def test_the_artifacts_profile(hold: bool, mode: str) -> None:
    world = replace(WORLD, on_hold=hold, switches=replace(WORLD.switches, profile=lab_switches.Profile(mode)))
    data = lab_profile.render(world)
    assert data is not None
    if mode == "not-json":
        with pytest.raises(DocumentFailure):
            artifacts_profile.on_hold(data)
    else:
        assert artifacts_profile.on_hold(data) is (hold and mode != "empty")


def test_the_metadata_service() -> None:
    instance = lab_imds.instance(WORLD, "2018-02-01")
    assert imds.network_is_valid(json.dumps(instance).encode())
    found = imds.parse_compute(json.dumps(instance["compute"]).encode())
    assert (found.vm_id, found.location) == (WORLD.identity.vm_id, WORLD.identity.location)


# -- what is encrypted to the agent's own transport certificate, with the real openssl


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CertificateStore:
    world, _, _ = openssl_door.world_on(tmp_path_factory.mktemp("transport"))
    store = CertificateStore(world.system, openssl_door.paths(), None)
    store.create_transport_pair()
    return store


TENANTS = (TenantCertificate("tenant-1"), TenantCertificate("curve", key="ec"), TenantCertificate("bare", key=""))


@pytest.mark.parametrize(
    ("mode", "count"),
    [
        ("normal", 3),
        ("single-line", 3),
        ("no-format", 3),
        ("orphan-key", 3),
        ("wrong-format", 0),
        ("no-data", 0),
        ("empty-data", 0),
        ("garbage", 0),
        ("garbage-content", 0),
    ],
)
def test_the_certificates_are_unpacked(keys: TenantKeys, store: CertificateStore, mode: str, count: int) -> None:
    switches = replace(WORLD.switches, certificates=lab_switches.Certificates(mode), bom=frozenset({"certificates"}))
    world = replace(WORLD, certificates=TENANTS, switches=switches)

    def fetch(certificate: str, cipher: str) -> bytes:
        data = lab_certificates.render(world, keys, lab_certificates.recipient(certificate), cipher)
        if mode == "normal":
            assert max(map(len, (certificates.parse(data).data or "").splitlines())) == 64
        return data

    found = {each.thumbprint: each.has_private_key for each in store.update(fetch)}
    assert found == ({keys.get(each).thumbprint: bool(each.key) for each in TENANTS} if count else {})


@pytest.mark.parametrize("cipher", ["AES128_CBC", "DES_EDE3_CBC"])
def test_either_cipher_is_enough(keys: TenantKeys, store: CertificateStore, cipher: str) -> None:
    world = replace(WORLD, certificates=TENANTS, switches=replace(WORLD.switches, ciphers=frozenset({cipher})))

    def fetch(certificate: str, wanted: str) -> bytes:
        try:
            return lab_certificates.render(world, keys, lab_certificates.recipient(certificate), wanted)
        except lab_cms.BadRecipient as problem:
            raise ExchangeFailure(f"answered 400: {problem}") from problem

    assert len(store.update(fetch)) == 3


@pytest.mark.parametrize("oaep", [False, True])
def test_a_just_in_time_user(store: CertificateStore, oaep: bool) -> None:
    user = JitUser("labjit", "Pässw0rd", "Fri, 02 Jan 2026 12:00:00 UTC")
    world = replace(WORLD, jit_users=(user,), switches=replace(WORLD.switches, jit_oaep=oaep))
    data = lab_remote_access.render(world, lab_certificates.recipient(store.transport_certificate()))
    (found,) = remote_access.parse(data).users
    assert (found.name, found.expiration) == ("labjit", datetime(2026, 1, 2, 12, tzinfo=timezone.utc))
    assert store.decrypt_password(found.encrypted_password).reveal() == "Pässw0rd"
    assert found.encrypted_password.encode() not in saved.redact_remote_access(data)


def test_the_saved_copies_hold_none_of_the_secrets(keys: TenantKeys) -> None:
    wire, quick = fabric(WORLD, keys), fast(WORLD, keys)
    copies = (
        saved.redact_extensions_config(lab_config.render(WORLD, keys)).decode(),
        saved.redact_vm_settings(lab_settings.render(WORLD, keys)).decode(),
    )
    for found in (wire, quick):
        secret = found.handlers[0].extensions[0].protected_settings
        assert secret is not None and found.status_blob is not None
        for copy in copies:
            assert secret.reveal() not in copy
            assert "sig=" not in copy
