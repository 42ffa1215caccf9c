"""A bus in a fresh folder, and any number of clients of it."""

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
