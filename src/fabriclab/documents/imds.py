"""Instance metadata (fabric 9): one document, cut down to what an api-version knows, and the addressing of its parts.

Primitives are text everywhere, also numbers and truth values; only `extended` has a real boolean. What is not set is empty.
"""

from typing import Any

from fabriclab.world.values import World

VERSIONS = (
    "2017-03-01",
    "2017-04-02",
    "2017-08-01",
    "2017-10-01",
    "2017-12-01",
    "2018-02-01",
    "2018-04-02",
    "2018-10-01",
    "2019-02-01",
    "2019-03-11",
    "2019-04-30",
    "2019-06-01",
    "2019-06-04",
    "2019-08-01",
    "2019-08-15",
    "2019-11-01",
    "2020-06-01",
    "2020-07-15",
    "2020-09-01",
    "2020-10-01",
    "2020-12-01",
    "2021-01-01",
    "2021-02-01",
    "2021-03-01",
    "2021-05-01",
    "2021-08-01",
    "2021-10-01",
    "2021-11-01",
    "2021-11-15",
    "2021-12-13",
    "2023-07-01",
    "2023-11-15",
    "2024-03-15",
    "2024-07-17",
    "2025-04-07",
)

# Since which version a member of `compute` is there; what is not named here comes with its parent.
SINCE = {
    "2017-04-02": "location name offer osType platformFaultDomain platformUpdateDomain publisher sku version vmId vmSize",
    "2017-08-01": "placementGroupId resourceGroupName subscriptionId tags",
    "2017-12-01": "vmScaleSetName zone",
    "2018-04-02": "plan publicKeys",
    "2018-10-01": "azEnvironment provider",
    "2019-02-01": "customData",
    "2019-03-11": "resourceId",
    "2019-06-01": "storageProfile",
    "2019-06-04": "tagsList",
    "2020-06-01": "isHostCompatibilityLayerVm securityProfile",
    "2020-07-15": "osProfile",
    "2020-09-01": "licenseType",
    "2020-10-01": "osProfile.disablePasswordAuthentication",
    "2020-12-01": "evictionPolicy priority",
    "2021-01-01": "userData",
    "2021-02-01": "storageProfile.resourceDisk",
    "2021-03-01": "extendedLocation virtualMachineScaleSet",
    "2021-10-01": "platformSubFaultDomain",
    "2021-11-01": "additionalCapabilities securityProfile.encryptionAtHost",
    "2021-11-15": "host hostGroup",
    "2021-12-13": "securityProfile.securityType",
    "2023-07-01": (
        "storageProfile.imageReference.communityGalleryImageId storageProfile.imageReference.sharedGalleryImageId "
        "storageProfile.imageReference.exactVersion"
    ),
    "2023-11-15": "physicalZone",
}


class NoElement(KeyError):
    """The path names nothing in the document (404)."""


def versions() -> dict[str, Any]:
    """/metadata/versions"""
    return {"apiVersions": list(VERSIONS)}


def bad_version() -> dict[str, Any]:
    """The body of a 400 for a missing or unknown api-version."""
    told = "Bad request. api-version is invalid or was not specified in the request. See https://aka.ms/azureimds."
    return {"error": told, "newest-versions": list(reversed(VERSIONS[-3:]))}


def instance(world: World, api_version: str, extended: bool = False) -> dict[str, Any]:
    """/metadata/instance. `extended` adds what only extended=true shows."""
    content: dict[str, Any] = {"compute": _compute(world), "network": _network(world)}
    for since, names in SINCE.items():
        if since > api_version:
            for name in names.split():
                _remove(content["compute"], name.split("."))
    content["compute"].update(dict(world.imds.extra))
    if extended:
        content["extended"] = {"compute": {"hasCustomData": world.imds.has_custom_data, "ppsType": world.imds.pps_type}}
    return content


def select(content: Any, path: str) -> Any:
    """The part at `path`, such as compute/tagsList/0/name. Raises NoElement."""
    for part in [piece for piece in path.split("/") if piece]:
        if isinstance(content, dict) and part in content:
            content = content[part]
        elif isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            raise NoElement(path)
    return content


def is_leaf(part: Any) -> bool:
    """A leaf is given as text alone: asked for as JSON it is a bad request."""
    return not isinstance(part, (dict, list))


