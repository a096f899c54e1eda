"""A care plan as a picture (SVG): a time-line for each ladder, from the call downwards, a lane for everybody in it."""

from collections.abc import Iterator
from itertools import groupby
from math import log2

from provisioning.plan.groups import Group, groups
from provisioning.plan.phrases import listed, long_time, named, short_name, short_time
from provisioning.plan.svg import COLOURS, FAINT, FONT, INK, PALE, PAPER, box, clean, line, sign, text, width, wrapped
from rules.plan import SIREN_MS, Means, Part, Plan, Step, Unless
from rules.values import Value

WIDTH = 440
"""A telephone shows it without zooming, and half of a sheet of A4 holds it; all measures here are in its units."""

_AXIS, _LANES, _EDGE = 66, 94, 6
_BARS, _BAR = 2, 9
_PEOPLE_MAX = 3
"""Lanes of people in one time-line; a ladder with more of them goes on in another."""

_SIZE, _LINE = 13, 16
_SIGN = 26
_BAND = 22

_HOME, _CENTRE = "home", "the centre"
_CLOSED = -1


class _Act(Value, frozen=True):
    """A sign in a lane (None: words alone). `until_ms` is its end: None, it does not last; _CLOSED, at the close."""

    lane: str
    means: Means | None
    words: str
    until_ms: int | None = None


class _Row(Value, frozen=True):
    """What is done at one moment on one condition."""

    at_ms: int
    condition: str
    acts: tuple[_Act, ...]


class _Drawn(Value, frozen=True):
    """A part of the picture that was drawn, and how high it is."""

    body: str
    height: float


def svg(plan: Plan) -> str:
    """Draw a plan: the time-lines of all its ladders, one below the other, as one SVG document."""
    parts: list[str] = []
    y = 0.0
    for drawn in (drawn for group in groups(plan) for drawn in _timeline_parts(group)):
        parts.append(f'<g transform="translate(0 {y:g})">{drawn.body}</g>')
        y += drawn.height
    return _document(f"Care plan {plan.version}", _Drawn("".join(parts), y), _told(groups(plan)))


def timelines(plan: Plan) -> list[str]:
    """Draw each of a plan's groups of alarms as SVG documents of its own, so that a page can be broken between them."""
    return [
        "".join(_document(group.title, drawn, _told((group,))) for drawn in _timeline_parts(group))
        for group in groups(plan)
    ]


def _document(title: str, drawn: _Drawn, told: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{clean(title)}" width="{WIDTH}" '
        f'height="{drawn.height:g}" viewBox="0 0 {WIDTH} {drawn.height:g}" font-family="{FONT}" fill="{INK}">'
        f"<title>{clean(title)}</title><desc>{clean(told)}</desc>"
        f"{box(0, 0, WIDTH, drawn.height, PAPER)}{drawn.body}</svg>\n"
    )


def _told(found: tuple[Group, ...]) -> str:
    """Give the picture in words, for whoever can not see it."""
    said = (
        f"{group.title}: "
        + "; ".join(
            f"{short_time(row.at_ms)}, {row.condition}: {listed(f'{act.lane} {act.words}' for act in row.acts)}"
            for row in _rows(group)
        )
        for group in found
    )
    return ". ".join(said) + "."


def _timeline_parts(group: Group) -> Iterator[_Drawn]:
    people = list(dict.fromkeys(name for step in group.steps if step.means == "sms" for name in step.to))
    for first in range(0, len(people), _PEOPLE_MAX) or [0]:
        yield _timeline(group, tuple(people[first : first + _PEOPLE_MAX]), further=first > 0)


# --- what there is to draw ---------------------------------------------------------------------------


def _rows(group: Group) -> list[_Row]:
    first = [_Act(_CENTRE, "centre", "is called")]
    if group.silent:
        first.append(_Act(_HOME, None, "no sound, no light"))
    first.extend(act for step in group.steps if _condition(group, step) == _CALL for act in _acts(step))
    rows = [_Row(0, _CALL, tuple(first))]
    for (at_ms, condition), steps in groupby(group.steps, key=lambda step: (step.after_ms, _condition(group, step))):
        if condition != _CALL:
            rows.append(_Row(at_ms, condition, tuple(act for step in steps for act in _acts(step))))
    return rows


_CALL = "the call goes out"

_UNLESS: dict[Unless, str] = {
    "received": "if the centre does not have the call",
    "acknowledged": "if nobody has it yet",
    "resolved": "even if somebody has it",
}

_ONLY: dict[Part, str] = {"day": "by day only: ", "night": "at night only: "}


def _condition(group: Group, step: Step) -> str:
    hour = "" if step.only is None or group.nightless else _ONLY[step.only]
    if step.after_ms:
        return hour + _UNLESS[step.unless]
    return f"{hour}at once" if hour else _CALL


