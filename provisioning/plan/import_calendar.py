"""`hearthline plan import-calendar FILE.ics`: writes a calendar's appointments as tables for a care plan."""

import datetime as dt
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from agent.plan.private import REFERENCE
from agent.plan.today import today as today_in
from provisioning.plan.calendar import BYTES_MAX, CalendarError, Imported, read_calendar
from rules.calendar import zone_of

EXIT_CANNOT = 2


def _zone(_ctx: click.Context, _option: click.Parameter, name: str) -> dt.tzinfo:
    zone = zone_of(name)
    if zone is None:
        raise click.BadParameter("name it as IANA does, such as Europe/London")
    return zone


def _person(_ctx: click.Context, _option: click.Parameter, name: str) -> str:
    if name and REFERENCE.fullmatch(name) is None:
        raise click.BadParameter("a person's reference in the plan, of a-z, 0-9 and -, never a name")
    return name


@click.command("import-calendar")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--zone", required=True, callback=_zone, help="The home's time zone, such as Europe/London.")
@click.option("--person", default="", callback=_person, help="Whose they are: a person of the plan.")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="What is over by then is left out.  [default: today]")
def import_calendar(file: Path, zone: dt.tzinfo, person: str, today: dt.datetime | None) -> None:
    """Write the appointments in the iCalendar file FILE as tables for a care plan, to look at and to paste into it.

    What is left out, and what is not quite as it was, is told on standard error. Exits with 2 when FILE is no calendar.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(BYTES_MAX + 1)
        imported = read_calendar(content, zone, today.date() if today else today_in(str(zone)), person)
    except OSError as error:
        click.echo(f"{file}: {error.strerror}: name the iCalendar file", err=True)
        sys.exit(EXIT_CANNOT)
    except CalendarError as error:
        click.echo(f"{file}: {error}", err=True)
        sys.exit(EXIT_CANNOT)
    for each in imported.skipped:
        click.echo(f"{each.event}: {each.why}" if each.event else each.why, err=True)
    click.echo("\n".join(_lines(imported)))


def _lines(imported: Imported) -> Iterator[str]:
    for table in imported.reminders:
        yield "[[reminder]]"
        yield from (f"{key} = {_toml(value)}" for key, value in table.items())
        yield ""
    if imported.texts:
        yield "[private.texts]  # one such table is in a plan: add these lines to it if it is there already"
        yield from (f"{key} = {_toml(value)}" for key, value in imported.texts.items())


def _toml(value: Any) -> str:  # noqa: ANN401 -- what a reminder's table has
    match value:
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dt.date():
            return value.isoformat()
        case _:
            return json.dumps(value, ensure_ascii=False)
