"""The scenarios of who lives there: what is said, shown and answered, of reminders, of messages and of a call."""

import asyncio

import msgspec

from agent.ask import ask
from agent.status import RemindersStatus
from agent.wire.messages import decode_report
from provisioning.commands.reminders import count
from rules.reports import MessageHeard, ReminderFacts, ReminderMissed, ReminderTaken, Report
from simulators.demo.card import can_speak
from simulators.demo.caring import MISSED_MIN, REMINDER, REPEAT_MIN
from simulators.demo.playing import ARRIVE_S, BACK_S, SOON_S, WINDOW_S, Run, heard
from simulators.demo.story import Step

DUE_S = 1.0
"""A reminder is sounded within this of its moment."""

SPEAKS_S = 2.0
"""What is said begins within this after the sound before it: the longest lasts a second and a half."""

SAID_S = 25.0
"""Until something is said that waits for what is said before it."""

MINUTE_MS = 2_000
"""How long a minute of the tablets' own waits lasts, to be quick."""

_THINKS_S = 1.5
_UNSAID_S = 3.0
"""As long as what is not said would take: a press sooner than 5 s after a message began means nothing."""


async def tablet_taken(run: Run) -> None:
    """See a reminder come at its time, be said, be answered by the button; and the next by the pill box's lid."""
    world = run.world
    await _planned(run)
    due = await _due(run, "08:00")
    await _reminded(run, due)
    await asyncio.sleep(_THINKS_S)
    await world.press_answer()
    await _taken(run, await run.expect("you:answer", SOON_S))
    await _spoken(run, "reminder.taken")
    due = await _due(run, "12:00")
    await run.expect("chirp:reminder", SOON_S, after=due)
    await run.expect("lamp:prompt:lit", SOON_S, after=due)
    await asyncio.sleep(_THINKS_S)
    await world.open_pill_box()
    await _taken(run, await run.expect("you:lid", SOON_S))
    await run.settled(alarms=0)
    told = [(each.slot, each.how) for each in _reminders(run) if isinstance(each, ReminderTaken)]
    run.require(told == [("08:00", "button"), ("12:00", "lid")], f"the centre should know of both, and knows {told}")
    await _status_shows(run, {"08:00": "button", "12:00": "lid"})


async def tablet_missed(run: Run) -> None:
    """See a reminder be repeated, nobody answer, and the centre be told, and called as the plan says."""
    await _planned(run)
    due = await _due(run, "08:00")
    first = await _reminded(run, due)
    again = await run.expect("chirp:reminder", REPEAT_MIN * MINUTE_MS / 1_000 + SOON_S, after=_just_after(first))
    run.measure("repeated_s", again, due, at_s=REPEAT_MIN * MINUTE_MS / 1_000)
    missed = await run.expect("centre:reminder.missed", MISSED_MIN * MINUTE_MS / 1_000 + SOON_S)
    run.measure("missed_s", missed, due, at_s=MISSED_MIN * MINUTE_MS / 1_000)
    called = await run.expect("centre:alarm.raised", SOON_S)
    run.measure("centre_called_s", called, due, at_s=MISSED_MIN * MINUTE_MS / 1_000)
    await run.expect("lamp:prompt:off", SOON_S)
    await _spoken(run, "reminder.missed")
    await run.expect("centre:receipt", ARRIVE_S)
    await _closed(run)
    await run.settled(alarms=1)
    told = [each for each in _reminders(run) if isinstance(each, ReminderMissed)]
    run.require([each.why for each in told] == ["unanswered"], f"one should be missed, unanswered, and it is {told}")
    run.require(not any(isinstance(each, ReminderTaken) for each in _reminders(run)), "nobody has taken it")


