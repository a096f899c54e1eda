"""A hub's voice: every message a hub can send, signed as a hub signs it."""

from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey

from agent.wire.envelope import HUB_ALGORITHM, Signer
from agent.wire.messages import (
    CENTRE,
    AlarmNote,
    LaneNote,
    LinkNote,
    SensorNote,
    State,
    Status,
    encode_event,
)
from rules.actions import Send, SendCheckIn
from rules.reports import (
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmEscalated,
    AlarmJoined,
    AlarmLapsed,
    AlarmRaised,
    AlarmResolved,
    AlarmTexted,
    CheckIn,
    Clock,
    CommandDone,
    CommandRefused,
    FaultCleared,
    FaultNote,
    FaultRaised,
    Gap,
    MessageExpired,
    MessageHeard,
    PathNote,
    PlanApplied,
    PlanRefused,
    Reading,
    ReminderMissed,
    ReminderPrompted,
    ReminderSnoozed,
    ReminderTaken,
    Report,
    TestReport,
    VisitBegan,
    VisitEnded,
    lane_of,
)
from rules.values import Now, utc

WALL_MS = 1_790_000_000_123
AT = Now(5_000, WALL_MS, synced=True)
CLOCK = Clock("boot-1", 5_000, utc(WALL_MS), synced=True)
FACTS: dict[str, Any] = {
    "clock": CLOCK,
    "alarm": "alarm-1",
    "kind": "pendant",
    "priority": 1,
    "sensor": "pendant-1",
    "location": "living-room",
    "person": "p1",
    "test": False,
    "silent": False,
}
OCCASION: dict[str, Any] = {
    "clock": CLOCK,
    "reminder": "morning",
    "kind": "medication",
    "person": "p1",
    "date": "2026-10-01",
    "slot": "08:00",
    "due": "2026-10-01T07:00:00.000Z",
}
RAISED = AlarmRaised(
    **FACTS,
    rule="cancel window over",
    detail="emergency",
    triggers=1,
    triggered=CLOCK,
    linked=None,
    plan_version=0,
    plan_rule="kind.pendant",
)
READING = Reading(clock=CLOCK, sensor="s1", quantity="temperature", value=21.5, unit="°C")
CHECK_IN = CheckIn(clock=CLOCK, last={"a": 3, "t": 0}, oldest_unreceipted={"a": "e1-a-2", "t": None})
NOTE = FaultNote("battery-low", "pendant-1", 3)

EVERY_REPORT: tuple[Report, ...] = (
    RAISED,
    AlarmJoined(**FACTS, triggers=2, detail=""),
    ReminderPrompted(**OCCASION, late_ms=0),
    ReminderTaken(**OCCASION, how="button", prompts=2, after_ms=200_000),
    ReminderSnoozed(**OCCASION, again_in_ms=600_000),
    ReminderMissed(**OCCASION, why="unanswered", prompts=10),
    MessageHeard(clock=CLOCK, message="c-1", times=2),
    MessageExpired(clock=CLOCK, message="c-1", times=0),
    VisitBegan(clock=CLOCK, visit="morning", sensor="visit-1", location="hall", person="p1"),
    VisitEnded(clock=CLOCK, visit="morning", sensor="visit-1", lasted_ms=1_800_000, forgotten=False),
    AlarmCancelled(**FACTS, stage="raised"),
    AlarmAcknowledged(**FACTS, by="centre", renewed=False, lapses_in_ms=1_800_000, contact=""),
    AlarmLapsed(**FACTS, by="contact", why="reboot"),
    AlarmEscalated(**FACTS, step=1, means="sms", to=("daughter",), text="", round=2),
    AlarmTexted(**FACTS, contact="daughter", state="failed", reason="no network"),
    AlarmResolved(**FACTS, by="centre", outcome="helped"),
    FaultRaised(clock=CLOCK, fault="link", subject="main", priority=1, reason="no line", again=0),
    FaultCleared(clock=CLOCK, fault="link", subject="main", lasted_ms=None),
    TestReport(
        clock=CLOCK,
        why="daily",
        mode="home",
        faults=(NOTE,),
        faults_total=1,
        sensors=2,
        sensors_heard=1,
        open_alarms=0,
        plan_version=0,
        paths=(PathNote("main", ok=True, proven_s=12),),
        power="battery",
        battery=80,
        hours_left=6.5,
    ),
    CHECK_IN,
    CommandDone(clock=CLOCK, command="c1", type="test"),
    CommandRefused(clock=CLOCK, command="c1", type="dance", reason="unknown"),
    PlanApplied(clock=CLOCK, version=4, before=3),
    PlanRefused(clock=CLOCK, version=5, reason="nobody is called", in_force=4),
    Gap(clock=CLOCK, epoch="e0", lane="t", first=3, last=9, count=7),
    READING,
)
"""One of each: a test holds it against the table of reports."""


