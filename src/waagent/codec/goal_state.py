"""The goal-state document (fabric.md 3.1): who we are to the fabric, and where the other documents are.

Elements are looked up at any depth below the node in question and the first in document order counts: ``ConfigName`` may
occur twice (trap 11). Odd: the incarnation is opaque text that may repeat or go back (trap 2); a goal state may for a
moment have no ``RoleInstance`` (trap 3), which is no error here; addresses may be surrounded by white space (trap 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from waagent.codec.element import first, require, text, tree, value
from waagent.codec.number_text import integer
from waagent.model.failure import DocumentFailure
from waagent.model.goal_state import Incarnation, WireGoalState

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DOCUMENT = "GoalState.xml"


def parse(data: bytes) -> WireGoalState:
    """What the document says. Errors: ``DocumentFailure`` without an ``Incarnation`` or a ``ContainerId``."""
    root = tree(data, DOCUMENT, "GoalState")
    incarnation = require(root, "Incarnation", DOCUMENT, "GoalState")
    container = first(root, "Container")
    if container is None:
        raise DocumentFailure(DOCUMENT, "GoalState", "the element Container is missing")
    container_id = require(container, "ContainerId", DOCUMENT, "GoalState/Container")
    role = first(container, "RoleInstance")
    configuration = first(role, "Configuration")
    return WireGoalState(
        incarnation=Incarnation(incarnation),
        container_id=container_id,
        instance_id=value(role, "InstanceId"),
        config_name=value(configuration, "ConfigName"),
        hosting_environment_url=value(configuration, "HostingEnvironmentConfig"),
        shared_config_url=value(configuration, "SharedConfig"),
        extensions_config_url=value(configuration, "ExtensionsConfig"),
        certificates_url=value(configuration, "Certificates"),
        remote_access_url=value(container, "RemoteAccessInfo"),
        load_balancer_ports=_ports(first(root, "LBProbePorts")),
    )


def _ports(parent: Element | None) -> tuple[int, ...]:
    found = (integer(text(each)) for each in (parent if parent is not None else ()))
    return tuple(port for port in found if port is not None and 0 < port < 65536)
