"""Read an event of Winlogbeat 6: `log_name`, `event_id`, `event_data` on the top level."""

from typing import Any

from tocsin.schema.native import Native, text
from tocsin.schema.winlogbeat import add_event_data, add_routing_fields, add_system_fields

TIMES = (("@timestamp", True), ("UtcTime", True))

_SYSTEM_FIELDS = (
    ("record_number", "EventRecordID"),
    ("level", "Level"),
    ("task", "Task"),
    ("opcode", "Opcode"),
    ("keywords", "Keywords"),
    ("version", "Version"),
)


def is_winlogbeat6(record: dict[str, Any]) -> bool:
    return "log_name" in record and "event_id" in record


def read_winlogbeat6(record: dict[str, Any]) -> Native:
    channel = text(record["log_name"])
    provider = text(record.get("source_name"))
    host = text(record.get("computer_name"))
    event_id = record["event_id"]
    fields: dict[str, Any] = {}
    add_system_fields(fields, record, _SYSTEM_FIELDS)
    add_event_data(fields, record)
    add_routing_fields(fields, event_id, channel, provider, host)
    if "message" in record:
        fields.setdefault("Message", record["message"])
    user = record.get("user")
    if type(user) is not dict:
        user = {}
    if "identifier" in user:
        fields["UserID"] = fields["Security_UserID"] = user["identifier"]
    times = {"@timestamp": record.get("@timestamp"), "UtcTime": fields.get("UtcTime")}
    return Native(fields, times, channel, provider, text(event_id), host, (user.get("domain"), user.get("name")))
