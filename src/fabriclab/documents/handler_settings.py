"""Settings of an extension, as both channels carry them (fabric 4.4, 5.4).

In ExtensionsConfig they are JSON text in an element and publicSettings is an object; in vmSettings they are members of the
document and publicSettings is a string that holds JSON. Protected settings are encrypted to a tenant certificate in both.
"""

import json
from typing import Any

from fabriclab.documents.tenant_keys import TenantKeys
from fabriclab.world.extension import Flaw, Settings
from fabriclab.world.values import World

Flaws = frozenset[Flaw]


def protected(settings: Settings, world: World, keys: TenantKeys, flaws: Flaws = frozenset()) -> dict[str, str]:
    """The two members of protected settings, or none of them; with a flaw only the second."""
    if settings.protected is None and settings.protected_text is None:
        return {}
    current = world.tenant_certificate
    name = settings.certificate or (current.name if current is not None else "tenant-1")
    text = settings.protected_text
    if text is None:
        text = keys.protect(name, compact(settings.protected), world.certificates)
    if Flaw.NO_THUMBPRINT in flaws:
        return {"protectedSettings": text}
    thumbprint = keys.named(name, world.certificates).thumbprint
    return {"protectedSettingsCertThumbprint": thumbprint, "protectedSettings": text}


def xml_text(settings: Settings, world: World, keys: TenantKeys, flaws: Flaws = frozenset()) -> str:
    """The text of RuntimeSettings: indented, with publicSettings on one line, as the service writes it."""
    members = [f'        "{name}": "{value}"' for name, value in protected(settings, world, keys, flaws).items()]
    if settings.public is not None:
        members.append(f'        "publicSettings": {compact(settings.public)}')
    inside = ",\n".join(members)
    handler = f'      "handlerSettings": {{\n{inside}\n      }}' if members else '      "handlerSettings": {}'
    return f'{{\n  "runtimeSettings": [\n    {{\n{handler}\n    }}\n  ]\n}}'


def json_members(settings: Settings, world: World, keys: TenantKeys, flaws: Flaws = frozenset()) -> dict[str, Any]:
    """One item of `settings` in vmSettings, without what only multi-config has."""
    members: dict[str, Any] = dict(protected(settings, world, keys, flaws))
    if Flaw.NOT_JSON in flaws:
        members["publicSettings"] = "{ this is not JSON"
    elif settings.public is not None:
        members["publicSettings"] = compact(settings.public)
    return members


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
