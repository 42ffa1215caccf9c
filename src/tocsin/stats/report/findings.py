"""What a report says of what was found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

LevelCounts = Mapping[str, int]  # level -> alerts


@dataclass(frozen=True)
class Limits:
    """How much one page holds; what is left out is counted on it."""

    bursts: int = 10
    hosts: int = 200
    rules: int = 500
    rows: int = 10_000  # alerts that are listed with their event
    rows_per_rule: int = 1_000
    page_bytes: int = 64 << 20  # of events; a browser should still open the page
    event_bytes: int = 64 << 10
    explained_rules: int = 300  # one takes about 30 ms to prepare
    notes: int = 200


@dataclass(frozen=True)
class Rule:
    """A rule that fired."""

    id: str
    title: str
    level: str  # the highest it fired with
    author: str
    license: str
    tactics: tuple[str, ...]  # ids
    techniques: tuple[str, ...]
    alerts: int
    hosts: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class Burst:
    """A run of alerts on one host, as `ranking` says: the unit in which one looks at them."""

    host: str
    first: datetime | None  # None: these have no time
    last: datetime | None
    score: float
    levels: LevelCounts
    rules: tuple[str, ...]  # ids of the first few, those that tell most first
    rule_count: int
    rules_here_alone: int  # that fired on no other host
    tactics: tuple[str, ...]  # ids, as they were first seen


@dataclass(frozen=True)
class Host:
    """One host with what it raised."""

    name: str
    levels: LevelCounts
    rules: int
    tactics: tuple[str, ...]  # ids
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class TacticReach:
    """How many rules and hosts are behind the alerts of a tactic."""

    rules: int
    hosts: int


@dataclass(frozen=True)
class Fired:
    """Alerts of rules that name the same tactics and techniques."""

    tactics: tuple[str, ...]
    techniques: tuple[str, ...]
    level: str
    alerts: int


@dataclass(frozen=True)
class Alert:
    """One alert that is listed."""

    level: str
    time: datetime | None
    host: str
    user: str
    rule: str  # id
    event_id: str
    topic: str
    partition: int
    offset: int
    event: str | None  # JSON, perhaps cut; None: the page has no room for it
    is_cut: bool = False

    @property
    def place(self) -> str:
        """Return the row of a topic, or the line or record of a file (which has no partitions)."""
        return f"{self.topic}/{self.partition}/{self.offset}" if self.partition >= 0 else f"{self.topic}:{self.offset}"


@dataclass(frozen=True)
class Findings:
    """All of it."""

    count: int  # of alerts
    first: datetime | None
    last: datetime | None
    bursts: Sequence[Burst]
    burst_count: int
    hosts: Sequence[Host]
    host_count: int
    rules: Mapping[str, Rule]  # by id, the gravest first; all of them
    tactic_reach: Mapping[str, TacticReach]
    fired: Sequence[Fired]
    listed: Sequence[Alert]  # by host, the one to look at first before the others; by time within
    listed_by_rule: Mapping[str, int]


@dataclass(frozen=True)
class Line:
    """One line of a rule that an event fulfils."""

    key: str  # `Field|modifier`; "" for keywords
    wanted: tuple[str, ...]
    values: tuple[str, ...] | None  # of that field in the event; None: it has no such field


@dataclass(frozen=True)
class Selection:
    """A selection of a rule that holds, by the lines that do."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Why:
    """Why a rule fired on an event, as the engine says; or a note that says why that is not known."""

    condition: str = ""
    selections: tuple[Selection, ...] = ()
    note: str = ""


Explain = Callable[[str, str], Why]  # rule id, event as JSON


@dataclass(frozen=True)
class Technique:
    """A technique of the matrix."""

    id: str
    name: str
    tactics: tuple[str, ...]  # ids


@dataclass(frozen=True)
class Matrix:
    """What is needed of ATT&CK."""

    version: str
    copyright: str
    tactics: Mapping[str, str]  # id -> name, in matrix order
    techniques: Mapping[str, Technique]


@dataclass(frozen=True)
class Step:
    """One step of a simulated attack, and what became of it."""

    attack: str
    number: int
    title: str
    technique: str
    outcome: str
    is_found: bool


@dataclass(frozen=True)
class Mark:
    """Says of an event which step of a simulated attack it is part of."""

    attack: str
    number: int
    title: str
    technique: str


@dataclass(frozen=True)
class Simulated:
    """What is known of simulated attacks."""

    by_event: Mapping[str, Mark]  # by event id
    steps: Sequence[Step] = ()


NOTHING_SIMULATED = Simulated({})


@dataclass(frozen=True)
class Wording:
    """How a page is called, and what it calls its findings."""

    title: str
    finding: str  # alert, detection
    all_of_them: str  # which command has what the page left out

    def findings(self, count: int) -> str:
        return f"{count:,} {self.finding}{'' if count == 1 else 's'}"


@dataclass(frozen=True)
class Picture:
    """A drawing as PNG, and what it shows, in words."""

    png: bytes
    words: str
