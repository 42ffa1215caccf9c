"""Store: from `classified-events` and `dead-letters` to CSV files and Parquet segments."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial

from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.contract import Bus
from tocsin.config import Config
from tocsin.errors import ConfigError
from tocsin.event import CLASSIFIED_EVENTS, DEAD_LETTERS, STORE_COMMITS
from tocsin.flow import pump
from tocsin.locks import FileLock
from tocsin.pipeline.anew import opened_anew
from tocsin.pipeline.batch_traces import tracing_batches
from tocsin.pipeline.idle import UntilIdle
from tocsin.pipeline.metrics import lag_of_share
from tocsin.pipeline.topology import CLASSIFY_GROUP, STORE_GROUP, STORED, installation, is_running, open_bus, own_number
from tocsin.pipeline.tracing import stage_process
from tocsin.sinks.layout import writers_of
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.writer import StoreCommitter, StoreSettings, StoreWriter
from tocsin.telemetry.meter import StageMeter
from tocsin.telemetry.stage_times import StageProcess
from tocsin.timestamps import clock_us

_MAX_RECORDS = 10_000
_LINGER_SECONDS = 0.3  # a batch is a segment: wait for it to fill rather than write many small ones
_READ_AT_ONCE = 1_000


def store(
    config: Config,
    worker: int,
    until_idle: float | None,
    is_stopped: Callable[[], bool],
    meter: StageMeter,
) -> None:
    """Store this worker's share until a stop, or until nothing was left, here and for classify, for `until_idle` s."""
    with ExitStack() as opened:
        number = opened.enter_context(own_number(config, "store", worker))
        process = stage_process(config, "store", number)
        batches = opened.enter_context(tracing_batches(config, process, meter))
        member = f"store-{installation(config)}-{number}"
        workers = config["store.workers"]
        reading = ConsumerSettings(worker, workers, max_records=_MAX_RECORDS, linger_seconds=_LINGER_SECONDS)
        groups = [CLASSIFY_GROUP, STORE_GROUP]
        topics = [CLASSIFIED_EVENTS, DEAD_LETTERS]

        def once() -> None:
            with closing(open_bus(config, member, STORED, meter.rebalanced)) as bus:
                stop = is_stopped if until_idle is None else UntilIdle(bus, groups, until_idle, is_stopped)
                with (
                    closing(bus.consumer(STORE_GROUP, topics, reading)) as consumer,
                    # Only now can no former process commit under this writer's name: its last commit is the last one.
                    closing(_writer(config, bus, number, process, meter)) as writer,
                ):
                    meter.watch_lag(partial(lag_of_share, config, STORE_GROUP, consumer))
                    pump(consumer, writer, StoreCommitter(writer, bus.committer(group=STORE_GROUP)), batches, stop)

        opened_anew(once, is_stopped)


def _writer(config: Config, bus: Bus, number: int, process: StageProcess | None, meter: StageMeter) -> StoreWriter:
    """Return the writer of that number, behind its last commit; the first one also cleans up behind former writers."""
    settings = StoreSettings(csv_bytes=int(config["store.csv_mb"] * 2**20), installation=installation(config))
    with closing(Manifest(config.store_folder)) as manifest:
        list_commits(bus, manifest, settings.installation)
        name = f"w{number}"
        last = manifest.last_commit(name)
        writer = StoreWriter(config.store_folder, name, clock_us, last, settings, meter.spend, process=process)
        try:
            if number == 0:
                _recover_former_writers(config, bus, manifest, settings)
        except BaseException:
            writer.close()
            raise
    return writer


def _recover_former_writers(config: Config, bus: Bus, manifest: Manifest, settings: StoreSettings) -> None:
    """Undo what writers left that there are no longer: after a crash the store may have gone on with fewer workers.

    One whose process is there will do it itself, also where it has let go for a moment to open the bus anew.
    """
    present = {f"w{worker}" for worker in range(config["store.workers"])}
    for name in sorted(writers_of(config.store_folder) - present):
        number = name.removeprefix("w")
        if number.isdecimal() and is_running(config, "store", int(number)):
            continue
        lock = FileLock(config.store_folder / f"{name}.lock")
        if not lock.try_acquire():
            continue  # it is alive: the partitions are not all ours yet
        try:  # a process of that name which starts now waits for the lock, so the last commit stays the last one
            list_commits(bus, manifest, settings.installation)
            last = manifest.last_commit(name)
        except BaseException:
            lock.release()
            raise
        StoreWriter(config.store_folder, name, clock_us, last, settings, lock=lock).close()


def list_commits(bus: Bus, manifest: Manifest, ours: str = "") -> None:
    """List what was committed and, because of a crash, is not listed yet. Raises ConfigError: another bus's store.

    `ours`: the installation whose commits these are, where several share the bus.
    """
    listed = [manifest.next_offset(partition) for partition in range(bus.partitions(STORE_COMMITS))]
    ends = bus.ends(STORE_COMMITS)  # only now: other writers commit and list meanwhile
    bus.settle(STORE_COMMITS)
    for partition, (first, end) in ends.items():
        if listed[partition] > end:
            raise ConfigError(
                f"store: commits up to {listed[partition] - 1} of `{STORE_COMMITS}` partition {partition} are listed"
                f" here, but the bus ends at {end}: it is not the bus that filled this store, or an older state of it."
                " Restore the bus, or give an empty data directory"
            )
        while True:
            following = manifest.next_offset(partition)
            records = bus.read_from(STORE_COMMITS, partition, following, _READ_AT_ONCE, end)
            is_removed = following < first
            manifest.catch_up(partition, records, clock_us(), ours)
            following = manifest.next_offset(partition)
            if following >= end or (bus.has_gaps and not records):
                break
            if is_removed or not records:
                raise ConfigError(
                    f"store: records {following} to {end - 1} of `{STORE_COMMITS}` are gone, so that nobody knows what"
                    " was stored by them; restore the bus from a backup, or start with an empty data directory"
                )
