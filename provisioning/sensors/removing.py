"""`hearthline sensors remove ID`: a sensor that is not needed any more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from agent.config import ConfigError, load
from agent.plan.keeping import FOLDER, versions
from agent.plan.reading import PlanError, parse
from provisioning.commands.options import config_option
from provisioning.sensors.editing import EditError, put, remove_sensor
from provisioning.sensors.hub import Hub, HubError, NotRunningError
from provisioning.sensors.terminal import Lines, Screen, confirmed, refuse

EXIT_WRONG, EXIT_CANNOT = 1, 2


@click.command("remove")
@click.argument("name", metavar="ID")
@config_option("hub_toml")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one line of JSON; needs --yes.")
def removing(name: str, hub_toml: Path, *, yes: bool, as_json: bool) -> None:
    """Remove the sensor ID: the hub does not hear it any more.

    What the care plan still needs it for is told first: a plan that watches a sensor that is gone watches nothing.

    \b
    Exits with
      0  removed, or not agreed
      1  it is gone from hub.toml, and the hub has not taken that up yet: the reason is told
      2  it cannot be done: no such sensor, a hub.toml that cannot be used
    """  # noqa: D301 -- click's mark for lines kept as they are
    screen = Screen(err=as_json)
    try:
        config = load(hub_toml)
        remove_sensor(hub_toml.read_text(encoding="utf-8"), name)  # refuses what is not there, before anybody is asked
        needs, problem = _needs(config.state_dir, name)
        for each in needs:
            screen.say(f"The care plan names {name} in {each}: change the plan too.")
        if problem:
            screen.say(problem)
        agreed = yes or (not as_json and confirmed(Lines(), screen, f"Remove {name}?", otherwise=False))
        if agreed:
            config = put(hub_toml, lambda text: remove_sensor(text, name))
            _take_up(Hub(config), name, screen)
    except HubError as error:
        refuse(f"{name} is gone from hub.toml, and the hub still hears it: {error}", EXIT_WRONG)
        return
    except (ConfigError, EditError) as error:
        refuse(error, EXIT_CANNOT)
        return
    if as_json:
        click.echo(msgspec.json.encode({"id": name, "removed": agreed, "plan": needs}))
    else:
        screen.say(f"Removed {name}." if agreed else f"{name} stays.")


def _take_up(hub: Hub, name: str, screen: Screen) -> None:
    try:
        hub.take_up(lambda told: name not in {each.id for each in told.sensors})
    except NotRunningError:
        screen.say("No hub runs now.")


def _needs(state_dir: Path, sensor: str) -> tuple[list[str], str]:
    """Name the parts of the newest care plan on the hub that speak of a sensor; say why if that cannot be known."""
    folder = state_dir / FOLDER
    try:
        newest = max(versions(folder), default=None)
        if newest is None:
            return [], ""
        path = folder / f"{newest}.json"
        return sorted(set(mentions(parse(path.read_bytes(), path.name, json=True), sensor))), ""
    except FileNotFoundError:
        return [], ""  # a hub that never had a plan
    except (OSError, PlanError):
        return [], f"Whether the care plan names {sensor} is not known: run this as root to see."


def mentions(raw: Any, sensor: str, at: str = "") -> Iterator[str]:  # noqa: ANN401 -- a document
    """Name every table of a plan's document that speaks of a sensor, as `[[absence]]` or `[inactivity]`."""
    if isinstance(raw, list):
        for each in raw:
            yield from mentions(each, sensor, at)
    elif isinstance(raw, dict):
        named = (raw.get("sensor"), *_listed(raw.get("sensors")), *(raw if at.endswith("silent_after_h") else ()))
        if sensor in named:
            yield f"[{at}]" if at else "its first lines"
        for key, value in raw.items():
            if isinstance(value, dict | list):
                yield from mentions(value, sensor, f"{at}.{key}" if at else key)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
