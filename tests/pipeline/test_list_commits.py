"""What was committed is listed as the bus has it, while others commit and list."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.sinks.classified import NOON_US, classified
from tests.sinks.store_folder import stored

from tocsin.bus.embedded import EmbeddedBus
from tocsin.errors import ConfigError
from tocsin.event import STORE_COMMITS, Record
from tocsin.flow import Batch, TopicSettings
from tocsin.pipeline.store import list_commits
from tocsin.sinks.manifest import Manifest


@pytest.fixture
def commits(tmp_path: Path) -> list[Record]:
    """Three commits of one writer, which were made in another folder."""
    made = stored(tmp_path / "elsewhere", [classified(1)], [classified(2)], [classified(3)])
    return [Record(commit, topic=STORE_COMMITS, offset=offset) for offset, commit in enumerate(made)]


@pytest.fixture
def manifest(tmp_path: Path) -> Iterator[Manifest]:
    with closing(Manifest(tmp_path / "store")) as opened:
        yield opened


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[EmbeddedBus]:
    with closing(EmbeddedBus(tmp_path / "bus")) as opened:
        opened.ensure_topics({STORE_COMMITS: TopicSettings(1)}, {})
        yield opened


def _commit(bus: EmbeddedBus, *records: Record) -> None:
    bus.committer(owner="test").commit({STORE_COMMITS: list(records)}, Batch())


def test_what_is_not_listed_yet_is_listed(bus: EmbeddedBus, manifest: Manifest, commits: list[Record]) -> None:
    _commit(bus, *commits)
    manifest.catch_up(0, commits[:1], NOON_US)
    list_commits(bus, manifest)
    assert (manifest.next_offset(0), manifest.applied_seq("w0")) == (3, 3)


def test_a_bus_that_ends_before_what_is_listed_is_refused(
    bus: EmbeddedBus, manifest: Manifest, commits: list[Record]
) -> None:
    _commit(bus, commits[0])
    manifest.catch_up(0, commits, NOON_US)
    with pytest.raises(ConfigError, match="the bus ends at 1: it is not the bus that filled this store"):
        list_commits(bus, manifest)


def test_another_writer_may_commit_and_list_meanwhile(
    bus: EmbeddedBus, manifest: Manifest, commits: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    _commit(bus, commits[0])
    ends = EmbeddedBus.ends

    def then_others_commit(bus: EmbeddedBus, topic: str) -> dict[int, tuple[int, int]]:
        found = ends(bus, topic)
        _commit(bus, *commits[1:])
        manifest.catch_up(0, commits, NOON_US)
        return found

    monkeypatch.setattr(EmbeddedBus, "ends", then_others_commit)
    list_commits(bus, manifest)
    assert manifest.applied_seq("w0") == 3
