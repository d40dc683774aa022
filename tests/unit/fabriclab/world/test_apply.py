"""Events and what they change: counters above all."""

from dataclasses import replace

import pytest

from fabriclab.world import events
from fabriclab.world.apply import BadEvent, apply, apply_all
from fabriclab.world.extension import Extension, Package, Settings
from fabriclab.world.switches import Certificates, UnknownSwitch, VmSettings
from fabriclab.world.values import FastTrack, JitUser, TenantCertificate, World

GOOD = Extension("Contoso.Lab.Good", "1.0.0", settings=(Settings(0, {"message": "hello"}),))


def test_what_the_wire_server_publishes_is_repeated_by_vm_settings_as_the_source_fabric() -> None:
    world = apply(World(), events.PublishExtensions((GOOD,)))
    assert (world.incarnation, world.extensions) == (2, (GOOD,))
    assert world.fast_track is not None
    assert (world.fast_track.etag, world.fast_track.source, world.fast_track.extensions) == (2, "Fabric", (GOOD,))
    assert world.fast_track.metadata == world.metadata
    assert world.metadata.ticks > World().metadata.ticks


def test_fast_track_publishes_without_a_new_incarnation_and_is_the_newer_one() -> None:
    world = apply_all(World(), (events.PublishExtensions((GOOD,)), events.PublishExtensions((), "fast-track")))
    assert (world.incarnation, world.extensions, world.published) == (2, (GOOD,), ())
    assert world.fast_track is not None
    assert (world.fast_track.etag, world.fast_track.source) == (3, "FastTrack")
    assert world.fast_track.metadata.ticks > world.metadata.ticks


def test_the_wire_server_overtakes_fast_track_when_it_publishes_later() -> None:
    world = apply_all(World(), (events.PublishExtensions((), "fast-track"), events.PublishExtensions((GOOD,))))
    assert world.published == (GOOD,)
    assert world.fast_track is not None and world.fast_track.source == "Fabric"
    assert world.metadata.sequence == 3


def test_a_host_without_fast_track_publishes_by_the_wire_server() -> None:
    world = apply(replace(World(), fast_track=None), events.PublishExtensions((GOOD,), "fast-track"))
    assert (world.incarnation, world.published, world.fast_track) == (2, (GOOD,), None)


def test_fast_track_that_comes_back_repeats_what_is_wanted() -> None:
    world = apply_all(World(fast_track=None, extensions=(GOOD,)), (events.SetFastTrack(plugin_version="1.0.8.133"),))
    assert world.fast_track == FastTrack(2, "Fabric", "1.0.8.133", extensions=(GOOD,))


def test_an_extension_is_put_in_place_of_the_one_of_its_name_whatever_its_case() -> None:
    newer = replace(GOOD, name="contoso.lab.good", version="1.1.0")
    other = Extension("Contoso.Lab.Other", "2.0.0")
    world = apply_all(World(), (events.PutExtension(GOOD), events.PutExtension(other), events.PutExtension(newer)))
    assert world.extensions == (newer, other)


def test_a_new_version_is_listed_beside_those_that_were_published_before() -> None:
    old, new, newest = (Extension("Lab.Good", version) for version in ("1.0.0", "1.1.0", "2.0.0"))
    later = apply_all(World(), tuple(events.PutExtension(item) for item in (old, new, newest)))
    [wanted] = later.extensions
    assert [package.version for package in wanted.listed] == ["1.0.0", "1.1.0", "2.0.0"]


def test_a_manifest_that_is_given_in_full_lists_no_more_than_that() -> None:
    only = Extension("Lab.Good", "2.0.0", packages=(Package("2.0.0"),))
    later = apply_all(World(), (events.PutExtension(Extension("Lab.Good", "1.0.0")), events.PutExtension(only)))
    assert later.extensions == (only,)


def test_changed_settings_get_the_next_sequence_number() -> None:
    world = apply_all(World(), (events.PutExtension(GOOD), events.ChangeSettings(GOOD.name, {"message": "again"})))
    assert world.extensions[0].settings == (Settings(1, {"message": "again"}),)


def test_settings_of_an_instance_that_is_not_there_are_added() -> None:
    multi = Extension("Contoso.Lab.Multi", "1.0.0", settings=(Settings(4, name="a"),), multi_config=True)
    world = apply_all(World(), (events.PutExtension(multi), events.ChangeSettings(multi.name, {}, instance="b")))
    assert [(item.name, item.sequence) for item in world.extensions[0].settings] == [("a", 4), ("b", 5)]


