"""S4 and S1: one stimulus, one report at the centre; counted by what the household did, not by what the hub thinks."""

from centre.intake import Outcome
from rules.events import CallPressed, Event, Triggered
from rules.reports import AlarmCancelled, AlarmFacts, AlarmJoined, AlarmRaised, Clock
from rules.values import Now
from simulators.world.household import BUTTON, PLACES, UNASKED, Device
from simulators.world.promises.judge import Judge, Scene, Stimulus

SLACK_MS = 5
"""Between a press and its stamp there is no time but rounding."""

TELL_ALWAYS, TELL_MS = 10, 60_000
"""So many triggers of an alarm are each told; further ones once in this time, with their number (S12)."""


class Once(Judge):
    """Every stimulus whose trigger is durable is reported: as an alarm, as joined to one, or as taken back. Once."""

    name = "none doubled, none unheard (S4)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.stimuli: list[Stimulus] = []
        self.restless: list[AlarmJoined] = []
        self.raises: dict[str, str] = {}
        self.durable: set[str] = set()

    def row_kept(self, ref: str, rank: int, digest: str) -> None:
        """Note what is on the disk."""
        del rank, digest
        self.durable.add(ref)

    def stimulus(self, stimulus: Stimulus) -> None:
        """Open an account for it."""
        self.stimuli.append(stimulus)

    def journalled(self, now: Now, event: Event) -> None:
        """What is durable must be told."""
        device = PLACES.get(event.sensor) if isinstance(event, Triggered) else None
        if isinstance(event, CallPressed):
            device = BUTTON
        if device is None:
            return
        for stimulus in reversed(self.stimuli):
            if stimulus.device is device and abs(stimulus.ms - now.ms) <= SLACK_MS:
                stimulus.durable = True
                return

    def kept(self, outcome: Outcome) -> None:
        """Book every report that speaks of a stimulus."""
        if outcome.verdict != "accepted" or not isinstance(outcome.report, AlarmFacts):
            return
        if outcome.report.kind in UNASKED:
            return  # nobody asked: what the hub finds by watching has a judge of its own
        match outcome.report:
            case (AlarmRaised() | AlarmCancelled(stage="pending")) as report if self._is_retold(report, outcome):
                self.scene.counted["told again, as the first was never on the disk"] += 1
            case AlarmRaised(rule="test-unanswered"):
                pass  # the same press once more, as a call: `tested` judges that
            case AlarmRaised() as report:
                self._book(report, report.triggered)
                if report.rule == "second-press" or (report.rule == "announced-test" and report.triggers > 1):
                    self._book(report, report.clock)
            case AlarmJoined() as report:
                self._book(report, report.clock)
                if report.triggers >= TELL_ALWAYS:
                    self.restless.append(report)
            case AlarmCancelled(stage="pending") as report:
                self._book_last(report)

    def _is_retold(self, report: AlarmRaised | AlarmCancelled, outcome: Outcome) -> bool:
        """S1: what went ahead of a bad disk and was lost with the power is told again, of the very same alarm."""
        ref = outcome.event.id if outcome.event is not None else ""
        first = self.raises.setdefault(report.alarm, ref)
        return first != ref and first not in self.durable

    def _book(self, report: AlarmFacts, clock: Clock) -> None:
        for stimulus in reversed(self.stimuli):
            near = stimulus.boot == clock.boot and abs(stimulus.ms - clock.monotonic_ms) <= SLACK_MS
            if near and _of(stimulus.device, report):
                self._tell(stimulus, report)
                return
        self.broken(f"alarm {report.alarm} of {report.sensor} at the centre, for which nobody asked")

    def _book_last(self, report: AlarmCancelled) -> None:
        """What was taken back is the newest that nobody told of yet."""
        for stimulus in reversed(self.stimuli):
            before = stimulus.boot == report.clock.boot and stimulus.ms <= report.clock.monotonic_ms
            if before and not stimulus.told and stimulus.first and stimulus.device.id == report.sensor:
                self._tell(stimulus, report)
                return
        self.broken(f"alarm {report.alarm} of {report.sensor} taken back at the centre, for which nobody asked")

    def _tell(self, stimulus: Stimulus, report: AlarmFacts) -> None:
        stimulus.told += 1
        if stimulus.told > stimulus.told_max:
            self.broken(
                f"{stimulus.device.id} asked once, and the centre was told {stimulus.told} times: {report.alarm}"
            )
        if not stimulus.first:
            self.broken(f"a radio's repeat of {stimulus.device.id} became a report of its own: {report.alarm}")

    def settled(self) -> None:
        """Balance the account."""
        for stimulus in self.stimuli:
            if stimulus.told:
                self.scene.counted["stimuli told to the centre"] += 1
            elif not stimulus.first or stimulus.standing:
                self.scene.counted["repeats, and levels known already"] += 1
            elif self._among_many(stimulus):
                self.scene.counted["stimuli of a restless sensor, told as a number"] += 1
            elif self._is_refused(stimulus):
                self.scene.counted["stimuli that the centre refused for good"] += 1
            elif stimulus.durable:
                self.broken(
                    f"{stimulus.device.id} asked at {stimulus.at_ms} ms of the world, and the centre never heard"
                )
            else:
                self.scene.counted["stimuli that died with a process before they were durable"] += 1

    def _is_refused(self, stimulus: Stimulus) -> bool:
        """Whether a report of it was refused: the last one of an epoch is not asked for again (docs/no-loss.md)."""
        return any(
            isinstance(report, AlarmRaised)
            and _of(stimulus.device, report)
            and report.triggered.boot == stimulus.boot
            and abs(stimulus.ms - report.triggered.monotonic_ms) <= SLACK_MS
            for report in self.scene.centre.refused.values()
        )

    def _among_many(self, stimulus: Stimulus) -> bool:
        """S12: after its first ten triggers an alarm's further ones are told once a minute, with their number."""
        return any(
            _of(stimulus.device, report)
            and report.clock.boot == stimulus.boot
            and 0 <= stimulus.ms - report.clock.monotonic_ms <= TELL_MS
            for report in self.restless
        )


def _of(device: Device, report: AlarmFacts) -> bool:
    return (device.kind, device.location, device.person) == (report.kind, report.location, report.person)
