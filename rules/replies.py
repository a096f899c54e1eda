"""What contacts answer: "1 42" takes the alarm that code 42 was sent with, from that telephone, and no other."""

import re

from rules import texts
from rules.acknowledgement import acknowledge
from rules.events import Replied
from rules.turn import Turn

YES = 1

_REPLY = re.compile(r"\s*(\d{1,2})\D{1,3}(\d{2})\D*", re.ASCII)


def read_reply(body: str) -> tuple[int, int] | None:
    """Give (answer, code) of a reply such as "1 42", "1-42." or "1, 42 Danke"; None for anything else."""
    found = _REPLY.fullmatch(body[:160])
    return (int(found[1]), int(found[2])) if found else None


def on_replied(turn: Turn, event: Replied) -> None:
    """Take a contact's reply. One that means nothing now changes nothing, and is answered so."""
    asked = texts.asked(turn, event.contact, event.code)
    if asked is None or event.answer != YES:
        texts.answer(turn, event.contact, None, "not-understood")
        return
    alarm = turn.house.alarm(asked.alarm)
    if alarm is None:
        texts.answer(turn, event.contact, asked, "over")
    elif alarm.stage == "acknowledged" and alarm.contact != event.contact:
        texts.answer(turn, event.contact, asked, "taken")  # the first owns it; others are told
    else:
        acknowledge(turn, alarm, "contact", contact=event.contact)
        texts.answer(turn, event.contact, asked, "yours")
