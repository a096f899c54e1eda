"""How each incident of a script is played: what people and devices at home do, and what the centre is asked to."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from rules.actions import Say
from rules.events import AnswerPressed, CallPressed, CancelPressed, Event, HelpArrived, PlanOffered, PlanRefused
from sensors.driver import Observation
from simulators.world.broker import Broker
from simulators.world.careplans import care_plan
from simulators.world.household import BUTTON, PLACES, Device
from simulators.world.incident import Incident
from simulators.world.link import Network
from simulators.world.promises import Judge, Scene, Stimulus
from simulators.world.signing import Signatures

_EVERYDAY = frozenset({"reading", "alive", "stir", "degrees"})
"""What goes on all day, and would only hide the rest of a story."""

REPEAT_MS = 2_000
"""DESIGN §4: one sensor's repeats within this are one."""

LET_GO_MS = 180
"""How long a hand presses."""

WET_AGAIN_MS = 20 * 60_000
"""How often a device that stands in water says so again."""


class Stage(Scene, Protocol):
    """What incidents are played on."""

    broker: Broker
    mobile: Network
    signs: Signatures
    judges: tuple[Judge, ...]
    listens: Callable[[Say], None]
    """Hears what is said at home."""
    unproven: set[bytes]

    def say(self, what: str) -> None:
        """Tell the story."""

    def ill(self, what: str, *, ill: bool) -> None:
        """The way to the centre is spoilt by something, or no longer by that."""

    def ails(self, what: str, *, ill: bool) -> None:
        """Something is out of order, or well again."""

    def disk_changed(self) -> None:
        """The disk became well."""


class _Wet(msgspec.Struct):
    """Water at a device: until when, which process last heard of it, and whether it first did in engineer mode."""

    until_ms: int
    heard_by: object = None
    tested: bool = False


