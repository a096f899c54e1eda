"""The self-test report: at least daily, over the real path, with every pending fault (S7)."""

from typing import Literal

from rules.faults import clear_fault, notes
from rules.reports import TestReport
from rules.state import House
from rules.turn import Turn

EVERY_MS = 24 * 3_600_000 - 600_000
"""Ten minutes short of a day, so that two reports are never more than 24 h apart at the centre (DESIGN §5)."""

FIRST_MS = 60_000
"""After a boot the first report follows once the line has had time to come up."""


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
        )
    )
