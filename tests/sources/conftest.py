"""What the tests of sources need."""

from collections.abc import Iterator

import pytest

from tests.sources import reading


@pytest.fixture(autouse=True)
def close_sources() -> Iterator[None]:
    yield
    while reading.opened:
        reading.opened.pop().close()
