"""Which status counts: connections come and go, wills come late, and old words are played again."""

from typing import Any

from centre.homes import PAST_NONCES, Home, on_check_in, on_state, on_status
from rules.reports import Clock
from rules.values import Now
from tests.support.voice import AT, CLOCK, WALL_MS, Voice

VOICE = Voice()
LATER = Now(60_000, WALL_MS + 55_000)


def after(*said: Any, home: Home | None = None) -> Home:
    """Say (nonce, online) one after the other; a third word means that it was retained."""
    home = home or Home(hub="hub-1")
    for nonce, online, *retained in said:
        newer = on_status(home, VOICE.status_of(nonce, online=online), AT, retained=bool(retained))
        home = home if newer == "stale" else newer
    return home


def test_s8_a_will_counts_only_with_the_newest_nonce() -> None:
    assert not after(("nonce-0001", True), ("nonce-0001", False)).online
    # The old connection's will comes after the hub is back on a new one.
    home = after(("nonce-0001", True), ("nonce-0002", True), ("nonce-0001", False))
    assert (home.online, home.nonce) == (True, "nonce-0002")


def test_s8_an_old_online_played_again_brings_nobody_back() -> None:
    home = after(("nonce-0001", True), ("nonce-0002", True), ("nonce-0002", False), ("nonce-0001", True))
    assert (home.online, home.nonce) == (False, "nonce-0002")
    assert not after(("nonce-0001", True), ("nonce-0001", False), ("nonce-0001", True)).online


def test_the_retained_status_tells_what_happened_while_the_centre_was_away() -> None:
    knew = after(("nonce-0001", True))
    assert after(("nonce-0005", False), home=knew).online  # live: some connection never seen; not the newest known
    gone = after(("nonce-0005", False, "retained"), home=knew)
    assert (gone.online, gone.nonce) == (False, "nonce-0005")
    assert after(("nonce-0006", True), home=gone).online
    assert not after(("nonce-0001", False, "retained")).online  # all that a new centre hears of a dead hub


def test_a_retained_online_is_no_sign_of_life() -> None:
    assert after(("nonce-0001", True, "retained")).heard_ms is None
    assert after(("nonce-0001", True)).heard_ms == WALL_MS


def test_s12_superseded_nonces_are_bounded() -> None:
    home = after(*((f"nonce-{number:04}", True) for number in range(PAST_NONCES + 10)))
    assert len(home.past) == PAST_NONCES
    assert home.nonce not in home.past


def test_a_planned_stop_says_why() -> None:
    newer = on_status(after(("nonce-0001", True)), VOICE.status_of(online=False, reason="update"), AT, retained=False)
    assert newer != "stale"
    assert (newer.online, newer.reason) == (False, "update")


def test_an_older_state_of_the_same_boot_is_stale() -> None:
    def state(boot: str, ms: int, home: Home) -> Any:
        return on_state(home, VOICE.state_of(clock=Clock(boot, ms, CLOCK.wall, synced=True)))

    home = state("boot-1", 5_000, after(("nonce-0001", True)))
    assert state("boot-1", 4_999, home) == "stale"
    assert state("boot-1", 5_000, home) != "stale"
    assert state("boot-0", 9_000, home) == "stale"  # of a boot before the one the status names
    assert state("boot-2", 10, Home(hub="hub-1", state_boot="boot-1", state_ms=9_000)) != "stale"


def test_a_check_in_of_another_epoch_is_stale() -> None:
    home = after(("nonce-0001", True))
    assert on_check_in(home, "e0", 9, {}, LATER) == "stale"
    newer = on_check_in(home, "e1", 1, {"a": None}, LATER)
    assert newer != "stale"
    assert newer.heard_ms == LATER.wall_ms
    assert on_check_in(newer, "e1", 1, {}, LATER) == "stale"


# --- a hub with two lines ------------------------------------------------------------------------------

MAIN, SPARE = "nonce-main", "nonce-spare"


def said(home: Home, nonce: str, *also: str, online: bool = True, ms: int = 0, retained: bool = False) -> Home:
    status = VOICE.status_of(nonce, online=online, also=also, monotonic_ms=ms)
    newer = on_status(home, status, AT, retained=retained)
    return home if newer == "stale" else newer


def both() -> Home:
    """The main line came up, then the standby."""
    return said(said(Home(hub="hub-1"), MAIN, ms=1), SPARE, MAIN, ms=2)


def test_s7_a_hub_with_two_lines_is_gone_with_the_last_of_them_in_either_order() -> None:
    for first, second in ((MAIN, SPARE), (SPARE, MAIN)):
        one_left = said(both(), first, online=False)
        assert (one_left.online, one_left.nonce) == (True, second)
        assert not said(one_left, second, online=False).online


def test_s7_a_standby_that_closes_never_makes_the_hub_look_gone_and_hides_no_death() -> None:
    closed = said(both(), MAIN, ms=3)  # the standby's last word
    assert (closed.online, closed.nonce, closed.lines) == (True, MAIN, (MAIN,))
    assert said(closed, SPARE, online=False).online  # its will, if its last word did not get through to the broker
    assert not said(closed, MAIN, online=False).online


def test_s7_a_line_that_came_back_hides_no_death_though_its_first_will_is_never_spoken() -> None:
    again = said(both(), "nonce-main-2", SPARE, ms=3)
    assert not said(said(again, SPARE, online=False), "nonce-main-2", online=False).online


def test_s8_a_status_that_was_overtaken_on_the_other_line_is_void() -> None:
    home = said(both(), "nonce-main-2", SPARE, ms=4)
    late = said(home, SPARE, MAIN, ms=3)  # said while the main line was what it no longer is
    assert late == home
    assert said(home, SPARE, "nonce-main-2", ms=5).lines == ("nonce-main-2", SPARE)


def test_a_new_centre_learns_both_lines_from_the_retained_status() -> None:
    home = said(Home(hub="hub-1"), SPARE, MAIN, ms=2, retained=True)
    assert said(home, SPARE, online=False).online
    assert not said(said(home, SPARE, online=False), MAIN, online=False).online


def test_a_retained_will_of_one_line_does_not_silence_the_other_for_good() -> None:
    was_away = said(said(Home(hub="hub-1"), MAIN, ms=1), SPARE, online=False, retained=True)
    assert not was_away.online  # all it can know: the last word was a will
    assert said(was_away, MAIN, ms=9).online  # at its next check-in


def test_a_new_process_ends_the_lines_of_the_old_one() -> None:
    new = said(both(), "nonce-new", ms=7)
    assert new.lines == ("nonce-new",)
    assert said(new, SPARE, online=False).online  # a late will of the old process
