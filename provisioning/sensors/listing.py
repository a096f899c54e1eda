"""`hearthline sensors list`: what sensors this home has, and how they are."""

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from agent.config import ConfigError, HubConfig, load
from agent.status import HubStatus, SensorStatus
from provisioning.commands.options import config_option
from provisioning.commands.tables import Row, bad, table
from provisioning.sensors.hub import Hub, HubError
from provisioning.sensors.suggesting import strength
from provisioning.sensors.terminal import Screen, refuse

EXIT_CANNOT = 2


class SensorLine(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor of hub.toml. What the hub knows of it is None where no hub runs, or it has not told.

    `signal` and `battery` are in per cent, `heard` is UTC. `in_force`: the running hub has it; `troubles` are the
    faults that stand of it.
    """

    id: str
    kind: str
    location: str
    driver: str
    address: str
    signal: int | None = None
    battery: int | None = None
    heard: str | None = None
    in_force: bool = False
    troubles: tuple[str, ...] = ()


@click.command("list")
@config_option("hub_toml")
@click.option("--json", "as_json", is_flag=True, help="Print it as one line of JSON.")
def listing(hub_toml: Path, *, as_json: bool) -> None:
    """List the sensors of this home: kind, place, address, signal, battery, when last heard.

    What hub.toml has is listed even when no hub runs.

    \b
    Exits with
      0  listed
      2  hub.toml cannot be used
    """  # noqa: D301 -- click's mark for lines kept as they are
    screen = Screen()
    try:
        config = load(hub_toml)
    except ConfigError as error:
        refuse(error, EXIT_CANNOT)
        return
    hub, problem = None, ""
    try:
        hub = Hub(config).status()
    except HubError as error:
        problem = f"Without signal, battery and last heard: {error}"
    found = list(lines(config, hub))
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif found:
        heads = ("sensor", "kind", "location", "heard by", "signal", "battery", "last heard (UTC)", "")
        screen.console.print(table("", heads, map(_row, found)))
    else:
        screen.say("No sensors yet: hearthline sensors learn")
    if problem:
        click.echo(problem, err=True)


def lines(config: HubConfig, hub: HubStatus | None) -> Iterator[SensorLine]:
    """Give each sensor of a configuration, with what the hub knows of it."""
    known: dict[str, SensorStatus] = {each.id: each for each in hub.sensors} if hub else {}
    faults = hub.faults if hub else ()
    for each in config.sensors:
        told = known.get(each.id)
        yield SensorLine(
            id=each.id,
            kind=each.kind,
            location=each.location,
            driver=each.driver,
            address=each.address,
            signal=told.signal if told else None,
            battery=told.battery if told else None,
            heard=told.heard if told else None,
            in_force=told is not None,
            troubles=tuple(fault.fault for fault in faults if fault.subject == each.id),
        )


def _row(line: SensorLine) -> Row:
    battery = "not told" if line.battery is None else f"{line.battery} %"
    note = bad(", ".join(line.troubles)) if line.troubles else "" if line.in_force else "not in force yet"
    heard = f"{line.heard[:10]} {line.heard[11:16]}" if line.heard else "never"
    by = f"{line.driver} {line.address}"
    return line.id, line.kind, line.location, by, strength(line.signal), battery, heard, note