class Voice:
    """A hub that signs what it says. `payload` methods give the committed bytes, the others the envelope."""

    def __init__(self, hub: str = "hub-1", epoch: str = "e1", key: ECKey | None = None) -> None:
        self.hub, self.epoch = hub, epoch
        self.key = key or ECKey.generate_key("P-256")
        self._signer = Signer(self.key, HUB_ALGORITHM)

    @property
    def public(self) -> ECKey:
        return ECKey.import_key(self.key.as_dict(private=False))

    def topic(self, channel: str) -> str:
        return f"hearthline/v1/{self.hub}/{channel}"

    def seal(self, payload: bytes) -> bytes:
        return self._signer.seal(payload)

    def payload(self, report: Report, seq: int = 1) -> bytes:
        lane = lane_of(report)
        if isinstance(report, CheckIn):
            return encode_event(self.hub, SendCheckIn(f"{self.epoch}-c-{seq}", seq, WALL_MS, report))
        return encode_event(self.hub, Send(self.epoch, lane, seq, WALL_MS, report))

    def event(self, report: Report, seq: int = 1) -> bytes:
        return self.seal(self.payload(report, seq))

    def altered(self, report: Report = RAISED, seq: int = 1, **changes: Any) -> bytes:
        """Seal an event with fields of its CloudEvent changed, or taken away where the change is None."""
        fields = msgspec.json.decode(self.payload(report, seq)) | changes
        return self.seal(msgspec.json.encode({name: value for name, value in fields.items() if value is not None}))

    def status(self, nonce: str = "nonce-0001", *, online: bool = True, **changes: Any) -> bytes:
        return self.seal(msgspec.json.encode(self.status_of(nonce, online=online, **changes)))

    def status_of(self, nonce: str = "nonce-0001", *, online: bool = True, **changes: Any) -> Status:
        given: dict[str, Any] = {"aud": CENTRE, "iat": WALL_MS // 1000, "boot": "boot-1", "epoch": self.epoch}
        return Status(**(given | {"online": online, "nonce": nonce} | changes))

    def state(self, **changes: Any) -> bytes:
        return self.seal(msgspec.json.encode(self.state_of(**changes)))

    def state_of(self, **changes: Any) -> State:
        given: dict[str, Any] = {
            "aud": CENTRE,
            "iat": WALL_MS // 1000,
            "time": utc(WALL_MS),
            "clock": CLOCK,
            "epoch": self.epoch,
            "software": "0.1.0",
            "plan_version": 0,
            "mode": "home",
            "sensors": (
                SensorNote(sensor="pendant-1", kind="pendant", location="hall", heard=utc(WALL_MS), active=False),
                SensorNote(sensor="flood-1", kind="flood", location="bath", heard=None, active=True),
            ),
            "links": (LinkNote(uplink="main", up=True),),
            "alarms": (
                AlarmNote(alarm="alarm-1", kind="pendant", priority=1, stage="raised", delivery="waiting", test=False),
            ),
            "faults": (NOTE,),
            "faults_total": 1,
            "lanes": {"a": LaneNote(last=4, waiting=1, oldest="e1-a-4"), "t": LaneNote(last=0, waiting=0, oldest=None)},
            "counters": {"stray": 3},
        }
        return State(**(given | changes))

    def write_public(self, path: Path) -> Path:
        path.write_bytes(self.key.as_pem(private=False))
        return path
