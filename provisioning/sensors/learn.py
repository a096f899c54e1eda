"""`hearthline sensors learn`: press a device, say what it is and where, and it is a sensor of this home."""

from functools import partial
from pathlib import Path

import click
import msgspec

from agent.config import ConfigError, HubConfig, load
from provisioning.commands.options import config_option
from provisioning.sensors.describing import AnswerError, Place, Sensor, described, read_kind, read_place
from provisioning.sensors.editing import EditError, add_sensor, put
from provisioning.sensors.hub import Hub, HubError, NotRunningError, NotTakenUpError
from provisioning.sensors.learning import begin, catch_up, conduct, take_up
from provisioning.sensors.session import Learned, Session
from provisioning.sensors.terminal import Lines, Screen, refuse

EXIT_WRONG, EXIT_CANNOT = 1, 2

NOBODY = "nobody is there to answer: run it in a terminal, or see --help for the form for scripts"


@click.command()
@config_option("hub_toml")
@click.option("--driver", help="For scripts: the driver that hears it.")
@click.option("--address", help="For scripts: its address, as hearthline status shows it.")
@click.option("--kind", help="For scripts: what it is.")
@click.option("--location", help="For scripts: where it is, one word such as kitchen.")
@click.option("--id", "name", default="", help="For scripts: its id; else its kind and a number.")
@click.option("--person", default="", help="For scripts: whose it is: a reference, never a name.")
@click.option("--json", "as_json", is_flag=True, help="Print what was added as one line of JSON.")
def learn(hub_toml: Path, *, as_json: bool, **said: str | None) -> None:
    """Add sensors: press each once, and say what it is and where.

    The running hub listens, in engineer mode. Press a device (wet it, open it, walk past it): what answers is shown,
    with its signal. Is it yours? Enter takes the kind that is suggested, another kind is typed, n leaves it out: what
    belongs next door is never added. Then say where it is. It goes into hub.toml, the hub takes it up, and a second
    press shows that it is heard. Then comes the next device; Enter ends.

    \b
    A place is one word; an id and a person may follow. A person is a reference, never a name:
      kitchen
      bed-room id=pendant-bed person=resident-1

    \b
    For scripts, without asking and listening:
      hearthline sensors learn --driver zigbee --address sink --kind flood --location kitchen

    \b
    Exits with
      0  what was agreed is added, and the hub has it
      1  hub.toml has it, and the hub has not taken it up yet: the reason is told
      2  nothing can be learned: no hub, no adapter, a hub.toml that cannot be used
    """  # noqa: D301 -- click's mark for lines kept as they are
    screen = Screen(err=as_json)
    learned: list[Learned] = []
    try:
        config = load(hub_toml)
        if any(said.values()):
            learned.append(Learned(sensor=_scripted(config, said, screen), heard=False))
        else:
            session = begin(config)
            learned = session.learned
            _answered(session, config, screen)
    except KeyboardInterrupt:
        screen.say("Stopped.")
    except NotTakenUpError as error:
        refuse(error, EXIT_WRONG)
    except (ConfigError, EditError, AnswerError, HubError) as error:
        refuse(error, EXIT_CANNOT)
    finally:
        _tell(learned, screen, as_json=as_json)


def _answered(session: Session, config: HubConfig, screen: Screen) -> None:
    """Go through a session with whoever answers. Raises HubError, AnswerError when nobody does."""
    if not config.drivers:
        raise AnswerError("nothing hears sensors yet: hearthline sensors adapters comes first")
    catch_up(config, screen)
    lines = Lines()
    conduct(session, Hub(config), partial(_add, config), screen, lines)
    if lines.ended and not session.learned:
        raise AnswerError(NOBODY)


def _add(config: HubConfig, sensor: Sensor) -> HubConfig:
    return put(config.path, lambda text: add_sensor(text, sensor.table()))


def _scripted(config: HubConfig, said: dict[str, str | None], screen: Screen) -> Sensor:
    """Add what a script describes, once however often it says so. Raises AnswerError, EditError, HubError."""
    driver, address, location = (said[each] or "" for each in ("driver", "address", "location"))
    missing = [f"--{each}" for each in ("driver", "address", "kind", "location") if not said[each]]
    if missing:
        raise AnswerError(f"a script says all four of a sensor: {', '.join(missing)} is missing")
    kind = read_kind(said["kind"] or "")
    words = [location, *(f"{key}={said[of]}" for key, of in (("id", "name"), ("person", "person")) if said[of])]
    place: Place = read_place(" ".join(words))
    known = next((each for each in config.sensors if (each.driver, each.address) == (driver, address)), None)
    if known is not None and (known.kind, known.location) == (kind, location):
        screen.say(f"{known.id} is in hub.toml already.")
        catch_up(config, screen, quiet=True)
        return Sensor(**{each: getattr(known, each) for each in Sensor.__struct_fields__})
    sensor = described((driver, address), kind, place, [each.id for each in config.sensors])
    config = _add(config, sensor)
    screen.say(f"{sensor.id} is in hub.toml.")
    try:
        take_up(Hub(config), sensor)
    except NotRunningError:
        screen.say("No hub runs now: it has the sensor once it is started (sudo systemctl start hearthline).")
    return sensor


def _tell(learned: list[Learned], screen: Screen, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(learned))
    elif learned:
        screen.say(f"{len(learned)} added: {', '.join(each.sensor.id for each in learned)}.")
        screen.say("Next: hearthline sensors test")
