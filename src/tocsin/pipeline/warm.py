"""Fill the cache of rules in a process of its own: parsing thousands takes seconds and memory that the stage needs."""

import logging
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from tocsin.child import start_module
from tocsin.config import Config, load_config
from tocsin.errors import ConfigError
from tocsin.locks import FileLock
from tocsin.pipeline.rules import cache_of, load_rule_set, preparation_of
from tocsin.rules.attack import Attack
from tocsin.supervisor import StopSignal

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.05
_TURN_SECONDS = 600.0


def warm_cache(config: Config, stop: threading.Event) -> None:
    """Load the rules of the settings in a child process, for the cache; kill it at a stop. Raises OSError.

    What is wrong with the rules shows when they are loaded here.
    """
    null, environment = subprocess.DEVNULL, config.as_environment()
    with start_module("tocsin.pipeline.warm", environment=environment, stdout=null, stderr=null) as child:
        while child.poll() is None:
            if stop.wait(_LOOK_SECONDS):
                child.kill()
    if child.returncode and not stop.is_set():
        log.warning("The cache of rules could not be filled by a child process; it ended with %d.", child.returncode)


def _main() -> None:
    StopSignal(is_supervised=True)
    config = load_config({})
    cache = cache_of(config)
    _take_turn(cache)
    with suppress(ConfigError):  # whoever asked will see it, too
        load_rule_set(
            Attack.load(),
            config["classify.rules"],
            config["classify.builtin"],
            cache,
            preparation_of(config),
        )


def _take_turn(cache: Path) -> None:
    """Wait for who fills the same cache now: what it leaves is found. The turn ends with this process."""
    with suppress(OSError):  # there is no cache to share
        cache.mkdir(parents=True, exist_ok=True)
        FileLock(cache / "filling.lock").acquire_within(_TURN_SECONDS)


if __name__ == "__main__":
    _main()
