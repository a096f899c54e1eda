"""Conducts a session with the hub that runs: asks, listens, shows, adds what was agreed, and has the hub take it up."""

import time
from collections.abc import Callable

from rich.table import Table

from agent.config import HubConfig
from agent.status import HubStatus
from provisioning.commands.tables import table
from provisioning.sensors.describing import Sensor
from provisioning.sensors.editing import EditError
from provisioning.sensors.hearing import Address, Device, devices
from provisioning.sensors.hub import POLL_S, EngineerMode, Hub, NotRunningError, NotTakenUpError
from provisioning.sensors.session import Session, describe
from provisioning.sensors.suggesting import strength
from provisioning.sensors.terminal import Lines, Screen

PATIENCE_S = 30.0
"""So long a hub that starts anew, or is started by hand, is waited for."""

SHOWN_MAX = 12


def begin(config: HubConfig, successor: Sensor | None = None) -> Session:
    """Give a session for this home."""
    wires = next((each.name for each in config.drivers if each.type == "gpio"), "")
    paired = [each.name for each in config.drivers if each.type == "zigbee2mqtt"]
    return Session([each.id for each in config.sensors], wires, successor, paired)


def conduct(session: Session, hub: Hub, add: Callable[[Sensor], object], screen: Screen, lines: Lines) -> None:
    """Go through a session to its end. `add` puts a sensor into hub.toml. Raises HubError."""
    heard = _Heard(screen)
    with hub.engineer_mode() as mode:
        tell_away(mode, screen)
        try:
            while session.stage != "over":
                _say(session, screen)
                if session.quieten:
                    session.quieten = False
                    hub.do("end-tests")
                if session.wanted is not None:
                    _add(session, session.wanted, hub, add, screen)
                    continue
                _ask(session, screen, lines)
                line = lines.read(POLL_S if session.listens else None)
                if line is not None:
                    session.answer(line)
                    screen.asked()
                elif lines.ended:
                    session.end()
                if session.listens:
                    mode.keep()
                    status = hub.status(PATIENCE_S)
                    session.look(status, time.monotonic())
                    heard.show(status)
        finally:
            screen.hold()
            _say(session, screen)


def tell_away(mode: EngineerMode, screen: Screen) -> None:
    """Tell that engineer mode has ended another mode, which does not come back by itself."""
    if mode.before == "away":
        screen.say("This home was set to away, and is not any more: set it again when you leave.")


def _say(session: Session, screen: Screen) -> None:
    for line in session.said:
        screen.hold()
        screen.say(line)
    session.said.clear()


def _ask(session: Session, screen: Screen, lines: Lines) -> None:
    if not session.listens:
        screen.hold()
    if session.question and screen.unasked(session.question):
        screen.hold()
        lines.forget()
        screen.ask(session.question, inline=not session.listens)


def _add(session: Session, sensor: Sensor, hub: Hub, add: Callable[[Sensor], object], screen: Screen) -> None:
    """Put it into hub.toml and have the hub take it up. Raises HubError: hub.toml has it then."""
    try:
        add(sensor)
    except EditError as error:
        session.refused(str(error))
        return
    screen.say("In hub.toml. The hub takes it up …")
    take_up(hub, sensor)
    hub.do("engineer")
    session.added(sensor)


def catch_up(config: HubConfig, screen: Screen, *, quiet: bool = False) -> None:
    """Have the hub take up what hub.toml says already. Raises HubError; with `quiet` it is no matter if none runs."""
    try:
        if Hub(config).catch_up(config):
            screen.say("The hub has taken up hub.toml, which was changed since it started.")
    except NotRunningError:
        if not quiet:
            raise


def take_up(hub: Hub, sensor: Sensor) -> HubStatus:
    """Have the hub start anew with this sensor, its driver hearing. Raises HubError."""

    def has_it(told: HubStatus) -> bool:
        drivers = {each.name for each in told.drivers if each.listening}
        return sensor.driver in drivers and sensor.id in {each.id for each in told.sensors}

    try:
        return hub.take_up(has_it)
    except NotTakenUpError as error:
        raise NotTakenUpError(f"{sensor.id} is in hub.toml, and not in force: {error}") from None


class _Heard:
    """Shows what is heard and not configured: as a table that changes, or by a line for each that is new."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._told: dict[Address, tuple[str, ...]] = {}

    def show(self, status: HubStatus) -> None:
        found = devices(status.unconfigured)
        self._screen.show(lambda: _picture(found))
        if self._screen.is_terminal:
            return
        for at, device in found.items():
            if self._told.get(at) != device.tells:
                self._told[at] = device.tells
                self._screen.say(f"  not configured: {describe(device)}")


def _picture(found: dict[Address, Device]) -> Table | str:
    if not found:
        return "Nothing heard that is not configured."
    newest = sorted(found.values(), key=lambda each: each.heard_s)[:SHOWN_MAX]
    heads = ("driver", "address", "signal", "times", "last", "it said")
    rows = (
        (
            each.at.driver,
            each.at.address,
            strength(each.signal),
            str(each.count),
            f"{each.heard_s} s ago",
            each.words,
        )
        for each in newest
    )
    return table("Heard, and not configured", heads, rows)
