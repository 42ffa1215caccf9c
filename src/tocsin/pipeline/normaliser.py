"""How records become events, by the settings."""

from collections.abc import Callable
from functools import partial

from tocsin.config import Config
from tocsin.event import Event
from tocsin.schema.normalise import normalise
from tocsin.schema.own_formats import read_formats


def normaliser_of(config: Config) -> Callable[[bytes, int], Event]:
    """Return `normalise` with the time zone and formats of the settings. Raises ConfigError."""
    return partial(normalise, timezone=config["classify.timezone"], own=read_formats(config["classify.formats"]))
