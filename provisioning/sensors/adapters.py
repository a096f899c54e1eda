"""`hearthline sensors adapters`: what is plugged in becomes a driver of the hub."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import msgspec
from rich.text import Text

from agent.config import ConfigError, HubConfig, load
from agent.status import HubStatus
from provisioning.commands.options import config_option
from provisioning.commands.tables import bad, good, table
from provisioning.sensors.bus import WORDS, ask_bus
from provisioning.sensors.editing import EditError, add_driver, put
from provisioning.sensors.hub import Hub, HubError, NotRunningError
from provisioning.sensors.looking import (
    BROKER,
    GPIO_CHIP,
    PINS,
    SERIAL,
    TYPES,
    AddError,
    Found,
    driver_name,
    look_at,
    number_of,
    options,
    place_of,
    plugged_in,
    read_add,
    same_place,
    serial_devices,
)
from provisioning.sensors.terminal import Lines, Screen, confirmed, refuse

EXIT_WRONG, EXIT_CANNOT = 1, 2

NOTHING = (
    "Nothing is plugged in that could hear a sensor. Plug in an RFXtrx433 or a fall radar, or a Zigbee adapter with\n"
    "zigbee2mqtt; or wire contacts to the pins. Then try again, or name it: --add TYPE=DEVICE"
)

NOTHING_ELSE = "Nothing else is plugged in that could hear a sensor."


class AdapterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter that is plugged in or configured; `hears` is None when no driver has it or no hub runs."""

    device: str
    looks: str
    type: str
    driver: str
    hears: bool | None
    reason: str


@click.command()
@config_option("hub_toml")
@click.argument("devices", nargs=-1, type=click.Path(exists=True))
@click.option("--add", "adds", multiple=True, metavar="TYPE=DEVICE", help=f"Add this one. Types: {', '.join(TYPES)}.")
@click.option("--yes", is_flag=True, help="Add whatever is recognised, without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print it as one line of JSON. Asks nothing.")
def adapters(hub_toml: Path, devices: tuple[str, ...], adds: tuple[str, ...], *, yes: bool, as_json: bool) -> None:
    """Find what is plugged in, and make each adapter a driver of the hub.

    Looks at /dev/serial/by-id, at DEVICES (an adapter elsewhere, such as /dev/serial0), for zigbee2mqtt on a broker on
    this computer, and for pins. No port is opened: an adapter is told by its name, and you are asked where that does
    not say. Each is added to hub.toml when you agree, and the hub takes it up.

    \b
    For scripts:
      hearthline sensors adapters --yes
      hearthline sensors adapters --add mr60fda2=/dev/serial0 --add zigbee2mqtt --add gpio

    \b
    Exits with
      0  what was added is heard; or there was nothing to add
      1  the hub has not taken it up, or an adapter hears nothing: the reason is told
      2  hub.toml cannot be used or written
    """  # noqa: D301 -- click's mark for lines kept as they are
    screen = Screen(err=as_json)
    try:
        config = load(hub_toml)
        wanted = [plugged_in(read_add(each)) for each in adds]
        found = [] if adds else list(_marked(_there(devices), config))
        if not adds and not as_json:
            wanted = list(_chosen(found, screen, known=bool(config.drivers), yes=yes))
        elif yes:
            wanted += [each for each in found if each.type and not each.used and each.type != "gpio"]
        config, added = _add(config, wanted, screen)
    except (ConfigError, EditError, AddError) as error:
        refuse(error, EXIT_CANNOT)
        return
    problem = "" if as_json and not wanted else _take_up(config, added, screen)
    _show(list(_statuses(config, found)), screen, as_json=as_json)
    if problem:
        refuse(problem, EXIT_WRONG)


def _there(devices: tuple[str, ...]) -> Iterator[Found]:
    """Give what is there, recognised or not."""
    for device in (*serial_devices(), *devices):
        yield look_at(device)
    host, _, port = BROKER.partition(":")
    bus = ask_bus(host, int(port))
    if bus != "nobody":
        yield Found(device=BROKER, type="zigbee2mqtt" if bus in ("online", "offline") else None, looks=WORDS[bus])
    if GPIO_CHIP.exists():
        yield Found(device=PINS, type="gpio", looks=TYPES["gpio"])


