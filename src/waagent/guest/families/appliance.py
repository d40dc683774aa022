"""Network appliances that the reference knows by their own management shells. We recognise them and say no."""

from waagent.guest.profile import BootLoader, Guest, Identity

_NAMES = {
    "bigip": "F5 BIG-IP",
    "bigiq": "F5 BIG-IQ",
    "iworkflow": "F5 iWorkflow",
    "gaia": "Check Point GAiA",
    "nsbsd": "NS-BSD",
}


def select(identity: Identity) -> Guest | None:
    name = _NAMES.get(identity.id)
    if name is None:
        return None
    return Guest(
        family="appliance",
        eject=(),
        boot_loader=BootLoader.UNKNOWN,
        refusal=f"provisioning is not supported on {name}: accounts belong to its own management shell",
    )
