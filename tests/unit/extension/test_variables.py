"""The environment of commands beyond what the scenarios of ``test_run`` show."""

from __future__ import annotations

import json

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.extension import variables
from waagent.extension.place import Place
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState

PLACE = Place.of(Paths.of(Config()), "Contoso.Sample", "1.0.0")
A, B = RequestedExtension("a", 3), RequestedExtension("b", 4)
SEVERAL = RequestedHandler("Contoso.Sample", "1.0.0", RequestedState.ENABLED, multi_config=True, extensions=(A, B))
SINGLE = RequestedHandler("Contoso.Sample", "1.0.0", RequestedState.ENABLED)
CODES = "AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODES_MULTIPLE_EXTENSIONS"


def test_only_one_of_several_has_a_name() -> None:
    assert variables.always(PLACE, SEVERAL, A, "1.2.3.4")["ConfigExtensionName"] == "a"
    alone = variables.always(PLACE, SINGLE, None, "1.2.3.4")
    assert "ConfigExtensionName" not in alone
    assert alone["ConfigSequenceNumber"] == "0"


def test_an_update_of_several_lists_how_each_was_disabled() -> None:
    found = variables.updating(SEVERAL, old="1.0", new="1.1", codes={"a": "0"})
    assert json.loads(found[CODES]) == [
        {"extensionName": "a", "exitCode": "0"},
        {"extensionName": "b", "exitCode": "NOT_RUN"},
    ]
    assert "AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE" not in found


def test_the_variables_are_strings_under_the_contracts_names() -> None:
    found = variables.updating(SINGLE, old="1.0", new="1.1", codes={"": "5"})
    assert found == {
        "VERSION": "1.1",
        "AZURE_GUEST_AGENT_UPDATING_FROM_VERSION": "1.0",
        "AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE": "5",
    }
