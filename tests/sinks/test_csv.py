import csv
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.sinks.classified import DETECTION, classified, detection_verdict, verdict
from tests.sinks.store_folder import csv_rows, stored
from tocsin.event import Record
from tocsin.sinks.csv import COLUMNS, CsvLines
from tocsin.sinks.decode import Decoder


def rendered(*records: Record) -> list[list[str]]:
    """Return the cells of the lines made of these records."""
    rows, rejected = Decoder().rows(records)
    assert rejected == []
    return list(csv.reader(CsvLines().render(rows).decode().split("\n")[:-1], strict=True))


def test_an_event_with_an_alert_is_one_row_with_every_column_filled_in(tmp_path: Path) -> None:
    stored(tmp_path, [classified(5, judged=detection_verdict(DETECTION), alerts=["a" * 32, "b" * 32])])
    assert csv_rows(tmp_path) == [
        {
            "v": "1",
            "event_id": "00000000000000000000000000000005",
            "time": "2026-01-12T12:00:00.000000Z",
            "host": "ws1",
            "user": "CORP\\ann",
            "product": "windows",
            "service": "sysmon",
            "category": "process_creation",
            "channel": "Microsoft-Windows-Sysmon/Operational",
            "provider": "Microsoft-Windows-Sysmon",
            "code": "1",
            "activity_tactic": "TA0002",
            "tactics": "TA0002",
            "tactic_names": "Execution",
            "techniques": "T1059.001",
            "rules": "5f0f4dd0-0000-4000-8000-000000000001",
            "rule_titles": "Suspicious Encoded PowerShell",
            "level": "high",
            "basis": "detection",
            "alert_ids": "a" * 32 + ";" + "b" * 32,
            "rules_digest": "0123abcd",
            "attack_version": "19.1",
            "topic": "raw-events",
            "partition": "0",
            "offset": "5",
        }
    ]


def test_the_file_says_its_version_in_its_name_and_its_header_names_the_columns(tmp_path: Path) -> None:
    stored(tmp_path, [classified()])
    file = tmp_path / "csv" / "events.v1.w0.000001.csv"
    assert file.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert COLUMNS[0] == "v"


def test_nulls_are_empty_cells() -> None:
    nothing = dict.fromkeys(verdict())
    [cells] = rendered(classified(time=None, host=None, user=None, judged=nothing))
    assert cells == ["1", "0" * 32, *[""] * 20, "raw-events", "0", "0"]


def test_a_formula_in_any_text_is_only_text() -> None:
    evil = "=cmd|'/c calc'!A1"
    judged = verdict(
        product=evil, service=evil, categories=[evil], channel=evil, provider=evil, code=evil, rules_digest=evil,
        techniques=[evil, evil], tactics=[{"id": evil, "name": evil}], attack_version=evil,
        matches=[DETECTION | {"title": evil}],
    )  # fmt: skip
    source = {"topic": evil, "partition": 0, "offset": -1}
    [cells] = rendered(classified(event_id=evil, host=evil, user=evil, alerts=[evil], source=source, judged=judged))
    assert len(cells) == len(COLUMNS)
    assert {cell[0] for cell in cells if "cmd" in cell} == {"'"}
    assert [cell for cell in cells if ";=" in cell] == []


def test_quotes_commas_and_line_ends_stay_within_their_cell() -> None:
    [cells] = rendered(classified(host='a",b\r\nc', user="\x00\x1b[2J"))
    assert cells[3:5] == ['a",b\\x0d\\x0ac', "\\x00\\x1b[2J"]


@given(
    st.lists(
        st.tuples(st.text(), st.text()).map(lambda pair: tuple(t.encode("utf-8", "replace").decode() for t in pair))
    )
)
def test_any_host_and_user_make_one_line_of_all_columns(people: list[tuple[str, str]]) -> None:
    lines = rendered(*(classified(k, host=host, user=user) for k, (host, user) in enumerate(people)))
    assert [(len(cells), cells[-1]) for cells in lines] == [(len(COLUMNS), str(k)) for k in range(len(people))]
