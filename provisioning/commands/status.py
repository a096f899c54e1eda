"""`hearthline status`: asks the running hub how it is, and shows it to people."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

import click
import msgspec
from rich.console import Console
from rich.text import Text

from agent.ask import AskError, ask
from agent.status import (
    AlarmStatus,
    FaultStatus,
    HubStatus,
    LinkStatus,
    RemindersStatus,
    RestartStatus,
    SensorStatus,
)
from agent.wire.messages import UnreadableError
from provisioning.commands.options import config_option, socket_of
from provisioning.commands.reminders import count
from provisioning.commands.reminders import show as show_reminders
from provisioning.commands.tables import Row, bad, good, table

EXIT_UNWELL = 1
EXIT_CANNOT_ASK = 2

Vital = Literal["signal", "battery"]
VITALS: tuple[Vital, ...] = ("signal", "battery")

T = TypeVar("T")


class _Refusal(msgspec.Struct):
    error: str


@click.command()
@config_option("config")
@click.option("--reminders", is_flag=True, help="Show how the reminders of the last 14 days were answered.")
@click.option("--json", "as_json", is_flag=True, help="Print it as one line of JSON.")
@click.option(
    "--socket",
    "socket",
    type=click.Path(path_type=Path),
    help="The hub's local socket; else the one that its configuration names.",
)
def status(config: Path, socket: Path | None, *, reminders: bool, as_json: bool) -> None:
    """Show how the running hub is.

    \b
    Exits with
      0  all is well
      1  a fault stands, or an alarm is not delivered: the centre has given no receipt for it;
         with --reminders: one was missed in the last 24 hours, or not all could be read
      2  the hub cannot be asked
    """  # noqa: D301 -- click's mark for lines kept as they are
    path = socket or socket_of(config)
    try:
        well = (_status_of_reminders if reminders else _status)(path, as_json=as_json)
    except AskError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT_ASK)
    sys.exit(0 if well else EXIT_UNWELL)


def _status(path: Path, *, as_json: bool) -> bool:
    """Show how the hub is; tell whether it is well. Raises AskError."""
    answer = ask(path)
    hub = _read(answer, HubStatus)
    if as_json:
        click.echo(answer)
    else:
        show(hub, Console())
    return hub.well


def _status_of_reminders(path: Path, *, as_json: bool) -> bool:
    """Show how reminders were answered; tell whether nothing was missed. Raises AskError."""
    answer = _read(ask(path, question="reminders"), RemindersStatus)
    try:
        told = count(answer)
    except (UnreadableError, ValueError) as error:
        raise _unusable(str(error)) from None
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        show_reminders(told, Console())
    return not told.missed_lately and not told.trouble


def _read(answer: bytes, document: type[T]) -> T:
    """Read the hub's answer. Raises AskError."""
    try:
        return msgspec.json.decode(answer, type=document)
    except msgspec.DecodeError as error:
        try:
            refusal = msgspec.json.decode(answer, type=_Refusal).error
        except msgspec.DecodeError:
            raise _unusable(str(error)) from None
        raise AskError(f"the hub's answer cannot be used: {refusal}") from None


def _unusable(why: str) -> AskError:
    return AskError(f"the hub's answer cannot be used: {why}: do the hub and this command have the same version?")


def show(hub: HubStatus, console: Console) -> None:
    """Show the status, what needs a person first."""
    console.print(table("", ("", ""), _facts(hub), headed=False))
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
            ("sensor", "kind", "location", "last heard (UTC)", "silent after", *_vital_heads(hub), "now"),
            (_sensor(each, _vital_heads(hub)) for each in hub.sensors),
        ),
        (
            "Drivers",
            ("driver", "state", "failures", "noise", "reason"),
            (
                (
                    each.name,
                    good("hears") if each.listening else bad("deaf"),
                    str(each.failures),
                    str(each.noise),
                    each.reason,
                )
                for each in hub.drivers
            ),
        ),
        (
            "Heard, but not configured",
            ("driver", "address", "times", "last", "said"),
            (
                (each.driver, each.address, str(each.count), f"{_age(each.heard_s)} ago", ", ".join(each.said))
                for each in hub.unconfigured
            ),
        ),
        ("Counters", ("counter", "count"), ((name, str(count)) for name, count in sorted(hub.counters.items()))),
    )
    for title, heads, rows in lists:
        made = table(title, heads, rows)
        if made.row_count:
            console.print(made)


def _facts(hub: HubStatus) -> Iterator[Row]:
    yield "hub", f"{hub.hub}, version {hub.version or 'unknown'}, epoch {hub.epoch}"
    yield "running", f"{_age(hub.uptime_s)}, since {hub.started}"
    yield "mode", hub.mode
    yield "clock", hub.clock.wall if hub.clock.synced else bad(f"{hub.clock.wall}, not synchronised")
    yield "storage", good("keeps up") if hub.storage.ok else bad(hub.storage.reason or "degraded")
    yield "waiting for a receipt", ", ".join(f"lane {lane}: {count}" for lane, count in hub.outbox.items()) or "nothing"
    yield "open alarms", bad(str(len(hub.alarms))) if hub.alarms else "none"
    yield "faults", bad(str(len(hub.faults))) if hub.faults else "none"
    if hub.restart is not None:
        yield "restart wanted", _restart(hub.restart)
    shown = ((name, getattr(hub.display, name)) for name in hub.display.__struct_fields__)
    yield (
        "shown at home",
        ", ".join(f"{name} {value}" for name, value in shown if value not in ("off", "none", False)) or "nothing",
    )


def _restart(restart: RestartStatus) -> str:
    waits = f"waits for: {restart.waits_for}; at the latest {restart.latest}" if restart.waits_for else "now"
    return f"because of {', '.join(restart.whys)}, since {_age(restart.for_s)}; {waits}"


def _vital_heads(hub: HubStatus) -> tuple[Vital, ...]:
    """Name what of signal and battery any sensor has told: no home needs an empty column."""
    return tuple(head for head in VITALS if any(getattr(each, head) is not None for each in hub.sensors))


def _sensor(sensor: SensorStatus, heads: tuple[Vital, ...]) -> Row:
    values = (getattr(sensor, head) for head in heads)
    return (
        sensor.id,
        sensor.kind,
        sensor.location,
        sensor.heard or "never",
        _age(sensor.supervised_s, "not supervised"),
        *("" if value is None else f"{value} %" for value in values),
        "active" * sensor.active,
    )


def _alarm(alarm: AlarmStatus) -> Row:
    delivery = good(alarm.delivery) if alarm.delivery == "received" else bad(alarm.delivery + ", late" * alarm.late)
    kind = alarm.kind + " (test)" * alarm.test
    return kind, alarm.stage, delivery, alarm.sensor, alarm.location, alarm.person, _age(alarm.age_s)


def _fault(fault: FaultStatus) -> Row:
    return bad(fault.fault), fault.subject, str(fault.priority), fault.reason, _age(fault.age_s)


def _line(link: LinkStatus) -> Text:
    if not _at_rest(link):
        state = "up" if link.up else "down"
        return good(state) if link.up else bad(state)
    if link.tested_s is None:
        return Text("standby, not tested yet")
    tested = f"standby, tested {_age(link.tested_s)} ago"
    return good(f"{tested}, ok") if link.passed else bad(f"{tested}, failed")


def _at_rest(link: LinkStatus) -> bool:
    """Whether it is closed because it need not be open."""
    return link.standby and not link.wanted and not link.up


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
