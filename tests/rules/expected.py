"""Read what other engines matched on the real events beside the project."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

PEERS = ("zircolite", "second", "rsigma")


class Place(NamedTuple):
    """Where an event stands: a file of the manifest, and a line of it, from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


Pairs = frozenset[tuple[str, Place]]  # rule id, event


@dataclass(frozen=True)
class EventFile:
    """One file of real events."""

    name: str
    path: Path
    format: str  # evtx-json, flat-json, winlogbeat6-json

    def lines(self) -> Iterator[tuple[Place, bytes]]:
        with gzip.open(self.path) as lines:
            for number, line in enumerate(lines, 1):
                yield Place(self.name, number), line.rstrip(b"\r\n")


def files_of(data: Path, platform: str) -> list[EventFile]:
    """Return the files of a platform, which the peers read: windows, linux or aws."""
    manifest = json.loads((data / "events" / "manifest.json").read_text())
    return [
        EventFile(entry["file"], data / "events" / entry["file"], entry["format"])
        for entry in manifest["entries"]
        if entry["platform"] == platform
    ]


def pairs_of(data: Path, name: str) -> Pairs:
    """Read what a peer matched, or with `agreed` what Zircolite and the second both did."""
    return other_pairs_of(data, f"{name}-windows")


def other_pairs_of(data: Path, name: str) -> Pairs:
    """Read what a peer matched of another platform: `second-aws`, `zircolite-linux`."""
    with gzip.open(data / "expected" / f"{name}.json.gz") as stream:
        return _pairs(json.load(stream)["matches"])


def disagreed(data: Path) -> Mapping[str, Pairs]:
    """Read what only one of Zircolite and the second matched, by who did."""
    with gzip.open(data / "expected" / "disagreed-windows.json.gz") as stream:
        stated = json.load(stream)
    return {peer: _pairs(stated[f"{peer}_only"]) for peer in ("zircolite", "second")}


def rules_run(data: Path) -> Mapping[str, frozenset[str]]:
    """Read the ids of the rules that each peer ran; which rsigma ran is not stated."""
    stated = json.loads((data / "expected" / "rules-evaluated.json").read_text())
    return {
        "zircolite": frozenset(stated["zircolite_s"] + stated["zircolite_a"]),
        "second": frozenset(stated["second"]),
    }


def by_place(pairs: Pairs) -> Mapping[Place, frozenset[str]]:
    """Return the ids of the rules that match each event."""
    found: dict[Place, set[str]] = defaultdict(set)
    for rule_id, place in pairs:
        found[place].add(rule_id)
    return {place: frozenset(ids) for place, ids in found.items()}


def _pairs(matches: Mapping[str, Any]) -> Pairs:
    """`matches`: rule id -> file -> lines, or below it a key `files`; a line may be a list that begins with it."""
    return frozenset(
        (rule_id, Place(file, line if isinstance(line, int) else line[0]))
        for rule_id, entry in matches.items()
        for file, lines in entry.get("files", entry).items()
        for line in lines
    )
