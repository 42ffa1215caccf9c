"""Formats of logs other than Windows', as data: how records are known, where they belong, where things lie in them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tocsin.event import Logsource
from tocsin.schema.native import text

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogFormat:
    """One format. Paths are names of fields, dotted ones lead into objects (`userIdentity.arn`)."""

    name: str
    logsource: Logsource
    has: tuple[str, ...] = ()  # paths that a record must have
    where: Mapping[str, str] = field(default_factory=dict)  # path -> what its value must be like; `*` is any text
    fields: Mapping[str, str] = field(default_factory=dict)  # a name that rules use -> path; nothing is renamed
    times: tuple[str, ...] = ()  # paths, best first
    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    read: Callable[[Fields], Fields] | None = None  # makes the fields, where they are not those of the record

    def fits(self, record: Mapping[str, Any]) -> bool:
        return all(at(record, path) is not None for path in self.has) and all(
            fnmatchcase(text(at(record, path)).lower(), wanted.lower()) for path, wanted in self.where.items()
        )

    def fields_of(self, record: Fields) -> Fields:
        """Return the native fields, with the names that rules use added where they are not there."""
        fields = record if self.read is None else self.read(record)
        for name, path in self.fields.items():
            if name not in fields and (value := at(record, path)) is not None:
                fields[name] = value
        return fields


class LogFormats:
    """Knows the format of a record; the first that fits counts."""

    def __init__(self, formats: Iterable[LogFormat]) -> None:
        self._by_key: dict[str, list[tuple[int, LogFormat]]] = {}
        for number, one in enumerate(formats):
            needed = [*one.has, *one.where]
            for key in {needed[0], needed[0].partition(".")[0]}:
                self._by_key.setdefault(key, []).append((number, one))

    def of(self, record: Mapping[str, Any]) -> LogFormat | None:
        candidates = [one for key in self._by_key.keys() & record.keys() for one in self._by_key[key]]
        candidates.sort(key=lambda numbered: numbered[0])
        return next((one for _, one in candidates if one.fits(record)), None)


def at(record: Mapping[str, Any], path: str) -> Any:
    """Return what lies at a path, or None. A whole name goes before a path; of a list the first element counts."""
    if path in record:
        return record[path]
    value: Any = record
    for name in path.split("."):
        if type(value) is list:
            value = value[0] if value else None
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def first_text_at(record: Mapping[str, Any], paths: Iterable[str]) -> str:
    """Return the first text that is not empty."""
    return next((found for path in paths if (found := text(at(record, path)))), "")
