"""Fill the cache of rules in a process of its own: parsing thousands takes seconds and memory that the stage needs."""

import os
import subprocess
import sys
import threading

from tocsin.config import Config, load_config
from tocsin.errors import ConfigError
from tocsin.pipeline.rules import load_rule_set, preparation_of
from tocsin.rules.attack import Attack
from tocsin.supervisor import StopSignal

_LOOK_SECONDS = 0.05


def warm_cache(config: Config, stop: threading.Event) -> None:
    """Load the rules of the settings in a child process, for the cache; kill it at a stop.

    What is wrong with them, or with the child, shows when they are loaded here.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "tocsin.pipeline.warm"],
        stdin=subprocess.PIPE,  # its end is how the child learns that we are gone
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **config.as_environment()},
    ) as child:
        while child.poll() is None:
            if stop.wait(_LOOK_SECONDS):
                child.kill()


def _main() -> None:
    StopSignal(is_supervised=True)
    config = load_config({})
    try:
        load_rule_set(
            Attack.load(),
            config["classify.rules"],
            config["classify.builtin"],
            config.cache_folder,
            preparation_of(config),
        )
    except ConfigError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main()
