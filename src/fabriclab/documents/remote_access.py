"""RemoteAccess (fabric 10): users for a while, their passwords encrypted to the transport certificate of the request."""

import base64

from fabriclab.documents import cms
from fabriclab.documents.markup import Element, child, document
from fabriclab.world.values import World


def render(world: World, recipient_der: bytes) -> bytes:
    """Raises BadRecipient when nothing can be encrypted to the certificate."""
    recipient = cms.certificate(recipient_der)
    root = Element("RemoteAccess")
    child(root, "Version", "1")
    child(root, "Incarnation", str(world.remote_access_incarnation))
    users = child(root, "Users")
    for user in world.jit_users or ():
        cipher = "AES128_CBC" if world.switches.jit_oaep else "DES_EDE3_CBC"
        sealed = cms.by_key_identifier(user.password.encode("utf-16-le"), recipient, cipher)
        element = child(users, "User")
        child(element, "Name", user.name)
        child(element, "Password", base64.b64encode(sealed).decode())
        child(element, "Expiration", user.expiration)
        groups = child(element, "Groups")
        for group in user.groups:
            child(groups, "GroupName", group)
    return document(root, "remoteAccess" in world.switches.bom)
