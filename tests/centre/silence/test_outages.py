"""Outages as they happen: many homes at once, or the centre's own line, broker and clock; and what staff see."""

from collections.abc import Iterator

from msgspec.structs import replace

from centre.silence import Seen, watch
from rules.reports import AlarmResolved
from tests.centre.silence.town import Town, all_of
from tests.support.voice import FACTS, RAISED

MINUTE = 60


# --- many homes ---------------------------------------------------------------------------------------------


def test_an_outage_is_one_incident_and_who_is_not_back_ten_minutes_after_it_is_a_case() -> None:
    town = Town(100)
    town.wait(60)
    for number, hub in enumerate(town.names[:30]):
        town.cut(hub, will_after_s=30 + number * 1.5)
    town.wait(10 * MINUTE)
    assert town.kinds()[-1] == "incident"
    assert town.cases() == []
    [incident] = town.silence.announced()
    assert sorted(incident.hubs) == sorted(town.names[:30])
    all_of(town.connect, town.names[:27])
    town.wait(9 * MINUTE)
    assert town.cases() == []
    assert town.kinds()[-1] == "incident-over"
    town.wait(2 * MINUTE)
    assert sorted(town.cases()) == town.names[27:30]
    assert "incident-ended" in town.kinds()
    town.wait(20 * MINUTE)
    assert town.silence.incidents == ()
    assert sorted(town.cases()) == town.names[27:30]


def test_the_first_homes_of_a_slow_outage_are_cases_only_until_it_is_announced() -> None:
    town = Town(60)
    for number, hub in enumerate(town.names[:8]):
        town.later(number * 10, lambda hub=hub: town.will(hub))  # type: ignore[misc]
    town.wait(40)
    assert len(town.cases()) >= 2  # nobody could know yet
    town.wait(2 * MINUTE)
    assert town.cases() == []
    assert town.kinds().count("opened") == town.kinds().count("joined") > 0
    assert town.silence.announced()[0].lost == 8


def test_five_homes_at_once_are_five_cases_and_six_are_one() -> None:
    few, many = Town(50), Town(50)
    all_of(few.will, few.names[:5])
    all_of(many.will, many.names[:6])
    few.wait(2 * MINUTE)
    many.wait(2 * MINUTE)
    assert (few.kinds(), few.silence.incidents) == (["opened"] * 5, ())
    assert many.kinds() == ["incident"]


def test_an_incident_names_a_home_once_that_comes_and_goes_before_it_is_announced() -> None:
    town = Town(60)
    all_of(town.will, town.names[:20])
    town.wait(20)
    town.connect("home-0")
    town.wait(5)
    town.will("home-0")
    town.wait(2 * MINUTE)
    assert sorted(town.silence.announced()[0].hubs) == sorted(town.names[:20])


def test_power_that_comes_and_goes_is_one_incident() -> None:
    town = Town(60)
    for _ in range(4):
        all_of(town.will, town.names[:20])
        town.wait(4 * MINUTE)
        all_of(town.connect, town.names[:20])
        town.wait(4 * MINUTE)
    assert town.kinds().count("incident") == 1
    assert not {"opened", "incident-ended"} & set(town.kinds())
    town.wait(10 * MINUTE)
    assert town.kinds()[-1] == "incident-ended"


def test_an_outage_of_which_many_homes_or_most_are_left_is_not_over() -> None:
    for lost, back in ((20, 12), (6, 1)):  # eight are more than chance takes; five of six are most
        town = Town(60)
        all_of(town.will, town.names[:lost])
        town.wait(5 * MINUTE)
        all_of(town.connect, town.names[:back])
        town.wait(60 * MINUTE)
        assert (town.kinds(), town.silence.announced()[0].lost) == (["incident"], lost - back)
        all_of(town.connect, town.names[back : back + 3])
        town.wait(11 * MINUTE)
        assert len(town.cases()) == lost - back - 3
        assert town.silence.incidents == ()


def test_a_home_that_dies_after_an_outage_began_is_not_hidden_by_it() -> None:
    town = Town(60)
    all_of(town.will, town.names[:20])
    town.wait(5 * MINUTE)
    town.will("home-50")
    town.wait(15)
    assert town.cases() == ["home-50"]


def test_an_incident_grows_by_what_is_lost_in_the_same_two_minutes() -> None:
    town = Town(60)
    all_of(town.will, town.names[:20])
    town.later(100, lambda: town.will("home-50"))
    town.wait(3 * MINUTE)
    assert town.kinds() == ["incident", "incident-grew"]
    assert town.silence.announced()[0].hubs[-1] == "home-50"


def test_two_outages_are_two_incidents() -> None:
    town = Town(60)
    all_of(town.will, town.names[:10])
    town.wait(20 * MINUTE)
    all_of(town.will, town.names[30:42])
    town.wait(2 * MINUTE)
    assert [each.lost for each in town.silence.announced()] == [10, 12]


def test_a_bad_update_that_no_hub_survives_is_one_incident() -> None:
    town = Town(60)
    all_of(lambda hub: town.will(hub, "restarting"), town.names[:50])
    town.wait(10 * MINUTE - 5)
    assert town.silence.troubles == {}
    town.wait(2 * MINUTE)
    assert town.kinds() == ["incident"]


