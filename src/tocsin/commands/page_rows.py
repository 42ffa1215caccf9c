"""Keep the detections of a page, on disk: what comes is without bound, memory is not."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tocsin.stages.scan import Detection
from tocsin.verdict import LEVELS, JudgedRule

_TABLES = """
CREATE TABLE detections (level INTEGER, is_undated INTEGER, time TEXT, number INTEGER, rule TEXT, host TEXT,
    place TEXT, event BLOB, PRIMARY KEY (level DESC, is_undated, time, number)) WITHOUT ROWID;
CREATE TABLE hosts (host TEXT PRIMARY KEY, detections INTEGER, level INTEGER) WITHOUT ROWID;
"""
_ADD_HOST = """
INSERT INTO hosts VALUES (?, 1, ?)
ON CONFLICT DO UPDATE SET detections = detections + 1, level = max(level, excluded.level)
"""


@dataclass(frozen=True)
class Row:
    """A detection to list."""

    rule: JudgedRule
    time: str
    host: str
    place: str
    event: bytes


class Rows:
    """All detections counted by rule and host; the first ones of each rule kept."""

    def __init__(self, kept_per_rule: int) -> None:
        self.count = 0
        self.rules: dict[str, JudgedRule] = {}
        self.by_rule: Counter[str] = Counter()
        self.first_time = ""
        self.last_time = ""
        self._kept_per_rule = kept_per_rule
        # The empty name is a database in a temporary file, which goes with the connection.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.executescript(_TABLES)
        self._database.execute("BEGIN")

    def add(self, detection: Detection) -> None:
        rule, time = detection.rule, detection.time
        level = LEVELS.index(rule.level)
        self.count += 1
        self.rules.setdefault(rule.id, rule)
        self.by_rule[rule.id] += 1
        self._database.execute(_ADD_HOST, (_storable(detection.host), level))
        if time:
            self.first_time = min(self.first_time or time, time)
            self.last_time = max(self.last_time, time)
        if self.by_rule[rule.id] > self._kept_per_rule:
            return
        place = f"{detection.file}:{detection.number}"
        row = (level, not time, time, self.count, rule.id, _storable(detection.host), _storable(place), detection.event)
        self._database.execute("INSERT INTO detections VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def by_level(self) -> Mapping[str, int]:
        counts: Counter[str] = Counter()
        for rule, count in self.by_rule.items():
            counts[self.rules[rule].level] += count
        return counts

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield rule id and bytes of the event of each row, in the order of `all`."""
        yield from self._database.execute(
            "SELECT rule, length(event) FROM detections ORDER BY level DESC, is_undated, time, number"
        )

    def all(self) -> Iterator[Row]:
        """Yield the rows: the gravest first, then by time; those without a time last."""
        for rule, time, host, place, event in self._database.execute(
            "SELECT rule, time, host, place, event FROM detections ORDER BY level DESC, is_undated, time, number"
        ):
            yield Row(self.rules[rule], time, host, place, event)

    def hosts(self, limit: int) -> list[tuple[str, int, str]]:
        """Return host, detections and highest level of the hosts with most of them, the gravest first."""
        rows = self._database.execute(
            "SELECT host, detections, level FROM hosts ORDER BY level DESC, detections DESC, host LIMIT ?", (limit,)
        )
        return [(host, count, LEVELS[level]) for host, count, level in rows]

    def host_count(self) -> int:
        (count,) = self._database.execute("SELECT count(*) FROM hosts").fetchone()
        return int(count)

    def close(self) -> None:
        self._database.close()


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
