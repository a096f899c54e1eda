"""From a trigger to an alarm: repeats, joining and linking, the cancel window, the raise."""

from collections.abc import Sequence
from typing import TypedDict

from msgspec.structs import replace

from rules import expecting
from rules.alarm import Alarm, moved
from rules.events import CallPressed, CancelPressed, Cleared, Sensor, Triggered
from rules.kinds import SENSES, TEST, Kind
from rules.plan import kind_of, ladder_of
from rules.preempting import asked
from rules.reports import AlarmCancelled, AlarmJoined, AlarmRaised, Clock
from rules.state import House
from rules.turn import Turn
from rules.values import TEXT_CHARS_MAX

REPEAT_MS = 2_000
"""One sensor's triggers this close to the first are one press: radios repeat themselves (DESIGN §4)."""

RECEIPT_MS = 10_000
"""How long an alarm may wait for its receipt before another path is taken (DESIGN §4)."""

TELL_MS = 60_000
"""A restless sensor or a stuck button is reported this often for each alarm, with a count (S12)."""

TELL_ALWAYS = 10
"""An alarm's first triggers are all reported, however close: they are a person pressing."""

OPEN_ALARMS_MAX = 50
"""From this many open alarms on, a trigger rather joins one of its place, acknowledged or not (S12)."""

HUB_BUTTON = Sensor(id="hub", kind="button", location="hub")
"""The hub's own call button, as a sensor."""


class Facts(TypedDict):
    """What every report of an alarm repeats."""

    clock: Clock
    alarm: str
    kind: str
    priority: int
    sensor: str
    location: str
    person: str
    test: bool
    silent: bool


def facts(turn: Turn, alarm: Alarm) -> Facts:
    """Give what every report of this alarm repeats."""
    return Facts(
        clock=turn.clock,
        alarm=alarm.id,
        kind=alarm.kind,
        priority=alarm.priority,
        sensor=alarm.sensor,
        location=alarm.location,
        person=alarm.person,
        test=alarm.test,
        silent=alarm.silent,
    )


def on_triggered(turn: Turn, event: Triggered) -> None:
    """Take a trigger of a configured sensor; one that is not configured changes nothing."""
    sensor = next((each for each in turn.house.config.sensors if each.id == event.sensor), None)
    if sensor is None or sensor.kind in SENSES:
        return
    life = turn.house.sensor(sensor.id)
    if not event.sustained:
        _stimulus(turn, sensor, event.detail)
    elif life.active and not (life.unsure and _unattended(turn.house, sensor)):
        turn.put_sensor(replace(life, unsure=False))  # S4: a floor that is still wet is the same stimulus
    elif _stimulus(turn, sensor, event.detail):
        tested = turn.house.mode == "engineer" and not _kind(turn.house, sensor).always_real
        turn.put_sensor(replace(turn.house.sensor(sensor.id), active=True, unsure=False, tested=tested))


def _kind(house: House, sensor: Sensor) -> Kind:
    return kind_of(house.plan, house.config.kinds, sensor.kind)


def _unattended(house: House, sensor: Sensor) -> bool:
    """Whether no open alarm speaks for this sensor's place; a test of engineer mode does for as long as that lasts."""
    engineer = house.mode == "engineer"
    speaking = (each for each in house.alarms if engineer or each.announced or not each.test)
    return not any(_place(each) == _place(sensor) for each in speaking)


def on_cleared(turn: Turn, event: Cleared) -> None:
    """The level ended: the next one is a new stimulus. The alarm itself stays for people to resolve."""
    life = turn.house.sensor(event.sensor)
    if life.active:
        turn.put_sensor(replace(life, active=False, unsure=False, tested=False))


def on_call_pressed(turn: Turn, _event: CallPressed) -> None:
    """Take a press of the hub's own button."""
    _stimulus(turn, HUB_BUTTON, "call")


def _stimulus(turn: Turn, sensor: Sensor, detail: str) -> bool:
    life = turn.house.sensor(sensor.id)
    if life.triggered_ms is not None and turn.now.ms - life.triggered_ms < REPEAT_MS:
        return False  # S4: the same press, heard again
    turn.put_sensor(replace(life, triggered_ms=turn.now.ms))
    kind = _kind(turn.house, sensor)
    if not kind.silent:
        turn.chirp("heard", early=True)  # S1: may sound before the commit; a silent kind never does
    announced = expecting.take(turn, sensor) or _announced_just_now(turn.house, sensor)
    test = announced or (turn.house.mode == "engineer" and not kind.always_real)
    standing = _joinable(turn.house, sensor, test=test)
    if standing is None:
        _begin(turn, sensor, kind, detail, rule=f"kind.{kind.name}", test=test, announced=announced)
    else:
        _join(turn, standing, detail[:TEXT_CHARS_MAX])
    return True


