"""Regular expressions mean what PCRE says, whichever engine finds them."""

import pytest

from tests.rules.writing import fires

KELVIN, LONG_S = "\N{KELVIN SIGN}", "\N{LATIN SMALL LETTER LONG S}"
DOTTED_I = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"


@pytest.mark.parametrize(
    ("selection", "value", "is_found"),
    [
        ("A|re: 'b$'", "ab", True),
        ("A|re: 'b$'", "ab\n", False),
        ("A|re: 'b\\$'", "ab$", True),
        ("A|re: '[$]'", "a$b", True),
        ("A|re|m: 'a$'", "a\nb", True),
        ("A|re: 'a.b'", "a\nb", False),
        ("A|re|s: 'a.b'", "a\nb", True),
        ("A|re: '^$'", "", True),
        ("A|re: '\\w'", "é", False),
        ("A|re: '[^\\W]'", "é", False),
        ("A|re: '[\\W]'", "é", True),
        ("A|re: '\\d'", "\N{ARABIC-INDIC DIGIT ONE}", False),
        ("A|re: '\\bx\\b'", "éxé", True),
        ("A|re: '\\Bx'", "ax", True),
        ("A|re|i: 'é'", "É", True),
        ("A|re: 'é'", "É", False),
        ("A|re|i: 'k'", KELVIN, True),
        ("A|re|i: 's'", LONG_S, True),
        ("A|re|i: 'i'", DOTTED_I, False),
        ("A|re|i: 'σ'", "ς", True),
        ("A|re: '(?i)ABC'", "abc", True),
        ("A|re: '(a)\\1'", "aa", True),
        ("A|re: '(?<!x)ab'", "xab", False),
        ("A|re: '(?<!x)ab'", "yab", True),
        ("A|re: 'a{1,100}b'", "aab", True),
        ("A|re: 'a{30,40}b'", "a" * 29 + "b", False),
        ("A|re: '[a{30,40}]'", "{", True),
        ("A|re: 'a\\{30,40}'", "a{30,40}", True),
    ],
)
def test_an_expression_is_found_or_not(selection: str, value: str, is_found: bool) -> None:
    assert fires(selection, {"A": value}) == is_found
