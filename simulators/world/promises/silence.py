"""S7: a sensor that says nothing for too long is noticed then; away mode pauses that, and whoever calls is at home."""

from rules.events import CallPressed, Cleared, Event, Heard, Measured, Started, Triggered
from rules.faults import standing
from rules.state import House
from simulators.world.household import PLACES
from simulators.world.promises.judge import Judge, Scene, Stepped

CRIES = frozenset({"pendant", "button", "pull-cord", "fall"})
"""What somebody calls by, who therefore is at home."""


class Missed(Judge):
    """What is on the disk, stepped again: when each sensor was heard last, and whether its silence is a fault."""

    name = "silence is noticed in its time, unless they are away (S7)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.heard_ms: dict[str, int] = {}

    def forgot(self) -> None:
        """The hub began with an empty house, and counts anew."""
        self.heard_ms.clear()

    def stepped(self, step: Stepped) -> None:
        """Keep account, and see that the hub's is the same."""
        now_ms, event = step.now.ms, step.event
        rebooted = isinstance(event, Started) and event.boot != step.before.boot
        if rebooted or (step.before.mode == "away") > (step.after.mode == "away"):
            self.heard_ms.clear()  # how long was it? from here on each has its whole time again
        if step.before.mode == "away" and _cries(event):
            self.scene.counted["cries while everybody was away"] += 1
            if step.after.mode != "home":
                self.broken(f"somebody called, and the hub takes the home for {step.after.mode}")
        if isinstance(event, Triggered | Cleared | Heard | Measured):
            self.heard_ms[event.sensor] = now_ms
            if standing(step.after, "sensor-silent", event.sensor) is not None:
                self.broken(f"{event.sensor} was heard, and counts as silent")
        for sensor, after_ms in _limits(step.after).items():
            silent_ms = now_ms - self.heard_ms.setdefault(sensor, now_ms)
            if silent_ms < after_ms or step.after.mode == "away":
                continue
            self.scene.counted["looks at a silent sensor"] += 1
            if standing(step.after, "sensor-silent", sensor) is None:
                self.broken(f"{sensor} has been silent for {silent_ms} ms, and nobody knows")


def _limits(house: House) -> dict[str, int]:
    """Give how long each sensor may be silent: the plan's word, else its own; never for ever where it says nothing."""
    own = {each.id: each.heartbeat_ms or 0 for each in house.config.sensors}
    own |= {each.sensor: each.after_ms for each in house.plan.supervision.silences if each.sensor in own}
    return {sensor: after_ms for sensor, after_ms in own.items() if after_ms}


def _cries(event: Event) -> bool:
    device = PLACES.get(event.sensor) if isinstance(event, Triggered) else None
    return isinstance(event, CallPressed) or (device is not None and device.kind in CRIES)
