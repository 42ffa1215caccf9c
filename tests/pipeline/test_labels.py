"""Labels are marks: where there is no bus, or none that answers, there are none."""

from pathlib import Path

import pytest

from tocsin.bus.contract import Bus
from tocsin.config import Config, load_config
from tocsin.errors import DeliveryError
from tocsin.pipeline import labels


def test_a_store_alone_has_no_labels(tmp_path: Path) -> None:
    assert labels.labels_of(load_config({"data": str(tmp_path)}, {})) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_bus_that_does_not_answer_is_noted_and_gives_no_labels(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_away(_: Config) -> Bus:
        raise DeliveryError("nobody answers")

    monkeypatch.setattr(labels, "existing_bus", is_away)
    assert labels.labels_of(load_config({"bus": "kafka://127.0.0.1:1"}, {})) == ()
    assert caplog.messages == ["Simulated attacks are not marked: nobody answers"]
