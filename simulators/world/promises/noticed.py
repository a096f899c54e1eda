"""S7, S8: a dead part is noticed in its time; and what is not proven changes nothing, and is counted."""

import sqlite3

from agent.hub import Turned
from agent.wire.messages import CloudEvent
from rules.faults import standing
from simulators.world.link import WorldLink
from simulators.world.promises.judge import Judge, Scene

LINK_MS = 120_000
"""How long a line may be down before that is reported."""

DEAD_LINE_MS = 60_000 + LINK_MS
"""A dead line must first be found out by the keepalive."""

DEAD_LINE_WITH_ALARM_MS = 10_000
CENTRE_MS = 600_000
STORAGE_MS = 1_000
UNDER_WAY_MS = 50
"""A commit that was under way when the disk fell ill may still succeed."""

ADAPTER_MS = 500
MODEM_MS = 500
MAINS_MS = 180_000
"""DESIGN §5: reported in 60 to 180 s, at a moment of each home's own."""

STEADY_MS = 32_000
"""How long a modem must stay before it counts as well again, and a step."""

JAMMED_MS, CALM_MS = 36_000, 16_000
"""EN 50134-3: a radio jammed for more than 30 s; found by looking every 5 s, at the first and the last look in part."""

SEEN_MS = 2_000
STEP_MS = 15_000
"""A pause before the next attempt to connect, and the attempt."""


class Noticed(Judge):
    """Each planned fault stands as a fault of the house within its stated time."""

    name = "noticed in time (S7)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.tried_ms: int | None = None
        self.taken_ms = -UNDER_WAY_MS
        self.until_ms: dict[str, int] = {}
        self.pulled_ms = -1

    def incident(self, what: str, ms: int) -> None:
        """Something breaks: look again when it must have been noticed."""
        match what:
            case "line cut" | "broker down" | "broker forgets":
                self._expect("link", "main", LINK_MS + STEP_MS, ms)
            case "line dead":
                self._expect("link", "main", DEAD_LINE_MS + STEP_MS, ms)
            case "centre down" | "centre silent":
                self._expect_centre(ms)
            case "modem pulled":
                self._expect("part", "modem", MODEM_MS, ms)
                self._ends("part", "modem", STEADY_MS, ms)
            case "mains cut":
                self._expect("mains", "", MAINS_MS, ms)
                self._ends("mains", "", SEEN_MS, ms)
            case "adapter pulled" if self.scene.box.ear is not None:
                self.pulled_ms = self.scene.now_ms()
                self._expect("driver", "air", ADAPTER_MS, ADAPTER_MS)
            case "gibberish":
                self._expect("part", "reception-air", JAMMED_MS, ms)
                self._ends("part", "reception-air", CALM_MS, ms)
            case "battery dies":
                self._ends("mains", "", SEEN_MS, ms)
                self.scene.later(ms // 2, lambda: self._expect("battery", "", SEEN_MS, ms // 2 - 1))
                self._ends("battery", "", SEEN_MS, ms)

    def _expect(self, fault: str, subject: str, within_ms: int, lasts_ms: int) -> None:
        process, armed, at_ms = self.scene.box.process, self.scene.box.armed, self.scene.now_ms()
        if lasts_ms < within_ms or not armed:
            return
        deaf = fault == "part" and subject.startswith("reception") and self.scene.box.ear is None

        def check() -> None:
            if process is not self.scene.box.process or deaf:
                return
            if subject == "reception-air" and self.pulled_ms >= at_ms:
                return  # nobody heard it meanwhile
            self.scene.counted["faults looked for"] += 1
            if standing(self.scene.house, fault, subject) is None:
                self.broken(f"no fault {fault} {subject} stands {within_ms / 1000:g} s after it began")

        self.scene.later(within_ms, check)

    def _ends(self, fault: str, subject: str, within_ms: int, lasts_ms: int) -> None:
        """When the last of its kind is over, the fault is cleared, and soon."""
        over_ms = self.scene.now_ms() + lasts_ms
        about = f"{fault} {subject}"
        self.until_ms[about] = max(over_ms, self.until_ms.get(about, 0))

        def check() -> None:
            box = self.scene.box
            if not box.armed or box.started_ms > over_ms or self.until_ms[about] > over_ms:
                return
            self.scene.counted["ends of faults looked for"] += 1
            if standing(self.scene.house, fault, subject) is not None:
                self.broken(f"the fault {fault} {subject} still stands {within_ms / 1000:g} s after it ended")

        self.scene.later(lasts_ms + within_ms, check)

    def _expect_centre(self, lasts_ms: int) -> None:
        process, at_ms = self.scene.box.process, self.scene.now_ms()
        if lasts_ms < CENTRE_MS + STEP_MS or not self.scene.box.armed:
            return

        def check() -> None:
            links = self.scene.house.links if self.scene.box.armed else ()
            since_ms = self.scene.box.clock.world_ms(max((link.since_ms for link in links[:1]), default=0))
            steady = process is self.scene.box.process and any(link.up for link in links[:1]) and since_ms < at_ms
            if not steady:
                return
            self.scene.counted["faults looked for"] += 1
            if standing(self.scene.house, "centre", "") is None:
                self.broken("the centre is silent for 10 min, and no fault says so")

        self.scene.later(CENTRE_MS + STEP_MS, check)

    def turned(self, turned: Turned) -> None:
        """S1: a disk that fails or stalls is reported at the first thing that it does not take."""
        del turned
        disk, now_ms = self.scene.box.disk, self.scene.now_ms()
        ill = disk.stalled or bool(disk.files.fail)
        if not ill or now_ms - self.taken_ms <= UNDER_WAY_MS:
            self.tried_ms = None
        elif self.tried_ms is None or self.tried_ms < self.scene.disk_since_ms:
            self.tried_ms = now_ms
        elif now_ms - self.tried_ms > STORAGE_MS and standing(self.scene.house, "storage", "") is None:
            self.broken("the disk takes nothing, and no fault says so")

    def touched(self, connection: sqlite3.Connection) -> None:
        """The disk took something after all."""
        del connection
        self.taken_ms = self.scene.now_ms()

    def died(self) -> None:
        """A new process must find out for itself."""
        self.tried_ms = None

    def published(self, link: WorldLink, event: CloudEvent) -> None:
        """DESIGN §5: with an alarm waiting, a line that only looks open is given up within 10 s."""
        if not event.type.endswith("alarm.raised") or not link.connection.dead:
            return
        process = self.scene.box.process

        def check() -> None:
            if process is self.scene.box.process and not link.closed.done():
                self.broken("a dead line with an alarm waiting was not given up within 10 s")

        self.scene.later(DEAD_LINE_WITH_ALARM_MS, check)


class Proven(Judge):
    """S8: what is forged, stale, misaddressed or retained changes nothing, and is counted."""

    name = "messages are proven (S8)"

    def judged(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        """Compare what was counted and what waited in the inbox, before and after a message that proves nothing."""
        self.scene.counted["messages that proved nothing"] += 1
        if after[0] != before[0] + 1:
            self.broken("a message that proved nothing was not counted")
        if after[1] != before[1]:
            self.broken("a message that proved nothing entered the inbox")
