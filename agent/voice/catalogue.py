"""Reads the catalogues of phrases. Only the process that renders loads this, and Babel with it: no daemon does."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from babel.messages.pofile import read_po

from agent.voice.phrases import LANGUAGES, PHRASES, Phrase, primary

FOLDER: Final = Path(__file__).with_name("catalogues")

_REVIEWED = re.compile(r'^"X-Reviewed: yes\\n"$', re.MULTILINE)  # Babel drops headers that it does not know


class Catalogue(NamedTuple):
    """What is said in one language. `reviewed`: somebody who speaks it has read and heard every phrase."""

    language: str
    reviewed: bool
    words: dict[Phrase, str]


def catalogue_of(tag: str) -> Catalogue | None:
    """Give the catalogue of a BCP 47 tag's language; None when there is none."""
    language = primary(tag)
    return read(FOLDER / f"{language}.po") if language in LANGUAGES else None


def read(path: Path) -> Catalogue:
    """Read a catalogue. What is empty or in doubt ("fuzzy") in it is as if it were not there."""
    content = path.read_bytes()
    with path.open("rb") as file:
        said = {each.id: each.string for each in read_po(file) if each.id and not each.fuzzy}
    words = {key: str(said[key]) for key in PHRASES if said.get(key)}
    return Catalogue(path.stem, _REVIEWED.search(content.decode()) is not None, words)
