"""Classify: from `raw-events` to `classified-events`, `alerts` and `dead-letters`."""

from collections.abc import Callable

from tocsin.bus.embedded import ConsumerSettings
from tocsin.config import Config
from tocsin.event import RAW_EVENTS
from tocsin.flow import pump
from tocsin.pipeline.idle import UntilIdle
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.rules import load_rule_set, preparation_of
from tocsin.pipeline.topology import CLASSIFY_GROUP, open_bus
from tocsin.rules.attack import Attack
from tocsin.stages.classify import Classify, ClassifySettings
from tocsin.telemetry.meter import StageMeter
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
    attack = Attack.load()
    rule_set = load_rule_set(
        attack, config["classify.rules"], config["classify.builtin"], config.cache_folder, preparation_of(config)
    )
    meter.figures.notes += [str(error) for error in rule_set.errors]
    bus = open_bus(config)
    settings = ClassifySettings(
        bus_id=bus.id,
        tactic_names={tactic.id: tactic.name for tactic in attack.tactics},
        attack_version=attack.version,
        rules_digest=rule_set.digest,
        alert_level=config["classify.alert_level"],
    )
    normaliser = normaliser_of(config)
    step = Classify(settings, normaliser, rule_set.matcher, clock_us, meter.spend)
    consumer = bus.consumer(CLASSIFY_GROUP, [RAW_EVENTS], ConsumerSettings(worker, workers))
    stop = is_stopped if until_idle is None else UntilIdle(bus, [CLASSIFY_GROUP], until_idle, is_stopped)
    try:
        pump(consumer, step, bus.committer(group=CLASSIFY_GROUP), meter, stop)
    finally:
        consumer.close()
        bus.close()
