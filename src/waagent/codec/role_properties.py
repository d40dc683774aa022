"""Role properties: the SSH host key's fingerprint for the fabric (fabric.md 2.3, guest.md 2.13).

Odd: ``RoleInstances/RoleInstance/Id`` here, ``RoleInstanceList/Role/InstanceId`` in the health report (trap 21).
"""

from __future__ import annotations

from waagent.codec.xml_text import attribute, content


def render(container_id: str, instance_id: str, fingerprint: str) -> bytes:
    """The body of POST ``/machine?comp=roleProperties``: one line of XML."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<RoleProperties><Container><ContainerId>{content(container_id)}</ContainerId>"
        f"<RoleInstances><RoleInstance><Id>{content(instance_id)}</Id>"
        f'<Properties><Property name="CertificateThumbprint" value={attribute(fingerprint)} /></Properties>'
        "</RoleInstance></RoleInstances></Container></RoleProperties>"
    ).encode()
