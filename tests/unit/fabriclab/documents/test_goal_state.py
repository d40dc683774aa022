"""The goal state, what can be left out of it, and the documents of a role."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from fabriclab.documents import goal_state, role_configuration, versions
from fabriclab.world.switches import Switches
from fabriclab.world.values import Identity, JitUser, World

CONFIGURATION = "Container/RoleInstanceList/RoleInstance/Configuration"


def parse(world: World, authority: str = goal_state.AUTHORITY) -> ElementTree.Element:
    return ElementTree.fromstring(goal_state.render(world, authority))


def switched(**switches: object) -> World:
    return World(switches=replace(Switches(), **switches))  # type: ignore[arg-type]


def test_it_names_incarnation_container_and_instance_where_every_guest_looks() -> None:
    root = parse(World(incarnation=4))
    assert root.findtext("./Incarnation") == "4"
    assert root.findtext("./Container/ContainerId") == World().identity.container_id
    instance = "./Container/RoleInstanceList/RoleInstance/InstanceId"
    assert root.findtext(instance) == "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee._labvm01"
    assert root.findtext(f"{CONFIGURATION}/ConfigName", "").startswith("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee.1.")


def test_addresses_carry_the_authority_and_the_encoded_instance() -> None:
    address = parse(World(incarnation=4), "10.0.0.1:8080").findtext(f"{CONFIGURATION}/ExtensionsConfig")
    encoded = "aaaaaaaa%2Dbbbb%2D4ccc%2D8ddd%2Deeeeeeeeeeee.%5Flabvm01"
    assert address == (
        f"http://10.0.0.1:8080/machine/11111111-2222-4333-8444-555555555555/{encoded}"
        "?comp=config&type=extensionsConfig&incarnation=4"
    )


def test_ampersands_are_escaped() -> None:
    assert b"comp=certificates&amp;incarnation=1" in goal_state.render(World())


def test_a_name_with_markup_in_it_stays_a_name() -> None:
    world = World(identity=Identity(vm_name="a<b&c"))
    assert parse(world).findtext("Container/RoleInstanceList/RoleInstance/InstanceId", "").endswith("._a<b&c")


@pytest.mark.parametrize(
    "name", ["HostingEnvironmentConfig", "SharedConfig", "ExtensionsConfig", "FullConfig", "Certificates", "ConfigName"]
)
def test_each_element_of_the_configuration_can_be_left_out(name: str) -> None:
    assert parse(World()).find(f"{CONFIGURATION}/{name}") is not None
    left = parse(switched(omit=frozenset({name}))).find(CONFIGURATION)
    assert left is not None
    assert [part.tag for part in left if part.tag == name] == []
    assert len(left) == 5


def test_the_role_instance_can_be_missing() -> None:
    assert parse(switched(omit_role_instance=2)).find("Container/RoleInstanceList/RoleInstance") is None
    assert parse(switched(omit_role_instance=0)).find("Container/RoleInstanceList/RoleInstance") is not None


def test_a_second_config_name_comes_after_the_right_one() -> None:
    names = [item.text for item in parse(switched(duplicate_config_name=True)).findall(f"{CONFIGURATION}/ConfigName")]
    assert names == [World().identity.config_name, f"second.{World().identity.config_name}"]


def test_remote_access_is_offered_only_when_there_are_or_were_users() -> None:
    assert parse(World()).find("Container/RemoteAccessInfo") is None
    world = World(jit_users=(JitUser("a", "b", "c"),), remote_access_incarnation=3)
    assert parse(world).findtext("Container/RemoteAccessInfo", "").endswith("?comp=remoteaccess&incarnation=3")


def test_addresses_can_have_white_space_around_them() -> None:
    text = parse(switched(padded_addresses=True)).findtext(f"{CONFIGURATION}/SharedConfig", "")
    assert text != text.strip() and text.strip().startswith("http://")


@pytest.mark.parametrize("name", ["goalState", "sharedConfig", "hostingEnvironmentConfig", "versions"])
def test_a_document_can_start_with_a_bom(name: str) -> None:
    world = switched(bom=frozenset({name}))
    documents = {
        "goalState": goal_state.render(world),
        "sharedConfig": role_configuration.shared_config(world),
        "hostingEnvironmentConfig": role_configuration.hosting_environment(world, ()),
        "versions": versions.render(world),
    }
    assert [key for key, document in documents.items() if document.startswith(b"\xef\xbb\xbf<?xml")] == [name]


def test_the_version_all_guests_speak_is_supported() -> None:
    supported = ElementTree.fromstring(versions.render(World())).findall("Supported/Version")
    assert "2012-11-30" in [item.text for item in supported]


def test_the_shared_config_leads_from_the_incarnation_to_the_private_address() -> None:
    root = ElementTree.fromstring(role_configuration.shared_config(World()))
    incarnation = root.find("Incarnation")
    assert incarnation is not None
    instance = root.find(f"Instances/Instance[@id='{incarnation.get('instance')}']")
    assert instance is not None and instance.get("address") == "10.77.0.4"
