"""When a certificate is renewed, when it is tried again, what a trial at the broker allows. Values in, values out."""

import os
from pathlib import Path
from typing import get_args

import pytest

from agent.status import RENEWAL_FILE, RenewalStatus, RenewalTrouble
from agent.uplink.trying import Outcome, Tried
from provisioning.provision.renewal import (
    AGAIN_MS,
    DAY_MS,
    HOUR_MS,
    NEAR_AGAIN_MS,
    Validity,
    best_time,
    due_ms,
    failed,
    hindrance,
    may_try,
    well,
)
from provisioning.provision.renewing import _read

NOW = 1_800_000_000_000
YEAR = Validity(NOW, NOW + 365 * DAY_MS)
FAR = NOW + 200 * DAY_MS


def test_a_year_is_renewed_with_three_offline_times_left_each_hub_on_its_own_day() -> None:
    days = sorted((due_ms(f"hub-{n}", YEAR, 30) - NOW) / DAY_MS for n in range(500))
    assert 238.5 <= days[0] < 240
    assert 274 < days[-1] <= 275, "never with less than 90 days left"
    assert 255 < days[250] < 258, "spread evenly, so that no day has them all"
    assert due_ms("hub-1", YEAR, 30) == due_ms("hub-1", YEAR, 30)


def test_a_short_certificate_is_not_renewed_at_every_look() -> None:
    week = Validity(NOW, NOW + 7 * DAY_MS)
    begins = [(due_ms(f"hub-{n}", week, 30) - NOW) / DAY_MS for n in range(100)]
    assert 1.5 < min(begins) < max(begins) < 2.4


def test_s6_an_untrusted_clock_is_never_judged_by() -> None:
    assert best_time(NOW, trusted=True, server_ms=5) == NOW
    assert best_time(NOW, trusted=False, server_ms=5) == 5
    assert best_time(NOW, trusted=False, server_ms=None) is None


def fail(
    status: RenewalStatus, now_ms: int | None, until_ms: int = FAR, why: RenewalTrouble = "the broker refuses"
) -> RenewalStatus:
    return failed("hub-1", status, now_ms, until_ms, why)


def test_it_is_tried_again_ever_later_but_daily_and_oftener_near_the_end() -> None:
    status, now, pauses = RenewalStatus(), NOW, []
    for _ in range(12):
        status = fail(status, now)
        assert status.again_ms is not None
        assert not may_try(status, status.again_ms - 1)
        assert may_try(status, status.again_ms)
        pauses.append(status.again_ms - now)
        now = status.again_ms
    assert HOUR_MS / 2 <= pauses[0] <= HOUR_MS
    assert all(AGAIN_MS[1] / 2 <= pause <= AGAIN_MS[1] for pause in pauses[6:])
    assert (status.failing_ms, status.failures) == (NOW, 12), "since the first, for the centre to know"
    near = fail(status, FAR - 10 * DAY_MS)
    assert (near.again_ms or 0) - (FAR - 10 * DAY_MS) <= NEAR_AGAIN_MS


def test_what_succeeds_or_is_not_due_ends_the_failing() -> None:
    status = fail(fail(RenewalStatus(), NOW), NOW + DAY_MS)
    assert well(status, NOW + 2 * DAY_MS) == RenewalStatus(looked_ms=NOW + 2 * DAY_MS)
    assert well(status, None).looked_ms == NOW + DAY_MS, "an unknown time does not make it older or newer"


def test_s6_without_a_time_nothing_is_dated_and_nothing_is_waited_for() -> None:
    status = fail(RenewalStatus(), None)
    assert (status.failing_ms, status.again_ms, status.failures) == (None, None, 1)
    since = fail(status, NOW)
    assert since.failing_ms == NOW
    assert fail(since, None).failing_ms == NOW
    assert may_try(since, None)


def test_s6_a_pause_that_a_mad_clock_has_made_holds_nobody_up() -> None:
    status = fail(RenewalStatus(), NOW + 4_000 * DAY_MS)
    assert may_try(status, NOW)
    assert fail(status, NOW).failing_ms == NOW, "and it has not failed since a day to come"


def tried(*outcomes: Outcome) -> list[Tried]:
    return [Tried(f"way-{n}", outcome) for n, outcome in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("outcomes", "strictly", "at_least"),
    [
        (("taken",), None, None),
        (("taken", "unreachable"), None, None),
        (("taken", "refused"), "the broker refuses", None),
        (("refused",), "the broker refuses", "the broker refuses"),
        (("refused", "unreachable"), "the broker refuses", "the broker refuses"),
        (("unreachable",), "no way to the broker", "no way to the broker"),
        ((), "no way to the broker", "no way to the broker"),
    ],
)
def test_what_is_not_taken_is_not_used(
    outcomes: tuple[Outcome, ...], strictly: RenewalTrouble | None, at_least: RenewalTrouble | None
) -> None:
    assert hindrance(tried(*outcomes), one_will_do=False) == strictly
    assert hindrance(tried(*outcomes), one_will_do=True) == at_least


def test_the_centre_is_told_why_in_words_that_name_nobody() -> None:
    assert all(len(why) < 40 and why.isascii() for why in get_args(RenewalTrouble))


@pytest.mark.parametrize("junk", [b"\xff" * 9, b'{"why":"\xff"}', b'{"x":' + b"[" * 4_000, b'{"looked_ms":-1}', None])
def test_junk_in_its_notes_ends_no_renewing(tmp_path: Path, junk: bytes | None) -> None:
    notes = tmp_path / RENEWAL_FILE
    os.mkfifo(notes) if junk is None else notes.write_bytes(junk)
    assert _read(tmp_path) == RenewalStatus()
