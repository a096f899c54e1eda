"""The card's pictures: thick black lines on white, told from each other by shape alone, so that grey prints do."""

from typing import Final, Literal

Picture = Literal[
    "pendant",
    "pull-cord",
    "button",
    "call",
    "cancel",
    "answer",
    "helper",
    "test",
    "notes",
    "then",
    "power",
    "telephone",
]
Sign = Literal["bell", "tick", "person", "speech", "warning", "flash", "cross"]
Rhythm = Literal["slow", "fast", "on", "any"]

INK: Final = "#101010"
PAPER: Final = "#ffffff"
HELP: Final = "#9b1020"
BLUE: Final = "#10355e"
GLOW: Final = "#ffd83d"
"""Every colour of the card. None of them means anything by itself."""

_LINE = f'fill="none" stroke="{INK}" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"'
_FULL = f'fill="{PAPER}" stroke="{INK}" stroke-width="3" stroke-linejoin="round"'
_BLACK = f'fill="{INK}"'
_RED = f'fill="{HELP}" stroke="{INK}" stroke-width="3" stroke-linejoin="round"'
_BOLD = f'fill="none" stroke="{INK}" stroke-width="5" stroke-linecap="round" stroke-linejoin="round"'

_HAND = (  # it presses with its finger's tip, at 0 0; 40 units high
    f'<path d="M-4.500 24V2.500a4.500 4.500 0 0 1 9 0V16c1-2.500 7-2.500 8 1 1.500-2 7-1.500 7.500 2 2-1.500 6-.5 '
    f'6 3V30c0 4-2 7-3 10H2C-2 36-7 31-11 26c-2-3 1.500-6.500 4.500-4.500z" {_FULL}/>'
    f'<path d="M4.500 16v8M12.500 18v6M20 20v5" {_LINE}/>'
)

_SIGNS: Final[dict[Sign, str]] = {  # each within 11 units of its middle
    "bell": f'<path d="M-9 6c3-3 2-7 3-10a6 6 0 0 1 12 0c1 3 0 7 3 10z" {_BLACK}/>'
    f'<circle cx="0" cy="9" r="3" {_BLACK}/>',
    "tick": f'<path d="M-8 1 -2 7 8-6" fill="none" stroke="{INK}" stroke-width="5"/>',
    "person": f'<circle cx="0" cy="-5.500" r="4.500" {_BLACK}/><path d="M-8.500 10a8.500 9 0 0 1 17 0z" {_BLACK}/>',
    "speech": f'<path d="M-10-8h20v13h-10l-5 5v-5h-5z" {_BLACK}/>'
    f'<path d="M-6-4h12M-6 .5h8" fill="none" stroke="{PAPER}" stroke-width="2"/>',
    "warning": f'<path d="M-3-11h6l-1.200 14h-3.600z" {_BLACK}/><circle cx="0" cy="8" r="3" {_BLACK}/>',
    "flash": f'<path d="M3-12-7 2h5.500l-3.500 10 10-14h-5.500z" {_BLACK}/>',
    "cross": f'<path d="M-7-7 7 7M7-7-7 7" fill="none" stroke="{INK}" stroke-width="5"/>',
}


def _button(sign: Sign) -> str:
    """Draw a button with its sign, and a hand that presses it."""
    face = f'<circle cx="24" cy="23" r="20" fill="{PAPER}" stroke="{INK}" stroke-width="3.500"/>'
    return f'{face}<g transform="translate(24 22)">{_SIGNS[sign]}</g>{_pressed(38, 32, 0.78)}'


def _pressed(x: float, y: float, scale: float) -> str:
    return f'<g transform="translate({x:g} {y:g}) scale({scale:g})">{_HAND}</g>'