async def reminder_during_alarm(run: Run) -> None:
    """See a call hold a reminder back, and the reminder come as soon as the call is closed."""
    world = run.world
    await _planned(run)
    due_ms = await world.care.time_comes("08:00")
    await world.press_pendant()
    call = await heard(run)
    raised = await _window_ended(run, call)
    await run.arrived(raised, ARRIVE_S)
    await run.expect("alert:arrived", SOON_S)
    await asyncio.sleep(_THINKS_S)
    run.require(
        call.ms < due_ms < world.now_ms() - _THINKS_S * 1_000, "the reminder was not due yet: nothing would be proven"
    )
    run.require(not run.seen("chirp:reminder"), "a reminder broke into a call for help")
    run.require(not run.seen("lamp:prompt:lit"), "the PROMPT lamp came on during a call for help")
    world.tell("hub", "hub:held", "holds the reminder back: the call comes first")
    await world.press_answer()
    await asyncio.sleep(_THINKS_S)
    await _closed(run)
    closed = await run.expect("staff:resolve", SOON_S)
    reminder = await run.expect("chirp:reminder", SOON_S, after=closed)
    run.measure("closed_to_reminded_s", reminder, closed, within_s=SOON_S)
    run.require(not run.seen("centre:reminder.taken"), "a press during a call has ticked off the tablets")
    await run.expect("lamp:prompt:lit", SOON_S, after=closed)
    await _spoken(run, "reminder.medication")
    await asyncio.sleep(_THINKS_S)  # a press within a second of what is said answers nothing
    await world.press_answer()
    await run.expect("centre:reminder.taken", ARRIVE_S)
    await run.expect("lamp:prompt:off", SOON_S)
    await run.settled(alarms=1)


async def family_message(run: Run) -> None:
    """See what the daughter wrote be said in the home, and her be told that it was heard."""
    world = run.world
    await _planned(run)
    world.story.begin(world.now_ms())
    sent_id = world.care.send_message()
    sent = await run.expect("staff:message", SOON_S)
    chirp = await run.expect("chirp:message", ARRIVE_S)
    run.measure("sent_to_home_s", chirp, sent, within_s=ARRIVE_S)
    await run.expect("lamp:prompt:lit", SOON_S)
    await run.expect("lamp:prompt:on", SOON_S)
    await _spoken(run, "message.comes")
    if can_speak():
        words = await run.expect("says:text", SAID_S)
        run.measure("sent_to_said_s", words, sent)
    else:
        await asyncio.sleep(_UNSAID_S)
    await asyncio.sleep(_THINKS_S + 1)
    await world.press_answer()
    answer = await run.expect("you:answer", SOON_S)
    await run.expect("chirp:taken", SOON_S)
    came = await run.expect("centre:message.heard", ARRIVE_S)
    run.measure("answer_to_centre_s", came, answer, within_s=ARRIVE_S)
    await run.expect("lamp:prompt:off", SOON_S)
    await run.settled(alarms=0)
    told = [(each.message, each.times) for each in _reports(run) if isinstance(each, MessageHeard)]
    run.require(told == [(sent_id, 1)], f"the centre should know that it was heard once, and knows {told}")


async def no_line_feedback(run: Run) -> None:
    """See, hear and feel every stage of a call whose line is cut: no skill, no sight or no hearing needed."""
    world = run.world
    await _planned(run)
    world.cut_line()
    await run.expect("hub:link-down", SOON_S + 2)
    await world.press_pendant()
    call = await heard(run)
    await _spoken(run, "call.heard", english=True)
    raised = await _window_ended(run, call)
    await run.expect("lamp:call:fast", SOON_S)
    flashes = await run.expect("alert:no-line", SOON_S)
    run.measure("raised_to_no_line_alert_s", flashes, raised, within_s=DUE_S)
    words = await run.expect("says:call.no-line", SAID_S)
    run.measure("raised_to_no_line_said_s", words, raised, within_s=DUE_S)
    await _spoken(run, "call.no-line")
    run.require(not run.at_centre(), "something arrived at the centre over a line that is cut")
    world.restore_line()
    restored = await run.expect("line:restored", SOON_S)
    came = await run.arrived(raised, BACK_S)
    run.measure("restored_to_centre_s", came, restored, within_s=BACK_S)
    await run.expect("alert:arrived", SOON_S)
    await _spoken(run, "call.arrived")
    run.require(world.acknowledge(), "the centre has no alarm to acknowledge")
    await run.expect("lamp:someone:on", ARRIVE_S)
    await run.expect("chirp:someone-has-it", SOON_S)
    await run.expect("alert:someone", SOON_S + 2)
    await _spoken(run, "call.someone")
    run.require(world.resolve(), "the centre has no alarm to close")
    await run.expect("chirp:resolved", ARRIVE_S)
    await run.expect("dark", SOON_S)
    await run.settled(alarms=1)


# --- what the scenarios have in common ----------------------------------------------------------------


async def _planned(run: Run) -> None:
    run.require(await run.world.care.give_plan(), "the hub did not take its care plan: --keep its log to see why")
    await run.expect("centre:plan.applied", ARRIVE_S)


