"""`hearthline plan explain FILE`: says a care plan in plain sentences, and draws it."""

import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.plan.reading import PlanError, read_plan
from provisioning.plan.explain_words import Section, sentences
from provisioning.plan.groups import Group, groups
from provisioning.plan.page import page
from provisioning.plan.phrases import named, short_time
from provisioning.plan.picture import svg
from rules.plan import Plan, Step

__all__ = ["Section", "explain", "sentences", "show"]

EXIT_BAD_PLAN = 2

_ACROSS_MAX = 6
"""More moments than this do not fit across a terminal; the sentences say them all."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the time-lines into this file, as SVG.")
@click.option("--page", "page_file", type=click.Path(path_type=Path), help="Write sentences and time-lines as HTML.")
def explain(file: Path, picture: Path | None, page_file: Path | None) -> None:
    """Say the care plan FILE in plain sentences: who is called, when and how.

    Exits with 2, and says what to mend, when FILE is no care plan. Whether a plan is a good one says `plan check`.
    """
    try:
        plan = read_plan(file).plan
    except PlanError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_BAD_PLAN)
    if picture is not None:
        _write(picture, svg, plan)
    if page_file is not None:
        _write(page_file, page, plan)
    if picture is None and page_file is None:
        show(plan, Console())


def _write(path: Path, drawn: Callable[[Plan], str], plan: Plan) -> None:
    try:
        path.write_text(drawn(plan), encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from error


def show(plan: Plan, console: Console) -> None:
    """Print a plan's sentences, and under each kind of alarm its time-line."""
    found = iter(groups(plan))
    for section in sentences(plan):
        console.print(Text(f"\n{section.title}", "bold"))
        for point in section.points:
            console.print(_point(point))
        if section.alarm:
            _time_line(next(found), console)


def _point(words: str) -> Table:
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_row(Text(" •"), Text(words))  # never read as markup
    return line


def _time_line(group: Group, console: Console) -> None:
    moments = list(dict.fromkeys([0, *(step.after_ms for step in group.steps)]))
    if not 1 < len(moments) <= _ACROSS_MAX:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for moment in moments:
        table.add_column(Text(short_time(moment) if moment else "call"), overflow="fold")
    cells = [[_did(step) for step in group.steps if step.after_ms == moment] for moment in moments]
    cells[0].insert(0, "centre")
    table.add_row(*(Text("\n".join(cell)) for cell in cells))
    line = Table.grid()
    line.add_row(Text("   "), table)
    console.print(line)


def _did(step: Step) -> str:
    lasting = f" {short_time(step.for_ms)}" if step.for_ms else ""
    match step.means:
        case "sms":
            return "\n".join(f"text {named(name)}" for name in step.to)
        case "say":
            return f"voice “{named(step.text)}”"
        case _:
            return f"{step.means}{lasting}"
