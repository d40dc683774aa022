"""The instance metadata service, ``http://169.254.169.254`` (fabric.md 9.1 and 9.2).

Only two questions: the compute fields that telemetry carries, once, and every minute whether the service is well.
Odd: it wants ``Metadata: true``, hates ``X-Forwarded-For``, must never be asked through a proxy (trap 24), and its
health counts connection failures as healthy (fabric.md 2.4).
"""

from __future__ import annotations

from waagent.codec import imds as imds_document
from waagent.codec.imds import Compute
from waagent.fabric.exchange import Exchange, require, status_of
from waagent.model.failure import ExchangeFailure
from waagent.system.port import Request

ADDRESS = "169.254.169.254"
API_VERSION = "2018-02-01"


class Imds:
    """The metadata service as this agent uses it."""

    def __init__(self, exchange: Exchange, address: str = ADDRESS) -> None:
        self._exchange = exchange
        self._address = address

    def compute(self) -> Compute:
        """The compute part. Errors: ``ExchangeFailure``, ``DocumentFailure``."""
        url = f"http://{self._address}/metadata/instance/compute?api-version={API_VERSION}"
        answer = self._exchange.send("metadata", Request("GET", url, {"Metadata": "True"}))
        return imds_document.parse_compute(require(answer, "instance metadata", (200,)).body)

    def healthy(self) -> bool:
        """Whether the service is well by the table of fabric.md 2.4: bad are 5xx, 403, 410 and invalid content."""
        url = f"http://{self._address}/metadata/instance?api-version={API_VERSION}"
        headers = {"Metadata": "True", "User-Agent": f"WALinuxAgent/{self._exchange.agent_version}+health"}
        try:
            answer = self._exchange.send("metadata health", Request("GET", url, headers))
        except ExchangeFailure as failure:
            return not is_unwell(status_of(failure))
        if answer.status == 200:
            return imds_document.network_is_valid(answer.body)
        return not is_unwell(answer.status)


def is_unwell(status: int | None) -> bool:
    """Whether a status counts against the service; None, no connection, does not."""
    return status is not None and (status >= 500 or status in (403, 410))
