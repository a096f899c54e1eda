"""The self-test report: at least daily, with every path out and every pending fault (S7)."""

from typing import Literal

from msgspec.structs import replace

from rules import power
from rules.events import PartChanged, Receipted, TextSent
from rules.faults import clear_fault, notes
from rules.reports import PathNote, TestReport
from rules.state import House, Link
from rules.turn import Turn

EVERY_MS = 24 * 3_600_000 - 600_000
"""Ten minutes short of a day, so that two reports are never more than 24 h apart at the centre (DESIGN §5)."""

FIRST_MS = 60_000
"""After a boot the first report follows once the line has had time to come up."""

MODEM = "modem"
"""The part that a modem reports itself as, and the path that it is."""

Source = Literal["unknown", "mains", "battery"]


def selftest_due_ms(house: House) -> int | None:
    """When the next daily report goes; none before the first start."""
    return house.selftest_at_ms if house.epoch else None


def on_selftest_due(turn: Turn) -> None:
    """Report, and plan the next."""
    turn.update(selftest_at_ms=turn.now.ms + EVERY_MS)
    report(turn, "daily")
    for happening in ("conflict", "event-rejected"):
        clear_fault(turn, happening, "centre")  # nothing else ends them; if it happens again, it is said again


def report(turn: Turn, why: Literal["daily", "command"]) -> None:
    """Tell the centre what is well and what is not."""
    house = turn.house
    configured = {sensor.id for sensor in house.config.sensors}
    heard = [life for life in house.sensors if life.sensor in configured and life.heard_wall_ms is not None]
    turn.send(
        TestReport(
            clock=turn.clock,
            why=why,
            mode=house.mode,
            faults=notes(house),
            faults_total=len(house.faults),
            sensors=len(configured),
            sensors_heard=len(heard),
            open_alarms=len(house.alarms),
            plan_version=house.plan.version,
            paths=tuple(_note(turn, path) for path in paths(house)),
            power=source(house),
            battery=house.power.battery,
            hours_left=power.hours_left(house),
        )
    )


def source(house: House) -> Source:
    """Say what the hub runs on."""
    return "unknown" if house.power.mains is None else "mains" if house.power.mains else "battery"


# --- the paths out ------------------------------------------------------------------------------------


def paths(house: House) -> tuple[Link, ...]:
    """Give every way out: the uplinks, and the modem once it has told how it is."""
    return house.links if house.modem is None else (*house.links, house.modem)


def _note(turn: Turn, path: Link) -> PathNote:
    proven_s = None if path.proven_ms is None else max(0, turn.now.ms - path.proven_ms) // 1_000
    standby = turn.house.standby(path.name)
    ok = path.up if standby is None or standby.open else standby.passed  # closed by plan: its last test tells
    return PathNote(path.name, ok, proven_s)


def on_part_changed(turn: Turn, event: PartChanged) -> None:
    """Note how the modem is: registered with its network, or why not."""
    if event.part == MODEM:
        proven_ms = turn.house.modem.proven_ms if turn.house.modem is not None else None
        modem = Link(name=MODEM, up=event.ok, since_ms=turn.now.ms, reason=event.reason, proven_ms=proven_ms)
        turn.update(modem=modem)


def on_receipted(turn: Turn, event: Receipted) -> None:
    """The centre answers over this line: it is proven. While one alone is up, it is that one."""
    up = [link.name for link in turn.house.links if link.up]
    name = event.uplink or (up[0] if len(up) == 1 else "")
    turn.update(
        links=tuple(replace(link, proven_ms=turn.now.ms) if link.name == name else link for link in turn.house.links)
    )


def on_text_sent(turn: Turn, _event: TextSent) -> None:
    """The mobile network took a text: that path is proven."""
    if turn.house.modem is not None:
        turn.update(modem=replace(turn.house.modem, proven_ms=turn.now.ms))