class Incidents:
    """Plays what happens at home. `until_ms` is when the last of all consequences ends."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.until_ms = 0
        self._anchors: dict[str, list[Stimulus]] = {}
        self._wet: dict[str, _Wet] = {}
        self._dried_by: dict[str, object] = {}
        self._lasting: dict[str, int] = {}

    def play(self, incident: Incident) -> None:
        """Play one."""
        self.until_ms = max(self.until_ms, incident.at_ms + incident.ms)
        if incident.what not in _EVERYDAY:
            lasting = f" for {incident.ms / 1000:g} s" if incident.ms else ""
            self.stage.say(f"** {incident.what} {incident.who}".rstrip() + lasting)
        self.stage.counted["incidents"] += 1
        for judge in self.stage.judges:
            judge.incident(incident.what, incident.ms)
        handle: Callable[[Incident], None] = getattr(self, "do_" + incident.what.replace(" ", "_").replace("-", "_"))
        handle(incident)

    def after(self, ms: float, work: Callable[[], object]) -> None:
        """Let something follow."""
        self.until_ms = max(self.until_ms, self.stage.now_ms() + int(ms))
        asyncio.get_running_loop().call_later(ms / 1000, work)

    def lasts(self, incident: Incident, begin: Callable[[], None], end: Callable[[], None], *, kind: str = "") -> None:
        """Let something last; where two of a kind (else of a name) overlap, it ends with the later."""
        what = kind or incident.what
        self._lasting[what] = self._lasting.get(what, 0) + 1
        if self._lasting[what] == 1:
            self.stage.ails(what, ill=True)
        begin()

        def over() -> None:
            self._lasting[what] -= 1
            if not self._lasting[what]:
                self.stage.ails(what, ill=False)
                self.stage.say(f"** {what} is over")
                end()

        self.after(max(1, incident.ms), over)

    def lasts_of(self, who: str, ms: int, end: Callable[[], object]) -> None:
        """Let something end that a device tells; where two overlap, with the later."""
        self._lasting[who] = self._lasting.get(who, 0) + 1

        def over() -> None:
            self._lasting[who] -= 1
            if not self._lasting[who]:
                end()

        self.after(max(1, ms), over)

    # --- calls for help ----------------------------------------------------------------------------

    def do_press(self, incident: Incident) -> None:
        """Press a device, which may repeat itself on the radio `n` times."""
        device = PLACES[incident.who]
        self.ask(device, lambda: self._trigger(device))
        for number in range(incident.n):
            self.after(350 * (number + 1), lambda: self.ask(device, lambda: self._trigger(device)))

    def _trigger(self, device: Device) -> bool:
        if device is BUTTON:
            return self._put(CallPressed())
        return self.stage.box.hear(Observation(device.id, "trigger"))

    def _put(self, event: Event) -> bool:
        """The box's own buttons, as its button board would put them."""
        box = self.stage.box
        if box.daemon is None or not box.armed:
            return False
        box.daemon.inbox.tell(event)
        return True

    def ask(
        self,
        device: Device,
        speak: Callable[[], bool],
        *,
        standing: bool = False,
        restless: bool = False,
        told_max: int = 1,
    ) -> Stimulus | None:
        """Let a device ask for help, and open its account if somebody heard it.

        `restless`: one that asks and asks; which of these the hub takes for a repeat is not for this account.
        """
        box = self.stage.box
        stamp, at_ms = box.clock.now(), self.stage.now_ms()
        if not speak():
            self.stage.counted["stimuli that no hub heard"] += 1
            return None
        known = [
            each
            for each in self._anchors.get(device.id, ())
            if each.boot == box.clock.boot and (each.durable or each.process is box.process)
        ]
        first = restless or not known or stamp.ms - known[-1].ms >= REPEAT_MS
        stimulus = Stimulus(
            at_ms,
            device,
            box.clock.boot,
            stamp.ms,
            box.process,
            first=first,
            told_max=told_max,
            standing=standing,
        )
        if first:
            self._anchors[device.id] = [*known[-1:], stimulus]
        self.stage.counted["stimuli"] += 1
        for judge in self.stage.judges:
            judge.stimulus(stimulus)
        return stimulus

    # --- water -------------------------------------------------------------------------------------

    def do_wet(self, incident: Incident) -> None:
        """Let water stand at a device until it is dry again."""
        until_ms = self.stage.now_ms() + incident.ms
        if incident.who in self._wet:
            self._wet[incident.who].until_ms = max(until_ms, self._wet[incident.who].until_ms)
        else:
            self._wet[incident.who] = _Wet(until_ms)
            self._is_wet(incident.who)

    def _is_wet(self, who: str) -> None:
        """The device says so, again and again: it is one stimulus, unless a hub was away and nobody attends to it."""
        wet, box, now_ms = self._wet[who], self.stage.box, self.stage.now_ms()
        if now_ms >= wet.until_ms:
            del self._wet[who]
            self._dried_by[who] = box.process if box.hear(Observation(who, "clear")) else None
            return
        heard_before = wet.heard_by is not None
        standing = heard_before or self._dried_by.get(who, box.process) is not box.process
        again = heard_before and wet.heard_by is box.process
        in_engineer = self.stage.house.mode == "engineer"
        real_now = wet.tested and not in_engineer  # what was a test when it began is taken anew, once
        speak = Observation(who, "active")
        told_max = 0 if again and not real_now else 1
        if self.ask(PLACES[who], lambda: box.hear(speak), standing=standing, told_max=told_max):
            wet.heard_by, wet.tested = box.process, in_engineer and (wet.tested or not again)
        self.after(min(WET_AGAIN_MS, wet.until_ms - now_ms), lambda: self._is_wet(who))

    # --- the rest of the day -----------------------------------------------------------------------

    def do_cancel(self, _incident: Incident) -> None:
        """Press the box's cancel button."""
        if self._put(CancelPressed()):
            for judge in self.stage.judges:
                judge.cancelled()
            self.after(LET_GO_MS, lambda: self._put(AnswerPressed()))  # the same button answers when it is let go

    def do_help(self, _incident: Incident) -> None:
        """Somebody who came to help holds the button."""
        self._put(HelpArrived())

    def do_alive(self, incident: Incident) -> None:
        """A device gives a sign of life."""
        self.stage.box.hear(Observation(incident.who, "alive"))

    def do_reading(self, incident: Incident) -> None:
        """A device measures."""
        reading = Observation(incident.who, "reading", quantity="temperature", value=incident.n / 4, unit="C")
        self.stage.box.hear(reading)

    # --- how the resident lives --------------------------------------------------------------------

    def do_stir(self, incident: Incident) -> None:
        """Somebody moves about: a motion sensor says so, and when its own timer has run out."""
        self._level(incident)

    def do_use(self, incident: Incident) -> None:
        """Somebody lies down or sits down, and gets up again."""
        self._level(incident)

    def do_open(self, incident: Incident) -> None:
        """A door is opened, and closed."""
        self._level(incident)

    def _level(self, incident: Incident) -> None:
        hear, who = self.stage.box.hear, incident.who
        hear(Observation(who, "active"))
        self.lasts_of(who, incident.ms, lambda: hear(Observation(who, "clear")))

    def do_degrees(self, incident: Incident) -> None:
        """A room is so warm, in tenths."""
        celsius = Observation(incident.who, "reading", quantity="temperature", value=incident.n / 10, unit="C")
        self.stage.box.hear(celsius)

    def do_battery_low(self, incident: Incident) -> None:
        """A battery runs down, and is replaced."""
        self._trouble(incident, "battery-low")

    def do_tamper(self, incident: Incident) -> None:
        """A device is opened, and closed."""
        self._trouble(incident, "tamper")

    def _trouble(self, incident: Incident, what: Any) -> None:  # noqa: ANN401 -- a literal of Observation
        self.stage.box.hear(Observation(incident.who, what))
        self.after(incident.ms, lambda: self.stage.box.hear(Observation(incident.who, what, on=False)))

    # --- the care plan -----------------------------------------------------------------------------

    def do_plan(self, incident: Incident) -> None:
        """Somebody gives the hub a care plan: a newer one, or one that it must not take."""
        newest = self.stage.plan
        match incident.who:
            case "newer":
                self.stage.plan = care_plan(incident.n, newest.version + 1 + incident.n % 3)
                self._put(PlanOffered(self.stage.plan))
            case "same":
                self._put(PlanOffered(newest))
            case "older":
                self._put(PlanOffered(care_plan(incident.n, max(0, newest.version - 1))))
            case "other":
                self._put(PlanOffered(care_plan(incident.n, newest.version)))
            case _:
                self._put(PlanRefused(newest.version + 1, "simulated: not a plan that reaches anybody"))

    def do_command(self, incident: Incident) -> None:
        """The centre wants something."""
        if incident.who in ("home", "away", "engineer"):
            self.stage.centre.command("set-mode", {"mode": incident.who})
        elif incident.who.startswith("test "):
            expect = incident.who.removeprefix("test ")
            self.stage.centre.command("test", {"expect": expect, "minutes": incident.n})
        elif incident.who.startswith("say "):
            text = incident.who.removeprefix("say ")
            self.stage.centre.command("say", {"text": text, "hours": incident.n})
        else:
            self.stage.centre.command(incident.who, {})