def _acts(step: Step) -> Iterator[_Act]:
    if step.means == "sms":
        yield from (_Act(name, "sms", "gets a text") for name in step.to)
        return
    for_ms = step.for_ms or (SIREN_MS if step.means == "siren" else 0)
    until_ms = step.after_ms + for_ms if for_ms else _CLOSED
    lasting = f" {short_time(for_ms)}" if for_ms else ""
    match step.means:
        case "centre":
            yield _Act(_CENTRE, "centre", "is told again")
        case "siren":
            yield _Act(_HOME, "siren", f"siren{lasting}", until_ms)
        case "light":
            yield _Act(_HOME, "light", f"light flashes{lasting}", until_ms)
        case "relay":
            yield _Act(_HOME, "relay", f"switch on{lasting}", until_ms)
        case "say":
            yield _Act(_HOME, "say", f"says “{named(step.text)}”")


# --- one time-line -----------------------------------------------------------------------------------


def _timeline(group: Group, people: tuple[str, ...], *, further: bool) -> _Drawn:
    lanes = (_HOME, _CENTRE, *people)
    rows = [
        _Row(row.at_ms, row.condition, acts)
        for row in _rows(group)
        if (acts := tuple(act for act in row.acts if act.lane in lanes and (act.lane in people or not further)))
    ]
    head = _head(group, further=further)
    names = _names(lanes, head.height)
    top = head.height + names.height
    drawn = _draw_rows(rows, lanes, top)
    end = drawn.end + (30 if drawn.lasting else 6)
    foot = _foot(group, end)
    stripes = "".join(
        box(_x(lanes, place), head.height, _room(lanes), end - head.height, PALE) for place in range(0, len(lanes), 2)
    )
    axis = line(_AXIS, top + 4, _AXIS, end, stroke=INK, stroke_width="2")
    parts = (stripes, head.body, names.body, axis, _draw_bars(drawn, _middle(lanes, 0), end), drawn.body, foot.body)
    return _Drawn("".join(parts), end + foot.height)


class _Rows(Value, frozen=True):
    """The rows as drawn: at what height each moment is, and each thing that lasts; where the last row ends."""

    body: str
    moments: dict[int, float]
    lasting: tuple[tuple[int, float, _Act], ...]
    end: float


def _room(lanes: tuple[str, ...]) -> float:
    return (WIDTH - _EDGE - _LANES) / len(lanes)


def _x(lanes: tuple[str, ...], place: int) -> float:
    return _LANES + place * _room(lanes)


def _middle(lanes: tuple[str, ...], place: int) -> float:
    return _x(lanes, place) + _room(lanes) / 2


def _head(group: Group, *, further: bool) -> _Drawn:
    y, parts = 8.0, []
    title = group.title[0].upper() + group.title[1:] + (" (more people)" if further else "")
    for each in wrapped(title, 16, WIDTH - 2 * _EDGE, 6, bold=True):
        y += 20
        parts.append(text(_EDGE, y, each, 16, font_weight="bold"))
    y += 4
    for each in (each for wait in _waits(group) for each in wrapped(wait, _SIZE, WIDTH - 2 * _EDGE, 4)):
        y += _LINE
        parts.append(text(_EDGE, y, each, _SIZE, fill=FAINT))
    return _Drawn("".join(parts), y + 12)


def _waits(group: Group) -> Iterator[str]:
    """Give how long there is to stop it before the call goes out."""
    ordered = sorted(group.kinds, key=lambda kind: kind.cancel_ms)
    for ms, kinds in groupby(ordered, key=lambda kind: kind.cancel_ms):
        names = [kind.name for kind in kinds]
        if ms and group.silent:
            yield f"First, a pause of {short_time(ms)}: {listed(map(short_name, names))}."
        elif ms:
            stop = "show that all is well" if names == ["inactivity"] else "press cancel"
            yield f"First, {short_time(ms)} to {stop}: {listed(map(short_name, names))}."


def _names(lanes: tuple[str, ...], y: float) -> _Drawn:
    """Draw who each lane is for, in the largest letters that break no word."""
    room = _room(lanes) - 4
    words = [word for lane in lanes for word in named(lane).replace("-", " ").split()]
    size = next(
        (size for size in (_SIZE, 12, 11) if all(width(f"{word}-", size, bold=True) <= room for word in words)), 11
    )
    names = [wrapped(named(lane), size, room, 3, bold=True) for lane in lanes]
    parts = [
        text(_middle(lanes, place), y + _LINE * (number + 1), each, size, "middle", font_weight="bold")
        for place, name in enumerate(names)
        for number, each in enumerate(name)
    ]
    return _Drawn("".join(parts), _LINE * max(map(len, names)) + 8)


def _draw_rows(rows: list[_Row], lanes: tuple[str, ...], y: float) -> _Rows:
    parts: list[str] = []
    moments: dict[int, float] = {}
    lasting: list[tuple[int, float, _Act]] = []
    before_ms = 0
    for row in rows:
        y += _gap(row.at_ms - before_ms)
        before_ms = row.at_ms
        if row.at_ms not in moments:
            moments[row.at_ms] = y + _BAND + 4 + _SIGN / 2  # where its signs are
            parts.append(box(_AXIS - 5, y + _BAND / 2 - 5, 10, 10, INK, transform=f"rotate(45 {_AXIS:g} {y + 11:g})"))
            parts.extend(_label("call" if not row.at_ms else short_time(row.at_ms), y + _BAND / 2))
        parts.append(box(_LANES, y, WIDTH - _EDGE - _LANES, _BAND, PAPER, stroke=FAINT, stroke_dasharray="4 3", rx="5"))
        parts.append(text((_LANES + WIDTH - _EDGE) / 2, y + 15, row.condition, 12, "middle", font_style="italic"))
        y += _BAND
        cells = [_draw_cell(row, lanes, place, y) for place in range(len(lanes))]
        parts.extend(cell.body for cell in cells)
        lasting.extend(each for cell in cells for each in cell.lasting)
        y = max(cell.end for cell in cells)
    return _Rows("".join(parts), moments, tuple(lasting), y)