def text(part: Any) -> str:
    """format=text: a leaf itself, else the names below it, those with something below them ending in a slash."""
    if isinstance(part, bool):
        return "true" if part else "false"
    if is_leaf(part):
        return str(part)
    below = part.items() if isinstance(part, dict) else [(str(number), item) for number, item in enumerate(part)]
    return "\n".join(name if is_leaf(item) else f"{name}/" for name, item in below)


def _compute(world: World) -> dict[str, Any]:
    identity, facts = world.identity, world.imds
    resources = f"/subscriptions/{identity.subscription_id}/resourceGroups/{identity.resource_group}"
    return {
        "additionalCapabilities": {"hibernationEnabled": "false"},
        "azEnvironment": "AzurePublicCloud",
        "customData": "",
        "evictionPolicy": "",
        "extendedLocation": {"name": "", "type": ""},
        "host": {"id": ""},
        "hostGroup": {"id": ""},
        "isHostCompatibilityLayerVm": "false",
        "licenseType": "",
        "location": identity.location,
        "name": identity.vm_name,
        "offer": facts.offer,
        "osProfile": {
            "adminUsername": identity.admin_user,
            "computerName": identity.computer_name or identity.vm_name,
            "disablePasswordAuthentication": _word(facts.disable_password_authentication),
        },
        "osType": "Linux",
        "physicalZone": "",
        "placementGroupId": "",
        "plan": {"name": "", "product": "", "publisher": ""},
        "platformFaultDomain": "0",
        "platformSubFaultDomain": "",
        "platformUpdateDomain": "0",
        "priority": facts.priority,
        "provider": "Microsoft.Compute",
        "publicKeys": [
            {"keyData": key, "path": f"/home/{identity.admin_user}/.ssh/authorized_keys"} for key in identity.public_keys
        ],
        "publisher": facts.publisher,
        "resourceGroupName": identity.resource_group,
        "resourceId": f"{resources}/providers/Microsoft.Compute/virtualMachines/{identity.vm_name}",
        "securityProfile": {
            "encryptionAtHost": "false",
            "secureBootEnabled": "true",
            "securityType": "TrustedLaunch",
            "virtualTpmEnabled": "true",
        },
        "sku": facts.sku,
        "storageProfile": _storage(world),
        "subscriptionId": identity.subscription_id,
        "tags": ";".join(f"{name}:{value}" for name, value in facts.tags),
        "tagsList": [{"name": name, "value": value} for name, value in facts.tags],
        "userData": facts.user_data,
        "version": facts.version,
        "virtualMachineScaleSet": {"id": ""},
        "vmId": identity.vm_id,
        "vmScaleSetName": facts.scale_set,
        "vmSize": identity.vm_size,
        "zone": facts.zone,
    }


def _storage(world: World) -> dict[str, Any]:
    facts = world.imds
    return {
        "dataDisks": [],
        "imageReference": {
            "communityGalleryImageId": "",
            "exactVersion": facts.version,
            "id": "",
            "offer": facts.offer,
            "publisher": facts.publisher,
            "sharedGalleryImageId": "",
            "sku": facts.sku,
            "version": "latest",
        },
        "osDisk": {
            "caching": "ReadWrite",
            "createOption": "FromImage",
            "diffDiskSettings": {"option": ""},
            "diskSizeGB": "30",
            "encryptionSettings": {"enabled": "false"},
            "image": {"uri": ""},
            "managedDisk": {"id": "", "storageAccountType": "Premium_LRS"},
            "name": f"{world.identity.vm_name}_os",
            "osType": "Linux",
            "vhd": {"uri": ""},
            "writeAcceleratorEnabled": "false",
        },
        "resourceDisk": {"size": facts.resource_disk_size},
    }


def _network(world: World) -> dict[str, Any]:
    identity = world.identity
    addresses = [{"privateIpAddress": identity.private_address, "publicIpAddress": identity.public_address}]
    subnet = [{"address": identity.subnet, "prefix": str(identity.prefix)}]
    interface = {
        "ipv4": {"ipAddress": addresses, "subnet": subnet},
        "ipv6": {"ipAddress": []},
        "macAddress": identity.mac.replace(":", "").replace("-", "").upper(),
    }
    return {"interface": [interface]}


def _remove(content: dict[str, Any], path: list[str]) -> None:
    for part in path[:-1]:
        content = content.get(part, {})
    content.pop(path[-1], None)


def _word(value: bool) -> str:
    return "true" if value else "false"