def begin(turn: Turn, sensor: Sensor, detail: str, rule: str) -> None:
    """Take what a `rule` of the plan has found by watching: one stimulus, of the kind and the place of `sensor`.

    Whoever watches tells it once, and not again until it has ended (S4). While the resident is being warned of the
    same it adds nothing: only a person's second press ends a cancel window.
    """
    kind = _kind(turn.house, sensor)
    test = turn.house.mode == "engineer" and not kind.always_real
    standing = _joinable(turn.house, sensor, test=test)
    if standing is None:
        _begin(turn, sensor, kind, detail, rule=rule, test=test)
    elif standing.stage == "pending":
        turn.put_alarm(replace(standing, triggers=standing.triggers + 1))
    else:
        _join(turn, standing, detail[:TEXT_CHARS_MAX])


def _announced_just_now(house: House, sensor: Sensor) -> bool:
    """Whether an announced test of this place may still be cancelled: a second press belongs to it."""
    return any(each.announced and each.stage == "pending" and _place(each) == _place(sensor) for each in house.alarms)


def _place(of: Sensor | Alarm) -> tuple[str, str, str]:
    return of.kind, of.person, of.location


def _joinable(house: House, sensor: Sensor, *, test: bool) -> Alarm | None:
    """S4: same kind, person and location, and nobody has acknowledged it yet. Nothing real joins a test.

    But what would be a test ends the cancel window of what is real: engineer mode puts no call off that began before.

    S12: a home that is full of open alarms has its place's newest one reported as joined instead.
    """
    here = [each for each in house.alarms if _place(each) == _place(sensor)]
    pending = [each for each in here if each.stage == "pending" and not each.test]
    same = [each for each in here if each.test == test]
    waiting = pending + [each for each in same if each.stage in ("pending", "raised")]
    if waiting:
        return waiting[0]
    full = len(house.alarms) >= OPEN_ALARMS_MAX
    return same[-1] if same and full else None


def new_alarm(turn: Turn, sensor: Sensor, kind: Kind, *, rule: str, test: bool) -> Alarm:
    """Make an alarm of this moment, with an id of its own and no ladder yet."""
    return Alarm(
        id=f"{turn.house.epoch}-alarm-{turn.number('alarms')}",
        kind=kind.name,
        priority=kind.priority,
        silent=kind.silent,
        test=test,
        sensor=sensor.id,
        location=sensor.location,
        person=sensor.person,
        plan_rule=rule,
        boot=turn.house.boot,
        triggered=turn.now,
        plan_version=turn.house.plan.version,
    )


def _begin(
    turn: Turn, sensor: Sensor, kind: Kind, detail: str, *, rule: str, test: bool, announced: bool = False
) -> None:
    ladder = ladder_of(turn.house.plan, kind)
    alarm = replace(
        new_alarm(turn, sensor, kind, rule=rule, test=test),
        detail=detail[:TEXT_CHARS_MAX],
        linked=next((each.id for each in reversed(turn.house.alarms) if each.kind != TEST.name), None),
        raise_at_ms=turn.now.ms + kind.cancel_ms,
        steps=expecting.steps(ladder.steps) if announced else ladder.steps,
        repeat_ms=0 if announced else ladder.repeat_ms,
        announced=announced,
    )
    if kind.cancel_ms:
        turn.put_alarm(alarm)
    else:
        raise_alarm(turn, alarm, "immediate")


def _join(turn: Turn, alarm: Alarm, detail: str) -> None:
    joined = replace(alarm, triggers=alarm.triggers + 1)
    if joined.stage == "pending":
        raise_alarm(turn, joined, "second-press")  # S4: a second press ends the cancel window
        return
    if joined.triggers <= TELL_ALWAYS or _untold(turn, joined.joined_ms):
        joined = replace(joined, joined_ms=turn.now.ms)
        turn.send(AlarmJoined(**facts(turn, joined), triggers=joined.triggers, detail=detail))
    turn.put_alarm(joined)


