"""A bus in a fresh folder, any number of clients of it, and programs that run beside the test."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tocsin.bus.embedded import EmbeddedBus


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bus"


@pytest.fixture
def connect(folder: Path) -> Iterator[Callable[[], EmbeddedBus]]:
    """Open one more client of the bus in `folder`, as another process would."""
    opened: list[EmbeddedBus] = []

    def open_one() -> EmbeddedBus:
        opened.append(EmbeddedBus(folder))
        return opened[-1]

    yield open_one
    for bus in opened:
        bus.close()


@pytest.fixture
def bus(connect: Callable[[], EmbeddedBus]) -> EmbeddedBus:
    return connect()


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a program given as text, with arguments; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start_one(program: str, *arguments: object, **environment: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", program, *map(str, arguments)]
        started.append(
            subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.communicate()
