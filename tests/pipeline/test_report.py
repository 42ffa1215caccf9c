"""The notes of a report say of what they are, and by whom the events were judged."""

import re
from pathlib import Path

import pytest
from tests.sinks.classified import DETECTION, classified, dead_letter, detection_verdict
from tests.sinks.store_folder import stored

from tocsin.config import load_config
from tocsin.pipeline.report import report_of_store
from tocsin.rules.attack import Attack
from tocsin.stats.statistics import Filters


def notes_of(folder: Path, filters: Filters) -> str:
    page = "".join(report_of_store(load_config({"data": str(folder)}, {}), filters))
    found = re.search('<ul class="notes">(.*?)</ul>', page, re.DOTALL)
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("filters", "of_what"),
    [(Filters(), ""), (Filters(host="ws1"), " of the whole store"), (Filters(min_level="high"), " of the whole store")],
)
def test_what_could_not_be_read_is_counted_in_the_whole_store_and_said_to_be(
    tmp_path: Path, filters: Filters, of_what: str
) -> None:
    untimed = classified(2, time_source="ingest", flags=["missing_time"])
    stored(
        tmp_path / "store", [classified(1, judged=detection_verdict(DETECTION), alerts=["a"]), untimed, dead_letter(3)]
    )
    notes = notes_of(tmp_path, filters)
    assert f"1 record{of_what} could not be read: not_json" in notes
    assert f"1 event{of_what} stands at the time of reading: missing_time" in notes
    assert f"not all events{of_what} were judged by the rules that are loaded here" in notes


def test_events_judged_by_another_attack_are_named(tmp_path: Path) -> None:
    ours = Attack.load().version
    for place, version in enumerate((ours, "18.0")):
        judged = detection_verdict(DETECTION) | {"attack_version": version}
        stored(tmp_path / "store", [classified(place, judged=judged, alerts=["a"])], name=f"w{place}")
        notes = notes_of(tmp_path, Filters())
        assert (f"some events were judged by ATT&amp;CK 18.0; the matrix here is {ours}" in notes) == (version != ours)
