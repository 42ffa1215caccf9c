"""Have a Docker engine: the one that runs, or one of our own, which ends with the block. Needs nothing but Python."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tocsin-tests"
FOLDER = CACHE / "docker"
COMPOSE = FOLDER / "client" / "cli-plugins" / "docker-compose"

_SECONDS = 60.0


class EngineError(Exception):
    """There is no engine, and none can be started: with the reason."""


@contextmanager
def docker_environment() -> Iterator[Mapping[str, str]]:
    """Give the environment in which `docker` and `docker compose` work, for one user at a time.

    Raises EngineError where no engine runs and none can be started.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = dict(os.environ)
        if COMPOSE.exists():
            environment["DOCKER_CONFIG"] = str(COMPOSE.parent.parent)
        if _answers(environment):
            yield environment
            return
        with _own_engine() as address:
            yield environment | {"DOCKER_HOST": address}


@contextmanager
def _own_engine() -> Iterator[str]:
    """Run dockerd with its data in the cache; gives its address."""
    if not shutil.which("dockerd") or not shutil.which("docker"):
        raise EngineError("Docker is not installed")
    if os.geteuid() != 0:
        raise EngineError("no Docker engine runs, and only root can start one")
    address = f"unix://{FOLDER / 'socket'}"
    options = ["--data-root", FOLDER / "data", "--exec-root", FOLDER / "exec", "--pidfile", FOLDER / "pid"]
    with (FOLDER / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(["dockerd", "--host", address, *map(str, options)], stdout=log, stderr=log)
    try:
        _wait_until_ready(process, address)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not _answers({**os.environ, "DOCKER_HOST": address}):
        if process.poll() is not None or time.monotonic() > deadline:
            log = (FOLDER / "dockerd.log").read_text(errors="replace")
            raise EngineError(f"dockerd does not run here: {log[-500:]}")
        time.sleep(0.2)


def _answers(environment: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(["docker", "version"], env=environment, capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
