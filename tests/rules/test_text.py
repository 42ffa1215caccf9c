"""Case is folded character by character, values become text."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.rules.text import fold, text_of


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("CMD.exe", "cmd.exe"),
        ("\N{KELVIN SIGN}elvin", "kelvin"),
        ("pa\N{LATIN SMALL LETTER LONG S}s", "pass"),
        ("ΣΑΣ ς", "σασ σ"),
        ("Straße", "straße"),
        ("STRAẞE", "straße"),
        ("İstanbul", "İstanbul"),
        ("ﬀ Ä", "ﬀ ä"),
    ],
)
def test_simple_case_folding_keeps_the_length(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert len(fold(text)) == len(text)


@given(st.text())
def test_folding_is_the_same_for_a_text_and_for_its_characters(text: str) -> None:
    assert fold(text) == "".join(map(fold, text))
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4688, "4688"),
        (True, "true"),
        (False, "false"),
        (1.0, "1"),
        (1.5, "1.5"),
        (-3, "-3"),
        ("", ""),
        (None, None),
        ({}, None),
        (float("inf"), "inf"),
    ],
)
def test_a_value_as_text(value: Any, text: str | None) -> None:
    assert text_of(value) == text


def test_a_number_of_a_hundred_thousand_digits_has_a_text() -> None:
    assert text_of(10 ** (sys.get_int_max_str_digits() * 20)) is not None
