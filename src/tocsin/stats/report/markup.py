"""Make HTML in which text from logs and rules stays text: what is not `Markup` is escaped wherever it is put.

Characters that reorder or hide what is read are written as `\\uNNNN`.
"""

import html
from collections.abc import Iterable, Sequence
from datetime import datetime

from tocsin.plain import plain
from tocsin.verdict import LEVELS

_MAX_TEXT = 2000  # characters
_MAX_NAME = 200  # of a title, a host


class Markup(str):
    """HTML, made here. Never made of text that something else chose."""

    __slots__ = ()

    def __add__(self, other: str) -> "Markup":
        return Markup(str.__add__(self, escaped(other)))


def element(name: str, *content: str, **attributes: str | None) -> Markup:
    """Return an element. Names of attributes lose a `_` at their end; one that is None is left out, "" stands alone."""
    said = "".join(
        f" {key.rstrip('_')}" + (f'="{escaped(value)}"' if value else "")
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{said}>{joined(content)}</{name}>")


LINE_END = Markup("\n")


def opening(name: str, **attributes: str | None) -> Markup:
    """Return the start of an element that is closed by `closing`, for what is written piece by piece."""
    return Markup(element(name, **attributes).removesuffix(f"</{name}>")) + LINE_END


def closing(*names: str) -> Markup:
    return Markup("".join(f"</{name}>" for name in names)) + LINE_END


def joined(content: Iterable[str], between: str = "") -> Markup:
    return Markup(escaped(between).join(map(escaped, content)))


def escaped(text: str) -> Markup:
    """Return text as the content of an element or a quoted attribute: one line, not too long."""
    return text if isinstance(text, Markup) else Markup(html.escape(plain(text, _MAX_TEXT)))


def escaped_lines(text: str) -> Markup:
    """Return text of several lines, however long, as the content of an element."""
    return Markup("\n".join(html.escape(plain(line), quote=False) for line in text.split("\n")))


def table(names: Sequence[str], rows: Iterable[Sequence[str]], **attributes: str | None) -> Iterable[Markup]:
    """Yield a table that scrolls by itself where it is too wide. Cells are `cell` or `number`."""
    yield opening("div", class_="scroll") + opening("table", **attributes)
    yield element("thead", element("tr", *(element("th", name, scope="col") for name in names)))
    yield opening("tbody")
    for cells in rows:
        yield element("tr", *cells) + LINE_END
    yield closing("tbody", "table", "div")


def cell(*content: str, class_: str | None = None) -> Markup:
    return element("td", *content, class_=class_)


def number(count: int) -> Markup:
    return element("td", f"{count:,}" if count else "", class_="number")


def badge(level: str) -> Markup:
    """Return a level with its colour."""
    return element("span", level, class_=f"level {level_class(level)}")


def level_class(level: str) -> str:
    return level if level in LEVELS else LEVELS[0]


def log(text: str, most: int = _MAX_NAME) -> Markup:
    """Return text from a log or a rule, set apart so that letters of another direction move nothing around it."""
    return element("bdi", plain(text, most))


def moment(time: datetime | None, digits: str = "seconds") -> str:
    """Return a time, UTC, for people."""
    return time.isoformat(" ", digits) if time else "no time"
