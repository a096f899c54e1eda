"""The drawn parts of a plan's picture: text that is text, boxes, and one sign for each thing that a hub can do."""

from html import escape
from unicodedata import east_asian_width

from rules.plan import Means

INK, PAPER, FAINT, PALE = "#1a1a1a", "#ffffff", "#5c5c5c", "#f1efe9"
FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

COLOURS: dict[Means, str] = {
    "centre": "#0072b2",
    "sms": "#56b4e9",
    "siren": "#d55e00",
    "say": "#cc79a7",
    "light": "#f0e442",
    "relay": "#009e73",
}
"""Okabe and Ito's colours (2008), which the colour-blind tell apart. Each has a sign and a word of its own besides."""

SIGNS: dict[Means, str] = {
    # A headset, a letter, a bell, a mouth that speaks, a lamp, a key: each within 10 units of its middle.
    "centre": '<path d="M-7 3v-3a7 7 0 0 1 14 0v3" {line}/><rect x="-9" y="1" width="5" height="8" rx="2" {full}/>'
    '<rect x="4" y="1" width="5" height="8" rx="2" {full}/>',
    "sms": '<rect x="-9" y="-6.500" width="18" height="13" rx="1.500" {full}/><path d="M-9-5.500 0 2 9-5.500" {line}/>',
    "siren": '<path d="M-8 5c3-2 2-6 2.500-9a5.500 5.500 0 0 1 11 0c.5 3-.5 7 2.500 9z" {full}/>'
    '<path d="M-2.500 7.500a2.500 2.500 0 0 0 5 0" {line}/>',
    "say": '<path d="M-9-7h18v11h-10l-4.500 5v-5h-3.500z" {full}/><path d="M-5-3.500h10M-5 .5h7" {line}/>',
    "light": '<circle cx="0" cy="-2.500" r="6" {full}/><path d="M-2.500 5.500h5M-2 8.500h4" {line}/>',
    "relay": '<circle cx="-4.500" cy="0" r="4.500" {full}/><path d="M0 0h9.500M6 0v4.500M9.500 0v3.500" {line}/>',
}


def text(x: float, y: float, words: str, size: float = 13, anchor: str = "start", **more: str) -> str:
    """Write one line of text, whatever is in it, with its base line at `y`."""
    extra = "".join(f' {name.replace("_", "-")}="{escape(value)}"' for name, value in more.items())
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}"{extra}>{clean(words)}</text>'


def sign(means: Means, x: float, y: float) -> str:
    """Draw the sign of a thing that a hub can do."""
    line = f'fill="none" stroke="{INK}" stroke-width="1.600" stroke-linejoin="round" stroke-linecap="round"'
    full = f'fill="{COLOURS[means]}" stroke="{INK}" stroke-width="1.600" stroke-linejoin="round"'
    return f'<g class="sign" transform="translate({x:g} {y:g})">{SIGNS[means].format(line=line, full=full)}</g>'


def box(x: float, y: float, width: float, height: float, fill: str, **more: str) -> str:
    """Draw a box."""
    extra = "".join(f' {name.replace("_", "-")}="{escape(value)}"' for name, value in more.items())
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"{extra}/>'


def line(x: float, y: float, to_x: float, to_y: float, **more: str) -> str:
    """Draw a line."""
    extra = "".join(f' {name.replace("_", "-")}="{escape(value)}"' for name, value in more.items())
    return f'<line x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}"{extra}/>'


def clean(words: str) -> str:
    """Make text safe for XML: nothing in it is markup, and no character that XML forbids is left."""
    allowed = (
        each for each in words if each >= " " and not "\ud800" <= each <= "\udfff" and each not in "\ufffe\uffff"
    )
    return escape("".join(allowed))


def width(words: str, size: float, *, bold: bool = False) -> float:
    """Estimate how wide a line of text is, rather too wide than too narrow, whichever of the fonts is there."""
    return (
        (1 if bold else 0.9)
        * size
        * sum(1.05 if east_asian_width(each) in "WF" else _NARROW.get(each, 0.68) for each in words)
    )


_NARROW = dict.fromkeys("ijl.,:;'|! \u00a0", 0.39) | dict.fromkeys("ftr()[]“”", 0.5) | dict.fromkeys("mwMWQO@%", 1.05)


def wrapped(words: str, size: float, room: float, lines_max: int, *, bold: bool = False) -> list[str]:
    """Break text into lines that fit; a word that is too long is broken, and what does not fit ends in an ellipsis."""
    lines = [""]

    def fits(line: str) -> bool:
        return width(line, size, bold=bold) <= room

    for word in words.replace("-", "-\n").replace(" ", " \n").split("\n"):
        rest = word
        if lines[-1] and not fits(lines[-1] + rest.rstrip()):
            lines.append("")
        while not fits(rest.rstrip()):
            count = next(count for count in range(len(rest), 0, -1) if count == 1 or fits(rest[:count]))
            lines[-1:] = [rest[:count], ""]
            rest = rest[count:]
        lines[-1] += rest
    lines = [each.strip() for each in lines if each.strip()]
    if len(lines) > lines_max:
        lines = lines[:lines_max]
        while lines[-1] and not fits(lines[-1] + "…"):
            lines[-1] = lines[-1][:-1]
        lines[-1] += "…"
    return lines