_PICTURES: Final[dict[Picture, str]] = {
    "pendant": f'<path d="M10 2C11 13 20 17 26 21M50 2C49 13 40 17 34 21" {_LINE}/>'
    f'<rect x="15" y="17" width="30" height="35" rx="11" {_FULL}/><circle cx="30" cy="33" r="9.500" {_RED}/>'
    f"{_pressed(33, 34, 0.72)}",
    "pull-cord": f'<path d="M8 4h32" {_BOLD}/><path d="M24 4v34" {_LINE}/><path d="M24 34 37 58H11z" {_RED}/>'
    f'<path d="M53 20v32M44 43l9 11 9-11" {_BOLD}/>',
    "button": f'<rect x="5" y="3" width="46" height="46" rx="6" {_FULL}/><circle cx="28" cy="26" r="15" {_RED}/>'
    f"{_pressed(33, 31, 0.8)}",
    "call": f'<rect x="2" y="6" width="60" height="42" rx="7" {_FULL}/>'
    f'<circle cx="22" cy="27" r="15" fill="{PAPER}" stroke="{INK}" stroke-width="3.500"/>'
    f'<g transform="translate(22 25)">{_SIGNS["bell"]}</g>'
    f'<path d="M43 16h12M43 23h12" {_LINE}/>'
    f"{_pressed(31, 34, 0.72)}",
    "cancel": _button("cross"),
    "answer": _button("tick"),
    "helper": _button("person"),
    "test": f'<rect x="6" y="10" width="52" height="48" rx="5" {_FULL}/><path d="M6 24h52" {_LINE}/>'
    f'<path d="M20 4v12M44 4v12" {_BOLD}/><path d="M20 40 29 49 45 31" {_BOLD}/>',
    "notes": "".join(
        f'<ellipse cx="{x}" cy="{y}" rx="7" ry="5.500" {_BLACK}/><path d="M{x + 5.5:g} {y}V{y - 28}" {_LINE}/>'
        for x, y in ((10, 57), (30, 46), (50, 35))
    ),
    "then": f'<path d="M10 32h42M38 17l15 15-15 15" {_BOLD}/>',
    "power": f'<path d="M23 24V6M41 24V6" {_BOLD}/><path d="M13 24h38v8a19 17 0 0 1-38 0z" {_FULL}/>'
    f'<path d="M32 49v12" {_BOLD}/>'
    f'<path d="M6 8 58 56" stroke="{PAPER}" stroke-width="11"/><path d="M6 8 58 56" {_BOLD}/>',
    "telephone": '<path d="M14 6c-6 3-9 9-6 17 5 14 17 27 32 33 8 3 14 0 17-6l-12-12-8 5c-6-3-11-8-14-15l5-8z" '
    f"{_BLACK}/>",
}

_BEATS: Final[dict[Rhythm, tuple[tuple[float, float], ...]]] = {
    "slow": ((0, 16), (32, 16)),
    "fast": ((0, 5), (10.75, 5), (21.5, 5), (32.25, 5), (43, 5)),
    "on": ((0, 48),),
    "any": ((0, 6), (11, 16), (32, 5), (42, 6)),
}
"""Where a light is on, along a line of 48 units."""


def picture(name: Picture) -> str:
    """Draw a picture as inline SVG; the style sheet says how large."""
    return _svg(name, _PICTURES[name])


def lamp(sign: Sign, rhythm: Rhythm) -> str:
    """Draw a lamp that shines, with its sign, and under it the rhythm in which it does."""
    rays = "".join(f'<path d="M0-20v-6" transform="rotate({angle})"/>' for angle in range(-135, 136, 45))
    beats = "".join(f'<rect x="{x + 8:g}" y="54" width="{width:g}" height="8"/>' for x, width in _BEATS[rhythm])
    drawn = (
        f'<g transform="translate(32 28)"><g fill="none" stroke="{INK}" stroke-width="3">{rays}</g>'
        f'<circle r="17" fill="{GLOW}" stroke="{INK}" stroke-width="3"/>{_SIGNS[sign]}</g><g {_BLACK}>{beats}</g>'
    )
    return _svg("lamp", drawn)


def _svg(name: str, drawn: str) -> str:
    return f'<svg class="{name}" viewBox="0 0 64 64" aria-hidden="true">{drawn}</svg>'
