"""HostingEnvironmentConfig and SharedConfig (fabric 3.3): what the classic fabric told about a role.

Guests take three names from the first; they keep the second for others to read, and read the addresses of their endpoints.
"""

from collections.abc import Iterable

from fabriclab.documents.markup import Element, child, document
from fabriclab.world.values import World

SERVICE = "5f5f5f5f5f5f4e4e8d8d3c3c3c3c3c3c"
DEPLOYMENT = {"name": SERVICE, "guid": "{66666666-7777-4888-8999-aaaaaaaaaaaa}", "incarnation": "2"}
ROLE = {"guid": "{99999999-aaaa-4bbb-8ccc-dddddddddddd}", "name": "LabRole"}
SOFTWARE = {
    "hostingEnvironmentVersion": "1",
    "software": "",
    "softwareType": "ApplicationPackage",
    "entryPoint": "",
    "parameters": "",
}


def hosting_environment(world: World, thumbprints: Iterable[tuple[str, str]]) -> bytes:
    """`thumbprints`: friendly name of each tenant certificate, and its thumbprint."""
    root = _root("HostingEnvironmentConfig", world)
    stored = child(root, "StoredCertificates")
    for name, thumbprint in thumbprints:
        attributes = {"name": name, "certificateId": f"sha1:{thumbprint}", "storeName": "My", "configurationLevel": "System"}
        child(stored, "StoredCertificate", None, attributes)
    _deployment(root)
    _incarnation(root, world)
    child(root, "Role", None, {**ROLE, **SOFTWARE, "settleTimeSeconds": "10"})
    settings = child(root, "HostingEnvironmentSettings", None, {"name": "full", "runtime": "lab_runtime_1.0.zip"})
    child(settings, "CAS", None, {"mode": "full"})
    child(settings, "PrivilegeLevel", None, {"mode": "max"})
    child(child(settings, "AdditionalProperties"), "CgiHandlers")
    child(child(root, "ApplicationSettings"), "Setting", None, {"name": "Lab.Setting", "value": '<m role="LabRole" />'})
    child(root, "ResourceReferences")
    return document(root, "hostingEnvironmentConfig" in world.switches.bom)


def shared_config(world: World) -> bytes:
    root = _root("SharedConfig", world)
    _deployment(root)
    _incarnation(root, world)
    child(root, "Role", None, {**ROLE, "settleTimeSeconds": "10"})
    balancer = child(root, "LoadBalancerSettings", None, {"timeoutSeconds": "0", "waitLoadBalancerProbeCount": "8"})
    child(child(balancer, "Probes"), "Probe", None, {"name": ROLE["name"]})
    child(root, "OutputEndpoints")
    here = {"id": _instance(world), "address": world.identity.private_address}
    if world.identity.rdma_address is not None:
        mac = world.identity.rdma_mac.replace(":", "").upper()
        here |= {"rdmaIPv4Address": world.identity.rdma_address, "rdmaMacAddress": mac}
    instance = child(child(root, "Instances"), "Instance", None, here)
    child(instance, "FaultDomains", None, {"randomId": "0", "updateId": "0", "updateCount": "0"})
    _endpoint(child(instance, "InputEndpoints"), world)
    return document(root, "sharedConfig" in world.switches.bom)


def _root(name: str, world: World) -> Element:
    return Element(name, {"version": "1.0.0.0", "goalStateIncarnation": str(world.incarnation)})


def _deployment(root: Element) -> None:
    deployment = child(root, "Deployment", None, DEPLOYMENT)
    child(deployment, "Service", None, {"name": "LabService", "guid": "{00000000-0000-0000-0000-000000000000}"})
    child(deployment, "ServiceInstance", None, {"name": f"{SERVICE}.1", "guid": "{77777777-8888-4999-8aaa-bbbbbbbbbbbb}"})


def _incarnation(root: Element, world: World) -> None:
    guid = "{88888888-9999-4aaa-8bbb-cccccccccccc}"
    child(root, "Incarnation", None, {"number": "1", "instance": _instance(world), "guid": guid})


def _instance(world: World) -> str:
    return f"_{world.identity.vm_name}"


def _endpoint(endpoints: Element, world: World) -> None:
    attributes = {
        "name": "ssh",
        "address": f"{world.identity.private_address}:22",
        "protocol": "tcp",
        "isPublic": "true",
        "loadBalancedPublicAddress": f"{world.identity.public_address}:22",
        "enableDirectServerReturn": "false",
        "isDirectAddress": "false",
        "disableStealthMode": "false",
    }
    ports = child(child(endpoints, "Endpoint", None, attributes), "LocalPorts")
    child(ports, "LocalPortRange", None, {"from": "22", "to": "22"})
