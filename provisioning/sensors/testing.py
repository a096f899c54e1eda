"""`hearthline sensors test`: the walk test. Every sensor is set off; every call must arrive at the centre."""

import time
from collections.abc import Collection
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace
from rich.table import Table
from rich.text import Text

from agent.config import ConfigError, HubConfig, load
from provisioning.commands.options import config_option
from provisioning.commands.tables import Row, bad, good, table
from provisioning.sensors.hub import POLL_S, EngineerMode, Hub, HubError
from provisioning.sensors.learning import PATIENCE_S, catch_up, tell_away
from provisioning.sensors.records import RecordError, keep_walk, read_walk, with_range, with_ranges_of
from provisioning.sensors.suggesting import ALWAYS_REAL, strength
from provisioning.sensors.terminal import Lines, Screen, refuse
from provisioning.sensors.walk import End, RangeTest, Ranging, Walk, WalkSensor, WalkTest
from rules.triggers import HUB_BUTTON

EXIT_WRONG, EXIT_CANNOT = 1, 2


class WalkError(Exception):
    """There is nothing to test so; the text says what to do."""


@click.command("test")
@config_option("hub_toml")
@click.option("--range", "ranged", metavar="ID", default="", help="Range test of one sensor instead: press all over.")
@click.option("--leave-out", multiple=True, metavar="ID", help="Do not test this one; may be repeated.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(min=0), help="Seconds after which it ends; else it waits for you."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def testing(hub_toml: Path, *, ranged: str, leave_out: tuple[str, ...], wait_s: float | None, as_json: bool) -> None:
    """Walk the home and set off every sensor: see each heard, and each call arrive at the centre.

    In engineer mode: calls are marked as tests, and end as soon as the centre has them. Smoke and carbon monoxide are
    real even so: ring the centre first, or leave them out. What is only watched (a door, a bed) need only be heard.
    It ends by itself when nothing is missing; Enter or Ctrl-C ends it before. What was found is kept for the
    commissioning report.

    The box's own call button, where there is one, is tested with them, under the name hub.

    With --range, press one sensor from every corner, the bath and the garden: each press that is heard counts, with
    its signal. Enter ends, and you are asked how often you pressed.

    \b
    Exits with
      0  every sensor was heard, and every call arrived
      1  something is missing: it is named
      2  it cannot be tested: no hub, no such sensor, the result cannot be kept
    """  # noqa: D301 -- click's mark for lines kept as they are
    screen = Screen(err=as_json)
    try:
        config = load(hub_toml)
        _check(config, (*leave_out, *filter(None, [ranged])))
        catch_up(config, screen)
        before = read_walk(config.state_dir)
        result: RangeTest | WalkTest
        if ranged:
            result = _range(config, ranged, screen, wait_s)
            before = before or replace(Walk(Hub(config).status()).result("stopped"), sensors=())  # none was walked
            keep_walk(config.state_dir, with_range(before, result))
        else:
            result = _walk(config, leave_out, screen, wait_s)
            keep_walk(config.state_dir, with_ranges_of(result, before))
    except (ConfigError, HubError, RecordError, WalkError) as error:
        refuse(error, EXIT_CANNOT)
        return
    if as_json:
        click.echo(msgspec.json.encode(result))
    if not result.passed:
        raise SystemExit(EXIT_WRONG)


def _check(config: HubConfig, named: Collection[str]) -> None:
    """Raise WalkError for sensors that are not there."""
    known = [*(each.id for each in config.sensors), *([HUB_BUTTON.id] if _has_button(config) else [])]
    if not known:
        raise WalkError("there are no sensors yet: hearthline sensors learn")
    for each in named:
        if each not in known:
            raise WalkError(f"there is no sensor {each!r}: there are {', '.join(known)}")


def _has_button(config: HubConfig) -> bool:
    return "call" in config.buttons.by_name


# --- the walk -------------------------------------------------------------------------------------------


def _walk(config: HubConfig, leave_out: tuple[str, ...], screen: Screen, wait_s: float | None) -> WalkTest:
    """Walk until nothing is missing, or it is ended. Raises HubError."""
    hub, lines = Hub(config), Lines()
    with hub.engineer_mode() as mode:
        tell_away(mode, screen)
        walk = Walk(hub.status(), leave_out, button=_has_button(config))
        _say_real(walk, screen)
        screen.ask("Set off every sensor, one after another. Enter ends.", inline=False)
        how = _walked(walk, hub, mode, screen, lines, wait_s)
        screen.hold()
    result = walk.result(how)
    screen.console.print(_picture(result.sensors))
    for each in result.sensors:
        if not each.passed:
            screen.say(f"Missing: {each.id}: {each.missing}.")
    if walk.real:
        screen.say(f"Open, and no test: {', '.join(walk.real)}. The centre ends it.")
    screen.say("Every sensor is heard, and every call arrived." if result.passed else "The walk test is not passed.")
    return result


def _walked(walk: Walk, hub: Hub, mode: EngineerMode, screen: Screen, lines: Lines, wait_s: float | None) -> End:
    until = None if wait_s is None else time.monotonic() + wait_s
    ended: frozenset[str] = frozenset()
    try:
        while True:
            mode.keep()
            status = hub.status(PATIENCE_S)
            for line in walk.see(status):
                if not screen.is_terminal:
                    screen.say(line)
            screen.show(lambda: _picture(walk.missing_first))
            if walk.ended_tests - ended:  # one that the centre announced stays open, however often it is asked to end
                ended = walk.ended_tests
                hub.do("end-tests")
            if walk.complete:
                return "complete"
            if status.mode != "engineer":
                screen.say("Engineer mode was ended, perhaps by the centre: calls are real from now on.")
                return "engineer mode ended"
            typed = lines.read(POLL_S)
            if typed is not None or (until is not None and time.monotonic() > until):
                return "stopped"
    except KeyboardInterrupt:
        return "stopped"


def _say_real(walk: Walk, screen: Screen) -> None:
    real = [each.id for each in walk.sensors if each.kind in ALWAYS_REAL and not each.passed]
    if real:
        screen.say(f"Real even now: {', '.join(real)}. Ring the centre before you set off such a one, or --leave-out.")


def _picture(sensors: tuple[WalkSensor, ...]) -> Table:
    """Show them in eighty columns, as an installer's terminal has."""
    heads = ("", "sensor", "location", "signal", "battery", "heard", "times", "at the centre")
    return table("", heads, map(_row, sensors))


def _row(each: WalkSensor) -> Row:
    tick: Text = good("✓") if each.passed else bad("·")
    battery = "" if each.battery is None else f"{each.battery} %"
    heard = each.heard[11:16] if each.heard else "never"
    if each.roundtrip_ms is not None:
        came = f"{each.roundtrip_ms} ms"
    else:
        came = each.missing or ("left out" if each.outcome == "left out" else "heard is enough")
    return tick, each.id, each.location, strength(each.signal), battery, heard, str(each.presses), came


# --- range ----------------------------------------------------------------------------------------------


def _range(config: HubConfig, sensor: str, screen: Screen, wait_s: float | None) -> RangeTest:
    """Count presses until it is ended. Raises HubError."""
    hub, lines = Hub(config), Lines()
    until = None if wait_s is None else time.monotonic() + wait_s
    with hub.engineer_mode() as mode:
        tell_away(mode, screen)
        status = hub.status()
        if sensor not in {each.id for each in status.sensors}:
            raise HubError(f"the hub that runs does not know {sensor} yet: restart it, and try again")
        ranging = Ranging(status, sensor)
        screen.ask(f"Press {sensor} wherever it must be heard, a second apart; count. Enter ends.", inline=False)
        try:
            while until is None or time.monotonic() < until:
                mode.keep()
                status = hub.status(PATIENCE_S)
                if ranging.see(status):
                    screen.say(_told(ranging.result()))
                    hub.do("end-tests")
                if lines.read(POLL_S) is not None:
                    break
        except KeyboardInterrupt:
            return ranging.result()
    screen.asked()
    screen.ask("How often did you press it? (a number; Enter: not counted)")
    typed = (lines.read(None if screen.is_terminal else 0) or "").strip()
    result = ranging.result(int(typed) if typed.isdecimal() else None)
    screen.say(f"{sensor}: {_told(result)}" + f" of {result.pressed}" * (result.pressed is not None))
    return result


def _told(test: RangeTest) -> str:
    last = strength(test.signals[-1]) if test.signals else "not told"
    return f"heard {test.heard} times; signal {last}; the worst {strength(test.worst)}"
