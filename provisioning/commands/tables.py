"""Small tables for a terminal, as the commands show them."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

Row = tuple[str | Text, ...]


def table(title: str, heads: tuple[str, ...], rows: Iterable[Row], *, headed: bool = True) -> Table:
    """Make a table. What is too long for its column goes on in the next line."""
    made = Table(title=title or None, title_justify="left", show_header=headed, box=None, pad_edge=False)
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))  # never read as markup
    return made


def good(text: str) -> Text:
    """Give a text as something that is well."""
    return Text(text, "green")


def bad(text: str) -> Text:
    """Give a text as something that needs a person."""
    return Text(text, "bold red")
