"""What the hub can say, by key: the words are in `catalogues/`, one file a language, all with exactly these keys.

A text of the care plan or of a message has a key as well, made of its words: a text that was changed is never spoken
as it was before.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final, Literal, get_args

from rules.actions import PromptName

Phrase = Literal[
    "call.heard",
    "call.pending",
    "call.calling",
    "call.no-line",
    "call.arrived",
    "call.waiting",
    "call.someone",
    "call.cancelled",
    "call.lapsed",
    "call.resolved",
    "nothing-to-cancel",
    "fault.noticed",
    "fault.over",
    "reminder.medication",
    "reminder.appointment-tomorrow",
    "reminder.appointment",
    "reminder.drink",
    "reminder.weigh",
    "reminder.other",
    "reminder.answer",
    "reminder.taken",
    "reminder.later",
    "reminder.missed",
    "message.comes",
    "message.answer",
    "information.none",
    "test",
    "locate",
    "power.cut",
    "power.back",
]

PHRASES: Final[tuple[Phrase, ...]] = get_args(Phrase)
"""Every key, in the order in which they are made ready: what a call says comes first."""

EMERGENCY: Final[frozenset[str]] = frozenset(key for key in PHRASES if key.startswith(("call.", "nothing-")))
"""What is said in a language that no speaker has read yet only together with the reviewed English, English first."""

LANGUAGES: Final = ("cy", "en", "pl", "ur")
"""Those that there are catalogues of."""

REVIEWED: Final = "en"
"""The language that everything was written in, and that everything falls back to."""

PROMPTS: Final[Mapping[PromptName, Phrase]] = {
    "medication": "reminder.medication",
    "appointment-tomorrow": "reminder.appointment-tomorrow",
    "appointment": "reminder.appointment",
    "drink": "reminder.drink",
    "weigh": "reminder.weigh",
    "other": "reminder.other",
    "message": "message.comes",
    "missed": "reminder.missed",
    "no-information": "information.none",
}
"""What is said of each prompt. A reminder's own text is said in its place; a message's text after it."""

_TEXT = "text."


def text_key(words: str) -> str:
    """Give the key of a text that is no phrase: the care plan's, or a message's. It gives nothing of it away (S11)."""
    return _TEXT + sha256(words.encode()).hexdigest()


def primary(language: str) -> str:
    """Give the language of a BCP 47 tag without its region: `en` of `en-GB`."""
    return language.replace("_", "-").split("-")[0].lower()
