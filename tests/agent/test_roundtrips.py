"""How long alarms took to the centre and back, as turns tell it."""

from agent.roundtrips import KEPT, Roundtrip, Roundtrips
from tests.rules.home import Home


def test_an_alarm_and_what_joins_it_are_measured_each_by_itself() -> None:
    home, trips = Home(), Roundtrips()
    trips.look(home.press("flood-1"), 1_000)
    home.after(3)
    trips.look(home.press("flood-1"), 4_000)
    home.after(1)
    raised = Roundtrip(alarm=home.alarm.id, kind="flood", sensor="flood-1", test=False, joined=False, sent_ms=1_000)
    joined = Roundtrip(alarm=home.alarm.id, kind="flood", sensor="flood-1", test=False, joined=True, sent_ms=4_000)
    assert trips.known == (raised, joined)
    trips.look(home.receipt(), 5_500)
    assert [trip.receipted_ms for trip in trips.known] == [5_500, None]
    trips.look(home.receipt(), 9_000)  # told twice
    assert [trip.receipted_ms for trip in trips.known] == [5_500, None]


def test_a_cancelled_window_is_no_delivery_and_a_refusal_no_receipt() -> None:
    home, trips = Home(), Roundtrips()
    trips.look(home.press("pendant-1"), 1)
    trips.look(home.cancel(), 2)
    assert [*trips.known] == []
    trips.look(home.press("smoke-1"), 3)
    trips.look(home.receipt(result="retry", retry_after=1), 4)
    trips.look(home.receipt(result="rejected"), 5)
    assert [trip.receipted_ms for trip in trips.known] == [None]


def test_s12_only_the_last_are_remembered() -> None:
    home, trips = Home(), Roundtrips()
    for moment in range(KEPT + 3):
        home.after(61)  # each is told, though the same
        trips.look(home.press("smoke-1"), moment)
    assert [trip.sent_ms for trip in trips.known] == list(range(3, KEPT + 3))
