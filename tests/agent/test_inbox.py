import asyncio

import msgspec

from agent.inbox import ALARM_PLACES, PLACES, TELEMETRY_PLACES, Inbox
from rules.events import (
    AnswerHeld,
    AnswerPressed,
    AnyEvent,
    CancelPressed,
    Config,
    Heard,
    Receipted,
    Started,
    StorageChanged,
    Triggered,
)
from rules.values import Now


class StoppedClock:
    boot = "boot"

    def __init__(self) -> None:
        self.ms = 0

    def now(self) -> Now:
        return Now(self.ms, self.ms)


def test_an_event_is_stamped_when_it_enters_not_when_it_is_taken() -> None:
    clock = StoppedClock()
    inbox = Inbox(clock)
    clock.ms = 5
    inbox.put(Triggered("p1"))
    clock.ms = 500
    assert inbox.take(1)[0].now.ms == 5


def test_s5_alarms_have_places_that_telemetry_can_never_take() -> None:
    inbox = Inbox(StoppedClock())
    for _ in range(5_000):
        inbox.put(Heard("t1"))
        inbox.put(Receipted("ref", "accepted"))
    assert inbox.put(Triggered("p1"))
    assert inbox.take(1)[0].event == Triggered("p1")
    assert len(inbox) == PLACES + TELEMETRY_PLACES


def test_s12_what_is_dropped_is_counted() -> None:
    inbox = Inbox(StoppedClock())
    for _ in range(TELEMETRY_PLACES + 7):
        inbox.put(Heard("t1"))
    for _ in range(PLACES + 3):
        inbox.put(Receipted("ref", "accepted"))
    assert inbox.dropped == {"telemetry": 7, "others": 3}


def test_s5_a_storm_of_one_sensor_is_bounded_and_another_sensor_still_gets_in() -> None:
    inbox = Inbox(StoppedClock())
    for _ in range(10_000):
        inbox.put(Triggered("stuck"))
    assert len(inbox) == ALARM_PLACES
    assert inbox.put(Triggered("other"))
    assert Triggered("other") in [arrival.event for arrival in inbox.take(10_000)]


def test_s4_presses_of_the_one_button_are_taken_in_the_order_in_which_they_came() -> None:
    inbox = Inbox(StoppedClock())
    presses: list[AnyEvent] = [CancelPressed(), AnswerPressed(), CancelPressed(), AnswerHeld()]
    for press in presses:
        inbox.put(press)
    assert [arrival.event for arrival in inbox.take(10)] == presses


async def test_waiting_ends_when_something_comes() -> None:
    inbox = Inbox(StoppedClock())
    waiting = asyncio.create_task(inbox.wait(60))
    await asyncio.sleep(0)
    inbox.put(Triggered("p1"))
    await asyncio.wait_for(waiting, 1)


def test_text_that_is_no_text_does_not_keep_an_alarm_out_of_the_journal() -> None:
    inbox = Inbox(StoppedClock())
    assert inbox.put(Triggered("p1", "panic \ud800!", sustained=True))
    event = inbox.take(1)[0].event
    assert event == Triggered("p1", "panic ?!", sustained=True)
    assert msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) == event


def test_s1_the_epoch_is_opened_before_anything_that_came_before_it_is_heard() -> None:
    inbox = Inbox(StoppedClock())
    for event in (StorageChanged(ok=False), Triggered("pendant"), Started("boot", "epoch", Config(hub="hub-1"))):
        inbox.put(event)
    assert isinstance(inbox.take(3)[0].event, Started)
