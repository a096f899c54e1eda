"""The script of a simulated life: what happens in a household and to its hub, and when. Made wholly from a seed.

A script is a list of incidents, each complete in itself (a fault has its duration), so that any part of it is a script
too: that is what makes it shrink.
"""

import random
from collections.abc import Callable, Sequence

from simulators.world.ailments import ailments
from simulators.world.answering import answers
from simulators.world.household import BUTTON, CALLERS, LEVELS
from simulators.world.incident import Incident, Script
from simulators.world.routine import resident

__all__ = ("DAY_MS", "Incident", "Script", "generate")

DAY_MS = 86_400_000

PRESSED = ("pendant-1", "pendant-2", "cord-bath", "cord-bed", "fall-1", "pendant-1", BUTTON.id)
AT_ONCE = ("smoke-hall", "co-kitchen", "door-1")

FAULTS: tuple[tuple[str, int, int, int], ...] = (
    # what, how often of a hundred, and how long it lasts in seconds
    ("line cut", 9, 3, 1_800),
    ("line dead", 7, 20, 400),
    ("line frozen", 5, 1, 30),
    ("broker down", 5, 2, 400),
    ("broker forgets", 4, 1, 120),
    ("broker drops", 5, 20, 900),
    ("broker says twice", 4, 30, 1_800),
    ("broker shuffles", 4, 30, 1_800),
    ("centre down", 5, 10, 900),
    ("centre silent", 5, 10, 1_500),
    ("centre cannot keep", 5, 10, 600),
    ("centre rejects", 2, 5, 120),
    ("forged", 4, 0, 0),
    ("stale", 3, 0, 0),
    ("kill", 12, 1, 6),
    ("kill at commit", 9, 1, 6),
    ("power cut", 7, 5, 900),
    ("clock wrong", 4, 60, 7_200),
    ("disk full", 4, 5, 900),
    ("disk fails", 3, 5, 600),
    ("disk stalls", 5, 1, 40),
    ("disk slow", 3, 60, 900),
    ("adapter pulled", 4, 0, 0),
)
"""What breaks. Far more often than in any home: a day here is a bad year."""

DAILY_FAULTS: tuple[tuple[str, int, int], ...] = (
    # what, and how long it lasts in seconds: one of every sort a day
    ("mains cut", 30, 4 * 3_600),
    ("modem pulled", 20, 3 * 3_600),
    ("texts refused", 20, 1_800),
    ("texts unanswered", 20, 1_800),
    ("mobile cut", 30, 4 * 3_600),
    ("mobile dead", 30, 1_800),
)

WET_SHARE, AT_ONCE_SHARE, ENGINEER_SHARE, AWAY_SHARE = 0.15, 0.15, 0.3, 0.6
FAULTS_A_DAY = 16
TROUBLE_SELDOM_COMES_ALONE = 0.45
"""How often a fault follows upon the one before, while that still lasts."""

CALLS_A_DAY = 12
READINGS_A_DAY = 15
"""Of each sensor that measures besides the rooms'."""

SIGNS_A_DAY = 3
"""Of each device that has nothing else to say."""

PLANS_A_DAY = 4


def generate(seed: int, days: int) -> Script:
    """Make the script of some days."""
    dice = random.Random(seed)
    script: list[Incident] = []
    for day in range(days):
        start = day * DAY_MS
        _everyday(dice, start, script)
        calls = sorted(start + int(dice.triangular(0, DAY_MS)) for _ in range(CALLS_A_DAY))
        for at_ms in calls:
            _call(dice, at_ms, script)
        _plans(random.Random(f"plans {seed} {day}"), start, calls, script)
        _daily(random.Random(f"daily {seed} {day}"), calls, script)
        script.extend(resident(seed, day, start))
        script.extend(ailments(seed, day, start, calls))
        script.extend(answers(seed, day, start))
        near = [*calls, *(start + dice.randrange(DAY_MS) for _ in range(CALLS_A_DAY))]
        while len(near) < 2 * CALLS_A_DAY + FAULTS_A_DAY:
            near.append(_fault(dice, near, script))
    return tuple(sorted(script, key=lambda each: each.at_ms))


