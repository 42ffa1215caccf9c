"""Labels are marks: where there is no bus, or none that answers, there are none."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from tocsin.bus.contract import Bus
from tocsin.config import Config, load_config
from tocsin.errors import DeliveryError
from tocsin.event import LABELS, Record
from tocsin.flow import Batch
from tocsin.pipeline import labels
from tocsin.pipeline.topology import open_bus

_LABEL = {
    "event_id": "ab" * 16,
    "time": "2026-01-12T06:00:00Z",
    "host": "ws-001",
    "scenario": "lure-to-keylogger",
    "run": "lure-to-keylogger-1@default",
    "step": 1,
    "title": "A step",
    "tactic": "TA0002",
    "technique": "T1059",
    "detectable": "event",
}


def test_a_store_alone_has_no_labels(tmp_path: Path) -> None:
    assert labels.labels_of(load_config({"data": str(tmp_path)}, {})) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_bus_that_does_not_answer_is_noted_and_gives_no_labels(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_away(_: Config, connect_seconds: float) -> Bus:
        raise DeliveryError(f"nobody answers within {connect_seconds:.0f} s")

    monkeypatch.setattr(labels, "existing_bus", is_away)
    assert labels.labels_of(load_config({"bus": "kafka://127.0.0.1:1"}, {})) == ()
    assert caplog.messages == ["Simulated attacks are not marked: nobody answers within 5 s"]


def test_a_kafka_that_is_away_is_not_waited_for_longer_than_marks_are_worth(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(labels, "_CONNECT_SECONDS", 1.0)
    config = load_config({"data": str(tmp_path), "bus": "kafka://127.0.0.1:1"}, {})
    assert labels.labels_of(config) == ()
    assert "are not marked: Kafka at 127.0.0.1:1 does not answer within 1 s: " in caplog.messages[0]


def test_what_is_no_label_is_passed_over_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = load_config({"data": str(tmp_path)}, {})
    timeless, zoneless = _LABEL | {"time": "noon"}, _LABEL | {"time": "2026-01-12T06:00:00"}
    with closing(open_bus(config)) as bus:
        values = [b"{broken", b"", b"[]", *(json.dumps(each).encode() for each in (timeless, zoneless, _LABEL))]
        bus.committer(owner="anybody").commit({LABELS: [Record(value) for value in values]}, Batch())
    assert [label.host for label in labels.labels_of(config)] == ["ws-001"]
    assert caplog.messages == ["`labels`: passed over 5 records that no `tocsin produce` wrote."]
