"""Read a record of a format that is not mapped: its own keys are the fields, host and time by common names."""

from typing import Any

from tocsin.schema.native import Native, first_text, text

TIMES = (
    ("@timestamp", True),
    ("timestamp", False),
    ("eventTime", False),
    ("TimeGenerated", True),
    ("time", False),
    ("EventTime", False),
)


def read_unknown(record: dict[str, Any]) -> Native:
    host = record.get("host")
    name = first_text(host, "name", "hostname") if type(host) is dict else text(host)
    name = name or first_text(record, "host.name", "hostname", "Hostname", "HostName", "Computer", "computer_name")
    return Native(record, record, host=name)
