"""HostingEnvironmentConfig: three names for telemetry (fabric.md 3.3).

Odd: newer fabrics leave most of it out, so nothing that is missing is an error.
"""

from __future__ import annotations

from waagent.codec.element import attribute, first, tree
from waagent.model.goal_state import HostingEnvironment

DOCUMENT = "HostingEnvironmentConfig.xml"


def parse(data: bytes) -> HostingEnvironment:
    """The names it says. Errors: ``DocumentFailure`` when it is no XML."""
    root = tree(data, DOCUMENT)
    return HostingEnvironment(
        vm_name=attribute(first(root, "Incarnation"), "instance"),
        role_name=attribute(first(root, "Role"), "name"),
        tenant_name=attribute(first(root, "Deployment"), "name"),
    )
