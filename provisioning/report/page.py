"""The commissioning report as a page (HTML): what does not work first, and at the end room for two signatures.

Nothing is fetched but the style's letters; nothing that it is given is markup. Black and white is enough to read it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Final

from provisioning.doctor.finding import State
from provisioning.plan.svg import FONT, clean
from provisioning.report.facts import Commissioning, Installed, Part, Tested, Trouble

LETTERS = "Card, Helvetica, Arial, 'Liberation Sans', sans-serif"

_STYLE = Path(__file__).with_name("report.css")

_STATES: Final[dict[State, str]] = {
    "well": "well",
    "warning": "to look at",
    "wrong": "DOES NOT WORK",
    "skipped": "not looked at",
}

_SHOUTED: Final = frozenset({_STATES["wrong"], *(each.upper() for each in ("not arrived", "not heard", "not tested"))})

_SIGNED = (
    ("Installer", "I installed and tested what this report lists, and told the resident this:"),
    ("Resident or representative", "I was shown how to call for help and how to cancel, and was told this:"),
)


def page(report: Commissioning, pictures: Sequence[str] = ()) -> str:
    """Write a report. `pictures` (SVG) go with the parts of the plan that tell of alarms, in their order."""
    title = f"Commissioning report: {clean(report.hub)}"
    running = f"{title}, {_moment(report.made)}" if report.synced else title
    body = "".join(_sections(report, pictures))
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style></head>\n"
        f'<body>\n<p class="running">{running}</p>\n<main>\n{body}</main>\n</body>\n</html>\n'
    )


def _sections(report: Commissioning, pictures: Sequence[str]) -> Iterator[str]:
    yield _head(report)
    yield _beware(report)
    yield _first(report)
    if report.gaps:
        title = "Accepted gaps: nobody may come"
        points = "".join(f"<li>{clean(each)}</li>" for each in report.gaps)
        yield _section(title, f"<ul>{points}</ul>", kind="gaps")
    if report.to_look_at:
        yield _section("What should be looked at", _troubles(report.to_look_at))
    yield _section("What was installed", _installed(report))
    yield _section("What was tested", _tested(report))
    yield _section("What is done when somebody calls: the care plan in plain words", _plan(report, pictures))
    yield _signatures(report)


_HIDDEN = "door-button"

_WHOLE = 8
"""A part of the plan with so few points is not broken between two sheets."""


def _beware(report: Commissioning) -> str:
    """S1: whoever a hidden button is meant against must not read of it here."""
    if not any(each.kind == _HIDDEN for each in report.sensors):
        return ""
    return "<p><b>This report tells of a hidden button. Keep it where no visitor can read it.</b></p>\n"


# --- the front -------------------------------------------------------------------------------------------


def _head(report: Commissioning) -> str:
    made = _moment(report.made) if report.synced else "by hand: ____________________ (the clock was not synchronised)"
    plan = f"number {report.plan_version}" if report.plan_version else "none yet: the hub's built-in one"
    rows = [
        ("Hub", clean(report.hub)),
        ("Site", clean(report.site) or "none: this hub was not enrolled by a site's service"),
        ("Software", f"Hearthline {clean(report.software)}"),
        ("Date", made),
        ("Care plan", plan),
        ("Home, to be written by hand", '<span class="blank"></span>'),
    ]
    lines = "".join(f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in rows)
    return f'<h1>Commissioning report</h1>\n<table class="head"><tbody>{lines}</tbody></table>\n'


def _first(report: Commissioning) -> str:
    """Say first what does not work; that nothing was found is worth saying in words, too."""
    count = len(report.not_working)
    if count:
        title = f"{count} {'thing does' if count == 1 else 'things do'} not work"
        return _section(title, _troubles(report.not_working), kind="bad")
    words = "Nothing was found that does not work. Every sensor was tested."
    if not report.tests:
        words = "Nothing was found that does not work. No sensor is installed."
    return _section("What does not work", f"<p>{words}</p>", kind="good")


def _troubles(troubles: Iterable[Trouble]) -> str:
    lines = (
        f"<li><b>{clean(each.about)}:</b> {clean(each.found)}.</li>"
        for each in troubles  # the remedies are the installer's, in the doctor's words
    )
    return f"<ol>{''.join(lines)}</ol>"


# --- what there is, and what came of it -------------------------------------------------------------------


def _installed(report: Commissioning) -> str:
    heads = ("Sensor", "Kind", "Place", "Heard by, at", "Signal", "Battery", "Last heard")
    sensors = _table(heads, map(_sensor, report.sensors)) if report.sensors else "<p>No sensor.</p>"
    parts = "".join(
        f'<tr><th scope="row">{clean(name)}</th><td>{clean(words)}</td></tr>' for name, words in report.parts
    )
    return f'{sensors}<h3>The box itself</h3><table class="parts"><tbody>{parts}</tbody></table>'


def _sensor(each: Installed) -> tuple[str, ...]:
    heard = _moment(each.heard) if each.heard else "never"
    own = (each.sensor, each.kind, each.location, f"{each.driver}, {each.address}")
    return (*own, _percent(each.signal), _percent(each.battery), heard)


def _tested(report: Commissioning) -> str:
    when = f"The walk test ended on {_moment(report.walked)}." if report.walked else "There was no walk test."
    heads = ("Sensor", "Kind", "Place", "Result", "Signal", "To the centre and back")
    tests = _table(heads, map(_test, report.tests)) if report.tests else ""
    checks = _table(
        ("Looked at", "State", "In words"),
        ((each.title, _STATES[each.state], each.words) for each in report.checks),
        kind="checks",
    )
    return (
        f"<h3>Each sensor</h3><p>{when}</p>{tests}{_ranges(report)}<h3>Alarms to the centre and back</h3>"
        f"<p>{_round_trips(report.round_trips_ms)}</p><h3>The hub</h3>{checks}"
    )


def _test(each: Tested) -> tuple[str, ...]:
    trip = "" if each.round_trip_ms is None else _ms(each.round_trip_ms)
    result = each.result if each.result in ("arrived", "heard") else each.result.upper()
    return each.sensor, each.kind, each.location, result, _percent(each.signal), trip


def _ranges(report: Commissioning) -> str:
    if not report.ranges:
        return ""
    heads = ("Sensor", "Pressed", "Heard", "Weakest signal")
    rows = (
        (
            each.sensor,
            "not counted" if each.pressed is None else str(each.pressed),
            str(each.heard),
            _percent(each.worst),
        )
        for each in report.ranges
    )
    return f"<h3>Range: presses from all over the home</h3>{_table(heads, rows)}"


def _round_trips(trips: Sequence[int]) -> str:
    """Say how long it took; of a few, the middle one says more than a mean."""
    if not trips:
        return "No alarm was sent: nobody knows whether one arrives."
    if len(trips) == 1:
        return f"One alarm was sent. The centre's receipt came after {_ms(trips[0])}."
    middle = _ms(round(median(trips)))
    return (
        f"{len(trips)} alarms were sent, and the centre's receipt came for each: after {middle} for the middle one, "
        f"{_ms(min(trips))} at best and {_ms(max(trips))} at worst."
    )


# --- the care plan ------------------------------------------------------------------------------------------


def _plan(report: Commissioning, pictures: Sequence[str]) -> str:
    alarms = [each for each in report.plan if each.alarm]
    drawn = dict(zip_longest((each.title for each in alarms), pictures[: len(alarms)], fillvalue=""))
    return "".join(_part(part, drawn.get(part.title, "")) for part in report.plan)


def _part(part: Part, drawn: str) -> str:
    points = "".join(f"<li>{clean(point)}</li>" for point in part.points)
    kind = "part whole" if len(part.points) <= _WHOLE else "part"
    return f'<section class="{kind}"><h3>{clean(part.title)}</h3>{_figure(drawn)}<ul>{points}</ul></section>\n'


def _figure(drawn: str) -> str:
    return f"<figure>{drawn.replace(clean(FONT), 'Card').replace(FONT, 'Card')}</figure>" if drawn else ""


def _signatures(report: Commissioning) -> str:
    """Have both sign what is on the first page, in so many words: the last page may be seen alone."""
    bad, gaps = len(report.not_working), len(report.gaps)
    told = [
        f"{bad} {'thing does' if bad == 1 else 'things do'} not work" if bad else "nothing is known that does not work",
        f"{gaps} {'gap is' if gaps == 1 else 'gaps are'} accepted" if gaps else "no gap is accepted",
    ]
    known = f"<b>{' and '.join(told)}</b>, at hub {clean(report.hub)}"
    fields = "".join(f"<tr><th scope='row'>{name}</th><td></td></tr>" for name in ("Name", "Signature", "Date"))
    table = f'<table class="sign"><tbody>{fields}</tbody></table>'
    boxes = "".join(f"<div><h3>{who}</h3><p>{words} {known}.</p>{table}</div>" for who, words in _SIGNED)
    return f'<section class="signatures"><h2>Signatures</h2><div class="twice">{boxes}</div></section>\n'


# --- small things ---------------------------------------------------------------------------------------------


def _section(title: str, body: str, kind: str = "") -> str:
    return f'<section class="{kind}">\n<h2>{clean(title)}</h2>\n{body}\n</section>\n'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    head = "".join(f'<th scope="col">{clean(each)}</th>' for each in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows)
    return f'<table class="grid {kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>\n'


def _cell(words: str) -> str:
    shouts = ' class="shout"' if words in _SHOUTED else ""
    return f"<td{shouts}>{clean(words)}</td>"


def _percent(value: int | None) -> str:
    return "" if value is None else f"{value} %"


def _ms(value: int) -> str:
    return f"{value} ms" if value < 1_000 else f"{value / 1_000:.1f} s"  # noqa: PLR2004 -- a second


def _moment(iso: str) -> str:
    """Write UTC for people: 2026-11-22, 13:45 UTC."""
    return f"{iso[:10]}, {iso[11:16]} UTC"
