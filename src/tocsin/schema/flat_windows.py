"""Read a flat Windows event, as NXLog and the Security-Datasets write it: the record's own keys are the fields."""

from collections.abc import Container
from typing import Any

import orjson

from tocsin.schema.native import Native, first_text, text

# TimeCreated and EventTime may lack a zone, and then are local to whoever wrote them.
TIMES = (
    ("@timestamp", True),
    ("UtcTime", True),
    ("SystemTime", True),
    ("TimeCreated", False),
    ("EventTime", False),
    ("TimeGenerated", True),
)


def is_flat_windows(keys: Container[str]) -> bool:
    return "EventID" in keys and ("Channel" in keys or "SourceName" in keys or "EventLog" in keys)


def read_flat_windows(record: dict[str, Any]) -> Native:
    """`SourceName` is the provider and `Hostname` the computer; Azure writes `Provider`, `EventLog` and `Computer`."""
    if "EventData" in record:
        _add_event_data(record)
    channel = text(record.get("Channel")) or first_text(record, "EventLog")
    provider = text(record.get("SourceName")) or first_text(record, *OTHER_PROVIDER_FIELDS)
    host = text(record.get("Hostname")) or first_text(record, "Computer", "ComputerName")
    account = (record.get("Domain"), record.get("AccountName"))
    record.setdefault("Channel", channel)
    record.setdefault("Provider_Name", provider)
    record.setdefault("Computer", host)
    return Native(record, record, channel, provider, text(record["EventID"]), host, account)


def _add_event_data(record: dict[str, Any]) -> None:
    """Azure puts the event's own fields into one: an object, often written as text."""
    event_data = record["EventData"]
    if type(event_data) is str:
        try:
            event_data = orjson.loads(event_data)
        except orjson.JSONDecodeError:  # XML, or any other text: it stays as it is
            return
    if type(event_data) is dict:
        for name, value in event_data.items():
            if type(value) is not dict and type(value) is not list:
                record.setdefault(name, value)


OTHER_PROVIDER_FIELDS = ("Provider_Name", "Provider", "EventSourceName", "Source", "ProviderName")
