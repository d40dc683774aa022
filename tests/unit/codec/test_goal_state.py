"""The goal-state document (codec.goal_state)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.codec.inbound import HOSTILE, MARK, damaged, example, value_or_document_failure
from waagent.codec.goal_state import parse
from waagent.model.failure import DocumentFailure
from waagent.model.goal_state import Incarnation, WireGoalState

EXAMPLE = example("goal_state.xml")
BASE = "http://168.63.129.16:80/machine/11111111-2222-4333-8444-555555555555"
ROLE = f"{BASE}/aaaaaaaa%2Dbbbb%2D4ccc%2D8ddd%2Deeeeeeeeeeee.%5Flabvm01"
SHORT = "<GoalState><Incarnation>1</Incarnation><Container><ContainerId>c</ContainerId>{}</Container></GoalState>"


def test_the_complete_example_is_read_whole() -> None:
    assert parse(EXAMPLE) == WireGoalState(
        incarnation=Incarnation("4"),
        container_id="11111111-2222-4333-8444-555555555555",
        instance_id="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee._labvm01",
        config_name="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee.3.aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee.3._labvm01.1.xml",
        hosting_environment_url=f"{ROLE}?comp=config&type=hostingEnvironmentConfig&incarnation=4",
        shared_config_url=f"{ROLE}?comp=config&type=sharedConfig&incarnation=4",
        extensions_config_url=f"{ROLE}?comp=config&type=extensionsConfig&incarnation=4",
        certificates_url=f"{ROLE}?comp=certificates&incarnation=4",
        remote_access_url=f"{BASE}/remoteAccess?comp=remoteaccess&incarnation=1",
        load_balancer_ports=(16001,),
    )


def test_a_byte_order_mark_changes_nothing() -> None:
    assert parse(MARK + EXAMPLE) == parse(EXAMPLE)


def test_a_goal_state_without_role_instance_is_no_error() -> None:
    assert parse(SHORT.format("").encode()) == WireGoalState(Incarnation("1"), "c", None, None)


def test_documents_that_are_not_named_are_none() -> None:
    role = "<RoleInstance><InstanceId>i</InstanceId><Configuration><Certificates/></Configuration></RoleInstance>"
    found = parse(SHORT.format(role).encode())
    assert (found.instance_id, found.config_name, found.extensions_config_url, found.certificates_url) == (
        "i",
        None,
        None,
        None,
    )


def test_the_first_of_two_config_names_counts() -> None:
    names = "<ConfigName>first</ConfigName><ConfigName>second</ConfigName>"
    role = f"<RoleInstance><Configuration>{names}</Configuration></RoleInstance>"
    assert parse(SHORT.format(role).encode()).config_name == "first"


def test_addresses_lose_the_white_space_around_them() -> None:
    access = "<RemoteAccessInfo>\n  http://168.63.129.16/x?a=b&amp;c=d  \n</RemoteAccessInfo>"
    assert parse(SHORT.format(access).encode()).remote_access_url == "http://168.63.129.16/x?a=b&c=d"


def test_an_incarnation_is_text_of_any_kind() -> None:
    assert parse(EXAMPLE.replace(b"<Incarnation>4<", b"<Incarnation>-4 a<")).incarnation == "-4 a"


def test_ports_that_are_none_are_left_out() -> None:
    ports = b"<LBProbePorts><Port>x</Port><Port>0</Port><Port>70000</Port><Port/><Port> 80 </Port></LBProbePorts>"
    assert parse(SHORT.format("").encode().replace(b"<Container>", ports + b"<Container>")).load_balancer_ports == (80,)


@pytest.mark.parametrize(
    ("lacking", "path"),
    [
        (b"<Incarnation>4</Incarnation>", "GoalState"),
        (b"<ContainerId>11111111-2222-4333-8444-555555555555</ContainerId>", "GoalState/Container"),
    ],
)
def test_what_we_need_is_named_when_it_is_missing(lacking: bytes, path: str) -> None:
    with pytest.raises(DocumentFailure) as caught:
        parse(EXAMPLE.replace(lacking, b""))
    assert (caught.value.document, caught.value.path) == ("GoalState.xml", path)
    with pytest.raises(DocumentFailure):
        parse(EXAMPLE.replace(lacking, lacking.partition(b">")[0] + b"> </" + lacking.rpartition(b"</")[2]))


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_another_document_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentFailure):
        parse(data)


@given(st.binary() | damaged(EXAMPLE))
def test_any_bytes_give_a_value_or_a_document_failure(data: bytes) -> None:
    found = value_or_document_failure(parse, data)
    assert found is None or (found.incarnation and found.container_id)
