from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.cbook import is_math_text

from tocsin.stats.ink import drawn, short_count


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ws-1.corp.example", "ws-1.corp.example"),
        (r"$\frac{1}{0}$", r"\$\frac{1}{0}\$"),
        ("red\x1b[31m\nhost", r"red\x1b[31m\x0ahost"),
        ("a\u202eb\u061cc", r"a\u202eb\u061cc"),
        ("e\u0301" + "\u0301" * 20, "é"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_text_from_a_log_is_drawn_as_it_stands_on_one_short_line(text: str, shown: str) -> None:
    assert drawn(text) == shown


@given(st.text())
def test_no_text_is_taken_for_a_formula(text: str) -> None:
    assert not is_math_text(drawn(text))
    assert not {"Cc", "Cf", "Cs", "Mn", "Zl", "Zp"} & set(map(category, drawn(text)))


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0"), (999, "999"), (1_234, "1.2k"), (9_960, "10k"), (34_000, "34k"), (5_600_000, "5.6M")]
)
def test_counts_are_drawn_in_four_characters(count: int, shown: str) -> None:
    assert short_count(count) == shown
