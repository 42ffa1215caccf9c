"""Who keeps the times of a stage with its events."""

import socket

from tocsin import __version__
from tocsin.config import Config
from tocsin.pipeline.topology import installation
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
