"""The card's words: one gettext catalogue a language in `phrases/`, read as it is, without compiling."""

import gettext
import io
import re
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).with_name("phrases")

SOURCE = "en"
"""What all the others were made from, and what stands beside what nobody has reviewed."""

RIGHT_TO_LEFT = frozenset({"ur"})

_TOGETHER = "\u00a0"
"""A space at which no line is broken."""

_REVIEWED = re.compile(r'^"X-Reviewed: (\w+)', re.MULTILINE)


class UnknownLanguageError(Exception):
    """There is no catalogue for a language; the text names those there are."""


class Words:
    """The phrases of one language. `reviewed`: a speaker has read them all, and said so in the catalogue's header."""

    def __init__(self, language: str) -> None:
        path = FOLDER / f"{language}.po"
        text = path.read_text(encoding="utf-8")
        compiled = io.BytesIO()
        write_mo(compiled, read_po(io.StringIO(text), locale=language))
        compiled.seek(0)
        self._found = gettext.GNUTranslations(compiled)
        self.language = language
        self.right_to_left = language in RIGHT_TO_LEFT
        mark = _REVIEWED.search(text)
        self.reviewed = mark is not None and mark[1] == "yes"

    def say(self, key: str, **more: str) -> str:
        """Give a phrase, with what it leaves open filled in. Raises KeyError for a key that the catalogue has not."""
        found = self._found.gettext(key)
        if found == key:
            raise KeyError(key)
        return found.format(**more)

    def time(self, seconds: int) -> str:
        """Say how long that is, in the unit people would use, rounded down: never promise more than there is."""
        for unit, of in (("hours", 3_600), ("minutes", 60)):
            if seconds >= 2 * of or (seconds >= of and seconds % of == 0):
                return self._counted(f"time.{unit}", seconds // of)
        return self._counted("time.seconds", seconds)

    def _counted(self, key: str, count: int) -> str:
        return self._found.ngettext(key, key, count).format(n=count).replace(" ", _TOGETHER)


def languages() -> tuple[str, ...]:
    """Name the languages that there are words for."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.po")))


@cache
def words_of(language: str) -> Words:
    """Give the phrases of a language, by its BCP 47 tag, whatever the region. Raises UnknownLanguageError."""
    primary = language.replace("_", "-").split("-")[0].lower()
    if primary not in languages():
        raise UnknownLanguageError(f'no card speaks "{primary[:8]}": choose one of {", ".join(languages())}')
    return Words(primary)
