"""Whatever is not our own HTML is escaped, wherever it is put."""

import pytest

from tests.stats.report.hostile import PAYLOADS, Tags
from tocsin.stats.report.markup import Markup, element, escaped, escaped_lines, joined, log, table


@pytest.mark.parametrize("text", PAYLOADS)
def test_text_never_becomes_an_element_or_an_attribute(text: str) -> None:
    made = [
        element("p", text, class_=text),
        element("p", element("b", text), text),
        joined([text, text], text),
        element("p", "") + text,
        element("p", f"{element('b', 'x')} {text}"),  # a formatted text is no Markup any more
        Markup("".join(table([text], [[element("td", text)]]))),
        log(text),
        escaped_lines(text),
    ]
    tags = Tags("".join(made))
    assert {tag for tag, _ in tags.tags} <= {"p", "b", "div", "table", "thead", "tbody", "tr", "th", "td", "bdi"}
    assert {name for _, attributes in tags.tags for name in attributes} <= {"class", "scope"}
    assert not any(character in piece for piece in made for character in "\x00\x1b\u202e\u2066\ud800")


def test_markup_is_put_in_as_it_is_and_is_closed() -> None:
    assert element("td", element("b", "1 < 2"), " & ", class_="x", id=None, open="") == (
        '<td class="x" open><b>1 &lt; 2</b> &amp; </td>'
    )


def test_a_text_is_cut_where_it_is_too_long_and_lines_stay_lines() -> None:
    assert len(escaped("x" * 5000)) == 2000
    assert escaped_lines("a\n<b>") == "a\n&lt;b&gt;"
