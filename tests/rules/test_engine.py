"""The engine: time, order, and what happens when a rule itself is broken."""

from typing import Any, get_args

import pytest

from rules import engine
from rules.actions import AnyAction, SendCheckIn
from rules.engine import HANDLERS, next_deadline, step
from rules.events import AnyEvent, CallPressed, Config, Event, LinkUp, Started, StorageChanged, Tick
from rules.reports import AlarmRaised, FaultRaised, TestReport
from rules.state import House
from rules.turn import Turn
from rules.values import Now, kebab, utc
from tests.rules.home import HOUR, MINUTE, WALL_MS, Home


def broken(_turn: Turn, *_event: Event) -> None:
    _turn.chirp("lapsed")
    _turn.update(mode="away")
    raise ZeroDivisionError("Mrs Smith, 12 Acacia Road")


def handlers() -> dict[Any, Any]:
    return HANDLERS


def test_every_event_has_its_handlers() -> None:
    assert set(HANDLERS) == set(get_args(AnyEvent))
    tags = [kebab(each.__name__) for each in (*get_args(AnyEvent), *get_args(AnyAction))]
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize("event", [CallPressed(), LinkUp("main"), StorageChanged(ok=False), Tick()])
def test_s1_before_the_first_start_nothing_happens_as_nothing_could_have_an_id(event: AnyEvent) -> None:
    assert step(House(), Now(5_000, WALL_MS), event) == (House(), ())
    assert next_deadline(House()) is None


def test_a_hub_without_any_sensor_starts_and_calls() -> None:
    house, _ = step(House(), Now(5_000, WALL_MS), Started("b", "e", Config(hub="h")))
    house, _ = step(house, Now(6_000, WALL_MS), CallPressed())
    house, actions = step(house, Now(16_000, WALL_MS), Tick())
    assert [type(getattr(each, "report", None)) for each in actions] == [AlarmRaised]


def test_s6_time_never_goes_back_within_a_boot() -> None:
    home = Home()
    home.press("smoke-1")
    first = home.only(AlarmRaised).clock.monotonic_ms
    home.asleep_for(-15).press("co-1")
    assert home.sent(AlarmRaised)[1].clock.monotonic_ms == first
    assert home.house.now_ms == first


@pytest.mark.parametrize("jump_ms", [-10 * 365 * 86_400_000, -3_600_000, 3_600_000, 10 * 365 * 86_400_000])
def test_s6_durations_do_not_care_what_the_wall_clock_does(jump_ms: int) -> None:
    home = Home()
    home.press("pendant-1")
    home.after(5)
    home.wall_from_boot_ms += jump_ms
    home.after(4.999)
    assert home.stage == "pending"
    home.after(0.001)
    assert home.stage == "raised"


@pytest.mark.parametrize(
    ("wall_ms", "text"),
    [
        (-1, "1970-01-01T00:00:00.000Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        (WALL_MS + 7, "2026-01-01T00:00:00.007Z"),
        (10**18, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_mad_wall_clock_can_still_be_written(wall_ms: int, text: str) -> None:
    assert utc(wall_ms) == text


def test_what_an_event_makes_due_at_once_happens_in_its_step() -> None:
    home = Home(line=False)
    home.link_up()
    assert (next_deadline(home.house) or 0) > home.ms


def test_deadlines_go_in_the_order_of_time_each_at_its_own() -> None:
    home = Home()
    home.answers_check_ins = False
    home.press("pendant-1")
    home.asleep_for(10 * MINUTE).heard("pendant-1")
    times = [each.report.clock.monotonic_ms for each in home.actions if hasattr(each, "report")]
    assert times == sorted(times)
    assert len(set(times)) > 5


def test_s7_a_rule_that_fails_changes_nothing_is_a_fault_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home()
    first, second = HANDLERS[LinkUp][0], HANDLERS[LinkUp][1:]
    monkeypatch.setitem(handlers(), LinkUp, (first, broken, *second))
    home.link_down()
    home.link_up()
    assert home.house.connected
    assert home.mode == "home"
    assert home.faults == {("engine", "broken")}
    fault = home.only(FaultRaised)
    assert (fault.priority, fault.reason) == (1, "ZeroDivisionError")  # S11: never what the message quotes
    home.press("smoke-1")
    assert home.stage == "raised"
    home.link_up()
    assert len(home.sent(FaultRaised)) == 1


@pytest.mark.parametrize("rule", [broken, lambda _turn: None], ids=["raises", "does nothing"])
def test_s7_a_deadline_whose_rule_fails_does_not_stop_the_others_nor_spin(
    monkeypatch: pytest.MonkeyPatch, rule: Any
) -> None:
    home = Home()
    stuck = (lambda _house: 30_000, rule)
    monkeypatch.setattr(engine, "DEADLINES", (stuck, *engine.DEADLINES))
    home.press("pendant-1")
    home.after(60)
    assert home.stage == "raised"
    assert home.sent(TestReport)
    assert (next_deadline(home.house) or 0) > home.ms
    ticks = [event for _, event in home.journal if isinstance(event, Tick)]
    assert len(ticks) < 15
    assert (("engine", "broken") in home.faults) == (rule is broken)


def test_s12_a_deadline_that_is_due_again_for_ever_is_stopped_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def restless(turn: Turn) -> None:
        turn.update(warn_at_ms=(turn.house.warn_at_ms or 0) + 1)

    home = Home()
    monkeypatch.setattr(engine, "DEADLINES", ((lambda _house: 30_000, restless), *engine.DEADLINES))
    home.press("pendant-1")
    home.after(60)
    assert home.stage == "raised"
    assert ("engine", "restless") in home.faults


def test_a_hub_that_slept_for_a_week_acts_on_every_deadline_of_it_without_a_fault() -> None:
    home = Home()
    home.asleep_for(7 * 24 * HOUR).heard("smoke-1")
    check_ins = [each for each in home.history if isinstance(each, SendCheckIn)]
    assert len(check_ins) > engine.AT_ONCE_MAX
    assert not any(fault == "engine" for fault, _ in home.faults)


def test_an_engine_fault_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home()
    with monkeypatch.context() as patch:
        patch.setitem(handlers(), LinkUp, (broken,))
        home.link_up()
    assert home.display().fault == "slow"
    home.restart()
    assert home.faults == set()
