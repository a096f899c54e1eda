"""The card as a page (HTML): one block for each thing to know, made of the catalogue's words and our own pictures."""

import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Final, Literal

from provisioning.card.home import Home, Lamp
from provisioning.card.pictograms import BLUE, HELP, INK, PAPER, Rhythm, Sign, lamp, picture
from provisioning.card.words import SOURCE, Words, words_of

HOLD_S = 3
"""How long "later" and "help has arrived" are held (DESIGN §4)."""

_STYLE = Path(__file__).with_name("card.css")

_NUMBER = re.compile(r"\+?[0-9](?:[0-9 ]*[0-9])?")

_LAMPS: Final[dict[Lamp, tuple[Sign, Rhythm]]] = {
    "cancel": ("bell", "slow"),
    "calling": ("bell", "fast"),
    "through": ("bell", "on"),
    "arrived": ("tick", "on"),
    "someone": ("person", "on"),
    "prompt": ("speech", "slow"),
    "fault": ("warning", "slow"),
    "flash": ("flash", "any"),
}
"""How each lamp is drawn. Its sign is the one on the button or the lamp of the box."""

_SAID: Final[dict[Lamp, str]] = {"through": "arrived"}
"""Which phrase a lamp has, if not its own."""

_ANSWERS: Final[frozenset[Lamp]] = frozenset({"through", "arrived"})
"""What shines when a call has arrived."""

_URGENT: Final[frozenset[Lamp]] = frozenset({"cancel", "calling", "through", "arrived", "someone"})


def page(home: Home, words: Words, size_pt: float) -> str:
    """Write the card of a home in letters of that size. Nothing is fetched but those; no phrase is markup."""
    card = _Card(home, words)
    direction = "rtl" if words.right_to_left else "ltr"
    colours = f":root {{ --ink: {INK}; --paper: {PAPER}; --help: {HELP}; --blue: {BLUE}; --size: {size_pt:g}pt; }}"
    return (
        f'<!doctype html>\n<html lang="{words.language}" dir="{direction}">\n<meta charset="utf-8">\n'
        f"<title>{escape(words.say('help.title'))}</title>\n"
        f"<style>\n{colours}\n{_STYLE.read_text(encoding='utf-8')}</style>\n"
        f'<body class="{"reviewed" if words.reviewed else "draft"}">\n{"".join(card.blocks())}</body>\n</html>\n'
    )


