"""`hearthline status`: asks the running hub how it is, and shows it to people."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.ask import DEFAULT_SOCKET, AskError, ask
from agent.status import AlarmStatus, FaultStatus, HubStatus, LinkStatus

EXIT_UNWELL = 1
EXIT_CANNOT_ASK = 2

Row = tuple[str | Text, ...]


class _Refusal(msgspec.Struct):
    error: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the hub's answer as it is: one line of JSON.")
@click.option(
    "--socket",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_SOCKET,
    show_default=True,
    help="The hub's local socket.",
)
def status(path: Path, *, as_json: bool) -> None:
    """Show how the running hub is.

    \b
    Exits with
      0  all is well
      1  a fault stands, or an alarm is not delivered: the centre has given no receipt for it
      2  the hub cannot be asked
    """  # noqa: D301 -- click's mark for lines kept as they are
    try:
        answer = ask(path)
        hub = _read(answer)
    except AskError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT_ASK)
    if as_json:
        click.echo(answer)
    else:
        show(hub, Console())
    sys.exit(0 if hub.well else EXIT_UNWELL)


def _read(answer: bytes) -> HubStatus:
    """Read the hub's answer. Raises AskError."""
    try:
        return msgspec.json.decode(answer, type=HubStatus)
    except msgspec.DecodeError as error:
        try:
            refusal = msgspec.json.decode(answer, type=_Refusal).error
        except msgspec.DecodeError:
            refusal = f"{error}: do the hub and this command have the same version?"
        raise AskError(f"the hub's answer cannot be used: {refusal}") from None


def show(hub: HubStatus, console: Console) -> None:
    """Show the status, what needs a person first."""
    console.print(_table("", ("", ""), _facts(hub), headed=False))
    lists: tuple[tuple[str, tuple[str, ...], Iterable[Row]], ...] = (
        ("Open alarms", ("kind", "stage", "delivery", "sensor", "location", "person", "age"), map(_alarm, hub.alarms)),
        ("Faults", ("fault", "subject", "priority", "reason", "age"), map(_fault, hub.faults)),
        (
            "Links",
            ("uplink", "state", "for", "reason"),
            ((link.name, _line(link), _age(link.for_s), "" if _at_rest(link) else link.reason) for link in hub.links),
        ),
        (
            "Sensors",
            ("sensor", "kind", "location", "last heard (UTC)", "silent after", "now"),
            (
                (
                    each.id,
                    each.kind,
                    each.location,
                    each.heard or "never",
                    _age(each.supervised_s, "not supervised"),
                    "active" * each.active,
                )
                for each in hub.sensors
            ),
        ),
        (
            "Drivers",
            ("driver", "state", "failures", "noise", "reason"),
            (
                (
                    each.name,
                    _good("hears") if each.listening else _bad("deaf"),
                    str(each.failures),
                    str(each.noise),
                    each.reason,
                )
                for each in hub.drivers
            ),
        ),
        (
            "Heard, but not configured",
            ("driver", "address", "times", "last"),
            ((each.driver, each.address, str(each.count), f"{_age(each.heard_s)} ago") for each in hub.unconfigured),
        ),
        ("Counters", ("counter", "count"), ((name, str(count)) for name, count in sorted(hub.counters.items()))),
    )
    for title, heads, rows in lists:
        table = _table(title, heads, rows)
        if table.row_count:
            console.print(table)


def _facts(hub: HubStatus) -> Iterator[Row]:
    yield "hub", f"{hub.hub}, version {hub.version or 'unknown'}, epoch {hub.epoch}"
    yield "running", f"{_age(hub.uptime_s)}, since {hub.started}"
    yield "mode", hub.mode
    yield "clock", hub.clock.wall if hub.clock.synced else _bad(f"{hub.clock.wall}, not synchronised")
    yield "storage", _good("keeps up") if hub.storage.ok else _bad(hub.storage.reason or "degraded")
    yield "waiting for a receipt", ", ".join(f"lane {lane}: {count}" for lane, count in hub.outbox.items()) or "nothing"
    yield "open alarms", _bad(str(len(hub.alarms))) if hub.alarms else "none"
    yield "faults", _bad(str(len(hub.faults))) if hub.faults else "none"
    shown = ((name, getattr(hub.display, name)) for name in hub.display.__struct_fields__)
    yield (
        "shown at home",
        ", ".join(f"{name} {value}" for name, value in shown if value not in ("off", "none", False)) or "nothing",
    )


def _alarm(alarm: AlarmStatus) -> Row:
    delivery = _good(alarm.delivery) if alarm.delivery == "received" else _bad(alarm.delivery + ", late" * alarm.late)
    kind = alarm.kind + " (test)" * alarm.test
    return kind, alarm.stage, delivery, alarm.sensor, alarm.location, alarm.person, _age(alarm.age_s)


def _fault(fault: FaultStatus) -> Row:
    return _bad(fault.fault), fault.subject, str(fault.priority), fault.reason, _age(fault.age_s)


def _line(link: LinkStatus) -> Text:
    if not _at_rest(link):
        state = "up" if link.up else "down"
        return _good(state) if link.up else _bad(state)
    if link.tested_s is None:
        return Text("standby, not tested yet")
    tested = f"standby, tested {_age(link.tested_s)} ago"
    return _good(f"{tested}, ok") if link.passed else _bad(f"{tested}, failed")


def _at_rest(link: LinkStatus) -> bool:
    """Whether it is closed because it need not be open."""
    return link.standby and not link.wanted and not link.up


def _table(title: str, heads: tuple[str, ...], rows: Iterable[Row], *, headed: bool = True) -> Table:
    table = Table(title=title or None, title_justify="left", show_header=headed, box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))  # never read as markup
    return table


def _good(text: str) -> Text:
    return Text(text, "green")


def _bad(text: str) -> Text:
    return Text(text, "bold red")


def _age(seconds: int | None, unknown: str = "unknown") -> str:
    """Write a duration for people: the two largest units."""
    if seconds is None:
        return unknown
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    said = [f"{count} {unit}" for count, unit in parts if count][:2]
    return " ".join(said) or "0 s"
