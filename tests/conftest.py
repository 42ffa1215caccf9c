"""What many tests need: the data beside the project."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real rules and events beside the project; tests skip without it, unless it is required."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if folder.is_dir():
        return folder
    reason = f"needs the real rules and events in {folder}, which are not part of the project"
    if os.environ.get("TOCSIN_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
