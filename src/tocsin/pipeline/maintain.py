"""Maintain: compaction and retention of the store, retention of the bus."""

import logging

from tocsin.config import Config
from tocsin.errors import DeliveryError
from tocsin.pipeline.topology import open_bus
from tocsin.sinks.compact import Maintenance, MaintenanceSettings
from tocsin.supervisor import StopSignal
from tocsin.timestamps import clock_us

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 10.0


def maintain(config: Config, once: bool, is_stopped: StopSignal) -> None:
    """Do what there is to do every ten seconds until a stop, or once."""
    bus = open_bus(config)
    settings = MaintenanceSettings(
        retention_days=config["store.retention_days"],
        retention_bytes=int(config["store.retention_gb"] * 2**30),
        grace_seconds=config["store.grace_seconds"],
        merge_files=config["store.merge_files"],
    )
    store = Maintenance(config.store_folder, settings)
    try:
        while not is_stopped():
            try:
                store.run_once(clock_us())
                bus.retain(clock_us())
            except (OSError, DeliveryError) as error:
                log.warning("Maintenance is put off: %s", error)
            if once or is_stopped.wait(_PAUSE_SECONDS):
                return
    finally:
        store.close()
        bus.close()