def test_an_uninstall_keeps_the_extension_without_settings_and_forgetting_drops_it() -> None:
    world = apply_all(World(), (events.PutExtension(GOOD), events.UninstallExtension(GOOD.name)))
    assert [(item.state, item.settings) for item in world.extensions] == [("uninstall", ())]
    assert apply(world, events.ForgetExtension(GOOD.name)).extensions == ()


def test_an_unknown_extension_is_refused_and_the_known_ones_are_named() -> None:
    world = apply(World(), events.PutExtension(GOOD))
    with pytest.raises(BadEvent, match=r"No\.Such: no such extension is wanted; there are Contoso\.Lab\.Good"):
        apply(world, events.UninstallExtension("No.Such"))


def test_a_vm_that_moves_keeps_its_incarnation() -> None:
    world = apply(World(), events.ChangeContainer())
    assert world.incarnation == 1
    assert world.identity.container_id != World().identity.container_id
    assert world.identity.config_name != World().identity.config_name
    assert apply(World(), events.ChangeContainer("x", revision=False)).identity.config_name == World().identity.config_name


def test_the_incarnation_may_go_backwards() -> None:
    assert apply(World(incarnation=5), events.BumpIncarnation(2)).incarnation == 2
    assert apply(World(incarnation=5), events.BumpIncarnation()).incarnation == 6


def test_a_rotated_certificate_is_the_one_that_settings_are_encrypted_to() -> None:
    rotated = apply(World(), events.RotateCertificate(TenantCertificate("tenant-2"), keep_old=True))
    assert [item.name for item in rotated.certificates] == ["tenant-2", "tenant-1"]
    assert rotated.tenant_certificate == TenantCertificate("tenant-2")
    assert rotated.incarnation == 2
    assert apply(World(), events.RotateCertificate(TenantCertificate("tenant-2"), bump=False)).incarnation == 1


def test_remote_users_change_the_incarnation_and_the_last_one_may_take_the_document_along() -> None:
    user = JitUser("jit", "secret", "Fri, 02 Jan 2026 12:00:00 UTC")
    world = apply(World(), events.AddJitUser(user))
    assert (world.incarnation, world.remote_access_incarnation, world.jit_users) == (2, 2, (user,))
    assert apply(world, events.RemoveJitUser("jit")).jit_users == ()
    assert apply(world, events.RemoveJitUser("jit", forget=True)).jit_users is None
    assert "secret" not in repr(world)


def test_a_renamed_vm_has_another_role_instance() -> None:
    assert apply(World(), events.Rename("other")).identity.role_instance.endswith("._other")


def test_a_replaced_vm_starts_with_another_id_and_container() -> None:
    world = apply(World(incarnation=7), events.ReplaceVm("12345678-1234-4234-8234-123456789abc"))
    assert (world.identity.vm_id, world.incarnation) == ("12345678-1234-4234-8234-123456789abc", 1)
    assert world.identity.container_id != World().identity.container_id


def test_a_claimed_vm_has_reprovision_data_and_is_no_longer_preprovisioned() -> None:
    pooled = World(imds=replace(World().imds, pps_type="Running"))
    world = apply(pooled, events.ClaimVm(b"<Environment/>"))
    assert (world.reprovision_data, world.imds.pps_type) == (b"<Environment/>", "None")


def test_a_switch_takes_text_for_an_enumeration_and_a_list_for_a_set() -> None:
    happened = (
        events.SetSwitch("certificates", "single-line"),
        events.SetSwitch("vm_settings", "404"),
        events.SetSwitch("ciphers", ["DES_EDE3_CBC"]),
        events.SetSwitch("telemetry_window", 5),
    )
    switches = apply_all(World(), happened).switches
    assert switches.certificates is Certificates.SINGLE_LINE
    assert switches.vm_settings is VmSettings.NOT_SUPPORTED
    assert switches.ciphers == {"DES_EDE3_CBC"}
    assert switches.telemetry_window == 5.0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("no_such", 1, "no such switch; there are bom"),
        ("certificates", "nonsense", "one of normal"),
        ("omit_role_instance", "3", "does not fit"),
        ("strict_headers", 1, "does not fit"),
        ("ciphers", "AES128_CBC", "does not fit"),
    ],
)
def test_a_bad_switch_is_refused_in_a_sentence_that_helps(name: str, value: object, says: str) -> None:
    with pytest.raises(UnknownSwitch, match=says):
        apply(World(), events.SetSwitch(name, value))


def test_an_object_that_is_no_event_is_refused() -> None:
    with pytest.raises(BadEvent):
        apply(World(), "bump")  # type: ignore[arg-type]