def _untold(turn: Turn, told_ms: int | None) -> bool:
    return told_ms is None or turn.now.ms - told_ms >= TELL_MS


def raise_alarm(turn: Turn, alarm: Alarm, rule: str) -> None:
    """End the cancel window and call. `rule` says why now, for whoever inspects the decision."""
    report = AlarmRaised(
        **facts(turn, alarm),
        rule="announced-test" if alarm.announced else rule,
        detail=alarm.detail,
        triggers=alarm.triggers,
        triggered=Clock.read(alarm.boot, alarm.triggered),
        linked=alarm.linked,
        plan_version=alarm.plan_version,
        plan_rule=alarm.plan_rule,
    )
    ref = turn.send(report)
    real_at_ms = turn.now.ms + expecting.ANSWER_MS if alarm.announced else None
    turn.put_alarm(
        replace(
            alarm,
            stage=moved(alarm.stage, "raise"),
            raise_at_ms=None,
            raised_ms=turn.now.ms,
            raised_ref=ref,
            delivery="waiting",
            receipt_due_ms=turn.now.ms + RECEIPT_MS,
            late=not turn.house.connected,
            ladder_from_ms=turn.now.ms,
            steady_from_ms=turn.now.ms,
            real_at_ms=real_at_ms,
        )
    )


def real_due_ms(house: House) -> int | None:
    """When the next announced test is taken for a real call, because nobody has acknowledged it."""
    return min((each.real_at_ms for each in house.alarms if each.real_at_ms is not None), default=None)


def on_real_due(turn: Turn) -> None:
    """S3: nobody is left on the floor because of a test: a real alarm follows, with the ladder that it did not take.

    It is an alarm of its own, so that nobody takes it for the test they know of; it names that as the one it is
    linked to.
    """
    for test in turn.house.alarms:
        if test.real_at_ms is None or test.real_at_ms > turn.now.ms:
            continue
        turn.put_alarm(replace(test, real_at_ms=None))
        kind = kind_of(turn.house.plan, turn.house.config.kinds, test.kind)
        ladder = ladder_of(turn.house.plan, kind)
        real = replace(
            test,
            id=f"{turn.house.epoch}-alarm-{turn.number('alarms')}",
            stage="pending",
            linked=test.id,
            test=False,
            announced=False,
            plan_version=turn.house.plan.version,
            steps=ladder.steps,
            repeat_ms=ladder.repeat_ms,
            taken=(),
            round=1,
            silenced=False,
            joined_ms=None,
            cancel_ms=None,
            real_at_ms=None,
        )
        raise_alarm(turn, real, "test-unanswered")


def window_due_ms(house: House) -> int | None:
    """When the next cancel window ends."""
    return min((each.raise_at_ms for each in house.alarms if each.raise_at_ms is not None), default=None)


def on_window_due(turn: Turn) -> None:
    """Raise every alarm whose cancel window has ended."""
    for alarm in turn.house.alarms:
        if alarm.raise_at_ms is not None and alarm.raise_at_ms <= turn.now.ms:
            raise_alarm(turn, alarm, "window-ended")


def on_cancel_pressed(turn: Turn, _event: CancelPressed) -> None:
    """Take pending alarms back. Afterwards a cancel is an event that staff see, never a deletion.

    The same button answers reminders and messages when it is let go: a press that an alarm took answers none of them,
    and one that is meant for them tells nobody that an alarm was cancelled.
    """
    turn.update(press_used=False)
    if asked(turn.house):
        turn.chirp("heard")
        return
    audible = [alarm for alarm in turn.house.alarms if not alarm.silent]
    turn.update(press_used=bool(audible))
    pending = [alarm for alarm in audible if alarm.stage == "pending"]
    if pending:
        cancel(turn, pending)
        return
    for alarm in audible:
        if _untold(turn, alarm.cancel_ms):
            turn.put_alarm(replace(alarm, cancel_ms=turn.now.ms))
            turn.send(AlarmCancelled(**facts(turn, alarm), stage=alarm.stage))
    turn.chirp("heard" if audible else "nothing-to-cancel")


def cancel(turn: Turn, pending: Sequence[Alarm]) -> None:
    """Take alarms back that are still pending."""
    for alarm in pending:
        moved(alarm.stage, "cancel")
        turn.send(AlarmCancelled(**facts(turn, alarm), stage="pending"))
        turn.drop_alarm(alarm)
    if any(not alarm.silent for alarm in pending):
        turn.chirp("cancelled")
