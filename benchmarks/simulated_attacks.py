"""Measure what rules find of the simulator's attacks, and how often they fire on its ordinary life.

    python benchmarks/simulated_attacks.py [--rules FOLDER...] [--events N]

The built-in pack beside the rules of --rules, on the same simulated events, with all attacks and then with none.

* A step that one event shows is hit when a rule fires on one of its events, and named when such a rule has the step's
  technique, or the technique that the step's is a part of or has as a part. Rules of every level count.
* Of events that belong to no attack, what fires at level high or critical is listed, rule by rule.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from match import commit, machine

from tocsin.event import LABELS, Stamp
from tocsin.pipeline.labels import Label
from tocsin.pipeline.rules import builtin_folder
from tocsin.rules.attack import Attack
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher
from tocsin.rules.rule import Rule
from tocsin.schema.normalise import normalise
from tocsin.sources.simulator import SimulatorSettings, SimulatorSource

_INGEST_US = 1_900_000_000_000_000
_GRAVE = ("high", "critical")


@dataclass
class Tally:
    """What one set of rules found."""

    matcher: Matcher
    fired: dict[str, list[Rule]] = field(default_factory=dict)  # event id of an attack -> rules
    ordinary: Counter[tuple[str, str]] = field(default_factory=Counter)  # level and title, on other events
    events: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=Path, nargs="+", default=[], help="Sigma rules beside the built-in pack")
    parser.add_argument("--events", type=int, default=100_000, help="simulated (default: 100,000)")
    arguments = parser.parse_args()
    attack = Attack.load()
    print(f"machine: {machine()}; commit: {commit()}; ATT&CK {attack.version}")
    packs = {"built-in pack": [builtin_folder() / "detections"]}
    if arguments.rules:
        packs["--rules"] = arguments.rules
    loaded = {name: load_rules(folders, attack)[0] for name, folders in packs.items()}
    for name, rules in loaded.items():
        print(f"{name}: {len(rules):,} rules")
    attacked = {name: Tally(Matcher(rules)) for name, rules in loaded.items()}
    labels = _judge(SimulatorSettings(count=arguments.events), attacked)
    _print_steps(labels, attacked)
    calm = {name: Tally(tally.matcher) for name, tally in attacked.items()}
    _judge(SimulatorSettings(count=arguments.events, attacks=("none",)), calm)
    for name, tally in calm.items():
        _print_ordinary(name, tally)


def _judge(settings: SimulatorSettings, tallies: Mapping[str, Tally]) -> list[Label]:
    """Ask all sets of rules about all events; return the labels."""
    labels: list[Label] = []
    for event_ids, values, batch_labels in _batches(settings):
        labels += batch_labels
        labelled = {label.event_id for label in batch_labels}
        for tally in tallies.values():
            for event_id, value in zip(event_ids, values, strict=True):
                rules = tally.matcher.match(normalise(value, _INGEST_US))
                tally.events += 1
                if event_id in labelled:
                    tally.fired[event_id] = list(rules)
                else:
                    tally.ordinary.update((rule.level, rule.title) for rule in rules)
    return labels


def _batches(settings: SimulatorSettings) -> Iterator[tuple[list[str], list[bytes], list[Label]]]:
    source = SimulatorSource(settings, {})
    decoder = msgspec.json.Decoder(Label)
    while (batch := source.read()) is not None:
        stamps = [Stamp.of(record) for record in batch.records]
        event_ids = [stamp.event_id.hex() for stamp in stamps if stamp]
        labels = [decoder.decode(record.value) for record in batch.aside.get(LABELS, ())]
        yield event_ids, [record.value for record in batch.records], labels


def _print_steps(labels: Sequence[Label], tallies: Mapping[str, Tally]) -> None:
    steps: dict[tuple[str, int], list[Label]] = defaultdict(list)
    for label in labels:
        steps[label.scenario, label.step].append(label)
    single = {step: events for step, events in steps.items() if events[0].detectable == "event"}
    print(f"\n{len(steps)} steps of {len({step[0] for step in steps})} scenarios, {len(single)} seen in one event")
    for name, tally in tallies.items():
        hit = {step for step, events in single.items() if any(tally.fired[event.event_id] for event in events)}
        named = {step for step, events in single.items() if any(_is_named(event, tally) for event in events)}
        print(
            f"{name}: hit {_share(len(hit), len(single))}, with the step's technique {_share(len(named), len(single))}"
        )
        for step, events in single.items():
            if step not in named:
                others = {rule.title for event in events for rule in tally.fired[event.event_id]}
                what = f"hit by {', '.join(sorted(others))}" if others else "not hit"
                print(f"  {step[0]} {step[1]}, {events[0].title} [{events[0].technique}]: {what}")


def _is_named(label: Label, tally: Tally) -> bool:
    technique = label.technique
    return any(
        technique == one or technique.startswith(f"{one}.") or one.startswith(f"{technique}.")
        for rule in tally.fired[label.event_id]
        for one in rule.techniques
    )


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})"


def _print_ordinary(name: str, tally: Tally) -> None:
    levels = Counter(dict.fromkeys(_GRAVE, 0))
    for (level, _), count in tally.ordinary.items():
        levels[level] += count
    summed = ", ".join(f"{level} {count:,}" for level, count in levels.items())
    print(f"\nwithout attacks, {name}: {tally.events:,} events; matches: {summed}")
    for (level, title), count in tally.ordinary.most_common():
        if level in _GRAVE:
            print(f"  {count:6,}  {level:8}  {title}")


if __name__ == "__main__":
    main()
