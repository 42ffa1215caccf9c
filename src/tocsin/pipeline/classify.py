"""Classify: from `raw-events` to `classified-events`, `alerts` and `dead-letters`."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from tocsin.bus.consumer import ConsumerSettings
from tocsin.config import Config
from tocsin.event import RAW_EVENTS
from tocsin.flow import pump
from tocsin.pipeline.anew import opened_anew
from tocsin.pipeline.batch_traces import tracing_batches
from tocsin.pipeline.idle import UntilIdle
from tocsin.pipeline.metrics import lag_of_share
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.reload import InForce, Reloader, fingerprint_of
from tocsin.pipeline.rules import cache_of, load_rule_set, preparation_of
from tocsin.pipeline.throttle import Throttle, records_at_once
from tocsin.pipeline.topology import CLASSIFIED, CLASSIFY_GROUP, installation, open_bus, own_number
from tocsin.pipeline.tracing import stage_process
from tocsin.pipeline.warm import warm_cache
from tocsin.rules.attack import Attack
from tocsin.stages.breaker import Breaker, BreakerSettings
from tocsin.stages.classify import Classify, ClassifySettings
from tocsin.telemetry.meter import StageMeter
from tocsin.telemetry.stage_times import StageProcess
from tocsin.timestamps import clock_us


def classify(
    config: Config,
    worker: int,
    workers: int,
    until_idle: float | None,
    is_stopped: Callable[[], bool],
    meter: StageMeter,
) -> None:
    """Classify this worker's share of `raw-events` until a stop, or until nothing came for `until_idle` seconds."""
    with closing(open_bus(config)) as bus:
        origin = bus.origin(RAW_EVENTS)
    with ExitStack() as opened:
        number = opened.enter_context(own_number(config, "classify", worker))
        process = stage_process(config, "classify", number)
        batches = opened.enter_context(tracing_batches(config, process, meter))
        step = opened.enter_context(closing(reloader_of(config, origin, meter, process)))
        if config["classify.reload_seconds"] and (config["classify.rules"] or _other_files(config)):
            step.watch(config["classify.reload_seconds"])
        member = f"classify-{installation(config)}-{number}"
        breaker = Breaker(step, BreakerSettings(config["classify.max_dead_ratio"], config["classify.dead_window"]))
        max_rate = config["classify.max_rate"]
        rate = max_rate / workers if max_rate else None
        reading = ConsumerSettings(worker, workers, records_at_once(rate, ConsumerSettings.max_records))

        def once() -> None:
            with closing(open_bus(config, member, CLASSIFIED, meter.rebalanced)) as bus:
                stop = is_stopped if until_idle is None else UntilIdle(bus, [CLASSIFY_GROUP], until_idle, is_stopped)
                with closing(bus.consumer(CLASSIFY_GROUP, [RAW_EVENTS], reading)) as consumer:
                    meter.watch_lag(partial(lag_of_share, config, CLASSIFY_GROUP, consumer))
                    source = consumer if rate is None else Throttle(consumer, rate, stop)
                    pump(source, breaker, bus.committer(group=CLASSIFY_GROUP), batches, stop)

        opened_anew(once, is_stopped)


def reloader_of(
    config: Config,
    origin: str,
    meter: StageMeter,
    process: StageProcess | None = None,
    warm: Callable[[Config, threading.Event], None] = warm_cache,
) -> Reloader:
    """Return the step of this stage, its first rules loaded. Raises ConfigError."""
    stop = threading.Event()

    def tell(notes: list[str]) -> None:
        meter.figures.notes = notes

    return Reloader(
        load=partial(_load, config, origin, meter, process),
        warm=partial(warm, config, stop),
        fingerprint=partial(fingerprint_of, config["classify.rules"], _other_files(config)),
        tell=tell,
        stop=stop,
    )


def _load(config: Config, origin: str, meter: StageMeter, process: StageProcess | None) -> InForce:
    attack = Attack.load()
    rule_set = load_rule_set(
        attack, config["classify.rules"], config["classify.builtin"], cache_of(config), preparation_of(config)
    )
    settings = ClassifySettings(
        origin=origin,
        tactic_names={tactic.id: tactic.name for tactic in attack.tactics},
        attack_version=attack.version,
        rules_digest=rule_set.digest,
        alert_level=config["classify.alert_level"],
    )
    step = Classify(settings, normaliser_of(config), rule_set.matcher, clock_us, meter.spend, process)
    return InForce(step, rule_set)


def _other_files(config: Config) -> Sequence[Path]:
    """Return the files beside the rules that say how events are judged."""
    return [path for key in ("variables", "pipelines", "tuning", "formats") for path in config[f"classify.{key}"]]
