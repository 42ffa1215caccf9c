"""Read events of Sysmon for Linux, which syslog carries as XML text."""

import re
from html import unescape
from typing import Any

_TEXT_FIELDS = ("SyslogMessage", "message", "Message")
_MAX_CHARACTERS = 1 << 20
# Written by a program, always in this form; nothing else of XML is read, so there is nothing to expand or to fetch.
_SYSTEM = re.compile(r"<(EventID|EventRecordID|Channel|Computer)>([^<]*)</\1>")
_TIME = re.compile(r'<TimeCreated SystemTime="([^"]*)"')
_DATA = re.compile(r'<Data Name="([^"]*)">([^<]*)</Data>')

CHANNEL = "Linux-Sysmon/Operational"


def sysmon_text(record: dict[str, Any]) -> str:
    """Return the XML in a record of syslog, "" where there is none."""
    for name in _TEXT_FIELDS:
        value = record.get(name)
        if type(value) is str and "<Event>" in value and CHANNEL in value and len(value) <= _MAX_CHARACTERS:
            return value
    return ""


def read_sysmon(written: str) -> dict[str, Any]:
    """Return the fields as a flat Windows event has them."""
    fields: dict[str, Any] = {name: unescape(value) for name, value in _DATA.findall(written)}
    fields.update((name, unescape(value)) for name, value in _SYSTEM.findall(written))
    fields["SourceName"] = "Linux-Sysmon"
    if moment := _TIME.search(written):
        fields["SystemTime"] = moment[1]
    return fields
