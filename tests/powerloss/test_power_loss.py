"""The power goes at any moment: what was acknowledged is there, and the rest recovers, each record once."""

from pathlib import Path

import pytest

from tests.powerloss.losses import Recording, problems_at
from tests.services import needed

pytestmark = pytest.mark.slow

_POINTS = 200
_FINISHED_EVERY = 40


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    needed("strace")
    recording = Recording(tmp_path_factory.mktemp("powerloss") / "run")
    recording.record()
    return recording


def test_what_was_acknowledged_is_there_and_the_rest_recovers(recording: Recording) -> None:
    points = finished = 0
    for point in recording.points(_POINTS):
        assert problems_at(point) == [], f"after {point.number} calls, seed {point.seed}"
        if points % _FINISHED_EVERY == 0:
            recording.finish(point)
            finished += 1
        points += 1
    assert points >= _POINTS
    assert finished >= 5


def test_a_disk_that_only_says_it_synced_is_found_out(recording: Recording) -> None:
    found = [bool(problems_at(point)) for point in recording.points(20, ignores_sync=True)]
    assert sum(found) > len(found) / 2


def test_acknowledgements_are_told_by_the_trace(recording: Recording) -> None:
    *_, last = recording.points(1)
    written = (recording.folder / "acknowledged").read_bytes().splitlines(keepends=True)
    assert list(last.acknowledged) == written
    assert len(written) >= 3 * len(recording.logs)


def test_the_calls_of_the_trace_are_those_that_made_the_files(recording: Recording, tmp_path: Path) -> None:
    rebuilt = recording.rebuilt_whole(tmp_path / "rebuilt")
    originals = {path.relative_to(recording.folder / "data"): path for path in (recording.folder / "data").rglob("*")}
    for name, path in originals.items():
        assert (rebuilt / name).is_dir() == path.is_dir(), name
        if path.is_file():
            assert (rebuilt / name).read_bytes() == path.read_bytes(), name
