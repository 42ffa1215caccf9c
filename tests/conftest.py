"""What many tests need: the data beside the project, and programs that run beside the test."""

import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.command import kill_what_runs
from tests.kafka.broker import Cluster
from tests.scheduling import pytest_collection_modifyitems, pytest_xdist_make_scheduler

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler"]  # hooks

# How long one example takes says more of what runs beside it.
hypothesis.settings.register_profile("tocsin", deadline=None)
hypothesis.settings.load_profile("tocsin")

signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # a job in the background ignores it, and so would its children


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


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real Kafka of one node; tests skip without it, unless services are required. Leave it as `empty` makes it."""
    with Cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


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


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    yield
    kill_what_runs()


@pytest.fixture(scope="session")
def evtx_originals(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real EVTX files, unpacked."""
    return _unpacked(shared_data / "events" / "evtx-originals.tar.xz", tmp_path_factory.mktemp("evtx"))


@pytest.fixture(scope="session")
def sigmahq(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SigmaHQ's rules, unpacked."""
    return _unpacked(shared_data / "sigma" / "sigma-rules-8eaafff1.tar.gz", tmp_path_factory.mktemp("sigmahq"))


def _unpacked(file: Path, folder: Path) -> Path:
    with tarfile.open(file) as archive:
        archive.extractall(folder, filter="data")
    return folder
