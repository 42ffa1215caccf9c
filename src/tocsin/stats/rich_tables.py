"""Tables for the terminal, all of one look."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tocsin.plain import plain

if TYPE_CHECKING:
    from rich.table import Table

NAME_WIDTH = 60


def table_of(title: str, columns: Sequence[str]) -> "Table":
    """Return an empty table: a column of names without a head, then columns of figures."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    for column in columns:
        table.add_column(Text(column), justify="right", no_wrap=True)
    return table


def add_row(table: "Table", name: str, cells: Iterable[str]) -> None:
    """Add a line. Text from logs is made harmless to a terminal."""
    from rich.text import Text

    table.add_row(Text(plain(name, NAME_WIDTH)), *(Text(cell) for cell in cells))
