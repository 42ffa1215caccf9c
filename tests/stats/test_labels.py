from datetime import UTC, datetime

from tocsin.stats.labels import LabelSpan, label_spans


def test_an_attack_lasts_from_its_first_labelled_event_to_its_last() -> None:
    six, seven, eight = (datetime(2026, 1, 12, hour, tzinfo=UTC) for hour in (6, 7, 8))
    spans = label_spans([("spray", seven), ("phish", eight), ("phish", six), ("spray", seven)])
    assert spans == [LabelSpan("phish", six, eight), LabelSpan("spray", seven, seven)]
