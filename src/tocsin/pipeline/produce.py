"""Produce: from files, recordings or the simulator to `raw-events`."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tocsin.bus.contract import Bus
from tocsin.config import Config
from tocsin.errors import ConfigError, DecodeError, DeliveryError
from tocsin.event import DEAD_LETTERS, RAW_EVENTS, with_part
from tocsin.flow import Batch, Meter, Outputs, Source, Step, pump
from tocsin.pipeline.anew import opened_anew
from tocsin.pipeline.batch_traces import tracing_batches
from tocsin.pipeline.labels import keep_labels
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.spool import SpoolSettings, SpoolSource, open_spool, waiting
from tocsin.pipeline.stream import StreamThread
from tocsin.pipeline.topology import PRODUCED, SIMULATED, installation, is_shared, open_bus
from tocsin.pipeline.tracing import stage_process
from tocsin.plain import counted
from tocsin.sources.files import FilesSettings, FilesSource
from tocsin.sources.replay import ReplaySettings, ReplaySource
from tocsin.sources.report import FilesReport
from tocsin.sources.simulator import SimulatorSettings, SimulatorSource
from tocsin.sources.walk import STDIN
from tocsin.telemetry.meter import StageMeter
from tocsin.telemetry.stage_times import StageProcess
from tocsin.timestamps import clock_us

log = logging.getLogger(__name__)

_OWNER = "produce"
# A transaction on Kafka costs some 20 ms, however many records there are.
_KAFKA_BATCH_RECORDS = 5_000
_KAFKA_BATCH_BYTES = 32 << 20


@dataclass(frozen=True)
class Reading:
    """What is to be read. Nothing: events are simulated."""

    inputs: Sequence[Path] = ()
    follow: bool = False
    recordings: Sequence[Path] = ()  # to be played again

    @property
    def is_simulated(self) -> bool:
        return not self.inputs and not self.recordings


def produce(config: Config, reading: Reading, is_stopped: Callable[[], bool], meter: StageMeter) -> None:
    """Put records on `raw-events` until the source ends or a stop: those of files, or simulated ones."""
    name = _name(config)
    process = stage_process(config, _OWNER)
    to_raw_events = partial(_to_raw_events, process)
    with tracing_batches(config, process, meter) as batches:
        production = _Production(config, name, reading, to_raw_events, is_stopped, meter, batches)
        if is_shared(config) and STDIN in map(str, reading.inputs):
            _produce_stream(production)
        else:
            opened_anew(partial(_produce, production), is_stopped)


@dataclass(frozen=True)
class _Production:
    """What is produced, for whom, and who is told."""

    config: Config
    name: str  # under which the bus keeps where the inputs were left
    reading: Reading
    to_raw_events: Step
    is_stopped: Callable[[], bool]
    meter: StageMeter
    batches: Meter  # told of each batch

    def pump(self, source: Source, bus: Bus, is_over: Callable[[], bool]) -> None:
        pump(source, self.to_raw_events, bus.committer(owner=self.name), self.batches, is_over)


def _produce(production: _Production) -> None:
    config, reading, is_stopped = production.config, production.reading, production.is_stopped
    topics = SIMULATED if reading.is_simulated else PRODUCED
    with closing(open_bus(config, f"produce-{production.name}", topics)) as bus, bus.own(_OWNER):
        source, notes = _source(config, reading, bus.positions(production.name, is_stopped))
        try:
            production.pump(source, bus, is_stopped)
            if reading.is_simulated:
                keep_labels(bus, config)
        finally:
            source.close()
            # Of this opening of the bus, as it reads on from where the last one was.
            production.meter.figures.notes = notes()


def _produce_stream(production: _Production) -> None:
    """Read standard input into the spool, and the spool into Kafka, which may be away at any time, now too."""
    config, is_stopped, meter = production.config, production.is_stopped, production.meter
    if len(production.reading.inputs) > 1:
        raise ConfigError("--input -: on Kafka standard input is read by itself; start one more produce for the files")
    folder = config.spool_folder
    spool, owner = open_spool(folder)
    settings = SpoolSettings(int(config["produce.spool_gb"] * 2**30), config["produce.spool_full"] == "drop")
    stream = StreamThread(folder, settings, partial(_stream_of, config), is_stopped, meter)

    def is_over() -> bool:
        return is_stopped() or stream.has_failed()

    def when_away(error: DeliveryError) -> None:
        meter.retried(error)
        log.warning("Kafka is away; standard input is kept in the spool meanwhile: %s", error)

    def once() -> None:
        with closing(open_bus(config, f"produce-{production.name}", PRODUCED)) as bus:
            positions = bus.positions(production.name, is_over)
            with closing(SpoolSource(folder, positions, stream.is_over)) as source:
                production.pump(source, bus, is_over)

    try:
        stream.start()
        opened_anew(once, is_over, when_away)
    finally:
        try:
            stream.end()
        finally:
            meter.figures.notes += stream.notes()
            owner.release()
            spool.close()
    left = waiting(folder)
    if left:
        waits = counted(left, "record waits", "records wait")
        meter.figures.notes.append(f"{waits} in `{folder}`: `tocsin produce --input -` goes on from there")


def _stream_of(config: Config) -> FilesSource:
    return FilesSource(FilesSettings((Path(STDIN),), again=config["produce.again"]), {}, clock_us)


def _name(config: Config) -> str:
    """Return the name under which the bus keeps where the inputs were left."""
    ours = installation(config)
    return config["produce.name"] or (f"{_OWNER}-{ours}" if ours else _OWNER)


def simulator_settings(config: Config) -> SimulatorSettings:
    """Return the simulator's settings out of all settings. Raises ConfigError: who said what it cannot take."""
    settings = SimulatorSettings(
        seed=config["produce.seed"],
        run=config["produce.run"],
        count=config["produce.count"] or None,
        rate=config["produce.rate"],
        burst=config["produce.burst"],
        hosts=config["produce.hosts"],
        attacks=tuple(config["produce.attacks"].split(",")),
        format=config["produce.format"],
        start=config["produce.start"],
    )
    said = {name: config.values_by_key[f"produce.{name}"] for name, _ in settings.problems()}
    if said:
        raise ConfigError(
            *(
                f"{said[name].source}: produce.{name} is `{said[name].text}`; {problem}"
                for name, problem in settings.problems()
            )
        )
    return settings


