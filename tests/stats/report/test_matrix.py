"""Alerts stand in the columns of the matrix where their rules say."""

from tests.stats.report.reported import MATRIX, alert, page_of
from tocsin.stats.report.findings import Fired
from tocsin.stats.report.matrix import cells_of


def cells(tactics: list[str], techniques: list[str]) -> dict[str, dict[str, int]]:
    found = cells_of([Fired(tuple(tactics), tuple(techniques), "high", 3)], MATRIX)
    return {tactic: {id_: sum(levels.values()) for id_, levels in ids.items()} for tactic, ids in found.items()}


def test_a_technique_stands_below_those_tactics_of_its_rule_that_it_belongs_to() -> None:
    assert cells(["TA0002", "TA0001"], ["T1059", "T1078"]) == {"TA0002": {"T1059": 3}, "TA0001": {"T1078": 3}}


def test_a_tactic_without_a_technique_of_its_own_counts_as_that() -> None:
    assert cells(["TA0002", "TA0040"], ["T1059"]) == {"TA0002": {"T1059": 3}, "TA0040": {"": 3}}
    assert cells(["TA0002"], []) == {"TA0002": {"": 3}}


def test_a_technique_of_none_of_the_tactics_stands_below_all_of_them() -> None:
    assert cells(["TA0002"], ["T1033"]) == {"TA0002": {"T1033": 3}}
    assert cells(["TA0002"], ["T9999"]) == {"TA0002": {"T9999": 3}}


def test_a_rule_that_names_no_tactic_stands_below_those_of_its_technique_or_below_none() -> None:
    assert cells([], ["T1078"]) == {"TA0001": {"T1078": 3}, "TA0040": {"T1078": 3}}
    assert cells([], []) == {"": {"": 3}}


def test_tactics_are_columns_in_the_order_of_the_matrix_also_those_that_nothing_fired_for() -> None:
    page = page_of([alert("08:00", tactics=["TA0007"], techniques=["T1033"]), alert("08:01")])
    columns = page[page.index('class="matrix"') :]
    places = [columns.index(f"<h3>{name}<") for name in ("Initial Access", "Execution", "Discovery", "Impact")]
    assert places == sorted(places)
    assert columns.count('class="tactic none"') == 2
    assert "1 alert, 1 of 1 techniques" in columns
    assert 'class="parent">Command and Scripting Interpreter' in columns  # its sub-technique fired
