"""The report of provisioning in the key-value pool (fabric.md 12.4, guest.md 2.14).

One line of ``key=value`` items joined by ``|``, each quoted CSV style by ``'`` only when needed. It must be written
before the health report, whose arrival makes the host look. The text is short by contract: the pool keeps 1022 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from waagent.model.failure import DocumentFailure
from waagent.model.secret import redact

KEY = "PROVISIONING_REPORT"
DOCUMENTATION_URL = "https://aka.ms/linuxprovisioningerror"
_REASON_LIMIT = 512


def render(*, agent: str, vm_id: str, now: datetime, reason: str | None = None, extras: Mapping[str, str] | None = None) -> str:
    """The value of the record: success, or an error when there is a ``reason``. ``agent`` is ``name/version``."""
    stamp = now.astimezone(timezone.utc).isoformat(timespec="microseconds")
    if reason is None:
        items = [("result", "success"), ("agent", agent), ("timestamp", stamp), ("vm_id", vm_id)]
    else:
        items = [
            ("result", "error"),
            ("reason", redact(reason)[:_REASON_LIMIT]),
            ("agent", agent),
            *((key, redact(value)) for key, value in (extras or {}).items()),
            ("vm_id", vm_id),
            ("timestamp", stamp),
            ("documentation_url", DOCUMENTATION_URL),
        ]
    import csv
    import io

    line = io.StringIO()
    writer = csv.writer(line, delimiter="|", quotechar="'", quoting=csv.QUOTE_MINIMAL, lineterminator="")
    writer.writerow([_one_line(f"{key}={value}") for key, value in items])
    return line.getvalue()


def parse(text: str) -> dict[str, str]:
    """A report read back. Errors: ``DocumentFailure`` when it is none."""
    import csv

    try:
        rows = list(csv.reader([text], delimiter="|", quotechar="'", strict=True))
    except csv.Error as error:
        raise DocumentFailure(KEY, "", f"not a report: {error}") from error
    items = (item.partition("=") for item in (rows[0] if rows else ()))
    found = {key: value for key, equals, value in items if equals}
    if "result" not in found:
        raise DocumentFailure(KEY, "result", "the item is missing")
    return found


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", "").splitlines())
