"""Read an event of Winlogbeat 7 or 8, or of Elastic Agent: Windows' part lies under `winlog`."""

from typing import Any

from tocsin.schema.channels import SERVICES, canonical_channel
from tocsin.schema.ecs import restore_native_fields
from tocsin.schema.native import Native, first_text, text

TIMES = (("@timestamp", True), ("UtcTime", True))

_SYSTEM_FIELDS = (
    ("record_id", "EventRecordID"),
    ("task", "Task"),
    ("opcode", "Opcode"),
    ("keywords", "Keywords"),
    ("version", "Version"),
)


def is_winlogbeat(record: dict[str, Any]) -> bool:
    winlog = record.get("winlog")
    if type(winlog) is dict:
        return "channel" in winlog or ("provider_name" in winlog and "event_id" in winlog)
    return "winlog.channel" in record or ("winlog.provider_name" in record and "winlog.event_id" in record)


def read_winlogbeat(record: dict[str, Any]) -> Native:
    """Keys may be nested or dotted (`winlog.event_data.Image`)."""
    if type(record.get("winlog")) is not dict:
        record = _nested(record)
    winlog = record["winlog"]
    channel = text(winlog.get("channel"))
    provider = text(winlog.get("provider_name"))
    event_id = winlog.get("event_id")
    if event_id is None:
        event_id = _part(record, "event").get("code")
    code = text(event_id)
    host = text(winlog.get("computer_name")) or first_text(_part(record, "host"), "name", "hostname")
    fields: dict[str, Any] = {}
    add_system_fields(fields, winlog, _SYSTEM_FIELDS)
    add_event_data(fields, winlog)
    channel_name = canonical_channel(channel)
    restore_native_fields(record, SERVICES.get(channel_name, ""), code, fields)
    add_routing_fields(fields, event_id, channel, provider, host)
    if "message" in record:
        fields.setdefault("Message", record["message"])
    user = _part(winlog, "user") or _part(record, "user")
    if "identifier" in user:
        fields["UserID"] = fields["Security_UserID"] = user["identifier"]
    times = {"@timestamp": record.get("@timestamp"), "UtcTime": fields.get("UtcTime")}
    return Native(fields, times, channel, provider, code, host, (user.get("domain"), user.get("name")))


def add_system_fields(fields: dict[str, Any], source: dict[str, Any], names: tuple[tuple[str, str], ...]) -> None:
    """Add what Windows has under `System`, by the names it has there."""
    for name, native in names:
        value = source.get(name)
        if value is not None:
            fields[native] = value


def add_event_data(fields: dict[str, Any], source: dict[str, Any]) -> None:
    """Add what Windows has under `EventData` and `UserData`."""
    for part in ("user_data", "event_data"):
        found = source.get(part)
        if type(found) is dict:
            fields.update(found)


def add_routing_fields(fields: dict[str, Any], event_id: Any, channel: str, provider: str, host: str) -> None:
    """Add the names by which rules route; nothing in the event's own data overrides them."""
    fields["EventID"] = event_id
    fields["Channel"] = channel
    fields["Provider_Name"] = provider
    fields["Computer"] = host


def _part(record: dict[str, Any], name: str) -> dict[str, Any]:
    found = record.get(name)
    return found if type(found) is dict else {}


def _nested(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with dotted keys nested, at most three levels down: a field's own name may have dots."""
    nested: dict[str, Any] = {}
    for key, value in record.items():
        *path, name = key.split(".", 2)
        inside = nested
        for part in path:
            found = inside.get(part)
            if type(found) is not dict:
                found = inside[part] = {}
            inside = found
        found = inside.get(name)
        if type(found) is not dict:
            inside[name] = value
        elif type(value) is dict:
            found.update(value)
    return nested
