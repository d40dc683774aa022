"""ExtensionsConfig, the wire server's extensions goal state (fabric.md 4).

What is asked of one handler is read in ``requested_plugin``; here is everything around it. Odd: every element may be
missing; the sequence number echoed in the status is the incarnation as text, not the document's own (trap 15); a time
that is missing or bad is the minimum date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from waagent.codec.element import attribute, children, first, text, tree, value
from waagent.codec.handler_request import addresses, blob_type
from waagent.codec.number_text import ZERO_GUID, flag, integer, ticks
from waagent.codec.requested_plugin import handlers
from waagent.model.goal_state import AgentFamily, Channel, ExtensionsGoalState, Incarnation, StatusBlob

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DOCUMENT = "ExtensionsConfig.xml"


def parse(data: bytes, incarnation: Incarnation) -> ExtensionsGoalState:
    """What to run. A fault of one handler makes only that one invalid. Errors: ``DocumentFailure``."""
    root = tree(data, DOCUMENT, "Extensions")
    metadata = first(root, "InVMGoalStateMetaData")
    return ExtensionsGoalState(
        channel=Channel.FABRIC,
        identity=f"incarnation_{incarnation}",
        created_on_ticks=ticks(integer(attribute(metadata, "createdOnTicks"))),
        in_svd_seq_no=str(incarnation),
        activity_id=attribute(metadata, "activityId") or ZERO_GUID,
        correlation_id=attribute(metadata, "correlationId") or ZERO_GUID,
        status_blob=_status_blob(first(root, "StatusUploadBlob")),
        artifacts_profile_url=value(root, "InVMArtifactsProfileBlob"),
        required_features=_required_features(first(root, "RequiredFeatures")),
        families=_families(first(root, "GAFamilies")),
        handlers=handlers(first(root, "Plugins"), first(root, "PluginSettings")),
    )


def _status_blob(element: Element | None) -> StatusBlob | None:
    url = text(element)
    return None if url is None else StatusBlob(url, blob_type(attribute(element, "statusBlobType")))


def _required_features(parent: Element | None) -> tuple[str, ...]:
    # One without a name stays, as a feature nobody supports: what is required must not be passed over.
    return tuple(value(feature, "Name") or "" for feature in children(parent, "RequiredFeature"))


def _families(parent: Element | None) -> tuple[AgentFamily, ...]:
    return tuple(_family(each) for each in children(parent, "GAFamily") if value(each, "Name"))


def _family(element: Element) -> AgentFamily:
    return AgentFamily(
        name=value(element, "Name") or "",
        version=value(element, "Version"),
        from_version=value(element, "FromVersion"),
        is_version_from_rsm=_flag(element, "IsVersionFromRSM"),
        is_vm_enabled_for_rsm=_flag(element, "IsVMEnabledForRSMUpgrades"),
        uris=addresses(*(text(uri) for uri in children(first(element, "Uris"), "Uri"))),
    )


def _flag(parent: Element, name: str) -> bool | None:
    element = first(parent, name)
    return None if element is None else flag(element.text or "")
