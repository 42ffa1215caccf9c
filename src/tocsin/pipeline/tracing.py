"""Who keeps the times of a stage with its events, and where traces go."""

import socket
from collections.abc import Mapping

from tocsin import __version__
from tocsin.config import Config
from tocsin.pipeline.topology import installation, is_shared
from tocsin.telemetry.messaging import KAFKA, OURS
from tocsin.telemetry.otlp_settings import OtlpSettings, otlp_settings
from tocsin.telemetry.stage_times import StageProcess

_INSTALLATION_DIGITS = 6  # enough to tell the machines of one cluster apart, and short enough to be read


def stage_process(config: Config, stage: str, number: int = 0) -> StageProcess | None:
    """Return this process as its events will name it; None where nothing is traced.

    `number`: which of the stage's processes in this data directory; a successor has the same.
    """
    if config["trace.policy"] == "off":
        return None
    ours = installation(config)[:_INSTALLATION_DIGITS]
    instance = f"{stage}-{ours}-{number}" if ours else f"{stage}-{number}"
    return StageProcess(stage, instance, socket.gethostname(), __version__)


def messaging_system(config: Config) -> str:
    """Return `messaging.system` of the bus."""
    return KAFKA if is_shared(config) else OURS


def export_settings(config: Config, environment: Mapping[str, str]) -> OtlpSettings | None:
    """Return where traces go; None where they go nowhere. Raises ConfigError."""
    return None if config["trace.policy"] == "off" else otlp_settings(environment)
