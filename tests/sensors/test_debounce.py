"""Debounce, long-press, repeats and plain contacts: pure, so any history of edges can be tried."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.contact import REST_MS, RESTLESS_MS, Contact, ContactAddress, parse_contact
from sensors.debounce import HOLD_MS, Debounce, LongPress
from sensors.repeats import Repeats

WINDOW = 50
# (level, milliseconds until the next edge)
EDGES = st.lists(st.tuples(st.booleans(), st.integers(0, 120)), max_size=60)


def punctual(machine: Any, edges: list[tuple[bool, int]]) -> list[tuple[int, Any]]:
    """Feed the edges, waking exactly when due; then let everything settle."""
    told, now = [], 0
    for level, wait in edges:
        told.append((now, machine.feed(level, now)))
        end = now + wait
        while (due := machine.due()) is not None and due <= end:
            told.append((due, machine.settle(due)))
        now = end
    if (due := machine.due()) is not None:
        told.append((due, machine.settle(due)))
    return [(at, what) for at, what in told if what is not None]


def late(machine: Any, edges: list[tuple[bool, int]]) -> list[Any]:
    """Feed the same edges without ever waking in between, as a stalled loop would."""
    told, now = [], 0
    for level, wait in edges:
        told.append(machine.feed(level, now))
        now += wait
    told.append(machine.settle(now + 1_000_000))
    return [what for what in told if what is not None]


def naive(edges: list[tuple[bool, int]]) -> list[tuple[int, bool]]:
    """What debounce must say, told another way: every run of one level that is long enough, when it became so."""
    runs: list[list[Any]] = []  # level, begin, end
    now = 0
    for level, wait in edges:
        if not runs or runs[-1][0] != level:
            if runs:
                runs[-1][2] = now
            runs.append([level, now, None])
        now += wait
    told, settled = [], None
    for level, begin, end in runs:
        if level != settled and (end is None or end - begin >= WINDOW):
            told.append((begin + WINDOW, level))
            settled = level
    return told


@given(EDGES)
def test_debounce_tells_exactly_the_levels_that_stood(edges: list[tuple[bool, int]]) -> None:
    assert punctual(Debounce(WINDOW), edges) == naive(edges)


@given(EDGES)
def test_a_late_wakeup_tells_the_same_as_a_punctual_one(edges: list[tuple[bool, int]]) -> None:
    assert late(Debounce(WINDOW), edges) == [level for _, level in punctual(Debounce(WINDOW), edges)]
    assert late(LongPress(100), edges) == [press for _, press in punctual(LongPress(100), edges)]


@given(EDGES)
def test_every_press_is_told_once_short_or_held(edges: list[tuple[bool, int]]) -> None:
    told = punctual(LongPress(100), edges)
    presses, down = 0, False
    for level, _ in edges:
        presses += level and not down
        down = level
    assert len(told) == presses


def test_a_hold_is_told_while_the_button_is_still_down() -> None:
    button = LongPress()
    assert button.feed(True, 1_000) is None
    assert button.due() == 1_000 + HOLD_MS == 4_000
    assert button.settle(3_999) is None
    assert button.settle(4_000) == "held"
    assert button.settle(9_000) is None
    assert button.feed(False, 10_000) is None  # letting go of a held button is no short press


def test_one_millisecond_decides_between_short_and_held() -> None:
    button = LongPress()
    button.feed(True, 0)
    assert button.feed(False, 2_999) == "short"
    button.feed(True, 10_000)
    assert button.feed(False, 13_000) == "held"  # nobody woke in time, and it still counts


def test_windows_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Debounce(-1)
    with pytest.raises(ValueError, match="not positive"):
        LongPress(0)


# --- contacts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("17", ContactAddress(17, "no")),
        ("GPIO17", ContactAddress(17, "no")),
        ("GPIO4:no", ContactAddress(4, "no")),
        ("GPIO17:nc", ContactAddress(17, "nc")),
    ],
)
def test_contact_addresses(address: str, expected: ContactAddress) -> None:
    assert parse_contact(address) == expected


@pytest.mark.parametrize("address", ["", "GPIO", "gpio17", "GPIO17:open", "GPIO170", "17:", " 17", "\u0661\u0667"])
def test_a_bad_contact_address_says_what_is_expected(address: str) -> None:
    with pytest.raises(ValueError, match="expected 'GPIO17'"):
        parse_contact(address)


@pytest.mark.parametrize(("rest", "closed"), [("no", True), ("nc", False)])
def test_a_contact_asks_for_help_in_the_level_it_does_not_rest_in(rest: Any, closed: bool) -> None:
    contact = Contact("GPIO17", rest, WINDOW)
    assert contact.feed(closed, 0) == []
    assert [each.what for each in contact.settle(WINDOW)] == ["active"]  # it stood so when the hub started
    contact.feed(not closed, 1_000)
    assert [each.what for each in contact.settle(2_000)] == ["clear"]


# --- repeats -----------------------------------------------------------------------------------------


def test_s4_repeats_slide_and_are_bounded() -> None:
    repeats = Repeats(700)
    assert not repeats.repeats("a", 0)
    assert all(repeats.repeats("a", at) for at in range(500, 10_000, 500))  # held for ten seconds: one press
    assert not repeats.repeats("a", 10_200)
    for number in range(10_000):
        repeats.repeats(number, 20_000)
    assert len(repeats._last_ms) == 256


def chattering(contact: Contact, from_ms: int, for_ms: int, every_ms: int) -> list[tuple[str, bool]]:
    """Let it chatter; give what it told of its own state, and leave it open."""
    told = []
    for at_ms in range(from_ms, from_ms + for_ms, 2 * every_ms):
        told += contact.feed(closed=True, at_ms=at_ms) + contact.feed(closed=False, at_ms=at_ms + every_ms)
    return [(each.what, each.on) for each in told if each.what == "unavailable"]


def resting() -> Contact:
    contact = Contact("GPIO17", "no", WINDOW)
    contact.feed(closed=False, at_ms=0)
    contact.settle(WINDOW)
    return contact


@pytest.mark.parametrize("every_ms", [1, WINDOW - 1, REST_MS - 1])
def test_s7_a_contact_that_finds_no_rest_is_told_until_it_rests(every_ms: int) -> None:
    contact = resting()
    almost_ms = (RESTLESS_MS // (2 * every_ms) - 1) * 2 * every_ms
    assert chattering(contact, 1_000, almost_ms, every_ms) == []
    assert chattering(contact, 1_000 + almost_ms, 8 * every_ms, every_ms) == [("unavailable", True)]
    due_ms = contact.due()
    assert due_ms is not None
    assert contact.settle(due_ms - 1) == []
    while (due_ms := contact.due()) is not None:
        last = contact.settle(due_ms)
    assert [(each.what, each.on) for each in last] == [("unavailable", False)]
    assert not contact.chatters


def test_a_hand_that_presses_for_a_minute_is_no_loose_wire() -> None:
    assert chattering(resting(), 1_000, 60_000, REST_MS) == []


def test_s12_levels_that_did_not_stand_are_counted() -> None:
    contact = resting()
    chattering(contact, 1_000, 100, 1)
    assert contact.spikes == 50
    contact.feed(closed=True, at_ms=2_000)
    assert [each.what for each in contact.settle(2_000 + WINDOW)] == ["active"]
    assert contact.spikes == 50
