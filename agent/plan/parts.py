"""What the readers of several tables share: tables by their reference, a value that lacks, times of day."""

from typing import TypeVar

from agent.config.strict import Problem, Reader
from agent.plan.private import is_reference
from agent.plan.tables import DAYS, Day, Table
from rules.plan import Window

S, MIN, H = 1_000, 60_000, 3_600_000

T = TypeVar("T", bound=Table)


def named(reader: Reader, raw: object, kind: type[T], at: str, most: int) -> dict[str, T]:
    """Read tables that have names, such as [contact.daughter]."""
    if not isinstance(raw, dict):
        reader.refuse(at, raw, f"tables such as [{at}.…]", "give each a reference")
        return {}
    if len(raw) > most:  # S12
        reader.refuse(at, raw, f"at most {most} tables [{at}.…]", "remove some")
        return {}
    read: dict[str, T] = {}
    for number, (name, each) in enumerate(raw.items(), start=1):
        if is_reference(reader, name, at, number):
            table = reader.table(each, kind, f"{at}.{name}")
            if table is not None:
                read[name] = table
    return read


def lack(reader: Reader, at: str, expected: str, remedy: str) -> None:
    """Note a value that is not there and should be."""
    reader.problems.append(Problem(at, "nothing", expected, remedy))


def idle(reader: Reader, at: str, why: str) -> None:
    """Refuse a value that would be left undone, and nobody would know."""
    reader.problems.append(Problem(at, "a value", f"nothing, as {why}", "remove it"))


def minutes(time: str) -> int:
    """Give a time of day as minutes after midnight."""
    hours, _, rest = time.partition(":")
    return int(hours) * 60 + int(rest)


def days_of(days: tuple[Day, ...]) -> tuple[int, ...]:
    """Give days of the week as the rules know them: 0 is Monday."""
    return tuple(sorted({DAYS.index(day) for day in days}))


def window(begin: str, to: str, days: tuple[Day, ...]) -> Window:
    """Give a part of the day."""
    return Window(begin=minutes(begin), to=minutes(to), days=days_of(days))


def maybe_window(
    reader: Reader, at: str, begin: str | None, to: str | None, days: tuple[Day, ...] | None, *, prefix: str = ""
) -> Window | None:
    """Give a window that may be left out: both its times, or neither."""
    if begin is not None and to is None:
        lack(reader, f"{at}.{prefix}to", f"a time, as {prefix}from is given", "add it")
    elif begin is None and to is not None:
        lack(reader, f"{at}.{prefix}from", f"a time, as {prefix}to is given", "add it")
    elif begin is not None and to is not None:
        return window(begin, to, days or DAYS)
    elif days is not None and prefix:
        lack(reader, f"{at}.{prefix}from", f"a time, as {prefix}days is given", "add it")
    elif days is not None:
        return window("00:00", "00:00", days)
    return None