class _Card:
    """Writes the blocks of one card, each "" where the home has nothing for it."""

    def __init__(self, home: Home, words: Words) -> None:
        self._home = home
        self._words = words
        self._beside = None if words.reviewed else words_of(SOURCE)

    def blocks(self) -> Iterator[str]:
        """Write them, the most urgent first."""
        yield self._calling()
        yield self._buttons()
        yield self._lights()
        yield f'<div class="twice">{self._test()}{self._power()}</div>\n'
        yield f"<footer>{picture('telephone')}<b>{self._said('telephone')}</b><span></span></footer>\n"
        if self._beside is not None:
            yield f'<div class="drafted">{self._urgent("draft")}</div>\n'

    # --- words ---------------------------------------------------------------------------------------

    def _said(self, key: str, seconds: int | None = None, words: Words | None = None) -> str:
        """Give a phrase, safe to stand in HTML; numbers keep their order where text runs from right to left."""
        chosen = words or self._words
        phrase = chosen.say(key) if seconds is None else chosen.say(key, time=chosen.time(seconds))
        found = escape(phrase, quote=False)  # an escaped quote has digits in it
        return _NUMBER.sub(r'<bdi dir="ltr">\g<0></bdi>', found) if chosen.right_to_left else found

    def _line(self, key: str, seconds: int | None = None) -> str:
        return f"<p>{self._said(key, seconds)}</p>"

    def _urgent(self, key: str, seconds: int | None = None) -> str:
        """Give a phrase that a life may hang on: with English beside it until a speaker has read it."""
        return self._line(key, seconds) + self._english(key, seconds)

    def _english(self, key: str, seconds: int | None = None) -> str:
        if self._beside is None:
            return ""
        return f'<p class="beside" lang="{SOURCE}" dir="ltr">{self._said(key, seconds, self._beside)}</p>'

    # --- blocks --------------------------------------------------------------------------------------

    def _calling(self) -> str:
        if not self._home.calls:
            return ""
        tiles = "".join(f"<div>{picture(means)}{self._urgent(f'help.{means}')}</div>" for means in self._home.calls)
        heard = f'<div class="heard">{self._line("help.heard")}</div>' if self._home.sound else ""
        title = self._urgent("help.title")
        return f'<section class="help"><h1>{title}</h1><div class="tiles">{tiles}</div>{heard}</section>\n'

    def _buttons(self) -> str:
        rows = "".join(f"<div>{drawn}<div>{lines}</div></div>" for drawn, lines in self._button_rows())
        return f'<section class="buttons">{rows}</section>\n' if rows else ""

    def _button_rows(self) -> Iterator[tuple[str, str]]:
        home = self._home
        if home.cancel_s is not None and home.calls:
            says = self._urgent("cancel.in-time", home.cancel_s) if home.cancel_s else self._urgent("cancel.after")
            yield picture("cancel"), says
        if home.answer is not None:
            blinks = lamp(*_LAMPS["prompt"]) if "prompt" in home.lamps else ""
            yield blinks + picture("answer"), f"<p>{self._answer()}</p>"
        if home.helper:
            yield picture("helper"), self._line("helper", HOLD_S)

    def _answer(self) -> str:
        if not self._home.reminders:
            return self._said("answer.message")
        return f"<span>{self._said('answer.done')}</span> <span>{self._said('answer.later', HOLD_S)}</span>"

    def _lights(self) -> str:
        beside_its_button = {"prompt"} if self._home.answer is not None else set()
        tiles = "".join(self._lamp(each) for each in self._home.lamps if each not in beside_its_button)
        title = f"<h2>{self._said('lights.title')}</h2>"
        return f'<section class="lights">{title}<div class="pairs">{tiles}</div></section>\n' if tiles else ""

    def _lamp(self, name: Lamp) -> str:
        sign, rhythm = _LAMPS[name]
        key = f"light.{_SAID.get(name, name)}"
        english = self._english(key) if name in _URGENT else ""
        says = f"<p><b>{self._said(f'rhythm.{rhythm}')}:</b> {self._said(key)}</p>{english}"
        return f"<div>{lamp(sign, rhythm)}<div>{says}</div></div>"

    def _test(self) -> str:
        home = self._home
        if not home.calls:
            return ""
        awaited = [picture("notes")] if home.sound else []
        awaited += [lamp(*_LAMPS[each]) for each in home.lamps if each in _ANSWERS]
        then = f"{picture('then')}{''.join(awaited)}" if awaited else ""
        lines = ("test.wait", "test.nothing", "test.say") if awaited else ("test.silent", "test.say")
        drawn = f'<div class="row">{picture(home.calls[0])}{then}</div>'
        return self._block("test", drawn, map(self._line, lines))

    def _power(self) -> str:
        return self._block("power", "", self._power_lines())

    def _power_lines(self) -> Iterator[str]:
        home = self._home
        if not home.hub_min:
            yield from (self._line("power.stops"), self._urgent("power.mobile"))
            return
        yield self._line("power.box", home.hub_min * 60)
        if home.line_min == 0:
            yield from (self._line("power.none"), self._urgent("power.mobile"))
            return
        yield self._line("power.line") if home.line_min is None else self._line("power.part", home.line_min * 60)
        yield self._urgent("power.after")

    def _block(self, name: Literal["test", "power"], drawn: str, lines: Iterable[str]) -> str:
        title = f"<h2>{picture(name)}<span>{self._said(f'{name}.title')}</span></h2>"
        return f'<section class="{name}">{title}{drawn}{"".join(lines)}</section>'
