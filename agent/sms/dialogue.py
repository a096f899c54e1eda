"""The dialogue with a modem, without I/O: bytes and time in, outcomes out (what to write is one of them).

Whatever a modem does that its dialogue cannot take up again from ends it (`Dead`): it is opened afresh, which begins by
breaking off whatever the modem was waiting for.
"""

import re
from collections import deque
from collections.abc import Callable, Generator, MutableMapping
from itertools import pairwise

from agent.sms import pdu
from agent.sms.answers import (
    PROMPT,
    Answer,
    error_words,
    is_busy,
    is_registered,
    registration,
    registration_words,
    signal_dbm,
    sim_words,
)
from agent.sms.conversation import Ask, Conversation, ModemDeadError, Pause, Script
from agent.sms.outcomes import Came, Dead, Delivered, Failed, Fit, Outcome, Outgoing, Sent, Stored, Unfit, Write
from agent.sms.sim import PinError, Pins

SENDING_MS = 45_000
"""How long a modem may take to send a text (SIM7600: 40 s) and still be alive."""

LOOK_MS = 20_000
"""How often SIM, registration and signal are asked for: a death is noticed within this and `ANSWER_MS`."""

SEARCH_LOOK_MS = 5_000
"""The same, while it is not registered."""

SEARCH_MS = 60_000
"""How long a modem may look for its network before that is a fault: after power-on it takes up to a minute."""

SWEEP_MS = 600_000
"""How often the stores are looked through, in case a message was not announced."""

HELD_MS = 60_000
"""S1: a message that was read waits for its commit no longer than this; the next sweep then deletes it."""

INDICATED_MAX, REFERENCES_MAX, HELD_MAX = 32, 64, 512
"""S12: what was announced and not read yet; texts whose delivery may yet be reported; messages read, not deleted."""

PIN_ATTEMPTS_MIN = 2
"""A PIN is not tried when only the last attempt is left, whoever used up the others."""

_WAKE_TRIES, _WAKE_MS, _BREAK_MS = 4, 2_500, 300
_SIM_PAUSE_MS, _BUSY_PAUSE_MS, _BUSY_TRIES = 10_000, 1_000, 20
_PIN_MS, _LIST_MS = 30_000, 30_000
_BREAK, _END = b"\x1b", b"\x1a"
_STORES = ("SM", "ME")
_ANNOUNCING = ("2,1,0,1,0", "2,1,0,2,0", "2,1,0,0,0", "1,1,0,0,0")
"""Texts are stored and announced; reports come as they are, or are stored too, or do not come."""

_ANNOUNCED = re.compile(r'\+C(?:MTI|DSI): ?"(\w{2})" ?, ?(\d{1,4})', re.ASCII)
_LISTED = re.compile(r"\+CMGL: ?(\d{1,4}) ?,", re.ASCII)
_COMPARED_DIGITS = 6

Steps = Generator[Ask | Pause, Answer, Answer]
References = MutableMapping[int, tuple[str, str]]
"""By the network's number for a text: its id, and the last digits of where it went."""


