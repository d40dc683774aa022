"""What the daemon adds to its environment, for itself and for every command that it runs (guest.md 6.9). Pure.

Odd: the name of the version variable begins and ends with an underscore; extensions read it under that name.
"""

from __future__ import annotations

from collections.abc import Mapping

from waagent.config.sections import Config
from waagent.guest.profile import Guest

VERSION = "_AZURE_GUEST_AGENT_DAEMON_VERSION_"


def exports(config: Config, guest: Guest, version: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The variables to set; those that are lists of places keep what is ``inherited`` in front."""
    made = {VERSION: version}
    if config.os.enable_fips:
        made["OPENSSL_FIPS"] = "1"
    for name, place in guest.search_places:
        places = [one for one in inherited.get(name, "").split(":") if one]
        made[name] = ":".join(places if place in places else [*places, place])
    return made
