"""What a kind of event is: one event id of one provider, its fields in their order, its message."""

from dataclasses import dataclass
from enum import IntEnum


class FieldType(IntEnum):
    """How a value is written; EVTX-as-JSON has numbers for integers, the other formats have text everywhere."""

    TEXT = 0  # bytes, already escaped for JSON
    INTEGER = 1
    HEX = 2  # an integer, written 0x3e7
    GUID = 3  # upper-case bytes without braces, as in EVTX-as-JSON; the others have lower case and braces
    NULLABLE = 4  # text that is null in flat events when it is empty
    BOOLEAN = 5  # b"true" or b"false"; bare in EVTX-as-JSON, text in the others


@dataclass(frozen=True)
class Field:
    name: str
    type: FieldType = FieldType.TEXT
    constant: str | None = None  # always this text; takes no place among an event's values


@dataclass(frozen=True)
class Kind:
    """One event id of one provider. An event's values: those of `extra`, then of the fields without a constant."""

    channel: str
    provider: str
    provider_guid: str  # lower case, without braces
    event_id: int
    version: int
    level: int
    task: int
    opcode: int
    keywords: int
    task_name: str
    message: str  # {Field} a value, {Field:upper} hex in upper case, {Field:word} the text behind a %% token
    fields: tuple[Field, ...]
    extra: tuple[Field, ...] = ()  # of the header: UserID, ActivityID
    user_id: str = ""  # of the header where it is always the same
    event_source: str = ""
    qualifiers: int | None = None
    user_data: str = ""  # name and namespace of the element that stands in place of EventData
    value_order: tuple[str, ...] = ()  # of the fields' values, where it is not the order of the fields
    is_manifest_guid_braced: bool = False  # old providers keep braces in EVTX-as-JSON

    @property
    def value_fields(self) -> tuple[Field, ...]:
        fields = [field for field in self.fields if field.constant is None]
        if self.value_order:
            fields.sort(key=lambda field: self.value_order.index(field.name))
        return (*self.extra, *fields)
