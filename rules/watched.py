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
    """A room's last cold or hot spell: whether it lasts, whether it became an alarm, and when one last did."""

    sensor: str
    kind: Literal["cold", "heat"]
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
            return (each.sensor, each.kind)
        case Expected():
            return (each.visit,)
        case _:
            return (each.sensor,)