async def _due(run: Run, time: str) -> Step:
    """Let a time of the plan come, and wait for it; give that moment."""
    due_ms = await run.world.care.time_comes(time)
    await asyncio.sleep(max(0.0, (due_ms - run.world.now_ms()) / 1_000))
    run.world.story.begin(due_ms)
    return run.world.story.add("home", "home:due", f"it is {time}", ms=due_ms)


async def _reminded(run: Run, due: Step) -> Step:
    """See a reminder: its sound, its lamp, its flashes, its words, and that the centre hears of it."""
    chirp = await run.expect("chirp:reminder", SOON_S, after=due)
    run.measure("due_to_sound_s", chirp, due, within_s=DUE_S)
    lamp = await run.expect("lamp:prompt:lit", SOON_S, after=due)
    run.measure("due_to_lamp_s", lamp, due, within_s=DUE_S)
    words = await _spoken(run, "reminder.medication")
    if words is not None:
        run.measure("due_to_words_s", words, due, within_s=DUE_S + SPEAKS_S)
    await run.expect("centre:reminder.prompted", ARRIVE_S)
    await run.expect("lamp:prompt:slow", SOON_S)
    await run.expect("alert:reminder", SOON_S)
    return chirp


async def _taken(run: Run, answer: Step) -> None:
    """See an answer be heard: at home, and at the centre."""
    chirp = await run.expect("chirp:taken", SOON_S, after=answer)
    name = answer.key.removeprefix("you:")
    run.measure(f"{name}_to_sound_s", chirp, answer, within_s=DUE_S)
    await run.expect("lamp:prompt:off", SOON_S, after=answer)
    came = await run.expect("centre:reminder.taken", ARRIVE_S, after=answer)
    run.measure(f"{name}_to_centre_s", came, answer, within_s=ARRIVE_S)


async def _spoken(run: Run, phrase: str, *, english: bool = False) -> Step | None:
    """Hear a phrase in the resident's language, or in English; where nothing can speak, read it. None: it was read."""
    language = "en" if english else run.world.care.language
    said = await run.expect(f"says:{phrase}:{language}", SAID_S)
    return said if can_speak() else None


async def _closed(run: Run) -> None:
    """Play staff: take the alarm, and close it."""
    run.require(run.world.acknowledge(), "the centre has no alarm to acknowledge")
    await run.expect("centre:alarm.acknowledged", ARRIVE_S)
    run.require(run.world.resolve(), "the centre has no alarm to close")
    await run.expect("centre:alarm.resolved", ARRIVE_S)


async def _window_ended(run: Run, call: Step) -> Step:
    """See that the resident can cancel for as long as promised, and is told so: the ticking rests while it speaks."""
    await run.expect("lamp:call:slow", SOON_S)
    await run.expect("alert:pending", SOON_S)
    raised = await run.expect("hub:raised:window-ended", WINDOW_S + SOON_S)
    run.measure("cancel_window_s", raised, call, at_s=WINDOW_S)
    return raised


def _just_after(step: Step) -> Step:
    """Give a moment after a step, for the next of its kind."""
    return Step(ms=step.ms + 1, at_ms=None, who=step.who, key=step.key, text="")


async def _status_shows(run: Run, wanted: dict[str, str]) -> None:
    """See that the hub itself tells how the reminders were answered: what `hearthline status --reminders` shows."""
    answer = await asyncio.to_thread(ask, run.world.flat.folder / "hub.sock", ARRIVE_S, "reminders")
    told = count(msgspec.json.decode(answer, type=RemindersStatus))
    found = {
        each.slot: each.how
        for reminder in told.adherence.reminders
        for day in reminder.days
        for each in day.occasions
        if reminder.reminder == REMINDER and each.outcome == "taken"
    }
    run.require(found == wanted, f"the hub's own account of the reminders should be {wanted}, and is {found}")
    run.world.tell("hub", "hub:adherence", "tells the same: `hearthline status --reminders` shows both as taken")


def _reports(run: Run) -> list[Report]:
    found = (decode_report(event) for event, _ in run.events() if not event.type.endswith("reading"))
    return [each for each in found if each is not None]


def _reminders(run: Run) -> list[ReminderFacts]:
    return [each for each in _reports(run) if isinstance(each, ReminderFacts)]
