"""S1: the call sounds at once, whatever the disk does; and what is silent stays silent."""

from rules.projection import Display
from simulators.world.promises.judge import Judge, Scene, Stimulus

DISK_MS = 250
"""How long the disk may hold a call back (S1)."""

STEP_MS = 60
"""What a turn may take besides: the design's 250 ms are for the disk."""


class HeardAtOnce(Judge):
    """Within 250 ms and a step of a stimulus the call sounds and shows, unless the process died meanwhile."""

    name = "the call sounds within 250 ms (S1)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.calling_ms: int | None = None
        self.last = Display()
        self.cancelled_ms = -1

    def shown(self, display: Display) -> None:
        """Note since when it calls."""
        self.last = display
        if display.call == "off":
            self.calling_ms = None
        elif self.calling_ms is None:
            self.calling_ms = self.scene.now_ms()

    def died(self) -> None:
        """The lamps are dark."""
        self.calling_ms = None

    def cancelled(self) -> None:
        """Cancelling ends the call."""
        self.cancelled_ms = self.scene.now_ms()

    def stimulus(self, stimulus: Stimulus) -> None:
        """Look again in a quarter of a second."""
        if stimulus.device.silent or not stimulus.first or stimulus.standing:
            return
        process = self.scene.box.process

        def check() -> None:
            if process is not self.scene.box.process or self.cancelled_ms >= stimulus.at_ms:
                return
            self.scene.counted["calls heard in time"] += 1
            if self.calling_ms is None:
                self.broken(f"{stimulus.device.id} asked, and {DISK_MS} ms later nothing sounds")

        self.scene.later(DISK_MS + STEP_MS, check)
