"""The only place that decides: `step` takes the house, the time and one event, and gives the house and actions."""

from collections.abc import Callable
from typing import Any

from rules import (
    acknowledgement,
    centre,
    commands,
    delivery,
    events,
    ladder,
    modes,
    plans,
    replies,
    restart,
    selftest,
    supervision,
    texts,
    triggers,
)
from rules.actions import Action
from rules.events import Event, Started
from rules.faults import raise_fault
from rules.state import House
from rules.turn import Turn
from rules.values import Now

Deadline = tuple[Callable[[House], int | None], Callable[[Turn], None]]

DEADLINES: tuple[Deadline, ...] = (
    (triggers.window_due_ms, triggers.on_window_due),
    (ladder.ladder_due_ms, ladder.on_ladder_due),
    (delivery.receipt_due_ms, delivery.on_receipt_due),
    (acknowledgement.lapse_due_ms, acknowledgement.on_lapse_due),
    (ladder.siren_due_ms, ladder.on_siren_due),
    (texts.text_due_ms, texts.on_text_due),
    (centre.answer_due_ms, centre.on_answer_due),
    (centre.checkin_due_ms, centre.on_checkin_due),
    (supervision.link_due_ms, supervision.on_link_due),
    (supervision.silence_due_ms, supervision.on_silence_due),
    (modes.mode_due_ms, modes.on_mode_due),
    (selftest.selftest_due_ms, selftest.on_selftest_due),
)
"""Every deadline there is: when it is due, and what happens then. Those due at once go in this order."""

STUCK_MS = 10_000
"""How soon a deadline whose rule failed is tried again."""

HANDLERS: dict[type[Event], tuple[Callable[[Turn, Any], None], ...]] = {
    events.Started: (restart.on_started,),
    events.Tick: (),
    events.Triggered: (triggers.on_triggered, supervision.on_heard),
    events.Cleared: (triggers.on_cleared, supervision.on_heard),
    events.Heard: (supervision.on_heard,),
    events.Measured: (supervision.on_measured,),
    events.Troubled: (supervision.on_troubled,),
    events.DriverFailed: (supervision.on_driver_failed,),
    events.DriverRecovered: (supervision.on_driver_recovered,),
    events.CallPressed: (triggers.on_call_pressed,),
    events.CancelPressed: (triggers.on_cancel_pressed,),
    events.HelpArrived: (acknowledgement.on_help_arrived,),
    events.LinkUp: (delivery.on_link_up, supervision.on_link_up, centre.on_link_up),
    events.LinkDown: (supervision.on_link_down, delivery.on_link_down),
    events.Receipted: (delivery.on_receipted,),
    events.Commanded: (commands.on_commanded,),
    events.PlanOffered: (plans.on_plan_offered,),
    events.PlanRefused: (plans.on_plan_refused,),
    events.TextSent: (texts.on_sent,),
    events.TextDelivered: (texts.on_delivered,),
    events.TextFailed: (texts.on_failed,),
    events.Replied: (replies.on_replied,),
    events.StorageChanged: (supervision.on_storage_changed,),
    events.StoreQuarantined: (supervision.on_store_quarantined,),
    events.ClockChanged: (supervision.on_clock_changed,),
    events.PartChanged: (supervision.on_part_changed,),
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
        turn.now = Now(house.now_ms, now.wall_ms, now.synced)
    if isinstance(event, Started):
        restart.open_epoch(turn, event)
    if not rebooted and turn.house.due_ms is not None and turn.house.due_ms <= turn.now.ms:
        _run_deadlines(turn)
    for handle in HANDLERS[type(event)]:
        _attempt(turn, handle, event)
    turn.update(now_ms=turn.now.ms)
    turn.update(due_ms=_run_deadlines(turn))
    return turn.house, tuple(turn.actions)


def _run_deadlines(turn: Turn) -> int | None:
    """Act on all that is due by now, each at its own time; give when the next is due."""
    until = turn.now
    failed: set[Callable[[Turn], None]] = set()
    while True:
        waiting = [
            (due, act) for due_ms, act in DEADLINES if act not in failed and (due := due_ms(turn.house)) is not None
        ]
        due, act = min(waiting, key=lambda each: each[0], default=(None, None))
        if due is None or act is None or due > until.ms:
            turn.now = until
            dues = [due] if due is not None else []
            return min([*dues, until.ms + STUCK_MS] if failed else dues, default=None)
        turn.now = until.at(max(due, turn.house.now_ms))
        turn.update(now_ms=turn.now.ms)
        if not _attempt(turn, act):
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
