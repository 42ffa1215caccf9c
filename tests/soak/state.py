"""What has been done so far, kept in a file after each round that was judged, so that a soak can go on later."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.soak.faults import Recovery
from tests.soak.judge import Verdict
from tests.soak.plan import Fault

_VERSION = 1


@dataclass
class State:
    """Faults done, in rounds that the ledger has judged."""

    terms: Mapping[str, Any]  # what was asked for: another question is another soak
    done: dict[str, list[Recovery]] = field(default_factory=dict)  # by the id of the fault
    rounds: list[Verdict] = field(default_factory=list)
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def add_round(self, faults: list[tuple[Fault, list[Recovery]]], verdict: Verdict, seconds: float) -> None:
        self.done |= {fault.id: recoveries for fault, recoveries in faults}
        self.rounds.append(verdict)
        self.seconds += seconds

    def write(self, path: Path) -> None:
        """Write it as a whole, or leave what was there."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps({"version": _VERSION, **asdict(self)}, indent=1))
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """Return None where there is none of this version."""
        try:
            kept = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        if kept.pop("version", None) != _VERSION:
            return None
        kept["done"] = {fault: [Recovery(**each) for each in found] for fault, found in kept["done"].items()}
        kept["rounds"] = [Verdict(**{**each, "problems": tuple(each["problems"])}) for each in kept["rounds"]]
        return cls(**kept)
