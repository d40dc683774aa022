"""Hyper-V's key-value pool files as the host reads them (fabric.md 12.1) and the provisioning report in them (12.4).

A pool is a row of records: 512 bytes of key, 2048 bytes of value, both UTF-8 and filled up with zeros. A short record at the
end is ignored, as the readers of the host do; `Pool.remarks` says what a careful writer would not have done.
"""

import csv
import re
from dataclasses import dataclass
from typing import Any

KEY = 512
VALUE = 2048
RECORD = KEY + VALUE
REPORT = "PROVISIONING_REPORT"


@dataclass(frozen=True)
class Record:
    key: str
    value: str


@dataclass(frozen=True)
class Pool:
    records: tuple[Record, ...] = ()
    remarks: tuple[str, ...] = ()

    def value(self, key: str) -> str | None:
        """The last record of that key, as readers that build a map see it."""
        return next((record.value for record in reversed(self.records) if record.key == key), None)

    @property
    def report(self) -> dict[str, str] | None:
        """The provisioning report by its own keys, or None when there is none."""
        value = self.value(REPORT)
        return None if value is None else parse_report(value)

    def facts(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "kind": "kvp",
            "records": [{"key": record.key, "value": record.value} for record in self.records],
            "report": self.report,
            "remarks": list(self.remarks),
        }


def parse(data: bytes) -> Pool:
    records = []
    remarks = []
    if len(data) % RECORD:
        remarks.append(f"the size {len(data)} is no multiple of {RECORD}")
    for number, start in enumerate(range(0, len(data) - RECORD + 1, RECORD), 1):
        record = data[start : start + RECORD]
        fields = []
        for name, field in (("key", record[:KEY]), ("value", record[KEY:])):
            text, _, rest = field.partition(b"\0")
            if rest.strip(b"\0"):
                remarks.append(f"record {number}: the {name} has bytes after its end")
            try:
                fields.append(text.decode("utf-8"))
            except UnicodeDecodeError:
                remarks.append(f"record {number}: the {name} is not UTF-8")
                fields.append(text.decode("utf-8", "replace"))
        if not fields[0]:
            remarks.append(f"record {number}: the key is empty")
        records.append(Record(*fields))
    return Pool(tuple(records), tuple(remarks))


def parse_report(value: str) -> dict[str, str]:
    """Items `key=value` between bars; cloud-init quotes with ' and azure-init with ", both double it inside."""
    quote = '"' if re.search(r'(?:^|\|)"', value) else "'"
    try:
        items = next(csv.reader([value], delimiter="|", quotechar=quote), [])
    except csv.Error:
        items = value.split("|")
    return {key: text for key, separator, text in (item.partition("=") for item in items) if separator}
