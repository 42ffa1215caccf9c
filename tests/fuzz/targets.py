"""What must hold for any bytes: `python -m tests.fuzz.targets [--seconds 600] [--seed N]`.

An event is read, or refused with a reason; the quick way of reading gives what the plain one gives; what is passed on
is JSON; the matcher answers. Rules are loaded, or refused with a place and a reason, and can be matched. Nothing else
is raised, and nothing that runs Python takes longer than LONGEST_SECONDS. The first bytes for which that is not so are
printed and kept in `fuzz-found.bin`.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import orjson
import yaml

from tests.fuzz.mutate import changed_object, mutated
from tests.rules.writing import ATTACK
from tests.schema.same_event import EVENTS, WRITERS, described
from tocsin.errors import ConfigError, DecodeError
from tocsin.event import Event
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher
from tocsin.schema import normalise as module
from tocsin.schema.normalise import normalise
from tocsin.schema.parse import parse

INGEST_US = 1_800_000_000_000_000
CONTENT = Path(__file__).resolve().parents[2] / "src" / "tocsin" / "content" / "rules"
LONGEST_SECONDS = 10.0  # of processor time, for one input

_OTHER_FORMS = [orjson.dumps(write(*event)) for write in WRITERS for event in EVENTS.values()]

Target = Callable[[bytes], str]  # bytes -> what became of them


class Fuzz:
    """Both targets, with rules and events of the project as seeds."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._rules = [path.read_bytes() for path in sorted(CONTENT.rglob("*.yml")) if ".events." not in path.name]
        of_rules = _events_of(CONTENT)
        self._events = [*of_rules, *_OTHER_FORMS * (len(of_rules) // len(_OTHER_FORMS))]  # half and half
        rules, errors = load_rules([CONTENT], ATTACK)
        assert errors == []
        self._matcher = Matcher(rules)
        self._some = [normalise(raw, INGEST_US) for raw in self._events[::7]]

    def run(self, seconds: float, is_done: Callable[[int], bool] = lambda _: False) -> Counter[str]:
        """Feed both targets for so long; return what became of the inputs. Raises what a target raises."""
        outcomes: Counter[str] = Counter()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not is_done(outcomes.total()):
            for target, seeds, change in (
                (self.event, self._events, mutated),
                (self.event, self._events, changed_object),
                (self.rule, self._rules, mutated),
            ):
                content = change(seeds, self._rng)
                try:
                    with _at_most(LONGEST_SECONDS):
                        outcomes[target(content)] += 1
                except Exception:
                    Path("fuzz-found.bin").write_bytes(content)
                    print(f"{target.__name__}: {content!r}", file=sys.stderr)
                    raise
        return outcomes

    def event(self, raw: bytes) -> str:
        """Read and match an event, twice: the second time its shape is known."""
        plain, *events = (_read(way, raw) for way in (_plainly, _quickly, _quickly))
        if isinstance(plain, str):
            assert events == [plain, plain]
            return f"event refused: {plain}"
        for event in events:
            assert isinstance(event, Event)
            assert described(event) == described(plain)
            orjson.loads(event.json)
            json.loads(event.json)
            self._matcher.match(event)
        return f"event read: {plain.shape.format}"

    def rule(self, text: bytes) -> str:
        """Load a file of rules, and match what can be used of it."""
        with tempfile.TemporaryDirectory(prefix="tocsin-fuzz-") as folder:
            file = Path(folder) / "rule.yml"
            file.write_bytes(text)
            try:
                rules, errors = load_rules([file], ATTACK)
            except ConfigError:
                return "rule refused"
        assert all(error.place.startswith(str(file)) and error.reason for error in errors)
        if not rules:
            return "rule refused" if errors else "no rule"
        matcher = Matcher(rules)
        for event in self._some:
            matcher.match(event)
        return "rule read"


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError, wherever Python is, once so much processor time has gone."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _events_of(folder: Path) -> Sequence[bytes]:
    """Return the events that the rules of the project are tested with, as JSON."""
    found = []
    for path in sorted(folder.rglob("*.events.yml")):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            found += [orjson.dumps(event) for event in _objects_in(document)]
    return found


def _objects_in(document: object) -> list[dict[str, object]]:
    if isinstance(document, dict):
        is_event = bool({"Event", "EventID", "winlog", "event_id"} & document.keys())
        return [document] if is_event else [one for value in document.values() for one in _objects_in(value)]
    return [one for value in document for one in _objects_in(value)] if isinstance(document, list) else []


def _read(way: Callable[[bytes], Event], raw: bytes) -> Event | str:
    """Return the event, or why it is refused."""
    try:
        return way(raw)
    except DecodeError as error:
        return error.reason


def _quickly(raw: bytes) -> Event:
    return normalise(raw, INGEST_US)


def _plainly(raw: bytes) -> Event:
    record, text, flags = parse(raw)
    return module._normalised(record, text, raw, flags, INGEST_US, UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None, help="the same one gives the same inputs (default: by time)")
    arguments = parser.parse_args()
    seed = time.time_ns() if arguments.seed is None else arguments.seed
    print(f"seed {seed}, {arguments.seconds:.0f} s")
    for outcome, count in sorted(Fuzz(seed).run(arguments.seconds).items()):
        print(f"{count:9,}  {outcome}")


if __name__ == "__main__":
    main()