def _marked(found: Iterator[Found], config: HubConfig) -> Iterator[Found]:
    """Mark what a driver has already, or the modem."""
    for each in found:
        yield msgspec.structs.replace(each, used=_user(each, config))


def _user(found: Found, config: HubConfig) -> str:
    """Name who has this already, "" when nobody has."""
    if config.modem is not None and same_place(found.device, str(config.modem.port)):
        return "modem"
    return next((each.name for each in config.drivers if same_place(found.device, place_of(each))), "")


def _chosen(found: list[Found], screen: Screen, *, known: bool, yes: bool) -> Iterator[Found]:
    """Ask about each; what nobody recognises is asked by kind."""
    lines = Lines()
    if not found:
        screen.say(NOTHING_ELSE if known else NOTHING)
    for each in found:
        if each.used:
            screen.say(f"{each.device}: {each.used} has it already.")
            continue
        screen.say(f"{each.device}: {each.looks}.")
        wanted = each.type != "gpio"  # there are always pins: only who has wired contacts wants them
        if each.type and (wanted if yes else confirmed(lines, screen, "Add it?", otherwise=wanted)):
            yield each
        elif each.type == "" and not yes and (kind := _asked_kind(lines, screen)):
            yield msgspec.structs.replace(each, type=kind, looks=TYPES[kind])


def _asked_kind(lines: Lines, screen: Screen) -> str | None:
    for n, kind in enumerate(SERIAL, start=1):
        screen.say(f"  {n}  {TYPES[kind]}")
    screen.asked()
    screen.ask("What is it? (a number; Enter: none of these)")
    return number_of((lines.read(None) or "").strip(), SERIAL)


def _add(config: HubConfig, wanted: list[Found], screen: Screen) -> tuple[HubConfig, list[str]]:
    """Add drivers; give the configuration and their names. One that is there already is not added again."""
    added = []
    for each in wanted:
        if used := _user(each, config):
            screen.say(f"{each.device}: {used} has it already.")
            continue
        name = driver_name(each.type or "", {driver.name for driver in config.drivers})
        pins = each.type == "gpio" and config.pins is None
        config = put(config.path, partial(add_driver, name=name, options=options(each), pins=pins))
        screen.say(f"Added driver {name}: {each.looks}.")
        added.append(name)
    return config, added


def _take_up(config: HubConfig, added: list[str], screen: Screen) -> str:
    """Have the hub take them up, or what an earlier run has left; give what is wrong with that."""
    hub = Hub(config)
    try:
        if added:
            screen.say("The hub takes it up …")
            hub.take_up(lambda told: _heard(told, added))
            screen.say(f"The hub hears {', '.join(added)}.")
        else:
            hub.catch_up(config)
    except NotRunningError:
        screen.say("No hub runs now. What hub.toml says counts once one does: sudo systemctl start hearthline")
    except HubError as error:
        return str(error)
    return ""


def _heard(told: HubStatus, added: list[str]) -> bool:
    return {each.name for each in told.drivers if each.listening} >= set(added)


def _statuses(config: HubConfig, found: list[Found]) -> Iterator[AdapterStatus]:
    """Give every driver there is, and what else is plugged in."""
    try:
        notes = {each.name: each for each in Hub(config).status().drivers}
    except HubError:
        notes = {}
    for driver in config.drivers:
        note = notes.get(driver.name)
        yield AdapterStatus(
            device=place_of(driver),
            looks=TYPES.get(driver.type, driver.type),
            type=driver.type,
            driver=driver.name,
            hears=None if note is None else note.listening,
            reason="" if note is None else note.reason,
        )
    for each in found:
        if not _user(each, config):
            yield AdapterStatus(
                device=each.device, looks=each.looks, type=each.type or "", driver="", hears=None, reason=""
            )


def _show(known: list[AdapterStatus], screen: Screen, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(known))
        return
    words: dict[bool | None, str | Text] = {True: good("hears"), False: bad("hears nothing"), None: "not asked"}
    rows = [(each.driver, each.type, each.device, words[each.hears], each.reason) for each in known if each.driver]
    if rows:
        screen.console.print(table("Drivers", ("driver", "type", "device", "now", "reason"), rows))
