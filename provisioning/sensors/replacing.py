"""`hearthline sensors replace ID`: a new device takes a lost or broken one's place."""

from pathlib import Path

import click
import msgspec

from agent.config import ConfigError, HubConfig, SensorConfig, load
from provisioning.commands.options import config_option
from provisioning.sensors.describing import Sensor
from provisioning.sensors.editing import EditError, move_sensor, put
from provisioning.sensors.hub import Hub, HubError, NotRunningError, NotTakenUpError
from provisioning.sensors.learning import begin, catch_up, conduct, take_up
from provisioning.sensors.session import Learned
from provisioning.sensors.terminal import Lines, Screen, refuse

EXIT_WRONG, EXIT_CANNOT = 1, 2


@click.command("replace")
@click.argument("name", metavar="ID")
@config_option("hub_toml")
@click.option("--driver", default="", help="For scripts: the driver that hears the new one, if not the same.")
@click.option("--address", default="", help="For scripts: the new one's address.")
@click.option("--json", "as_json", is_flag=True, help="Print what it is now as one line of JSON.")
def replacing(name: str, hub_toml: Path, *, driver: str, address: str, as_json: bool) -> None:
    """Give the sensor ID a new device: press the new one when asked.

    Its id, kind, place and person stay, and so does all that a care plan says of it. The old device is not heard any
    more.

    \b
    Exits with
      0  replaced, or nothing was agreed
      1  hub.toml has it, and the hub has not taken it up yet: the reason is told
      2  it cannot be done: no such sensor, no hub, a hub.toml that cannot be used
    """  # noqa: D301 -- click's mark for lines kept as they are
    screen = Screen(err=as_json)
    learned: list[Learned] = []
    try:
        config = load(hub_toml)
        sensor = _known(config, name)
        if address:
            learned.append(Learned(sensor=_scripted(config, sensor, driver, address, screen), heard=False))
        else:
            session = begin(config, sensor)
            learned = session.learned
            catch_up(config, screen)
            conduct(session, Hub(config), lambda new: _move(config, new), screen, Lines())
    except KeyboardInterrupt:
        screen.say("Stopped.")
    except NotTakenUpError as error:
        refuse(error, EXIT_WRONG)
    except (ConfigError, EditError, HubError) as error:
        refuse(error, EXIT_CANNOT)
    if as_json:
        click.echo(msgspec.json.encode(learned))
    elif not learned:
        screen.say(f"{name} is as it was.")


def _known(config: HubConfig, name: str) -> Sensor:
    """Give the sensor of hub.toml. Raises EditError."""
    known: SensorConfig | None = next((each for each in config.sensors if each.id == name), None)
    if known is None:
        there = ", ".join(each.id for each in config.sensors) or "none"
        raise EditError(f"there is no sensor {name!r}: there are {there}")
    return Sensor(**{each: getattr(known, each) for each in Sensor.__struct_fields__})


def _move(config: HubConfig, sensor: Sensor) -> HubConfig:
    return put(config.path, lambda text: move_sensor(text, sensor.id, sensor.driver, sensor.address))


def _scripted(config: HubConfig, sensor: Sensor, driver: str, address: str, screen: Screen) -> Sensor:
    """Move it without asking. Raises EditError, HubError."""
    moved = msgspec.structs.replace(sensor, driver=driver or sensor.driver, address=address)
    if moved == sensor:
        screen.say(f"{sensor.id} has this address already.")
        catch_up(config, screen, quiet=True)
        return sensor
    config = _move(config, moved)
    try:
        take_up(Hub(config), moved)
    except NotRunningError:
        screen.say("No hub runs now: it has the new one once it is started (sudo systemctl start hearthline).")
    screen.say(f"Replaced {sensor.id}.")
    return moved
