"""How often a request may fail: time is an argument, so an hour of guessing takes no time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centre.site.limits import Allowance, FailureLimit, network

EACH = Allowance(burst=3, every_ms=1_000)
TOGETHER = Allowance(burst=5, every_ms=100)


def limit(addresses_max: int = 100) -> FailureLimit:
    return FailureLimit(EACH, TOGETHER, addresses_max)


def test_one_address_fails_so_often_and_then_waits_and_is_told_how_long() -> None:
    each = limit()
    assert [each.take("192.0.2.1", 0) for _ in range(4)] == [0, 0, 0, 1_000]
    assert each.take("192.0.2.1", 400) == 600
    assert each.take("192.0.2.1", 1_000) == 0
    assert each.take("192.0.2.1", 1_001) == 999


def test_others_are_not_kept_waiting_until_all_together_fail_too_often() -> None:
    each = limit()
    for _ in range(3):
        each.take("192.0.2.1", 0)
    assert each.take("192.0.2.2", 0) == 0
    assert each.take("192.0.2.3", 0) == 0
    assert each.take("192.0.2.4", 0) == 100


def test_success_costs_nothing() -> None:
    each = limit()
    for _ in range(50):
        assert each.take("192.0.2.1", 0) == 0
        each.give_back("192.0.2.1")
    assert [each.take("192.0.2.1", 0) for _ in range(4)][3] > 0


def test_what_was_given_back_is_never_more_than_there_was() -> None:
    each = limit()
    for _ in range(50):
        each.give_back("192.0.2.1")
    assert [each.take("192.0.2.1", 0) for _ in range(4)][3] > 0


def test_s12_so_many_addresses_are_remembered_and_no_more() -> None:
    each = FailureLimit(EACH, Allowance(burst=10_000, every_ms=1), addresses_max=10)
    for number in range(200):
        each.take(f"198.51.{number}.1", 0)
    assert len(each) == 10
    each.take("192.0.2.1", 10_000)
    assert len(each) == 1  # the others have failed so long ago that it counts no more


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "junk", True),
    ],
)
def test_whose_an_address_is(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400), st.booleans()), max_size=60))
def test_however_it_goes_no_address_fails_more_than_its_allowance(steps: list[tuple[int, int, bool]]) -> None:
    each, ms, failures = limit(), 0, 0
    for address, pause_ms, fails in steps:
        ms += pause_ms
        if each.take(f"192.0.2.{address}", ms) == 0:
            if fails:
                failures += address == 0
            else:
                each.give_back(f"192.0.2.{address}")
    assert failures <= EACH.burst + ms // EACH.every_ms