def test_in_a_power_cut_homes_with_an_alarm_are_cases_of_their_own_and_an_alarm_that_has_ended_does_not_count() -> None:
    town = Town(40)
    for hub in ("home-2", "home-3", "home-4"):
        town.tell(hub, RAISED)
    town.tell("home-4", AlarmResolved(**FACTS, by="centre", outcome="helped"))
    town.tell("home-5", replace(RAISED, test=True))
    all_of(town.will, town.names)
    town.wait(15)
    assert sorted(town.cases()) == ["home-2", "home-3"]
    town.wait(2 * MINUTE)
    assert sorted(town.cases()) == ["home-2", "home-3"]
    assert town.silence.announced()[0].lost == 40


def test_a_power_cut_in_a_town_of_10_000_homes_is_one_incident_and_three_cases() -> None:
    """What is measured is work: every home is looked at once a tick, and nothing is made anew that has not changed."""
    town = Town(10_000, tick_s=15)
    alarmed = ["home-77", "home-4711", "home-9999"]
    all_of(lambda hub: town.tell(hub, RAISED), alarmed)
    for number, hub in enumerate(town.names[:9_950]):
        town.alive.pop(hub)
        town.later(0.5 + number * 0.004, lambda hub=hub: town.will(hub))  # type: ignore[misc]
    town.will("home-9999")
    town.wait(45)
    assert sorted(town.cases()) == sorted(alarmed)
    assert town.silence.announced() == []
    town.wait(40)
    assert sorted(town.kinds()) == ["incident", "opened", "opened", "opened"]
    [incident] = town.silence.announced()
    assert (incident.lost, len(incident.hubs)) == (9_951, 9_951)

    looked: list[str] = []

    def registry() -> Iterator[Seen]:
        for seen in town.seen.values():
            looked.append(seen.hub)
            yield seen

    after = watch(town.silence, registry(), town.now_ms + 1_000)
    assert len(looked) == 10_000
    assert all(after.troubles[hub] is several for hub, several in town.silence.troubles.items())
    assert after.incidents[0].hubs is incident.hubs


# --- the centre itself --------------------------------------------------------------------------------------


def test_s7_a_broker_that_starts_again_is_nobodys_alarm() -> None:
    town = Town(10_000, tick_s=15)
    all_of(town.will, town.names)  # a broker that stops says every will
    town.hearing = False
    town.wait(15)
    town.hearing = True
    for number, hub in enumerate(town.names):
        town.later(number * 0.004, lambda hub=hub: town.connect(hub))  # type: ignore[misc]
    town.wait(2 * MINUTE)
    assert town.log == []
    assert (town.silence.troubles, town.silence.incidents) == ({}, ())


def test_another_broker_that_starts_again_is_nobodys_alarm_either_but_who_stays_away_is_a_case() -> None:
    town = Town(200)
    all_of(town.will, town.names)  # and our own line stands
    for number, hub in enumerate(town.names[:-2]):
        town.later(number * 0.3, lambda hub=hub: town.connect(hub))  # type: ignore[misc]
    town.wait(70)
    assert town.log == []
    town.wait(60)
    assert sorted(town.cases()) == town.names[-2:]
    assert town.silence.incidents == ()


def test_homes_that_are_connected_again_and_whose_check_ins_are_still_queued_are_nobodys_alarm() -> None:
    town = Town(60)
    all_of(town.will, town.names)
    town.wait(30)
    all_of(lambda hub: town.connect(hub, check_in=False), town.names)
    town.wait(55)
    all_of(town.check_in, town.names)
    town.wait(60)
    assert (town.log, town.silence.troubles) == ([], {})


def test_s7_a_centre_that_hears_nobody_says_so_and_calls_nobody_silent() -> None:
    town = Town(50)
    town.wait(60)
    town.hearing = False
    town.wait(15 * MINUTE)
    assert town.log == [(120.0, "deaf", "")]
    town.alive.pop("home-49")  # one died meanwhile, and its will was lost with the broker
    town.hearing = True
    town.wait(2 * MINUTE)
    assert town.kinds() == ["deaf", "hearing"]
    town.wait(4 * MINUTE)
    assert town.cases() == town.names[-1:]


def test_a_line_of_our_own_that_comes_and_goes_does_not_hear() -> None:
    town = Town()
    for _ in range(10):
        town.hearing = False
        town.wait(10)
        town.hearing = True
        town.wait(50)
    assert town.kinds() == ["deaf"]


def test_s7_a_watch_that_slept_says_so_and_gives_homes_time_to_speak() -> None:
    town = Town(20)
    town.wait(60)
    town.now_ms += 3_600_000  # the machine was suspended, or its clock was set
    town._tick()
    assert town.kinds() == ["deaf"]
    town.wait(60)
    assert town.kinds() == ["deaf"]
    town.wait(10 * MINUTE)
    assert town.kinds() == ["deaf", "hearing"]


def test_a_watch_that_slept_through_an_outage_finds_one_incident() -> None:
    town = Town(60)
    town.wait(60)
    all_of(town.will, town.names[:20])  # heard by the intake, and looked at by nobody
    town.now_ms += 20 * MINUTE * 1000
    town._tick()
    town.wait(2 * MINUTE)
    assert [kind for kind in town.kinds() if kind not in ("deaf", "hearing")] == ["incident"]


def test_a_clock_that_is_set_back_hides_nobody_for_long() -> None:
    town = Town(2)
    town.wait(60)
    town.will("home-0")
    town.alive.clear()
    town.now_ms -= 3 * 3_600_000
    town.wait(2 * MINUTE)
    assert town.cases() == ["home-0"]
    town.wait(8 * MINUTE)
    assert sorted(town.cases()) == ["home-0", "home-1"]
