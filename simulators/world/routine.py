"""A resident's day as the senses tell it: up, about, out, to bed; and on some days not up, gone at night, or cold.

Each incident is complete in itself: who sits down gets up again, what is opened is closed.
"""

import random
from collections.abc import Iterator

from simulators.world.incident import Incident

MINUTE_MS, HOUR_MS = 60_000, 3_600_000

LIES_SHARE, WANDERS_SHARE, UP_SHARE, AJAR_SHARE, COLD_SHARE, HOT_SHARE = 0.3, 0.4, 0.4, 0.4, 0.4, 0.25
"""How often, of all days, they lie in bed for hours; walk out at night; rise at night for long; leave the door open;
and how often a room is cold, or hot."""

STIRS_EVERY_MS = (3 * MINUTE_MS, 45 * MINUTE_MS)
READS_EVERY_MS = 60 * MINUTE_MS


def resident(seed: int, day: int, start: int) -> Iterator[Incident]:
    """Give a day of the resident."""
    dice = random.Random(f"resident {seed} {day}")
    lies = dice.random() < LIES_SHARE
    up_ms = int(dice.uniform(6.5, 8) * HOUR_MS) + (int(dice.uniform(2, 8) * HOUR_MS) if lies else 0)
    bed_ms = int(dice.uniform(21.5, 23.5) * HOUR_MS)
    yield from _night(dice, start, up_ms)
    yield from _about(dice, start + up_ms, start + bed_ms)
    yield Incident(start + bed_ms, "use", "bed-1", ms=24 * HOUR_MS - bed_ms - MINUTE_MS)
    yield from _rooms(dice, start)


def _night(dice: random.Random, start: int, up_ms: int) -> Iterator[Incident]:
    """In bed until they get up; perhaps up once in between, perhaps out of the house."""
    rises_ms = int(dice.uniform(0.5, 5) * HOUR_MS)
    long = dice.random() < UP_SHARE
    away_ms = int(dice.uniform(25, 100) * MINUTE_MS) if long else int(dice.uniform(3, 12) * MINUTE_MS)
    yield Incident(start + MINUTE_MS, "use", "bed-1", ms=rises_ms - MINUTE_MS)
    yield Incident(start + rises_ms + 5_000, "stir", "motion-hall", ms=40_000)
    if dice.random() < WANDERS_SHARE:
        away_ms += int(dice.uniform(5, 60) * MINUTE_MS)
        out_ms = start + rises_ms + 90_000
        yield Incident(out_ms, "open", "door-front", ms=dice.choice((8_000, 8_000, HOUR_MS)))
        if dice.random() < 0.6:  # noqa: PLR2004 -- a share: seen while they step out, or when they turn back
            seen_ms = dice.choice((3_000, 12_000, 60_000, 200_000))
            yield Incident(out_ms + seen_ms, "stir", "motion-hall", ms=40_000)
    if rises_ms + away_ms < up_ms - MINUTE_MS:
        yield Incident(start + rises_ms + away_ms, "use", "bed-1", ms=up_ms - rises_ms - away_ms)


def _about(dice: random.Random, from_ms: int, to_ms: int) -> Iterator[Incident]:
    """Through the rooms, into the chair, out and back."""
    at_ms = from_ms + MINUTE_MS
    while at_ms < to_ms:
        what = dice.random()
        if what < 0.12:  # noqa: PLR2004 -- a share
            sits_ms = dice.randrange(10 * MINUTE_MS, 100 * MINUTE_MS)
            yield Incident(at_ms, "use", "chair-1", ms=sits_ms)
            at_ms += sits_ms
        elif what < 0.2:  # noqa: PLR2004 -- a share
            ajar = dice.random() < AJAR_SHARE / 4
            yield Incident(at_ms, "open", "door-front", ms=dice.randrange(10, 150) * MINUTE_MS if ajar else 9_000)
            at_ms += dice.randrange(5 * MINUTE_MS, 150 * MINUTE_MS)
        else:
            who, ms = dice.choice(("motion-hall", "motion-kitchen")), dice.choice((20_000, 90_000))
            yield Incident(at_ms, "stir", who, ms=ms)
        at_ms += dice.randrange(*STIRS_EVERY_MS)


def _rooms(dice: random.Random, start: int) -> Iterator[Incident]:
    """What the rooms measure, in tenths of a degree: a curve through the day, and a sensor that is sometimes broken."""
    for room in ("room-bed", "room-bath"):
        low = dice.randrange(100, 170) if dice.random() < COLD_SHARE else 200
        high = dice.randrange(270, 320) if dice.random() < HOT_SHARE else 230
        for step in range(24 * HOUR_MS // READS_EVERY_MS):
            hour = step * READS_EVERY_MS / HOUR_MS
            share = 1 - abs(hour - 15) / 15 if hour >= 3 else 0.2  # noqa: PLR2004 -- warmest in the afternoon
            tenths = int(low + (high - low) * share) + dice.randrange(-12, 12)
            if dice.random() < 0.02:  # noqa: PLR2004 -- a share
                tenths = dice.choice((-1_270, 850))
            yield Incident(start + step * READS_EVERY_MS + dice.randrange(60_000), "degrees", room, n=tenths)
