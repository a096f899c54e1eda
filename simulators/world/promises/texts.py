"""S3, S4: everybody who should be is told, once; only a good code takes an alarm, and only its own."""

import msgspec

from agent.hub import Turned
from rules.actions import Send, SendText
from rules.events import Replied, Started, TextFailed, TextSent
from rules.faults import standing
from rules.replies import YES
from rules.reports import AlarmAcknowledged, AlarmEscalated, AlarmFacts, AlarmLapsed, AlarmResolved
from simulators.world.modem import Handed
from simulators.world.promises.judge import Judge, Scene, Stepped

CODE_MS = 60 * 60_000
"""How long a code is good for."""

TRIES = 3
"""After so many failures somebody must know."""

UNTOLD_MS = 240_000
"""A text that has no outcome counts as failed after 90 s, is tried again in 60 s; some others may go before it."""

_Key = tuple[str, int, int, str]
"""What somebody is told, once: of which alarm, in which round, by which step, and who."""


class Asked(msgspec.Struct):
    """A call for help by text. Moments are on the hub's clock, of its present boot."""

    key: _Key
    alarm: str
    contact: str
    code: int
    asked_ms: int
    steady: bool = False
    """Whether it is sent whoever has the alarm."""
    sent_ms: int | None = None
    failures: int = 0