def _everyday(dice: random.Random, start: int, script: list[Incident]) -> None:
    """What goes on without anybody's need: readings, signs of life, troubles, and the centre's questions."""

    def sometime() -> int:
        return start + dice.randrange(DAY_MS)

    for who in ("smoke-hall", "co-kitchen", "flood-bath"):
        script.extend(Incident(sometime(), "reading", who, n=dice.randrange(100)) for _ in range(READINGS_A_DAY))
    for who in CALLERS:
        script.extend(Incident(sometime(), "alive", who) for _ in range(SIGNS_A_DAY) if who != BUTTON.id)
    for _ in range(3):
        at_ms, who = sometime(), dice.choice(("pendant-1", "cord-bed", "smoke-hall"))
        trouble = dice.choice(("battery-low", "tamper"))
        script.append(Incident(at_ms, trouble, who, ms=dice.randrange(60_000, 4 * 3_600_000)))
    wanted = ("test", "report", "locate", "silence")
    script.extend(Incident(sometime(), "command", dice.choice(wanted)) for _ in range(2))
    if dice.random() < ENGINEER_SHARE:
        script.append(Incident(sometime(), "command", "engineer"))


def _call(dice: random.Random, at_ms: int, script: list[Incident]) -> None:
    """Somebody needs help, or something is wet or burns; and what people do then."""
    draw = dice.random()
    if draw < WET_SHARE:
        who = dice.choice(sorted(LEVELS))
        script.append(Incident(at_ms, "wet", who, ms=dice.randrange(30_000, 3 * 3_600_000)))
        return
    if draw < WET_SHARE + AT_ONCE_SHARE:
        script.append(Incident(at_ms, "press", dice.choice(AT_ONCE)))
        return
    who = dice.choice(PRESSED)
    script.append(Incident(at_ms, "press", who, n=dice.choice((0, 0, 0, 1, 2))))
    after: Sequence[Callable[[], Incident]] = (
        lambda: Incident(at_ms + dice.randrange(500, 9_500), "cancel"),
        lambda: Incident(at_ms + dice.randrange(9_500, 60_000), "cancel"),
        lambda: Incident(at_ms + dice.randrange(2_100, 9_500), "press", who),
        lambda: Incident(at_ms + dice.randrange(11_000, 200_000), "press", who),
        lambda: Incident(at_ms + dice.randrange(60_000, 1_800_000), "help"),
        lambda: Incident(at_ms + dice.randrange(500, 20_000), "press", dice.choice(PRESSED)),
    )
    script.extend(dice.choice(after)() for _ in range(dice.choice((0, 0, 1, 1, 2))))


def _plans(dice: random.Random, start: int, calls: Sequence[int], script: list[Incident]) -> None:
    """The first day begins with a care plan; others come at any time, most of them while there is an alarm."""
    if not start:
        script.append(Incident(1_000, "plan", "newer", n=dice.randrange(1 << 30)))
    for _ in range(PLANS_A_DAY):
        who = dice.choice(("newer", "newer", "newer", "older", "same", "other", "bad"))
        at_ms = dice.choice(calls) + dice.randrange(-5_000, 120_000)
        script.append(Incident(max(0, at_ms), "plan", who, n=dice.randrange(1 << 30)))


def _daily(dice: random.Random, calls: Sequence[int], script: list[Incident]) -> None:
    """What ails the mains, the mobile network and the modem, near a call."""
    for what, low_s, high_s in DAILY_FAULTS:
        at_ms = max(0, dice.choice(calls) + dice.randrange(-60_000, 60_000))
        ms = int(1_000 * low_s * (high_s / low_s) ** dice.random())
        script.append(Incident(at_ms, what, ms=ms, n=dice.randrange(1_000)))
    if dice.random() < AWAY_SHARE:
        at_ms = dice.choice(calls) - dice.randrange(10_000, 3_600_000)
        script.append(Incident(max(0, at_ms), "command", "away"))
        script.append(Incident(max(0, at_ms) + dice.randrange(10_000, 12 * 3_600_000), "command", "home"))


def _fault(dice: random.Random, near: list[int], script: list[Incident]) -> int:
    """Something breaks, near a call or another fault, where it matters; give when."""
    what, _, low_s, high_s = dice.choices(FAULTS, [each[1] for each in FAULTS])[0]
    about_ms = near[-1] if dice.random() < TROUBLE_SELDOM_COMES_ALONE else dice.choice(near)
    at_ms = max(0, about_ms + dice.choice((-10_000, 0, 0, 10_000, 30_000, 120_000)) + dice.randrange(-400, 1_500))
    ms = int(1_000 * low_s * (high_s / low_s) ** dice.random()) if low_s else 0
    script.append(Incident(at_ms, what, ms=ms, n=dice.randrange(1_000)))
    return at_ms