def _source(config: Config, reading: Reading, positions: Mapping[str, bytes]) -> tuple[Source, Callable[[], list[str]]]:
    """Return the source, and what tells in the end what a person should know of it."""
    if reading.recordings:
        return _replay(config, reading.recordings, positions)
    if not reading.inputs:
        simulator = SimulatorSource(simulator_settings(config), positions, clock_us)
        return simulator, lambda: _not_begun(simulator)
    settings = FilesSettings(tuple(reading.inputs), reading.follow, config["produce.again"])
    if is_shared(config):
        settings = replace(settings, batch_size=_KAFKA_BATCH_RECORDS, batch_bytes=_KAFKA_BATCH_BYTES)
    files = FilesSource(settings, positions, clock_us)
    is_empty = not files.files() and STDIN not in map(str, reading.inputs)
    return files, lambda: _notes(files.report, is_empty and not files.report.files)


def _not_begun(simulator: SimulatorSource) -> list[str]:
    names = simulator.not_begun()
    if not names:
        return []
    more = "more --count or fewer --hosts cover more of the day"
    return [f"attacks that had not begun by the last event: {', '.join(names)}; {more}"]


def _replay(
    config: Config, recordings: Sequence[Path], positions: Mapping[str, bytes]
) -> tuple[Source, Callable[[], list[str]]]:
    normalise = normaliser_of(config)

    def time_of(raw: bytes) -> int | None:
        try:
            event = normalise(raw, clock_us())
        except DecodeError:
            return None
        return None if event.time_source == "ingest" else event.time_us

    settings = ReplaySettings(
        tuple(map(str, recordings)),
        config["produce.speed"],
        config["produce.max_gap"],
        timezone=config["classify.timezone"],
    )
    replay = ReplaySource(settings, positions, time_of, clock_us)

    def notes() -> list[str]:
        timeless = f"{counted(replay.without_time, 'record')} without a readable time: put on the bus unchanged"
        return [*_notes(replay.report), *([timeless] if replay.without_time else [])]

    return replay, notes


def _notes(report: FilesReport, is_empty: bool = False) -> list[str]:
    notes = [f"{counted(report.files, 'file')} read"]
    if is_empty:
        notes[0] += ": there is no .evtx or JSON Lines file among what was named"
    notes += [f"skipped `{path}`: a copy of `{original}` (--again reads it)" for path, original in report.copies]
    if report.already_read:
        notes.append(f"{counted(len(report.already_read), 'file')} had been read before")
    if report.ignored:
        ignored = counted(len(report.ignored), "file is", "files are")
        notes.append(f"{ignored} neither .evtx nor JSON Lines by name: ignored")
    return notes + [str(problem) for problem in report.problems]


def _to_raw_events(process: StageProcess | None, batch: Batch) -> Outputs:
    """Hand over what a source read, with the time of that behind its stamps."""
    outputs = {RAW_EVENTS: batch.records, **batch.aside}
    if process is None:
        return outputs
    part = process.part(clock_us(), (), len(batch.records))
    traced = {
        topic: [with_part(record, part) for record in outputs[topic]]
        for topic in (RAW_EVENTS, DEAD_LETTERS)
        if topic in outputs
    }
    return outputs | traced
