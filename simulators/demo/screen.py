"""Draws a picture for a terminal of 80 by 24 or more. Symbols and words say everything; colour only repeats it."""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from rich.box import ASCII, ROUNDED, Box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.panel import Panel
from rich.text import Text

from simulators.demo.picture import LampShown, Picture

TITLE = "Hearthline: a home, its hub and a response centre, for real, on this machine"
LEDE = (
    "You live here. Call for help with p and watch the call travel; answer it with a.",
    "Then make it hard: cut the line, kill the hub. Every call must still arrive.",
)

KEYS: Sequence[Sequence[Sequence[str]]] = (
    (("you ", "p pendant", "c call button", "u cord", "f fall", "g get up", "w wet floor", "d dry it"),),
    (("    ", "x cancel", "h hold 'help has arrived'"), ("staff ", "a acknowledge", "r resolve")),
    (
        ("box ", "y yes", "n not now (held)", "b pill box"),
        ("let come ", "t tablets", "m message"),
    ),
    (("bad luck ", "l cut or mend the line", "s silent centre", "k kill the hub"), ("", "q quit")),
)
"""What can be pressed: rows of groups; of each, whose hands, then each key and what it does."""

_LAMP_STYLES = {
    "CALL": "bold yellow",
    "ARRIVED": "bold green",
    "SOMEONE": "bold cyan",
    "FAULT": "bold red",
    "PROMPT": "bold blue",
    "ALERT": "bold magenta",
}
_WHO_STYLES = {"you": "bold", "home": "yellow", "hub": "magenta", "line": "red", "centre": "green", "staff": "cyan"}

_INTRO_ROWS, _HOME_ROWS, _STATE_ROWS, _KEY_ROWS = 2, 10, 1, 4
_TIMELINE_ROWS_MIN = 4
_CASES_MAX = 5
_NARROW = 72


class Symbols(Struct, frozen=True):
    """What a terminal can show."""

    lit: str
    dark: str
    note: str
    good: str
    bad: str
    box: Box


FANCY = Symbols("●", "○", "♪", "✓", "✗", ROUNDED)
SIMPLE = Symbols("(*)", "( )", "~", "ok", "!!", ASCII)


def symbols(terminal: str) -> Symbols:
    """Choose symbols for a TERM: a console without a graphical font lacks some."""
    return SIMPLE if terminal == "linux" else FANCY


def draw(picture: Picture, marks: Symbols, windows: str, width: int, height: int) -> RenderableType:
    """Lay the picture out for so many columns and rows."""
    root = Layout()
    fixed = _HOME_ROWS + _STATE_ROWS + _KEY_ROWS
    parts = [
        Layout(_above(picture, marks, width), size=_HOME_ROWS),
        Layout(_state(picture, marks), size=_STATE_ROWS),
        Layout(_timeline(picture, marks, windows, height), ratio=1),
        Layout(_keys(), size=_KEY_ROWS),
    ]
    if height >= fixed + _INTRO_ROWS + _TIMELINE_ROWS_MIN:
        parts.insert(0, Layout(Group(*(_line(Text(line)) for line in LEDE)), size=_INTRO_ROWS))
    root.split_column(*parts)
    return root


def keys_in_words() -> str:
    """List the keys as text."""
    return "\n".join("; ".join(f"{who.strip()} {', '.join(keys)}".strip() for who, *keys in row) for row in KEYS)


def _above(picture: Picture, marks: Symbols, width: int) -> RenderableType:
    home = Panel(
        Group(
            *(_lamp(lamp, marks) for lamp in picture.lamps), _sound(picture, marks), _line(Text(picture.said, "bold"))
        ),
        title="At home: what you see and hear",
        title_align="left",
        subtitle=picture.flat or None,
        subtitle_align="left",
        box=marks.box,
        border_style="yellow",
    )
    centre = Panel(
        Group(*_cases(picture)),
        title=f"Response centre: {len(picture.cases)} open",
        title_align="left",
        box=marks.box,
        border_style="green" if picture.centre[1] else "red",
    )
    if width < _NARROW:
        return home
    both = Layout()
    both.split_row(Layout(home, ratio=5), Layout(centre, ratio=3))
    return both


def _lamp(lamp: LampShown, marks: Symbols) -> Text:
    style = _LAMP_STYLES[lamp.name] if lamp.lit else "dim"
    words = "dim" if lamp.words.startswith("dark") else ""
    return _line(Text.assemble((marks.lit if lamp.lit else marks.dark, style), f" {lamp.name:8} ", (lamp.words, words)))


def _sound(picture: Picture, marks: Symbols) -> Text:
    return _line(Text(f"{marks.note} {picture.sound}", "bold" if picture.loud else ""))


def _cases(picture: Picture) -> Iterable[Text]:
    if not picture.cases:
        yield _line(Text("no open alarm", "dim"))
    shown = picture.cases if len(picture.cases) <= _CASES_MAX else picture.cases[: _CASES_MAX - 1]
    for name, note, new in shown:
        yield _line(Text.assemble((f"{name}: ", "bold"), (note, "bold red" if new else "cyan")))
    if len(shown) < len(picture.cases):
        yield _line(Text(f"and {len(picture.cases) - len(shown)} more"))


def _state(picture: Picture, marks: Symbols) -> Text:
    text = Text()
    for name, (words, well) in (("hub", picture.hub), ("line", picture.line), ("centre", picture.centre)):
        mark, style = (marks.good, "green") if well else (marks.bad, "bold red")
        text.append_text(Text.assemble(f" {name} ", (f"{mark} {words}", style), "  "))
    waiting = "?" if picture.outbox is None else str(picture.outbox)
    text.append(f" not yet receipted by the centre: {waiting}", "" if waiting == "0" else "bold")
    return _line(text)


def _timeline(picture: Picture, marks: Symbols, windows: str, height: int) -> Panel:
    lines = [
        _line(Text.assemble((f"{step.when:>8}  ", "dim"), (f"{step.who:7}", _WHO_STYLES.get(step.who, "")), step.words))
        for step in picture.steps[-height:]
    ]
    return Panel(
        _Tail(lines),
        title="What happened, in seconds since the call for help",
        title_align="left",
        subtitle=windows,
        subtitle_align="right",
        box=marks.box,
        border_style="blue",
    )


class _Tail:
    """As many of the last lines as there is room for."""

    def __init__(self, lines: Sequence[Text]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Group(*self._lines[-(options.height or options.max_height) :])


def _keys() -> Group:
    rows = []
    for row in KEYS:
        text = Text(" ")
        for who, *keys in row:
            text.append(who, "dim")
            for each in keys:
                text.append_text(Text.assemble((each[0], "bold reverse"), f"{each[1:]}  "))
        rows.append(_line(text))
    return Group(*rows)


def _line(text: Text) -> Text:
    """One line, cut rather than wrapped."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