class Texted(Judge):
    """What is on the disk, stepped again; and, of what the network took, that nobody gets it twice."""

    name = "each is texted once, and a code takes its own alarm only (S3, S4)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.asked: dict[str, Asked] = {}
        self.keys: dict[_Key, str] = {}
        self.told: dict[tuple[str, str, str], int] = {}
        """Contact, alarm and which news of it; and when, on the hub's clock. After an hour there may be others."""
        self.handed_to: dict[str, Handed] = {}
        self.raised_ms: dict[str, int] = {}
        """When an alarm was last taken up again, by the world's clock."""
        scene.box.modem.handed = self._handed

    def forgot(self) -> None:
        """The hub began with an empty house: whom it had asked, it knows no more."""
        self.asked.clear()
        self.keys.clear()
        self.told.clear()

    # --- told once ---------------------------------------------------------------------------------

    def _handed(self, handed: Handed) -> None:
        """The network took a text: the same one again only if nobody could know that it had."""
        self.scene.counted["texts"] += 1
        before = self.handed_to.get(handed.action.text)
        self.handed_to[handed.action.text] = handed
        if before is None or not before.told or before.process is not handed.process:
            return
        self.broken(f"{handed.action.contact} was sent {handed.action.text} twice by one process")

    def turned(self, turned: Turned) -> None:
        """Look again later whether whoever was asked has been told."""
        for action in turned.actions:
            if isinstance(action, SendText) and action.what == "alarm" and action.text not in self.handed_to:
                self.scene.later(UNTOLD_MS, lambda text=action.text: self._untold(text))  # type: ignore[misc]
            elif isinstance(action, Send) and isinstance(action.report, AlarmLapsed):
                self._lapsed(action.report.alarm)

    def _lapsed(self, alarm: str) -> None:
        """Nobody has it any more: whoever had not been told yet is told now."""
        self.raised_ms[alarm] = self.scene.now_ms()
        for text, asked in self.asked.items():
            if asked.alarm == alarm and text not in self.handed_to:
                self.scene.later(UNTOLD_MS, lambda text=text: self._untold(text))  # type: ignore[misc]

    def _untold(self, text: str) -> None:
        """A text that was not sent while modem, network and process were well all the time has been forgotten."""
        box, asked = self.scene.box, self.asked.get(text)
        if text in self.handed_to or asked is None or not box.armed:
            return
        alarm = self.scene.house.alarm(asked.alarm)
        since_ms = max(box.modem.well_ms, box.started_ms, self.raised_ms.get(asked.alarm, 0))
        steady = box.modem.well and self.scene.now_ms() - since_ms >= UNTOLD_MS
        if steady and alarm is not None and alarm.stage == "raised":
            self.broken(f"{asked.contact} has still not been told of {asked.alarm}, and nobody has it")

    # --- what is durable ---------------------------------------------------------------------------

    def stepped(self, step: Stepped) -> None:
        """Set what was asked, answered and told against what people did."""
        now_ms = step.now.ms
        event = step.event
        if isinstance(event, Started) and event.boot != step.before.boot:
            for each in self.asked.values():  # the time that the machine was off is unknown: their hour begins anew
                each.asked_ms = now_ms
                each.sent_ms = now_ms if each.sent_ms is not None else None
            still = (news for news, told_ms in self.told.items() if step.before.now_ms < told_ms + CODE_MS)
            self.told = dict.fromkeys(still, now_ms)
        self._calls(step)
        if isinstance(event, TextSent) and event.text in self.asked:
            self.asked[event.text].sent_ms = now_ms
            self._too_late(step, self.asked[event.text])
        elif isinstance(event, TextFailed) and event.text in self.asked:
            self._failed(step, event)
        elif isinstance(event, Replied):
            self._replied(step, event)
        for action in step.actions:
            if isinstance(action, Send) and isinstance(action.report, AlarmFacts):
                self._news(step, action.report)

    def _calls(self, step: Stepped) -> None:
        """Each step that texts asks each of its contacts, and nobody else is asked."""
        waiting: list[_Key] = []
        for action in step.actions:
            if isinstance(action, Send) and isinstance(action.report, AlarmEscalated):
                report = action.report
                waiting += [(report.alarm, report.round, report.step, contact) for contact in report.to]
            elif isinstance(action, SendText) and action.what == "alarm":
                self._call(step, action, waiting)
            elif isinstance(action, SendText):
                self._told(step, action)
        going = {
            (text.contact, text.alarm) for text in step.after.texts if (text.what, text.state) == ("alarm", "waiting")
        }
        silent = [key for key in waiting if (key[3], key[0]) not in going]  # S12: one that waits already is enough
        if silent:
            self.broken(f"{silent[0]} was not texted")

    def _call(self, step: Stepped, action: SendText, waiting: list[_Key]) -> None:
        known = self.asked.get(action.text)
        if known is not None:
            known.asked_ms = step.now.ms  # once more
            return
        if any(each.id == action.text for each in step.before.texts):
            return  # from before the hub forgot
        key = next((each for each in waiting if each[3] == action.contact), None)
        if key is None:
            self.broken(f"{action.contact} was asked for help by no step of any ladder")
            return
        waiting.remove(key)
        if self.keys.setdefault(key, action.text) != action.text:
            self.broken(f"{key} was texted twice")
        alarm = step.after.alarm(key[0])
        steady = alarm is not None and alarm.steps[key[2] - 1].unless == "resolved"
        self.asked[action.text] = Asked(key, key[0], action.contact, action.code, step.now.ms, steady)
        self.scene.counted["contacts asked for help"] += 1

    def _failed(self, step: Stepped, event: TextFailed) -> None:
        asked = self.asked[event.text]
        waits = any(each.id == event.text and each.state == "waiting" for each in step.after.texts)
        asked.failures += waits
        if asked.failures >= TRIES and waits and standing(step.after, "texts", "") is None:
            self.broken(f"a text has failed {asked.failures} times, and no fault says so")

    # --- answers -----------------------------------------------------------------------------------

    def _replied(self, step: Stepped, event: Replied) -> None:
        told = [each.report for each in step.actions if isinstance(each, Send)]
        taken = {each.alarm for each in told if isinstance(each, AlarmAcknowledged)}
        self.scene.counted["replies of contacts"] += 1
        asked = self._good(event, step.now.ms)
        if event.answer != YES or asked is None:
            if taken:
                self.broken(f"{event.contact} answered {event.answer} {event.code}, which takes nothing: {taken}")
            return
        if taken - {asked.alarm}:
            self.broken(f"{event.contact} took {taken} with the code of {asked.alarm}")
        alarm = step.before.alarm(asked.alarm)
        free = alarm is not None and (alarm.stage == "raised" or alarm.contact == event.contact)
        sure = asked.sent_ms is not None and step.now.ms < asked.asked_ms + CODE_MS
        if free and sure and not taken and any(each.code == event.code for each in step.before.texts):
            self.broken(f"{event.contact} answered for {asked.alarm} with a good code, and it was not taken")
        self.scene.counted["alarms taken by a contact's code"] += bool(taken)

    def _good(self, event: Replied, now_ms: int) -> Asked | None:
        """Give the newest call for help that this code answers, unless its hour is over for certain."""
        found = [each for each in self.asked.values() if (each.contact, each.code) == (event.contact, event.code)]
        newest = found[-1] if found else None
        if newest is None:
            return None
        over_ms = max(newest.asked_ms, newest.sent_ms or 0) + CODE_MS
        return newest if now_ms < over_ms else None

    # --- news --------------------------------------------------------------------------------------

    def _news(self, step: Stepped, report: AlarmFacts) -> None:
        """Whoever was asked learns that somebody else goes, and that it is over."""
        if isinstance(report, AlarmAcknowledged):
            what = "taken"
        elif isinstance(report, AlarmResolved):
            what = "over"
        else:
            return
        spare = self._owner(step, report) if isinstance(report, AlarmAcknowledged) else ""
        known = {text.id for text in step.before.texts}
        for text, asked in self.asked.items():
            due = asked.alarm == report.alarm and asked.sent_ms is not None and text in known
            if due and asked.contact != spare and (asked.contact, asked.alarm, what) not in self.told:
                self.broken(f"{asked.contact} was asked for {asked.alarm}, and was not told that it is {what}")

    def _owner(self, step: Stepped, report: AlarmAcknowledged) -> str:
        """Give the contact whose alarm it is: who had it before goes on having it."""
        before = step.before.alarm(report.alarm)
        return before.contact if report.renewed and before is not None else report.contact

    def _too_late(self, step: Stepped, asked: Asked) -> None:
        """A call for help that went out although it was no longer needed: they must know, too."""
        alarm = step.after.alarm(asked.alarm)
        what = "over" if alarm is None else "taken" if alarm.stage == "acknowledged" else ""
        meant = alarm is not None and (asked.steady or alarm.contact == asked.contact)
        if what and not meant and (asked.contact, asked.alarm, what) not in self.told:
            self.broken(f"{asked.contact} was asked too late for {asked.alarm}, and was not told that it is {what}")

    def _told(self, step: Stepped, action: SendText) -> None:
        """Note who is told what of which alarm: once."""
        text = next((each for each in step.after.texts if each.id == action.text), None)
        if text is None or text.what not in ("taken", "over"):
            return
        again = any(each.id == action.text for each in step.before.texts)
        news = (action.contact, text.alarm, action.what)
        if not again and news in self.told and step.now.ms < self.told[news] + CODE_MS:
            self.broken(f"{action.contact} was told twice that {text.alarm} is {action.what}")
        if not again:
            self.told[news] = step.now.ms
