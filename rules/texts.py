"""Text messages: each told once to each contact, tried until it is sent, with a code that only its answer can use.

What a text says is the agent's to write, in the contact's language; who is told what, and when, is decided here.
"""

from typing import Literal

from msgspec.structs import replace

from rules.actions import SendText, What
from rules.alarm import Alarm
from rules.events import PartChanged, TextDelivered, TextFailed, TextSent
from rules.faults import clear_fault, raise_fault
from rules.reports import AlarmTexted
from rules.state import House, Text
from rules.triggers import facts
from rules.turn import Turn

CODE_MS = 60 * 60_000
"""How long a contact's code is good for."""

RETRY_MS = (5_000, 15_000, 30_000, 60_000)
"""Pauses before the first, second, third and every later attempt to send a text."""

OUTCOME_MS = 90_000
"""How long a modem may take over a text before it is tried again: it was pulled in the middle, or it hangs."""

MODEM = "modem"
"""What the modem is called as a part of the hub."""

FAILED_MAX = 3
"""After so many failed attempts somebody must know."""

_UNSENT = ("waiting", "held")

TEXTS_MAX = 64
"""S12: how many texts are remembered; the oldest that were sent go first."""

_CODES = range(10, 100)
_STRIDE = 37  # codes that follow each other do not look alike; 37 and 90 share no factor, so all are used


def call(turn: Turn, alarm: Alarm, contacts: tuple[str, ...], *, steady: bool = False) -> None:
    """Ask contacts for help with an alarm; `steady`: even while somebody has it.

    S12: a contact for whom the same call still waits is not asked a second time: one text goes when the modem can.
    """
    waiting = [text for text in turn.house.texts if text.state == "waiting" and text.what == "alarm"]
    contacts = tuple(each for each in contacts if not any((each, alarm.id) == (t.contact, t.alarm) for t in waiting))
    for contact in contacts:
        _tell(turn, contact, alarm, "alarm", _code(turn.house, contact), steady=steady)


def settle(turn: Turn, alarm: Alarm, what: Literal["taken", "over"], *, spare: str = "") -> None:
    """Somebody has the alarm, or it is over: whoever was asked is told so, once; what was not sent yet is held back."""
    for text in turn.house.texts:
        if text.alarm != alarm.id or text.what != "alarm":
            continue
        if text.state in _UNSENT:
            if what == "over" or not text.steady:
                _put(turn, replace(text, state="held", trying=False, due_ms=None))
        elif text.contact != spare and not _told(turn.house, text.contact, alarm.id, what):
            _tell(turn, text.contact, alarm, what)


def resume(turn: Turn, alarm: Alarm) -> None:
    """S3: nobody has the alarm any more: whoever could not be asked before is asked now."""
    for text in turn.house.texts:
        if text.alarm == alarm.id and text.state == "held":
            _put(turn, replace(text, state="waiting", due_ms=turn.now.ms))


def answer(turn: Turn, contact: str, about: Text | None, what: What) -> None:
    """Answer a contact's reply to a text; the same answer to the same contact about the same alarm is given once."""
    if not _told(turn.house, contact, about.alarm if about is not None else "", what):
        _tell(turn, contact, about, what)


def asked(turn: Turn, contact: str, code: int) -> Text | None:
    """Give the text that this contact can answer with this code: one whose hour is over is forgotten already."""
    texts = (text for text in turn.house.texts if (text.contact, text.code) == (contact, code))
    return next((text for text in texts if text.what == "alarm"), None)


def _told(house: House, contact: str, alarm: str, what: What) -> bool:
    return any((text.contact, text.alarm, text.what) == (contact, alarm, what) for text in house.texts)


def _code(house: House, contact: str) -> int:
    """Give a code that none of this contact's texts has that may still be answered."""
    taken = {text.code for text in house.texts if text.contact == contact}
    first = house.counters.texts * _STRIDE
    codes = (_CODES[(first + turn * _STRIDE) % len(_CODES)] for turn in range(len(_CODES)))
    return next(code for code in codes if code not in taken)  # TEXTS_MAX is less than there are codes


def _tell(
    turn: Turn, contact: str, about: Alarm | Text | None, what: What, code: int = 0, *, steady: bool = False
) -> None:
    text = Text(
        id=f"{turn.house.epoch}-text-{turn.number('texts')}",
        contact=contact,
        alarm="" if about is None else about.id if isinstance(about, Alarm) else about.alarm,
        what=what,
        kind="" if about is None else about.kind,
        test=about is not None and about.test,
        plan_version=turn.house.plan.version if about is None else about.plan_version,
        code=code,
        steady=steady,
        due_ms=turn.now.ms + OUTCOME_MS,
        until_ms=turn.now.ms + CODE_MS,
    )
    turn.update(texts=_bounded((*turn.house.texts, text)))
    _send(turn, text)


def _bounded(texts: tuple[Text, ...]) -> tuple[Text, ...]:
    """S12: forget the oldest that were sent, or else the oldest that is no call for help."""
    if len(texts) <= TEXTS_MAX:
        return texts
    oldest = next((each for each in texts if each.state not in _UNSENT), None)
    oldest = oldest or next((each for each in texts if each.what != "alarm"), texts[0])
    return tuple(each for each in texts if each is not oldest)


