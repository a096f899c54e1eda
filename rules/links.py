"""Which uplinks should be connected now: a standby is opened when the others are down or lie, and once a day to see.

Opening is cheap and closing is not urgent, so the one is quick and the other slow. What is decided lives in
`House.standbys`: it survives a process restart, and a reboot decides anew (S6).
"""

from msgspec.structs import replace

from rules import centre
from rules.events import Receipted, Started
from rules.faults import clear_fault, raise_fault, standing
from rules.selftest import EVERY_MS
from rules.state import House, Link, Standby
from rules.turn import Turn

STANDBY_MS = 30_000
"""How long every ordinary uplink may be down before a standby is opened, with no alarm waiting: a router restarts."""

STEADY_MS = 180_000
"""How long an ordinary uplink must have been up when the centre answers over it, for the standbys to be closed."""

TEST_MS = 120_000
"""How long a standby under test has to come up and bring a receipt: a modem may have to find its network first."""

TEST_FIRST_MS = 30_000
"""After a boot, or where a standby is new, its first test."""

TEST_AGAIN_MS = 3_600_000
"""How soon one that failed is tested again."""


def wanted(house: House) -> frozenset[str]:
    """Name the uplinks that should be connected now; the agent reads this after every turn."""
    closed = {each.name for each in house.standbys if not each.open}
    return frozenset(link.name for link in house.links if link.name not in closed)


def missing_since_ms(house: House, link: Link) -> int | None:
    """Since when an uplink is needed and is not there; None for one that is up, or a standby that need not be."""
    if link.up:
        return None
    known = house.standby(link.name)
    if known is None:
        return link.since_ms
    return None if known.wanted_ms is None else max(link.since_ms, known.wanted_ms)


def on_started(turn: Turn, event: Started) -> None:
    """Take up what was decided, unless the machine was off meanwhile (S6). Comes before `boot` is updated."""
    known = {} if event.boot != turn.house.boot else {each.name: each for each in turn.house.standbys}
    fresh = Standby(name="", test_at_ms=turn.now.ms + TEST_FIRST_MS)
    turn.update(standbys=tuple(replace(known.get(name, fresh), name=name) for name in event.config.standby))


def links_due_ms(house: House) -> int | None:
    """When a standby is to be opened, to be tested, or has failed its test."""
    if not house.standbys:
        return None
    needed_ms = _needed_ms(house)
    dues = [each.test_at_ms if each.testing_ms is None else each.testing_ms + TEST_MS for each in house.standbys]
    if needed_ms is not None and any(each.wanted_ms is None for each in house.standbys):
        dues.append(needed_ms)
    return min(dues)


def on_links_due(turn: Turn) -> None:
    """Open, test, and fail what is due."""
    needed_ms = _needed_ms(turn.house)
    for each in turn.house.standbys:
        standby = each
        if standby.wanted_ms is None and needed_ms is not None and needed_ms <= turn.now.ms:
            standby = replace(standby, wanted_ms=turn.now.ms)
        if standby.testing_ms is None and standby.test_at_ms <= turn.now.ms:
            standby = replace(standby, testing_ms=turn.now.ms)
            centre.check_in_now(turn)  # if it is up already, nothing else would have the centre answer over it soon
        elif standby.testing_ms is not None and standby.testing_ms + TEST_MS <= turn.now.ms:
            standby = _failed(turn, standby)
        if standby is not each:
            _put(turn, standby)


def _needed_ms(house: House) -> int | None:
    """When a standby is needed, if nothing changes; None while an ordinary uplink serves.

    An alarm without a line does not wait, nor does one whose receipt is overdue: the line lies, or the centre behind
    it is silent, and either way this is the next path (DESIGN §4). So is a centre that answers no check-in.
    """
    ordinary = [link for link in house.links if house.standby(link.name) is None]
    down = not any(link.up for link in ordinary)
    alarms = [alarm for alarm in house.alarms if alarm.delivery == "waiting"]
    if any(alarm.late or down for alarm in alarms) or standing(house, "centre", ""):
        return house.now_ms
    return max((link.since_ms for link in ordinary), default=0) + STANDBY_MS if down else None


def _failed(turn: Turn, standby: Standby) -> Standby:
    """S7: a way out that does not work must be known before it is needed."""
    link = next((each for each in turn.house.links if each.name == standby.name), None)
    up = link is not None and link.up
    reason = "it comes up, and the centre does not answer over it" if up else (link and link.reason) or "no line"
    raise_fault(turn, "link", standby.name, 2, f"the standby failed its test: {reason}")
    again_ms = turn.now.ms + TEST_AGAIN_MS
    return replace(standby, testing_ms=None, tested_ms=turn.now.ms, passed=False, test_at_ms=again_ms)


def on_receipted(turn: Turn, event: Receipted) -> None:
    """A receipt is proof of the uplink it came over. Comes after `delivery`: no alarm may wait any more."""
    house = turn.house
    standby = house.standby(event.uplink)
    if standby is not None:
        clear_fault(turn, "link", standby.name)
        next_ms = turn.now.ms + EVERY_MS
        _put(turn, replace(standby, testing_ms=None, tested_ms=turn.now.ms, passed=True, test_at_ms=next_ms))
    elif _steady(turn, event.uplink) and not any(alarm.delivery == "waiting" for alarm in house.alarms):
        for each in house.standbys:
            _put(turn, replace(each, wanted_ms=None))


def _steady(turn: Turn, uplink: str) -> bool:
    link = next((each for each in turn.house.links if each.name == uplink), None)
    return link is not None and link.up and turn.now.ms - link.since_ms >= STEADY_MS


def test_now(turn: Turn) -> None:
    """Test every standby now: the centre asked for a test, over every path."""
    for each in turn.house.standbys:
        _put(turn, replace(each, test_at_ms=min(each.test_at_ms, turn.now.ms)))


def _put(turn: Turn, standby: Standby) -> None:
    turn.update(standbys=tuple(standby if each.name == standby.name else each for each in turn.house.standbys))