def _gap(ms: int) -> float:
    """Give the space for a pause: twice the pause is a little more space, so that seconds and hours fit one page."""
    return 6 + min(60, 6 * log2(1 + ms / 15_000))


def _label(words: str, y: float) -> Iterator[str]:
    lines = wrapped(words, _SIZE, _AXIS - 12, 3, bold=True)
    first = y + 5 - (len(lines) - 1) * _LINE / 2
    for number, each in enumerate(lines):
        yield text(_AXIS - 11, first + number * _LINE, each, _SIZE, "end", font_weight="bold")


def _draw_cell(row: _Row, lanes: tuple[str, ...], place: int, y: float) -> _Rows:
    """Draw what one lane does at one moment."""
    parts: list[str] = []
    lasting: list[tuple[int, float, _Act]] = []
    y += 4
    for act in row.acts:
        if act.lane != lanes[place]:
            continue
        if act.means is not None:
            parts.append(sign(act.means, _middle(lanes, place), y + _SIGN / 2))
        if act.until_ms is not None:
            lasting.append((row.at_ms, y + _SIGN / 2, act))
        y += _SIGN if act.means is not None else 0
        for each in wrapped(act.words, _SIZE, _room(lanes) - 4, 4):
            y += _LINE
            parts.append(text(_middle(lanes, place), y - 4, each, _SIZE, "middle"))
        y += 4
    return _Rows("".join(parts), {}, tuple(lasting), y)


def _draw_bars(drawn: _Rows, home: float, end: float) -> str:
    """Draw how long things at home are on, each bar tied to its sign: as many as fit, since their words say it too."""
    free = [0.0] * _BARS
    parts = []
    for from_ms, y, act in drawn.lasting:
        slot = next((slot for slot, until_y in enumerate(free) if until_y <= y), None)
        if slot is None or act.until_ms is None or act.means is None:
            continue
        later = {ms: at_y for ms, at_y in drawn.moments.items() if ms > from_ms}
        to_y = end if act.until_ms == _CLOSED else _height(act.until_ms, {from_ms: y} | later, end)
        free[slot] = to_y + 3
        x, look = _AXIS + 8 + slot * _BAR, {"stroke": INK, "stroke_width": "1.2"}
        parts.append(line(x + 3, y, home - 13, y, **look))
        parts.append(box(x, y, _BAR - 3, to_y - y, COLOURS[act.means], **look))
        if act.until_ms == _CLOSED:  # an arrow: it goes on
            point = f"M{x - 2:g} {to_y:g}h{_BAR + 1}l{-(_BAR + 1) / 2:g} 7z"
            parts.append(f'<path d="{point}" fill="{COLOURS[act.means]}" stroke="{INK}" stroke-width="1.2"/>')
    return "".join(parts)


def _height(ms: int, moments: dict[int, float], end: float) -> float:
    """Give at what height a moment is, between those whose heights are known."""
    before = max(each for each in moments if each <= ms)
    after = min((each for each in moments if each > ms), default=None)
    if after is None:
        return min(end - 4, moments[before] + _gap(ms - before))
    return moments[before] + (moments[after] - moments[before]) * (ms - before) / (after - before)


def _steady(group: Group) -> bool:
    """Whether some step goes its way whoever has the alarm, and is marked so."""
    return any(step.unless == "resolved" and step.after_ms for step in group.steps)


def _foot(group: Group, y: float) -> _Drawn:
    says = []
    if group.repeat_ms and group.steps:
        says.append(f"If still nobody has it, all this starts again {long_time(group.repeat_ms)} after the last step.")
    if not group.steps:
        says.append("Nothing else is done: the hub calls the centre until it has the call.")
    if group.quietened:
        says.append("In quiet hours the siren and the voice stay off.")
    if any(step.unless != "resolved" for step in group.steps):
        stops = "the siren stops, and " if any(step.means == "siren" for step in group.steps) else ""
        rest = "all that is not marked “even if somebody has it”" if _steady(group) else "all the rest"
        says.append(f"As soon as somebody has it, {stops}{rest} waits.")
    parts = []
    top = y
    y += 8
    for each in (each for said in says for each in wrapped(said, _SIZE, WIDTH - 2 * _EDGE, 3)):
        y += _LINE
        parts.append(text(_EDGE, y, each, _SIZE))
    parts.append(line(_EDGE, y + 14, WIDTH - _EDGE, y + 14, stroke=FAINT, stroke_width="1"))
    return _Drawn("".join(parts), y + 22 - top)