class Dialogue:
    """One opening of a modem. Every method that takes the time gives what came of it, in order.

    `next_text` is asked for the text to send next whenever there is time for one; call `nudge` when there is one.
    """

    def __init__(self, pins: Pins, next_text: Callable[[], Outgoing | None], references: References) -> None:
        self._pins, self._next_text, self._references = pins, next_text, references
        self._out: list[Outcome] = []
        self._talk = Conversation(lambda data: self._out.append(Write(data)), self._unasked)
        self._over = self._registered = self._read_last = False
        self._verdict: str | None = None
        self._searching_from_ms: int | None = None
        self._look_ms = self._sweep_ms = 0
        self._sweep_every_ms = SWEEP_MS
        self._text: Outgoing | None = None
        self._store = ""
        self._announced: deque[Stored] = deque()
        self._held: dict[Stored, int] = {}
        self._deletes: deque[Stored] = deque()
        self._unreadable = 0
        self.signal_dbm: int | None = None

    # --- in ----------------------------------------------------------------------------------------

    def start(self, now_ms: int) -> list[Outcome]:
        """Begin, with a modem that was opened this moment."""
        return self._told(now_ms, lambda: self._talk.run(self._set_up()))

    def feed(self, data: bytes, now_ms: int) -> list[Outcome]:
        """Take bytes that the modem said."""
        return self._told(now_ms, lambda: self._talk.feed(data))

    def settle(self, now_ms: int) -> list[Outcome]:
        """Let the time until now have its effect."""
        return self._told(now_ms, self._talk.settle)

    def nudge(self, now_ms: int) -> list[Outcome]:
        """Learn that there is a text to send."""
        return self._told(now_ms, lambda: None)

    def settled(self, stored: Stored, now_ms: int, *, kept: bool) -> list[Outcome]:
        """Learn that a message that came is kept elsewhere now, so that it can go; or that it had no place."""

        def settle() -> None:
            if self._held.pop(stored, None) is not None and kept:
                self._deletes.append(stored)

        return self._told(now_ms, settle)

    def pulled(self, reason: str, now_ms: int) -> list[Outcome]:
        """Learn that the modem is gone."""

        def end() -> None:
            raise ModemDeadError(reason)

        return self._told(now_ms, end)

    def due(self) -> int | None:
        """When to call `settle`, if nothing else happens."""
        if self._over:
            return None
        return self._talk.due() if self._talk.busy else min(self._look_ms, self._sweep_ms)

    @property
    def noise(self) -> int:
        """How many lines and messages meant nothing."""
        return self._talk.noise + self._unreadable

    def _told(self, now_ms: int, take: Callable[[], None]) -> list[Outcome]:
        if self._over:
            return []
        self._talk.now_ms = now_ms
        try:
            take()
            while not self._talk.busy and (script := self._next()) is not None:
                self._talk.run(script)
        except ModemDeadError as dead:
            self._over = True
            if self._text is not None:
                self._out.append(Failed(self._text.text, str(dead)))
            self._out.append(Dead(str(dead)))
        out, self._out = self._out, []
        return out

    def _next(self) -> Script | None:
        """Choose what to do now: replies and texts in turn, so that neither waits for all of the other."""
        now_ms = self._talk.now_ms
        if self._announced and not self._read_last:
            self._read_last = True
            return self._read(self._announced.popleft())
        self._read_last = False
        self._text = self._next_text()
        if self._text is not None:
            return self._send(self._text)
        if self._announced:
            return self._read(self._announced.popleft())
        if now_ms >= self._look_ms:
            return self._look()
        if self._deletes:
            return self._delete(self._deletes.popleft())
        return self._sweep() if now_ms >= self._sweep_ms else None

    # --- setting it up -----------------------------------------------------------------------------

    def _set_up(self) -> Script:
        self._searching_from_ms = self._talk.now_ms
        self._out.append(Write(_BREAK))  # it may still wait for the text of a process that died
        yield Pause(_BREAK_MS)
        for _ in range(_WAKE_TRIES):
            if (yield Ask(b"AT\r", _WAKE_MS, patient=True)).ok:
                break
        else:
            raise ModemDeadError(f"no answer to AT in {_WAKE_TRIES * _WAKE_MS // 1_000} s: is it the right port?")
        yield from self._insist("ATE0")
        self._talk.greeted = True
        yield from _ask("AT+CMEE=1")
        yield from self._wait_for_sim()
        yield from self._insist("AT+CMGF=0")
        yield from self._be_told()
        yield from self._look()

    def _be_told(self) -> Script:
        """Have it announce what comes. One that will not is looked through all the time instead."""
        for _ in range(_BUSY_TRIES):
            for how in _ANNOUNCING:
                answer = yield from _ask(f"AT+CNMI={how}")
                if answer.ok:
                    return
                if is_busy(answer):
                    break
            yield Pause(_BUSY_PAUSE_MS)
        self._sweep_every_ms = LOOK_MS

    def _insist(self, command: str) -> Script:
        """Have it done; a modem that has just started may need a moment."""
        for _ in range(_BUSY_TRIES):
            if (yield from _ask(command)).ok:
                return
            yield Pause(_BUSY_PAUSE_MS)
        raise ModemDeadError(f"it refuses {command}")

    def _wait_for_sim(self) -> Script:
        """Return when the SIM can be used; until then it is looked at again and again, for it may be put in."""
        busy = 0
        while True:
            answer = yield from _ask("AT+CPIN?")
            state = answer.fields("CPIN")
            if answer.ok and state == ["READY"]:
                return
            if is_busy(answer) and busy < _BUSY_TRIES:
                busy += 1
                yield Pause(_BUSY_PAUSE_MS)
                continue
            reason = yield from self._unlock() if answer.ok and state == ["SIM PIN"] else _given(sim_words(answer))
            if reason:
                self._judged(reason)
                yield Pause(_SIM_PAUSE_MS)

    def _unlock(self) -> Generator[Ask | Pause, Answer, str]:
        """Try the PIN, once. Give why not, or "" when it was tried."""
        attempts = (yield from _ask("AT+SPIC")).fields("SPIC") or [""]  # not every modem knows it
        if attempts[0].isdecimal() and int(attempts[0][:4]) < PIN_ATTEMPTS_MIN:
            return "the SIM card has one attempt at its PIN left, which is not used: unlock it in a telephone"
        try:
            pin = self._pins.offer()
        except PinError as error:
            return str(error)
        if (yield Ask(f'AT+CPIN="{pin}"\r'.encode("ascii"), _PIN_MS)).ok:
            for _ in range(_BUSY_TRIES):
                if (yield from _ask("AT+CPIN?")).fields("CPIN") == ["READY"]:
                    self._pins.accepted()
                    break
                yield Pause(_BUSY_PAUSE_MS)
        return ""

    # --- supervising it ----------------------------------------------------------------------------

    def _look(self) -> Script:
        """S7: ask for SIM, network and signal. No answer is a death, which the conversation finds."""
        if (yield from _ask("AT+CPIN?")).fields("CPIN") != ["READY"]:
            self._registered = False
            yield from self._wait_for_sim()
        creg, cereg = (yield from _ask("AT+CREG?")), (yield from _ask("AT+CEREG?"))
        self.signal_dbm = signal_dbm((yield from _ask("AT+CSQ")))
        states = [registration(creg), registration(cereg)]
        self._registered = is_registered(states)
        now_ms = self._talk.now_ms
        self._look_ms = now_ms + (LOOK_MS if self._registered else SEARCH_LOOK_MS)
        if self._registered:
            self._searching_from_ms = None
            self._judged("")
        elif self._searching_from_ms is None:
            self._searching_from_ms = now_ms
        elif now_ms - self._searching_from_ms >= SEARCH_MS:
            self._judged(registration_words(states))

    def _judged(self, reason: str) -> None:
        """Tell, when it changes, whether texts can be sent."""
        if reason != self._verdict:
            self._verdict = reason
            self._out.append(Unfit(reason) if reason else Fit())

    # --- sending -----------------------------------------------------------------------------------

    def _send(self, text: Outgoing) -> Script:
        if not self._registered:
            yield from self._look()
        failure = (yield from self._submit(text)) if self._registered else "not registered with a network"
        self._text = None
        if failure:
            self._look_ms = self._talk.now_ms  # it may be more than this one text
        self._out.append(Failed(text.text, failure) if failure else Sent(text.text))

    def _submit(self, text: Outgoing) -> Generator[Ask | Pause, Answer, str]:
        """Hand a text to the network. Give why it was not taken, or ""."""
        try:
            submit = pdu.submit(text.number, text.body)
        except pdu.PduError as error:
            return str(error)
        answer = yield Ask(f"AT+CMGS={submit.octets}\r".encode(), prompt=True)
        if answer.result != PROMPT:
            return error_words(answer.result)
        answer = yield Ask(submit.hex.encode() + _END, SENDING_MS)
        if not answer.ok:
            return error_words(answer.result)
        reference = (answer.fields("CMGS") or [""])[0]
        if not reference.isdecimal() or len(reference) > 3:  # noqa: PLR2004 -- 0 to 255
            return "the modem did not say that it was sent"  # S3: better told twice than never
        self._references.pop(int(reference), None)
        self._references[int(reference)] = (text.text, _last_digits(text.number))
        while len(self._references) > REFERENCES_MAX:
            self._references.pop(next(iter(self._references)))
        return ""

    # --- receiving ---------------------------------------------------------------------------------

    def _unasked(self, line: str, message: str) -> None:
        if message:
            self._take(None, message)
        elif found := _ANNOUNCED.match(line):
            if len(self._announced) < INDICATED_MAX:
                self._announced.append(Stored(found[1], int(found[2])))
            else:
                self._sweep_ms = self._talk.now_ms

    def _read(self, stored: Stored) -> Script:
        if stored in self._held or stored in self._deletes:
            return  # a sweep was quicker
        if (yield from self._use(stored.store)).ok:
            answer = yield from _ask(f"AT+CMGR={stored.index}")
            if answer.ok and answer.fields("CMGR"):
                self._take(stored, answer.lines[-1])

    def _sweep(self) -> Script:
        """Read whatever lies in the stores, from while nobody listened too, so that they never fill."""
        self._sweep_ms = self._talk.now_ms + self._sweep_every_ms
        for store in _STORES:
            if not (yield from self._use(store)).ok:
                continue
            listed = (yield Ask(b"AT+CMGL=4\r", _LIST_MS)).lines
            for header, message in pairwise(listed):
                if found := _LISTED.match(header):
                    self._find(Stored(store, int(found[1])), message)

    def _find(self, stored: Stored, message: str) -> None:
        held_ms = self._held.get(stored)
        if held_ms is not None and self._talk.now_ms - held_ms >= HELD_MS:
            del self._held[stored]
            self._deletes.append(stored)
        elif held_ms is None and stored not in self._deletes:
            self._take(stored, message)

    def _take(self, stored: Stored | None, message: str) -> None:
        """Tell what a message says. Only the first part of a longer text counts: an answer is at its beginning."""
        try:
            read = pdu.read(message)
        except pdu.PduError:
            self._unreadable += 1
            read = None
        if isinstance(read, pdu.StatusReport):
            self._report(read)
        elif read is not None and read.sender and read.part == 1:
            if stored is not None and len(self._held) >= HELD_MAX:
                return  # it stays where it is, for a later sweep
            self._out.append(Came(read.sender, read.body, stored))
            if stored is not None:
                self._held[stored] = self._talk.now_ms
            return
        if stored is not None:
            self._deletes.append(stored)

    def _report(self, report: pdu.StatusReport) -> None:
        text, digits = self._references.get(report.reference, ("", ""))
        if not text or _last_digits(report.recipient) != digits or not (report.delivered or report.failed):
            return
        del self._references[report.reference]
        self._out.append(Delivered(text) if report.delivered else Failed(text, "the network could not deliver it"))

    def _delete(self, stored: Stored) -> Script:
        if not ((yield from self._use(stored.store)).ok and (yield from _ask(f"AT+CMGD={stored.index}")).ok):
            self._held[stored] = self._talk.now_ms  # it stays known, and the sweep tries again

    def _use(self, store: str) -> Steps:
        if self._store == store:
            return Answer("OK")
        answer = yield from _ask(f'AT+CPMS="{store}"')
        self._store = store if answer.ok else ""
        return answer


def _ask(command: str) -> Steps:
    return (yield Ask(f"{command}\r".encode("ascii")))


def _given(reason: str) -> Generator[Ask | Pause, Answer, str]:
    yield from ()
    return reason


def _last_digits(number: str) -> str:
    return number[-_COMPARED_DIGITS:]
