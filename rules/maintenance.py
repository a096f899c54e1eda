"""When the hub may start anew: S10, maintenance waits for people, and never so long that it is not done.

A restart takes seconds in which nothing is heard in this home. So it waits while an alarm that is not a test is open,
and while a reminder or a message waits for its answer or is about to be said; for `LATEST_MS` at most. It waits for
nothing when delivery itself needs it, and for no reminder while an engineer is at work. But what a bad disk did not
take is in this process alone: an alarm that is open then would be lost with it, and no restart is worth that (S3).
"""

from typing import Literal

from msgspec.structs import replace

from rules.actions import Restart
from rules.events import RestartWanted
from rules.faults import standing
from rules.state import House, RestartWish
from rules.turn import Turn

LATEST_MS = 24 * 3_600_000
"""How long a restart may wait: a hub that never does as it was told is not maintained (S10)."""

SOON_MS = 120_000
"""A reminder so near is waited for: a process is back in seconds, and must not be in the middle of its start then."""

UNDELIVERED_MS = 30_000
"""How long there must be no line, or no receipt for an alarm, for a new certificate to be what delivery needs.

A line that merely broke is back sooner by itself (`agent.uplink`), and a restart would deafen the home meanwhile.
"""

WaitsFor = Literal["alarm", "reminder", "message", "storage"]


def on_restart_wanted(turn: Turn, event: RestartWanted) -> None:
    """Note that a restart is wanted; wanted again, it has waited since the first time.

    We still run, so whatever was told to go did not: it is told again.
    """
    wish = turn.house.restart or RestartWish(whys=(), since_ms=turn.now.ms)
    whys = wish.whys if event.why in wish.whys else (*wish.whys, event.why)
    turn.update(restart=replace(wish, whys=whys, going=False))


def restart_due_ms(house: House) -> int | None:
    """When the hub starts anew if nothing else happens; None when no restart is wanted, or it is told already."""
    wish = house.restart
    if wish is None or wish.going:
        return None
    if waits_for(house) is None:
        return house.now_ms
    if _kept_nowhere_else(house):
        return None
    needed_ms = _needed_ms(house, wish)
    latest_ms = wish.since_ms + LATEST_MS
    return latest_ms if needed_ms is None else min(needed_ms, latest_ms)


def on_restart_due(turn: Turn) -> None:
    """Start anew."""
    if turn.house.restart is not None:
        turn.update(restart=replace(turn.house.restart, going=True))
        turn.do(Restart())


def waits_for(house: House) -> WaitsFor | None:
    """Say what a restart must wait for now, S10; None: for nothing."""
    if _real_alarm(house):
        return "alarm"
    if standing(house, "storage", ""):
        return "storage"
    if house.mode == "engineer":
        return None
    if house.prompts or (house.remind_at_ms is not None and house.remind_at_ms - house.now_ms <= SOON_MS):
        return "reminder"
    return "message" if house.messages else None


def _real_alarm(house: House) -> bool:
    return any(not alarm.test for alarm in house.alarms)


def _kept_nowhere_else(house: House) -> bool:
    """S3: whether a real alarm is open that the disk may not have."""
    return _real_alarm(house) and standing(house, "storage", "") is not None


def _needed_ms(house: House, wish: RestartWish) -> int | None:
    """When delivery needs the new certificate, if nothing changes: no line at all, or an alarm without its receipt."""
    if "certificate" not in wish.whys:
        return None
    raised = [alarm for alarm in house.alarms if alarm.delivery == "waiting" and alarm.raised_ms is not None]
    dues = [(alarm.raised_ms or 0) + UNDELIVERED_MS if alarm.boot == house.boot else house.now_ms for alarm in raised]
    if not house.connected:
        dues.append(max((link.since_ms for link in house.links), default=house.now_ms) + UNDELIVERED_MS)
    return min(dues, default=None)
