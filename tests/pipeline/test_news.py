"""What stages have to say while they run is told once."""

from pathlib import Path

from tocsin.pipeline.news import News
from tocsin.telemetry.meter import HELPERS, StageMeter


def test_a_note_on_what_works_beside_a_stage_is_told_at_the_first_look_and_once(tmp_path: Path) -> None:
    news = News(tmp_path)
    assert news.look() == []
    meter = StageMeter(tmp_path, HELPERS)
    meter.figures.notes = ["export-traces ended with exit code 2"]
    meter.write()
    assert news.look() == ["export-traces ended with exit code 2"]
    assert news.look() == []
    meter.figures.notes = ["export-traces ended with exit code 2", "maintain ended with exit code 1"]
    meter.write()
    assert news.look() == ["maintain ended with exit code 1"]


def test_notes_of_classify_from_before_the_first_look_are_left_to_the_summary(tmp_path: Path) -> None:
    meter = StageMeter(tmp_path, "classify")
    meter.figures.notes = ["a rule is left out"]
    meter.write()
    news = News(tmp_path)
    assert news.look() == []
    meter.figures.notes = ["a rule is left out", "rules have changed"]
    meter.write()
    assert news.look() == ["rules have changed"]
