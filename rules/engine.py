"""The only place that decides: `step` takes the house, the time and one event, and gives the house and actions."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from rules import (
    absence,
    acknowledgement,
    answers,
    calendar,
    centre,
    commands,
    delivery,
    doors,
    events,
    expecting,
    faults,
    inactivity,
    installer,
    ladder,
    links,
    maintenance,
    messages,
    modes,
    moved,
    plans,
    power,
    reception,
    reminders,
    replies,
    restart,
    selftest,
    supervision,
    texts,
    thresholds,
    triggers,
    visits,
    watch,
)
from rules.actions import Action
from rules.events import Event, Started
from rules.faults import raise_fault
from rules.state import House
from rules.turn import Turn
from rules.values import Now

Deadline = tuple[Callable[[House], int | None], Callable[[Turn], None]]

DEADLINES: tuple[Deadline, ...] = (
    (inactivity.inactivity_due_ms, inactivity.on_inactivity_due),
    (absence.absence_due_ms, absence.on_absence_due),
    (calendar.boundary_due_ms, watch.on_boundary_due),  # what is due at a window's end is still within it
    (triggers.window_due_ms, triggers.on_window_due),
    (ladder.ladder_due_ms, ladder.on_ladder_due),
    (delivery.receipt_due_ms, delivery.on_receipt_due),
    (acknowledgement.lapse_due_ms, acknowledgement.on_lapse_due),
    (ladder.switched_due_ms, ladder.on_switched_due),
    (texts.text_due_ms, texts.on_text_due),
    (centre.answer_due_ms, centre.on_answer_due),
    (centre.checkin_due_ms, centre.on_checkin_due),
    (links.links_due_ms, links.on_links_due),
    (doors.door_due_ms, doors.on_door_due),
    (thresholds.spell_due_ms, thresholds.on_spell_due),
    (visits.visit_due_ms, visits.on_visit_due),
    (reminders.occasion_due_ms, reminders.on_occasion_due),
    (reminders.prompt_due_ms, reminders.on_prompt_due),
    (messages.message_due_ms, messages.on_message_due),
    (supervision.link_due_ms, supervision.on_link_due),
    (supervision.silence_due_ms, supervision.on_silence_due),
    (triggers.real_due_ms, triggers.on_real_due),
    (power.power_due_ms, power.on_power_due),
    (faults.again_due_ms, faults.on_again_due),
    (reception.warning_due_ms, reception.on_warning_due),
    (expecting.expecting_due_ms, expecting.on_expecting_due),
    (modes.mode_due_ms, modes.on_mode_due),
    (selftest.selftest_due_ms, selftest.on_selftest_due),
    (maintenance.restart_due_ms, maintenance.on_restart_due),  # last: what falls due at the same moment goes first
)
"""Every deadline there is: when it is due, and what happens then. Those due at once go in this order."""

AT_ONCE_MAX = 1_000
"""How often one deadline may be acted on at one moment: more often than there are alarms, texts and sensors."""

STUCK_MS = 10_000
"""How soon a deadline whose rule failed is tried again."""

HANDLERS: dict[type[Event], tuple[Callable[[Turn, Any], None], ...]] = {
    events.Started: (links.on_started, watch.before_start, restart.on_started, watch.after_start),
    events.Tick: (),
    events.Triggered: (modes.on_triggered, watch.on_triggered, triggers.on_triggered, supervision.on_heard),
    events.Cleared: (watch.on_cleared, triggers.on_cleared, supervision.on_heard),
    events.Heard: (supervision.on_heard,),
    events.Measured: (supervision.on_measured, thresholds.on_measured, answers.on_measured),
    events.Troubled: (supervision.on_troubled,),
    events.DriverFailed: (supervision.on_driver_failed,),
    events.DriverRecovered: (supervision.on_driver_recovered,),
    events.CallPressed: (modes.on_call_pressed, watch.on_pressed, triggers.on_call_pressed),
    events.CancelPressed: (triggers.on_cancel_pressed, watch.on_pressed),
    events.HelpArrived: (acknowledgement.on_help_arrived, watch.on_pressed),
    events.AnswerPressed: (
        answers.on_answer_pressed,
        messages.on_answer_pressed,
        answers.on_answer_over,
        watch.on_pressed,
    ),
    events.AnswerHeld: (answers.on_answer_held, messages.on_answer_held, answers.on_answer_over, watch.on_pressed),
    events.LinkUp: (delivery.on_link_up, supervision.on_link_up, centre.on_link_up),
    events.LinkDown: (supervision.on_link_down, delivery.on_link_down),
    events.Receipted: (
        delivery.on_receipted,
        links.on_receipted,
        selftest.on_receipted,
        installer.on_receipted,
    ),
    events.Commanded: (commands.on_commanded,),
    events.PlanOffered: (
        moved.on_plan_offered,
        plans.on_plan_offered,
        supervision.on_plan_offered,
        watch.on_plan_offered,
    ),
    events.PlanRefused: (plans.on_plan_refused,),
    events.TextSent: (texts.on_sent, selftest.on_text_sent),
    events.TextDelivered: (texts.on_delivered,),
    events.TextFailed: (texts.on_failed,),
    events.Replied: (replies.on_replied,),
    events.StorageChanged: (supervision.on_storage_changed,),
    events.StoreQuarantined: (supervision.on_store_quarantined,),
    events.ClockChanged: (supervision.on_clock_changed, watch.on_clock_changed),
    events.PartChanged: (
        supervision.on_part_changed,
        selftest.on_part_changed,
        reception.on_part_changed,
        texts.on_part_changed,
    ),
    events.PowerChanged: (power.on_power_changed,),
    events.CertificateChanged: (supervision.on_certificate_changed,),
    events.InstallerAsked: (installer.on_installer_asked,),
    events.RestartWanted: (maintenance.on_restart_wanted,),
    events.Dropped: (supervision.on_dropped,),
}
"""Every event there is, and who takes it, in order."""


def next_deadline(house: House) -> int | None:
    """Give the boot-relative ms at which the house must be stepped again; None when nothing is waiting.

    Always later than the last step: one that is still due after it is one whose rule failed, and comes again.
    """
    return house.due_ms


def step(house: House, now: Now, event: Event) -> tuple[House, tuple[Action, ...]]:
    """Decide. Pure: the same house, time and event give the same result, live or replayed.

    Deadlines due by `now` go first, each at its own due time, then the event, then what it made due at
    once: waking late gives the same result as waking on time, and a cancel that came at 9.99 s of 10
    counts (S6). Time never goes back within a boot; a `Started` of another boot begins a new time, in
    which deadlines of the old one mean nothing. Before the first `Started` nothing happens: there is no
    epoch to give ids in (S1). Never raises for an event of a known type: a rule that fails changes
    nothing and is a fault (S7).
    """
    if not house.epoch and not isinstance(event, Started):
        return house, ()
    turn = Turn(house, now)
    rebooted = isinstance(event, Started) and event.boot != house.boot
    if not rebooted and now.ms < house.now_ms:
        turn.now = turn.woken = now.at(house.now_ms)
    if isinstance(event, Started):
        restart.open_epoch(turn, event)
    if not rebooted and turn.house.due_ms is not None and turn.house.due_ms <= turn.now.ms:
        _run_deadlines(turn)
    if not rebooted and calendar.was_set(turn.house, turn.now) and _attempt(turn, watch.on_clock_set):
        _run_deadlines(turn)  # S6: what another wall clock makes due is due now, not since the hub last looked
    for handle in HANDLERS[type(event)]:
        _attempt(turn, handle, event)
    turn.update(now_ms=turn.now.ms)
    turn.update(due_ms=_run_deadlines(turn))
    return turn.house, tuple(turn.actions)


def _run_deadlines(turn: Turn) -> int | None:
    """Act on all that is due by now, each at its own time; give when the next is due."""
    until = turn.now
    failed: set[Callable[[Turn], None]] = set()
    at_once: Counter[Callable[[Turn], None]] = Counter()
    while True:
        waiting = [
            (due, act) for due_ms, act in DEADLINES if act not in failed and (due := due_ms(turn.house)) is not None
        ]
        due, act = min(waiting, key=lambda each: each[0], default=(None, None))
        if due is None or act is None or due > until.ms:
            turn.now = until
            dues = [due] if due is not None else []
            return min([*dues, until.ms + STUCK_MS] if failed else dues, default=None)
        if due > turn.house.now_ms:
            at_once.clear()
        at_once[act] += 1
        turn.now = until.at(max(due, turn.house.now_ms))
        turn.update(now_ms=turn.now.ms)
        if at_once[act] > AT_ONCE_MAX:  # S12: it changes the house, and is due again at once, for ever
            raise_fault(turn, "engine", act.__name__, 1, "it does not come to an end")
            failed.add(act)
        elif not _attempt(turn, act):
            failed.add(act)


def _attempt(turn: Turn, act: Callable[..., None], *event: Event) -> bool:
    """Apply one rule, whole or not at all: a defect in one must not silence the hub, nor go unseen (S7)."""
    house, count = turn.house, len(turn.actions)
    try:
        act(turn, *event)
    except Exception as error:  # noqa: BLE001 -- whatever it is, the other rules go on
        turn.house = house
        del turn.actions[count:]
        raise_fault(turn, "engine", act.__name__, 1, type(error).__name__)  # S11: the message may quote data
        return False
    return turn.house is not house or bool(event)  # a deadline that changes nothing would be due for ever