def _send(turn: Turn, text: Text) -> None:
    known = turn.house.plan.contact(text.contact)
    language = known.language if known is not None and known.language else turn.house.plan.language
    turn.do(
        SendText(
            text=text.id,
            contact=text.contact,
            plan_version=text.plan_version,
            language=language,
            what=text.what,
            kind=text.kind,
            test=text.test,
            code=text.code,
        )
    )


def _put(turn: Turn, text: Text) -> None:
    turn.update(texts=tuple(text if each.id == text.id else each for each in turn.house.texts))


def _drop(turn: Turn, text: Text) -> None:
    turn.update(texts=tuple(each for each in turn.house.texts if each.id != text.id))


def _known(turn: Turn, text_id: str) -> Text | None:
    return next((text for text in turn.house.texts if text.id == text_id), None)


def _report(turn: Turn, text: Text, state: Literal["sent", "delivered", "failed"], reason: str = "") -> None:
    alarm = turn.house.alarm(text.alarm)
    if alarm is not None and text.what == "alarm":
        turn.send(AlarmTexted(**facts(turn, alarm), contact=text.contact, state=state, reason=reason))


def on_sent(turn: Turn, event: TextSent) -> None:
    """The network has taken a text. One that was held back meanwhile was under way already: they must know, too."""
    text = _known(turn, event.text)
    if text is None or text.state not in _UNSENT:
        return  # S4: told twice
    _put(turn, replace(text, state="sent", due_ms=None))
    _report(turn, text, "sent")
    clear_fault(turn, "texts", "")
    _hurry(turn)
    if text.state == "held":
        _too_late(turn, text)


def _too_late(turn: Turn, text: Text) -> None:
    alarm = turn.house.alarm(text.alarm)
    what: What = "over" if alarm is None else "taken"
    if (alarm is None or alarm.contact != text.contact) and not _told(turn.house, text.contact, text.alarm, what):
        _tell(turn, text.contact, text, what)


def on_delivered(turn: Turn, event: TextDelivered) -> None:
    """A text is on the contact's telephone."""
    text = _known(turn, event.text)
    if text is None or text.state == "delivered":
        return
    _put(turn, replace(text, state="delivered", due_ms=None))
    _report(turn, text, "delivered")


def on_failed(turn: Turn, event: TextFailed) -> None:
    """A text could not be sent, or was sent and could not be delivered: it is tried again while it is worth telling."""
    text = _known(turn, event.text)
    if text is None or text.state not in ("waiting", "sent"):
        return
    alarm = turn.house.alarm(text.alarm)
    if text.state == "sent" and (text.what != "alarm" or alarm is None or alarm.stage == "acknowledged"):
        return  # somebody has it, and nobody need be asked again
    _failed(turn, replace(text, state="waiting"), event.reason)


def _failed(turn: Turn, text: Text, reason: str) -> None:
    pause_ms = RETRY_MS[min(text.tries, len(RETRY_MS) - 1)]
    tried = replace(text, tries=text.tries + 1, due_ms=turn.now.ms + pause_ms, trying=False)
    _put(turn, tried)
    if tried.tries == 1:
        _report(turn, text, "failed", reason)
    if tried.tries >= FAILED_MAX:
        raise_fault(turn, "texts", "", 1, reason)


def on_part_changed(turn: Turn, event: PartChanged) -> None:
    """The modem is back."""
    if event.part == MODEM and event.ok:
        _hurry(turn)


def _hurry(turn: Turn) -> None:
    """The way is open: what waits for its next attempt need not wait any longer."""
    for text in turn.house.texts:
        if text.state == "waiting" and not text.trying:
            _put(turn, replace(text, due_ms=turn.now.ms))


def text_due_ms(house: House) -> int | None:
    """When the next text is tried again, found to hang, or no longer worth remembering."""
    dues = (text.until_ms if text.due_ms is None else min(text.due_ms, text.until_ms) for text in house.texts)
    return min(dues, default=None)


def on_text_due(turn: Turn) -> None:
    """Try again what waits, and forget what no answer can use any more."""
    for text in turn.house.texts:
        open_alarm = turn.house.alarm(text.alarm) is not None
        if text.until_ms <= turn.now.ms and not (text.state in _UNSENT and text.what == "alarm" and open_alarm):
            _drop(turn, text)
        elif text.until_ms <= turn.now.ms:
            _put(turn, replace(text, until_ms=turn.now.ms + CODE_MS))  # S3: not sent yet, so its hour has not begun
        elif text.due_ms is not None and text.due_ms <= turn.now.ms:
            _due(turn, text)


def _due(turn: Turn, text: Text) -> None:
    if text.trying:
        _failed(turn, text, "the modem gave no outcome")
    else:
        again = replace(text, trying=True, due_ms=turn.now.ms + OUTCOME_MS, until_ms=turn.now.ms + CODE_MS)
        _put(turn, again)
        _send(turn, again)


def after_start(turn: Turn, *, rebooted: bool) -> None:
    """A process that died may have sent what it did not note: better told twice than never (S3)."""
    just_now = {action.text for action in turn.actions if isinstance(action, SendText)}
    for text in turn.house.texts:
        until_ms = turn.now.ms + CODE_MS if rebooted else text.until_ms
        if text.state != "waiting":
            _put(turn, replace(text, until_ms=until_ms))
        elif text.id not in just_now:  # it fell due while no process ran
            again = replace(text, trying=True, due_ms=turn.now.ms + OUTCOME_MS, until_ms=until_ms)
            _put(turn, again)
            _send(turn, again)
