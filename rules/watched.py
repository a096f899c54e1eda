"""What is remembered of what a care plan has watched: small values, each about one rule or one sensor of it.

Moments in `..._ms` are on the boot-relative clock.
"""

from typing import Literal, TypeVar

from rules.plan import Window
from rules.values import Value


class Hours(Value, frozen=True, kw_only=True):
    """A window of the plan, as the home's clocks have it now.

    `date` is the day on which what is open began (ISO 8601), `since_ms` when it opened (days that touch are one);
    `until_ms` is when to look again, None for never.
    """

    window: Window
    open: bool = False
    date: str = ""
    since_ms: int = 0
    until_ms: int | None = None


class Stillness(Value, frozen=True, kw_only=True):
    """How long nobody has stirred, as an inactivity rule counts: from `since_ms`, last seen by sensor `last`.

    `told`: it has become an alarm, and is not one again until somebody stirs (S4).
    """

    rule: str
    since_ms: int
    last: str = ""
    told: bool = False


class Left(Value, frozen=True, kw_only=True):
    """A bed or a chair that was left and not returned to."""

    sensor: str
    since_ms: int
    told: bool = False


class OpenDoor(Value, frozen=True, kw_only=True):
    """A door that is watched: open since `open_ms` (None: closed), last moved at `moved_ms`.

    `gone_ms` is when whoever opened it at night counts as gone; None when nobody is awaited.
    """

    sensor: str
    open_ms: int | None = None
    moved_ms: int = 0
    gone_ms: int | None = None
    told: bool = False


class Spell(Value, frozen=True, kw_only=True):
    """The last time that readings were beyond a bound: whether they are, whether that was told, and the last alarm.

    `rule` is a threshold's name, beyond which somebody's reading is `low` or `high`; a room's temperature has none.
    """

    sensor: str
    kind: Literal["cold", "heat", "low", "high"]
    rule: str = ""
    lasts: bool = True
    told: bool = False
    value: float = 0.0
    alarm_date: str = ""
    alarm_ms: int | None = None


class Visitor(Value, frozen=True, kw_only=True):
    """A carer's button: who is in (`visit` "" is one nobody expected), since `in_ms` (None: nobody); the last press.

    `unsure`: a reboot lay between, so nobody knows for how long.
    """

    sensor: str
    visit: str = ""
    in_ms: int | None = None
    unsure: bool = False
    pressed_ms: int | None = None


class Expected(Value, frozen=True, kw_only=True):
    """A visit on the day `date` on which it was last expected within `window`, and what has become of it."""

    visit: str
    date: str
    window: Window
    outcome: Literal["awaited", "came", "missed"] = "awaited"


class Occasion(Value, frozen=True, kw_only=True):
    """One time that a reminder is due: its key. `date` and `slot` as in `rules.reports.ReminderFacts`."""

    reminder: str
    date: str
    slot: str


class Prompt(Value, frozen=True, kw_only=True):
    """An occasion that has come and has no outcome yet. `due_wall_ms` is when it was due, on the wall clock.

    `waiting`: it is held back, `why` tells by what; `prompting`: it is said again at `next_ms`. `missed_ms` is when it
    counts as missed. `prompts` counts how often it was said, `said_ms` is when it last was; `snoozes` how often the
    resident said "later".
    """

    occasion: Occasion
    due_wall_ms: int
    state: Literal["waiting", "prompting"] = "prompting"
    why: Literal["unanswered", "away", "alarm", "hub"] = "unanswered"
    prompts: int = 0
    snoozes: int = 0
    said_ms: int | None = None
    next_ms: int | None = None
    missed_ms: int


class Spent(Value, frozen=True, kw_only=True):
    """An occasion that has begun, or is over, and so does not begin anew, however the wall clock is set (S4).

    `said`: somebody was prompted, or answered before; `held`: nobody was, as nobody was at home or an alarm came first;
    `late`: nobody was, as it came too late, and may be after all if the clock is put back. Remembered until `until_ms`
    at least: a wall clock that claims another week makes nothing forgotten.
    """

    occasion: Occasion
    due_wall_ms: int
    state: Literal["said", "held", "late"] = "said"
    until_ms: int


class Message(Value, frozen=True, kw_only=True):
    """A message that waits to be heard, for `hours`. `id` is its command's; `text` a reference; next said at `next_ms`.

    `sealed`: its text came with it and is kept by the agent, else `text` is the care plan's.
    """

    id: str
    text: str
    person: str = ""
    sealed: bool = False
    hours: int
    times: int = 0
    next_ms: int
    expires_ms: int


Watched = Stillness | Left | OpenDoor | Spell | Visitor | Expected
T = TypeVar("T", bound=Watched)


def put(those: tuple[T, ...], new: T) -> tuple[T, ...]:
    """Give them with `new` in the place of the one about the same thing, or at the end."""
    found = any(_about(each) == _about(new) for each in those)
    return tuple(new if _about(each) == _about(new) else each for each in those) if found else (*those, new)


def _about(each: Watched) -> tuple[str, ...]:
    match each:
        case Stillness():
            return (each.rule,)
        case Spell():
            return (each.sensor, each.kind, each.rule)
        case Expected():
            return (each.visit,)
        case _:
            return (each.sensor,)
