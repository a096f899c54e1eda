"""A session of learning: what is asked, what an answer means, what is added. Pure: statuses, times and lines come in.

Nothing is added unless it was heard when somebody pressed, and that somebody then said what it is and where.
"""

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from agent.status import HubStatus
from provisioning.sensors.describing import AnswerError, Place, Sensor, described, read_kind, read_place
from provisioning.sensors.hearing import Address, Candidate, Device, answering, devices, ready
from provisioning.sensors.suggesting import ALWAYS_REAL, KINDS, PRESSED, strength

SETTLE_S = 1.0
"""What a bridge kept from before comes at once when the hub starts, and answers to no press."""

GATHER_S = 1.5
"""A press is sent for about a second, and told on several topics: so long what else answers is waited for."""

CHOICES_MAX = 5

Stage = Literal["waiting", "which", "kind", "place", "adding", "again", "over"]

PRESS = "Press the device now (or wet it, open it, walk past it). Enter ends."
PRESS_WIRED = " For a wired contact, type its pin, such as GPIO17:nc."

NEIGHBOURS = "Mind: it is weak, and may be a neighbour's. Hold it beside the hub and press again (n), or type its kind."
FAR = "Mind: it is weak. Something between that passes Zigbee on (a mains plug) would help."


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor that was added, and whether it was heard again as what it is now."""

    sensor: Sensor
    heard: bool


class _Window:
    """One wait for a press: what was heard before it, and since when."""

    def __init__(self) -> None:
        self.before: Mapping[Address, Device] = {}
        self.since_s: float | None = None
        self.heard_s: float | None = None
        self.asked = False
        self.trouble = ""


class Session:
    """Learns one device after another. `taken` are the ids there are, `wires` the driver of wired contacts, if any.

    With a `successor` it learns that one sensor's new device, and ends. What drivers of `paired` hear was paired with
    this home, however weak. `wanted` is to be added by the caller, who then says `added` or `refused`. `quieten` tells
    the caller that test alarms ring no longer. What is to be said waits in `said`.
    """

    def __init__(
        self,
        taken: Collection[str],
        wires: str = "",
        successor: Sensor | None = None,
        paired: Collection[str] = (),
    ) -> None:
        self.stage: Stage = "waiting"
        self.said: list[str] = []
        self.learned: list[Learned] = []
        self.wanted: Sensor | None = None
        self.quieten = False
        self._taken = set(taken)
        self._wires = wires
        self._successor = successor
        self._paired = frozenset(paired)
        self._ignored: dict[Address, bool] = {}  # and whether its signal was doubted: nearer, it may be another case
        self._candidates: list[Candidate] = []
        self._at = Address("", "")
        self._kind = self._default = ""
        self._window = _Window()

    # --- what it shows -------------------------------------------------------------------------------

    @property
    def listens(self) -> bool:
        """Whether it waits for the hub to hear something."""
        return self.stage in ("waiting", "again")

    @property
    def question(self) -> str:
        """What is asked now; "" when nothing is, yet."""
        match self.stage:
            case "waiting" if self._window.asked:
                asked = PRESS + PRESS_WIRED * bool(self._wires)
            case "which":
                asked = "Which one is it? [1]  (n: none of them)"
            case "kind" if self._successor is not None:
                asked = f"Is this the new {self._successor.id}? [{'Y/n' if self._default else 'y/n'}]"
            case "kind":
                default = f"[{self._default}]  " if self._default else ""
                asked = f"Is this it, and what is it? {default}(?: all kinds, n: not this one)"
            case "place":
                asked = "Where is it? (one word, such as kitchen; also: kitchen id=sink person=resident-1)"
            case "again":
                asked = f"Press it once more, to hear it as {self.learned[-1].sensor.id}. (Enter: not now)"
            case _:
                asked = ""
        return asked

    # --- what is heard -------------------------------------------------------------------------------

    def look(self, hub: HubStatus, at_s: float) -> None:
        """See how the hub is at `at_s`, in seconds by a clock that never jumps."""
        if self.stage == "waiting":
            self._look_for_press(hub, at_s)
        elif self.stage == "again":
            self._look_for_new(hub)

    def _look_for_press(self, hub: HubStatus, at_s: float) -> None:
        now, window = devices(hub.unconfigured), self._window
        trouble = ready(hub)
        if trouble != window.trouble:
            window.trouble = trouble
            self.said += [trouble] if trouble else []
        if not window.asked:
            window.before = now
            window.since_s = at_s if window.since_s is None or trouble else window.since_s
            window.asked = not trouble and at_s - window.since_s >= SETTLE_S
            return
        found = [each for each in answering(window.before, now) if not self._is_ignored(each)]
        if not found:
            return
        window.heard_s = at_s if window.heard_s is None else window.heard_s
        if at_s - window.heard_s >= GATHER_S:
            self._choose(found[:CHOICES_MAX])

    def _is_ignored(self, candidate: Candidate) -> bool:
        doubted = self._ignored.get(candidate.device.at)
        return doubted is not None and not (doubted and not self._doubts(candidate))

    def _doubts(self, candidate: Candidate) -> bool:
        """Whether it may be a neighbour's: such a one is taken by nobody who only presses Enter."""
        return candidate.weak and candidate.device.at.driver not in self._paired

    def _look_for_new(self, hub: HubStatus) -> None:
        last = self.learned[-1]
        found = next((each for each in hub.sensors if each.id == last.sensor.id), None)
        if found is not None and found.presses:
            self.learned[-1] = msgspec.structs.replace(last, heard=True)
            self.said.append(f"{found.id} is heard: signal {strength(found.signal)}.")
            self.quieten = True
            self._wait_anew()

    # --- what is answered ----------------------------------------------------------------------------

    def answer(self, line: str) -> None:
        """Take a line that was typed."""
        text = line.strip()
        if text.lower() == "q":
            self.end()
            return
        try:
            match self.stage:
                case "waiting":
                    self._wired(text)
                case "which":
                    self._which(text)
                case "kind":
                    self._what(text)
                case "place":
                    self._where(text)
                case "again":
                    self.said.append(f"{self.learned[-1].sensor.id} was not heard yet: hearthline sensors test will.")
                    self._wait_anew()
        except AnswerError as error:
            self.said.append(f"{error}.")

    def end(self) -> None:
        """End the session."""
        self.stage = "over"

    def _wired(self, text: str) -> None:
        if not text:
            self.end()
        elif not self._wires:
            raise AnswerError("press the device, or Enter to end")
        else:
            self._at = Address(self._wires, text)
            self._default = ""
            self.stage = "kind"

    def _which(self, text: str) -> None:
        if text.lower() == "n":
            self._ignore(self._candidates)
        elif (text or "1").isdecimal() and 0 < int(text or "1") <= len(self._candidates):
            self._take(self._candidates[int(text or "1") - 1])
        else:
            raise AnswerError(f"type a number from 1 to {len(self._candidates)}, or n")

    def _what(self, text: str) -> None:
        if self._successor is not None and text.lower() != "n":
            self._succeed(self._successor, text.lower())
        elif text == "?":
            self.said += [f"  {kind:16} {words}" for kind, words in KINDS.items()]
        elif text.lower() == "n":
            self._ignore(self._candidates)
        elif not text and not self._default:
            raise AnswerError("type its kind (? shows them all), or n if it is not the one you pressed")
        else:
            self._kind = read_kind(text) if text else self._default
            self.stage = "place"

    def _succeed(self, sensor: Sensor, text: str) -> None:
        if text not in ("y", "yes") and (text or not self._default):
            raise AnswerError("type y if it is, or n")
        self.wanted = msgspec.structs.replace(sensor, driver=self._at.driver, address=self._at.address)
        self.stage = "adding"

    def _where(self, text: str) -> None:
        if text.lower() == "n":
            self._ignore(self._candidates)
            return
        place: Place = read_place(text)
        self.wanted = described(self._at, self._kind, place, self._taken)
        self.stage = "adding"

    # --- what becomes of it --------------------------------------------------------------------------

    def added(self, sensor: Sensor) -> None:
        """Tell that the sensor is in hub.toml, and the hub has taken it up."""
        self.wanted = None
        self._taken.add(sensor.id)
        self.learned.append(Learned(sensor=sensor, heard=False))
        done = "Added" if self._successor is None else "Replaced"
        self.said.append(f"{done} {sensor.id}: {sensor.kind}, {sensor.location}.")
        if sensor.kind in ALWAYS_REAL:
            self.said.append("Its alarm is real even now: ring the centre before you set it off (sensors test).")
        if sensor.kind in ALWAYS_REAL or sensor.kind not in PRESSED:
            self._wait_anew()
        else:
            self.stage = "again"

    def refused(self, problem: str) -> None:
        """Tell that it could not be added, and why."""
        self.wanted = None
        self.said.append(problem)
        self._wait_anew()

    # --- within --------------------------------------------------------------------------------------

    def _wait_anew(self) -> None:
        self.stage = "over" if self._successor is not None and self.learned else "waiting"
        self._window = _Window()
        self._candidates = []

    def _choose(self, found: list[Candidate]) -> None:
        self._candidates = found
        if len(found) == 1:
            self._take(found[0])
            return
        self.said.append("Several were heard just now:")
        self.said += [f"  {n}  {describe(each.device)}" for n, each in enumerate(found, start=1)]
        self.stage = "which"

    def _take(self, candidate: Candidate) -> None:
        self._candidates = [candidate]
        self._at = candidate.device.at
        self.said.append(f"Heard {describe(candidate.device)}.")
        suggested = candidate.kind if self._successor is None else self._successor.kind
        doubts = self._doubts(candidate)
        if candidate.weak:
            self.said.append(NEIGHBOURS if doubts else FAR)
        self._default = "" if doubts else suggested
        self.stage = "kind"

    def _ignore(self, candidates: list[Candidate]) -> None:
        self._ignored |= {each.device.at: self._doubts(each) for each in candidates}
        self.said.append("Left out.")
        self._wait_anew()


def describe(device: Device) -> str:
    """Say in a line what was heard of a device."""
    return f"{device.at.driver} {device.at.address}: signal {strength(device.signal)}; it said: {device.words}"
