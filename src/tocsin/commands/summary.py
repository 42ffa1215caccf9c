"""Print what a run did."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from tocsin.config import Config
from tocsin.pipeline.labels import Label, labels_file, labels_of
from tocsin.pipeline.reading import existing_store
from tocsin.pipeline.run import RunOutcome
from tocsin.pipeline.statistics import draw, statistics_of
from tocsin.pipeline.summary import (
    MISSED,
    NOT_STORED,
    OUTCOMES,
    AttackStep,
    StageCost,
    alerts_without_label,
    attack_steps,
    dead_letters_by_cause,
    detection_tactics,
    events_without_time,
    gravest_alert,
    stage_costs,
)
from tocsin.pipeline.trace_outcome import TraceOutcome
from tocsin.plain import counted, plain
from tocsin.stats.statistics import Filters
from tocsin.telemetry.meter import read_figures
from tocsin.telemetry.outcomes import EXPIRED, FAILED, LIMITED, REFUSED, REJECTED, SENT

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_UNLABELLED_SHOWN = 5
_TITLE_WIDTH = 40
_ID_SHOWN = 32
_NOTES_SHOWN = 20
_MEASURED_RECORDS = 10_000
_LOST_TRACES = {
    REJECTED: "spans that the collector rejected",
    REFUSED: "spans that the collector refused",
    LIMITED: "events beyond trace.max_spans",
    EXPIRED: "events that were removed before",
    FAILED: "events of which no spans could be made",
}


def print_summary(config: Config, outcome: RunOutcome) -> None:
    """Print events, verdicts by tactic, alerts, attack steps, throughput, latency, and where the files are."""
    labels = labels_of(config)
    with existing_store(config, "run", "`tocsin stats` with --since and --until") as store:
        notes = _print_stored(config, outcome, store, labels)
    _notes(outcome, notes + [note for figure in read_figures(config.figures_folder) for note in figure.notes])


def _print_stored(
    config: Config, outcome: RunOutcome, store: "DuckDBPyConnection", labels: Sequence[Label]
) -> list[str]:
    """Print all but the notes; return those on what is stored."""
    statistics = statistics_of(store, Filters())
    found = statistics.totals
    _section("Events")
    _line("stored", f"{found.events:,}")
    _line("put on the bus by this run", f"{outcome.new_events:,}")
    for basis in ("detection", "activity", "none"):
        _line(f"verdict: {basis}", f"{found.basis.get(basis, 0):,}")
    _line("dead letters", f"{sum(found.dead_letters.values()):,}")
    for (stage, reason), count in dead_letters_by_cause(store).items():
        when = ", before the bus" if stage == "produce" else ""
        _line(f"  {plain(reason)}{when}", f"{count:,}")
    _tactics(detection_tactics(store), statistics.activity_tactics, statistics.tactics)
    _section("Alerts")
    _line("alerts", f"{found.alerts:,}")
    gravest = gravest_alert(store)
    if gravest is not None:
        event_id, level, title = gravest
        print(
            f"  {plain(f'{level}: {title}', _TITLE_WIDTH):42} tocsin trace {plain(event_id, _ID_SHOWN)}{_data(config)}"
        )
    if labels:
        _attacks(attack_steps(store, labels))
        _unlabelled(alerts_without_label(store, labels))
    _speed(outcome, stage_costs(read_figures(config.figures_folder)))
    if outcome.traces is not None:
        _traces(config, outcome.traces)
    drawing = config.data / "statistics.png"
    draw(statistics, labels, drawing)
    _files(config, drawing)
    return [
        f"{counted(count, 'event is', 'events are')} stored under the time of reading, not their own: flag {flag}"
        for flag, count in events_without_time(store).items()
    ]


def _section(title: str) -> None:
    print(f"\n{title}")


def _line(name: str, value: str) -> None:
    print(_said(name, value))


def _said(name: str, value: str) -> str:
    return f"  {name:42} {value:>14}"


def _data(config: Config) -> str:
    """Return what a command needs to find this data directory, where it is not the usual one."""
    said = config.values_by_key["data"]
    return "" if said.text == said.setting.default else f" --data {plain(quote(said.text))}"


def _tactics(detections: Mapping[str, int], activity: Mapping[str, int], names: Mapping[str, str]) -> None:
    _section("Events by tactic (one can be in both columns)  detections       activity")
    for tactic, name in names.items():
        if tactic in detections or tactic in activity:
            print(f"  {tactic + ' ' + name:42} {detections.get(tactic, 0):14,} {activity.get(tactic, 0):14,}")


def _attacks(steps: Sequence[AttackStep]) -> None:
    """Say of each simulated attack how many of its steps raised an alert, and name those that no rule saw."""
    _section("Simulated attacks (labels.jsonl)")
    words = (*OUTCOMES, NOT_STORED) if any(step.outcome == NOT_STORED for step in steps) else OUTCOMES
    print(f"  {'':42} {'steps':>7}" + "".join(f" {word:>{len(word) + 3}}" for word in words))
    attacks: dict[str, Counter[str]] = {}
    for step in steps:
        attacks.setdefault(step.scenario, Counter())[step.outcome] += 1
    attacks["all"] = sum(attacks.values(), Counter())
    for name, outcomes in attacks.items():
        counts = "".join(f" {outcomes[word]:{len(word) + 3},}" for word in words)
        print(f"  {plain(name):42} {outcomes.total():7,}{counts}")
    if attacks["all"][NOT_STORED]:
        print(
            f"  {NOT_STORED}: events of these steps are not in this data directory: they wait on the bus, were removed"
        )
        print(
            "  by retention, or another `tocsin store` on this bus has them; whether they were missed is not known here"
        )
    missed = Counter(
        f"missed: {step.scenario}, step {step.step}, {step.title} [{step.technique}]"
        for step in steps
        if step.outcome == MISSED
    )
    for sentence, times in missed.items():
        print(f"  {plain(sentence)}" + (f" ({times} times)" if times > 1 else ""))


def _unlabelled(counts: Mapping[str, int]) -> None:
    """Say what fired on events that are part of no simulated attack: benign ones, and those of real logs."""
    _line("alerts on events without a label", f"{sum(counts.values()):,}")
    for title, count in list(counts.items())[:_UNLABELLED_SHOWN]:
        _line(f"  {plain(title, _TITLE_WIDTH)}", f"{count:,}")


def _speed(outcome: RunOutcome, costs: Sequence[StageCost]) -> None:
    """Say how fast it was; the cost of an event only where there were enough of them to outweigh the start."""
    lines = []
    if outcome.new_events and outcome.seconds and not outcome.was_stopped:
        lines.append(_said("events a second, end to end", f"{outcome.new_events / outcome.seconds:,.0f}"))
        lines.append(_said("seconds, first event to all stored", f"{outcome.seconds:.1f}"))
        lines.append(_said("seconds to start the stages", f"{outcome.start_seconds:.1f}"))
    for percent, latency in outcome.latency_seconds.items():
        if latency is not None:
            lines.append(_said(f"produced to stored, p{percent}", f"{latency * 1000:,.0f} ms"))
    measured = [cost for cost in costs if cost.records >= _MEASURED_RECORDS]
    for cost in measured:
        parts = ", ".join(f"{part} {us:.1f}" for part, us in cost.parts_us.items() if part != "wait" and us >= 0.05)
        lines.append(f"  {cost.stage:10} {cost.cpu_us:6.1f} µs of CPU an event (wall: {parts})")
    few = [cost.stage for cost in costs if cost not in measured]
    if few:
        why = f"fewer than {_MEASURED_RECORDS:,} events do not outweigh the start"
        lines.append(f"  CPU an event is not said of {', '.join(few)}: {why}")
    if lines:
        _section("Speed")
        print("\n".join(lines))


def _traces(config: Config, traces: TraceOutcome) -> None:
    """Say what this run sent to the collector, what was lost, and what waits."""
    _section("Traces")
    if traces.counts is None:
        print(f"  {config.store_folder / 'traces.sqlite'} is damaged, locked or not there: nobody knows what was sent")
        return
    _line("spans of events sent", f"{traces.counts[SENT]:,}")
    for outcome, name in _LOST_TRACES.items():
        if traces.counts[outcome]:
            _line(name, f"{traces.counts[outcome]:,}")
    if traces.waiting:
        _line("events that wait", f"{traces.waiting:,}")
        print(f"    they come after the next start, or by `tocsin export-traces --once{_data(config)}`")


def _files(config: Config, drawing: Path) -> None:
    _section("Files")
    _line_of_place("events as CSV", config.store_folder / "csv")
    _line_of_place("events as Parquet", config.store_folder / "segments")
    _line_of_place("statistics", drawing)
    if labels_file(config).exists():
        _line_of_place("labels of the attacks", labels_file(config))
    _line_of_place("logs of the stages", config.log_folder)


def _line_of_place(name: str, path: Path) -> None:
    print(f"  {name:42} {path}")


def _notes(outcome: RunOutcome, notes: Sequence[str]) -> None:
    """Say what a person should know."""
    said = [plain(note) for note in dict.fromkeys(notes)]  # every worker says what it left out
    restarts = {stage: counted(count, "time") for stage, count in outcome.restarts.items() if count}
    said += [f"{stage} had to be started again {times}" for stage, times in restarts.items()]
    waiting = outcome.progress.classify_lag + outcome.progress.store_lag
    if outcome.was_stopped:
        waits = counted(waiting, "record waits", "records wait")
        said.append(f"stopped: {waits} on the bus; the same command goes on from here")
    elif outcome.backlog:
        left = counted(outcome.backlog, "record", "records")
        said.append(f"{left} that an earlier run had left on the bus came first")
    elif not outcome.new_events:
        said.append("nothing new: all of this input is stored already; give other --input, --run or --seed, or --data")
    if said:
        _section("Notes")
    for sentence in said[:_NOTES_SHOWN]:
        print(f"  {sentence}")
    if len(said) > _NOTES_SHOWN:
        print(f"  and {len(said) - _NOTES_SHOWN:,} more; see the logs of the stages")
