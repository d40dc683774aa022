"""The goal state (fabric 3.1) and the addresses in it.

Every element of Configuration, RemoteAccessInfo and ConfigName can be left out by the switch `omit`. While the switch
`omit_role_instance` is above 0 there is no RoleInstance; who serves the document counts it down.
"""

from fabriclab.documents.markup import XSI, Element, address, child, document
from fabriclab.world.values import World

AUTHORITY = "168.63.129.16:80"
CONFIGURATIONS = {
    "HostingEnvironmentConfig": "hostingEnvironmentConfig",
    "SharedConfig": "sharedConfig",
    "ExtensionsConfig": "extensionsConfig",
    "FullConfig": "fullConfig",
}


def render(world: World, authority: str = AUTHORITY) -> bytes:
    """`authority`: host and port by which the guest reaches the wire server."""
    attributes = {"xmlns:xsi": XSI, "xsi:noNamespaceSchemaLocation": "goalstate10.xsd"}
    root = Element("GoalState", attributes)
    child(root, "Version", world.switches.goal_state_version)
    child(root, "Incarnation", str(world.incarnation))
    machine = child(root, "Machine")
    child(machine, "ExpectedState", world.switches.expected_state)
    child(machine, "StopRolesDeadlineHint", "300000")
    ports = child(machine, "LBProbePorts")
    if world.probe_port is not None:
        child(ports, "Port", str(world.probe_port))
    child(machine, "ExpectHealthReport", "FALSE")
    container = child(root, "Container")
    child(container, "ContainerId", world.identity.container_id)
    if world.jit_users is not None and "RemoteAccessInfo" not in world.switches.omit:
        child(container, "RemoteAccessInfo", address(remote_access(world, authority), world.switches.padded_addresses))
    instances = child(container, "RoleInstanceList")
    if world.switches.omit_role_instance <= 0:
        _role_instance(child(instances, "RoleInstance"), world, authority)
    return document(root, "goalState" in world.switches.bom)


def configuration(world: World, kind: str, authority: str = AUTHORITY) -> str:
    """Address of one configuration: `kind` as in CONFIGURATIONS' values."""
    return f"{_machine(world, authority)}?comp=config&type={kind}&incarnation={world.incarnation}"


def certificates(world: World, authority: str = AUTHORITY) -> str:
    return f"{_machine(world, authority)}?comp=certificates&incarnation={world.incarnation}"


def remote_access(world: World, authority: str = AUTHORITY) -> str:
    where = f"http://{authority}/machine/{world.identity.container_id}/remoteAccess"
    return f"{where}?comp=remoteaccess&incarnation={world.remote_access_incarnation}"


def _machine(world: World, authority: str) -> str:
    return f"http://{authority}/machine/{world.identity.container_id}/{world.identity.encoded_role_instance}"


def _role_instance(instance: Element, world: World, authority: str) -> None:
    omit = world.switches.omit
    child(instance, "InstanceId", world.identity.role_instance)
    child(instance, "State", "Started")
    parts = child(instance, "Configuration")
    for name, kind in CONFIGURATIONS.items():
        if name not in omit:
            child(parts, name, address(configuration(world, kind, authority), world.switches.padded_addresses))
    if "Certificates" not in omit:
        child(parts, "Certificates", address(certificates(world, authority), world.switches.padded_addresses))
    if "ConfigName" not in omit:
        child(parts, "ConfigName", world.identity.config_name)
        if world.switches.duplicate_config_name:
            child(parts, "ConfigName", f"second.{world.identity.config_name}")
