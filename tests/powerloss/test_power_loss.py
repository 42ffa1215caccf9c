"""The power goes at any moment: what was acknowledged is there, and the rest recovers, each record once."""

from pathlib import Path

import pytest

from tests.powerloss.losses import Recording
from tests.services import needed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

_POINTS = 200  # each with nothing that was not synced, and with some of it
_FINISHED_EVERY = 10


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    needed("strace")
    recording = Recording(tmp_path_factory.mktemp("powerloss") / "run")
    recording.record()
    return recording


@pytest.mark.minutes(5)
def test_what_was_acknowledged_is_there_and_the_rest_recovers(recording: Recording) -> None:
    points = finished = 0
    for point in recording.points(_POINTS):
        assert recording.problems_at(point) == [], str(point)
        if points % _FINISHED_EVERY == 1:
            recording.finish(point)
            finished += 1
        points += 1
    assert points == 2 * _POINTS
    assert finished == 2 * _POINTS // _FINISHED_EVERY


def test_a_disk_that_syncs_nothing_loses_whatever_was_acknowledged(recording: Recording) -> None:
    found = [
        bool(recording.problems_at(point))
        for point in recording.points(20, ignored=".*")
        if point.acknowledged and point.seed is None
    ]
    assert len(found) > 10
    assert all(found)


@pytest.mark.parametrize("ignored", [".+/", "data/", r".+\.csv", r".+\.parquet", r"bus\.sqlite-wal"])
def test_a_single_kind_of_sync_that_does_nothing_is_found_out(recording: Recording, ignored: str) -> None:
    assert any(map(recording.problems_at, recording.points(60, ignored)))


def test_acknowledgements_are_told_by_the_trace(recording: Recording) -> None:
    written = (recording.folder / "acknowledged").read_bytes().splitlines(keepends=True)
    assert recording.acknowledged() == written
    assert len(written) >= 2 * len(recording.logs)


def test_the_calls_of_the_trace_are_those_that_made_the_files(recording: Recording, tmp_path: Path) -> None:
    rebuilt = recording.rebuilt_whole(tmp_path / "rebuilt")
    originals = {path.relative_to(recording.data): path for path in recording.data.rglob("*")}
    assert {path.relative_to(rebuilt) for path in rebuilt.rglob("*")} == set(originals)
    for name, path in originals.items():
        assert (rebuilt / name).is_dir() == path.is_dir(), name
        if path.is_file():
            assert (rebuilt / name).read_bytes() == path.read_bytes(), name
