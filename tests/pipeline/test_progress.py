"""What the live view counts are records, on either bus."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from tests.kafka.broker import Cluster

from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.contract import Bus
from tocsin.bus.embedded import EmbeddedBus
from tocsin.bus.kafka import KafkaBus, KafkaSettings
from tocsin.commands.live import LineView
from tocsin.config import load_config
from tocsin.event import ALERTS, CLASSIFIED_EVENTS, DEAD_LETTERS, RAW_EVENTS, Record
from tocsin.flow import Batch
from tocsin.pipeline.progress import Progress, ProgressReader
from tocsin.pipeline.topology import CLASSIFY_GROUP, GROUPS, topics_of
from tocsin.telemetry.meter import StageMeter

_ALERT = orjson.dumps(
    {
        "tocsin": {
            "time": "2026-01-12T06:00:00Z",
            "rule": {"level": "high", "title": "A rule", "tactics": [{"name": "Execution"}]},
            "host": "h",
            "event_id": "ab" * 16,
        }
    }
)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.slow)])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    cluster: Cluster | None = request.getfixturevalue("kafka") if request.param == "kafka" else None
    opened: Bus = EmbeddedBus(tmp_path / "bus")
    if cluster:
        opened.close()
        opened = KafkaBus(KafkaSettings(cluster.servers, tmp_path / "kafka"), "run")
    with closing(opened):
        opened.ensure_topics(topics_of(load_config({"data": str(tmp_path)}, {})), GROUPS)
        yield opened
    if cluster:
        cluster.empty()


def test_markers_of_transactions_are_no_records(bus: Bus, tmp_path: Path) -> None:
    """Four commits of five records each, half of them classified with an alert and a dead letter for each batch."""
    reader = ProgressReader(bus, tmp_path)
    assert reader.read().produced == 0
    produce, classify = StageMeter(tmp_path, "produce"), StageMeter(tmp_path, "classify")
    for _ in range(4):
        batch = Batch([Record(b"raw")] * 5)
        bus.committer(owner="produce").commit({RAW_EVENTS: batch.records}, batch)
        produce.turned(batch, {}, 0.0, 0.0, 0.0)
    with closing(_Consumer(bus)) as consumer:
        for _ in range(2):
            batch = consumer.next()
            outputs = {ALERTS: [Record(_ALERT)], DEAD_LETTERS: [Record(b"x")], CLASSIFIED_EVENTS: batch.records[1:]}
            bus.committer(group=CLASSIFY_GROUP).commit(outputs, batch)
            classify.turned(batch, {}, 0.0, 0.0, 0.0)
        produce.write()
        classify.write()
        for _ in range(2):  # what came is counted once
            progress = reader.read()
        assert (progress.produced, progress.classified) == (20, 10)
        assert (progress.alerts, progress.dead_letters) == (2, 2)
        assert progress.tactics == {"Execution": 2}
        assert progress.classify_lag >= 10
        assert progress.is_lag_exact is not bus.has_gaps


class _Consumer:
    """A consumer of `raw-events` whose batches have five records."""

    def __init__(self, bus: Bus) -> None:
        self._source = bus.consumer(CLASSIFY_GROUP, [RAW_EVENTS], ConsumerSettings(max_records=5))

    def next(self) -> Batch:
        while True:
            batch = self._source.read()
            if batch is not None and batch.records:
                assert len(batch.records) == 5
                return batch

    def close(self) -> None:
        self._source.close()


def test_a_lag_that_counts_markers_is_said_to_be_at_most_that(capsys: pytest.CaptureFixture[str]) -> None:
    for is_exact, said in ((True, "lag=20,080 "), (False, "lag=≤20,080 ")):
        view = LineView()
        view._next_line = 0.0
        view.show(Progress(produced=20_000, classify_lag=20_080, is_lag_exact=is_exact), ())
        assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "value", [b"", b"\xff", b"[]", b'{"tocsin": 1}', b"[" * 100_000, _ALERT.replace(b"high", b"x")]
)
def test_what_others_put_on_the_topic_of_alerts_is_passed_over(tmp_path: Path, value: bytes) -> None:
    with closing(EmbeddedBus(tmp_path / "bus")) as bus:
        bus.ensure_topics(topics_of(load_config({"data": str(tmp_path)}, {})), GROUPS)
        reader = ProgressReader(bus, tmp_path)
        batch = Batch([Record(value), Record(_ALERT)])
        bus.committer(owner="others").commit({ALERTS: batch.records}, batch)
        assert [alert.title for alert in reader.read().last_alerts] == ["A rule"]
