"""Texts: who is asked, told and believed; once each, and never abandoned."""

import pytest

from rules.events import PartChanged, TextDelivered, TextFailed
from rules.replies import read_reply
from rules.reports import AlarmAcknowledged, AlarmTexted
from rules.texts import TEXTS_MAX
from tests.rules.home import HOUR, MINUTE, Home, plan_of, sms


def called(*steps: object, kind: str = "smoke") -> Home:
    """A home whose daughter was texted, and the network took it."""
    home = Home()
    home.texts_go = True
    home.plan(plan_of(sms(60, "daughter"), *steps, kind=kind))  # type: ignore[arg-type]
    home.press("smoke-1")
    home.after(60)
    return home


def code(home: Home, contact: str = "daughter") -> int:
    return next(text.code for text in home.house.texts if (text.contact, text.what) == (contact, "alarm"))


def test_a_contact_is_asked_in_their_language_with_a_code_of_two_digits() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter", "neighbour")))
    home.press("smoke-1")
    home.after(60)
    daughter, neighbour = home.texts()
    assert (daughter.contact, daughter.language, daughter.what, daughter.kind) == ("daughter", "en", "alarm", "smoke")
    assert (neighbour.contact, neighbour.language) == ("neighbour", "pl")
    assert 10 <= daughter.code <= 99
    assert home.sent(AlarmTexted) == []
    home.text_sent(daughter)
    home.happens(TextDelivered(daughter.text))
    assert [(each.contact, each.state) for each in home.sent(AlarmTexted)] == [
        ("daughter", "sent"),
        ("daughter", "delivered"),
    ]


def test_s4_the_reply_takes_that_alarm_and_no_other() -> None:
    home = called()
    home.wet()
    home.reply("daughter", code(home))
    smoke, flood = home.house.alarms
    assert (smoke.stage, smoke.holder, smoke.contact) == ("acknowledged", "contact", "daughter")
    assert flood.stage == "raised"
    assert home.only(AlarmAcknowledged).contact == "daughter"
    assert home.told()[-1] == ("daughter", "yours")


@pytest.mark.parametrize("what", ["another code", "another contact", "another answer", "no code"])
def test_s8_what_is_not_the_answer_changes_nothing_and_is_answered_once(what: str) -> None:
    home = called()
    good, before = code(home), home.house.alarms
    contact, answer, number = {
        "another code": ("daughter", 1, good % 90 + 10),
        "another contact": ("neighbour", 1, good),
        "another answer": ("daughter", 2, good),
        "no code": ("daughter", 0, 0),
    }[what]
    home.forget()
    for _ in range(3):
        home.reply(contact, number, answer)
    assert home.house.alarms == before
    assert home.told() == [(contact, "not-understood")]


def test_a_code_is_good_for_an_hour() -> None:
    home = called()
    good = code(home)
    home.after(HOUR - 0.001)
    before = home.house
    home.reply("daughter", good)
    assert home.alarm.holder == "contact"
    home.house = before
    home.after(0.001).forget().reply("daughter", good)
    assert home.alarm.holder is None
    assert home.told() == [("daughter", "not-understood")]


def test_yesterdays_code_takes_nothing_today() -> None:
    home = called()
    yesterday = code(home)
    home.resolve()
    home.after(24 * HOUR)
    home.press("smoke-1")
    home.after(60)
    assert code(home) != yesterday
    home.reply("daughter", yesterday)
    assert home.stage == "raised"


def test_the_first_owns_it_and_others_are_told_once() -> None:
    home = called(sms(60, "neighbour"))
    home.forget().reply("neighbour", code(home, "neighbour"))
    assert home.told() == [("daughter", "taken"), ("neighbour", "yours")]
    home.forget()
    for _ in range(2):
        home.reply("daughter", code(home))
    assert home.alarm.contact == "neighbour"
    assert home.told() == [], "she was told already"


def test_s3_a_contacts_acknowledgement_lapses_after_45_minutes_and_the_ladder_goes_on() -> None:
    home = called(sms(120, "neighbour"))
    home.reply("daughter", code(home))
    home.forget().after(45 * MINUTE)
    assert home.stage == "raised"
    home.after(60)
    assert home.told() == [("neighbour", "alarm")]


def test_a_contact_renews_by_answering_again() -> None:
    home = called()
    home.reply("daughter", code(home))
    home.after(30 * MINUTE)
    home.reply("daughter", code(home))
    home.after(44 * MINUTE)
    assert home.stage == "acknowledged"


def test_a_contact_never_resolves_and_never_stops_delivery() -> None:
    home = called()
    home.reply("daughter", code(home))
    assert home.delivery == "waiting"


def test_whoever_was_asked_is_told_when_it_is_over() -> None:
    home = called()
    home.forget().resolve()
    assert home.told() == [("daughter", "over")]
    home.forget().reply("daughter", code(home))
    assert home.told() == [], "once is enough"


def unsent() -> Home:
    """A home whose daughter was to be texted, and the modem is still about it."""
    home = Home()
    home.plan(plan_of(sms(60, "daughter")))
    home.press("smoke-1")
    home.after(60)
    return home


def test_s3_a_text_that_was_not_sent_yet_is_held_back_while_somebody_has_the_alarm() -> None:
    home = unsent()
    home.happens(TextFailed(home.texts()[0].text, "no network"))
    first = home.texts()[0]
    home.forget().help_arrives()
    home.after(30 * MINUTE)
    home.restart()
    home.after(15 * MINUTE - 1.001)
    assert home.told() == []
    home.after(0.001)
    assert home.stage == "raised"
    assert home.texts() == [first], "nobody has it any more, and she was never told"


def test_a_text_of_a_step_until_resolved_is_not_held_back() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter", unless="resolved")))
    home.press("smoke-1")
    home.after(60)
    home.happens(TextFailed(home.texts()[0].text, "no network"))
    home.forget().help_arrives()
    home.after(5)
    assert home.told() == [("daughter", "alarm")]


def test_s3_a_text_that_was_held_back_goes_after_a_reboot() -> None:
    home = unsent()
    first = home.texts()[0]
    home.forget().help_arrives()
    home.reboot()
    assert home.stage == "raised"
    assert home.texts() == [first]


def test_a_text_that_was_held_back_is_forgotten_once_it_is_over() -> None:
    home = unsent()
    home.help_arrives()
    home.forget().resolve()
    home.after(HOUR)
    assert home.told() == []
    assert home.house.texts == ()


@pytest.mark.parametrize(("ends", "told"), [("help_arrives", "taken"), ("resolve", "over")])
def test_a_text_that_was_under_way_when_somebody_took_the_alarm_is_followed_by_another(ends: str, told: str) -> None:
    home = unsent()
    text = home.texts()[0]
    home.forget()
    getattr(home, ends)()
    assert home.told() == []
    for _ in range(2):
        home.text_sent(text)
    assert home.told() == [("daughter", told)]


def test_s3_a_text_that_fails_is_tried_until_it_is_sent() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter")))
    home.press("smoke-1")
    home.after(60)
    gaps, last = [], home.ms
    for _ in range(6):
        home.happens(TextFailed(home.texts()[-1].text, "no network"))
        count = len(home.texts())
        while len(home.texts()) == count:
            home.after(1)
        gaps.append((home.ms - last) // 1000)
        last = home.ms
    assert gaps == [5, 15, 30, 60, 60, 60]
    assert ("texts", "") in home.faults
    assert [(each.state, each.reason) for each in home.sent(AlarmTexted)] == [("failed", "no network")]
    home.text_sent()
    assert ("texts", "") not in home.faults
    home.forget().after(30 * MINUTE)
    assert home.told() == []


def test_s3_a_modem_that_is_back_sends_at_once_what_waits() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter")))
    home.press("smoke-1")
    home.after(60)
    for _ in range(4):
        home.happens(TextFailed(home.texts()[-1].text, "pulled"))
        home.after(60)
    home.happens(TextFailed(home.texts()[-1].text, "pulled"))
    home.happens(PartChanged("modem", ok=False, reason="pulled"))
    home.forget().after(1)
    assert home.told() == []
    home.happens(PartChanged("modem", ok=True))
    assert home.told() == [("daughter", "alarm")]


def test_s3_hours_without_a_network_do_not_wear_the_call_out_and_its_hour_begins_when_it_is_sent() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter")))
    home.press("smoke-1")
    home.after(60)
    for _ in range(300):
        home.happens(TextFailed(home.texts()[-1].text, "no network"))
        home.after(60)
    home.text_sent()
    home.after(59 * MINUTE)
    home.reply("daughter", code(home))
    assert home.alarm.holder == "contact"


def test_s7_a_modem_that_gives_no_outcome_is_tried_again() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter")))
    home.press("smoke-1")
    home.after(60 + 90 + 4.999)
    assert len(home.texts()) == 1
    home.after(0.001)
    assert len(home.texts()) == 2


def test_s3_a_process_that_dies_sends_again_what_it_does_not_know_to_be_sent() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter"), sms(60, "neighbour")))
    home.press("smoke-1")
    home.after(60)
    home.text_sent(home.texts()[0])
    home.forget().restart()
    assert home.told() == [("neighbour", "alarm")]


def test_s4_an_outcome_told_twice_changes_nothing() -> None:
    home = called()
    (text,), (kept,) = home.texts(), home.house.texts
    home.forget().text_sent(text)
    assert home.house.texts == (kept,)
    assert home.actions == []


def test_s3_a_text_that_the_network_could_not_deliver_is_sent_again() -> None:
    home = called()
    (text,) = home.texts()
    home.after(60).forget().happens(TextFailed(text.text, "its telephone was off for an hour"))
    assert [each.state for each in home.sent(AlarmTexted)] == ["failed"]
    home.after(5)
    assert home.texts() == [text]


def test_what_could_not_be_delivered_is_left_once_somebody_has_the_alarm() -> None:
    home = called()
    (text,) = home.texts()
    home.help_arrives()
    home.forget().happens(TextFailed(text.text, "its telephone was off for an hour"))
    home.after(10 * MINUTE)
    assert home.told() == []


def test_s12_texts_are_bounded_and_codes_differ() -> None:
    home = Home()
    home.texts_go = True
    home.plan(plan_of(*(sms(60 + n, "daughter", "neighbour") for n in range(20)), repeat=5 * MINUTE))
    home.press("smoke-1")
    for _ in range(200):
        home.after(10)
        codes = [text.code for text in home.house.texts if text.contact == "daughter"]
        assert len(codes) == len(set(codes))
        assert len(home.house.texts) <= TEXTS_MAX


@pytest.mark.parametrize("body", ["1 42", " 1 42 ", "1-42", "1, 42", "1 42 Danke!", "1\n42", "1. 42."])
def test_a_reply_is_read_as_people_write_it(body: str) -> None:
    assert read_reply(body) == (1, 42)


@pytest.mark.parametrize(
    "body", ["", "yes", "142", "1 420", "42", "1 4", "1 42 7", "x" * 10_000, "\u0661 \u0664\u0662"]
)
def test_what_is_not_an_answer_is_none(body: str) -> None:
    assert read_reply(body) is None


def test_who_owns_an_alarm_is_not_told_that_somebody_else_does_when_the_centre_takes_it_too() -> None:
    home = called()
    home.reply("daughter", code(home))
    home.forget().acknowledge()
    assert (home.told(), home.alarm.contact) == ([], "daughter")


@pytest.mark.parametrize("how", ["restart", "reboot"])
def test_s4_the_code_of_yesterdays_text_is_not_todays_after_a_restart(how: str) -> None:
    home = called()
    yesterday = code(home)
    home.resolve()
    home.after(24 * HOUR)
    getattr(home, how)()
    home.press("smoke-1")
    home.after(60)
    assert code(home) != yesterday
    home.reply("daughter", yesterday)
    assert home.stage == "raised"


def test_s12_a_dead_modem_and_a_ladder_that_repeats_pile_up_one_text_for_each_contact() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter", "neighbour"), repeat=5 * MINUTE))
    home.press("smoke-1")
    home.after(24 * HOUR)
    assert sorted(text.contact for text in home.house.texts) == ["daughter", "neighbour"]
    home.forget().texts_go = True
    home.after(2 * MINUTE)
    assert sorted(home.told()) == [("daughter", "alarm"), ("neighbour", "alarm")]


def test_s3_a_text_that_goes_shows_that_the_way_is_open_and_the_others_follow_at_once() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter"), sms(70, "neighbour")))
    home.press("smoke-1")
    home.after(60)
    daughter = home.texts()[0]
    for _ in range(4):
        home.happens(TextFailed(daughter.text, "no network"))
    home.after(10)
    neighbour = home.texts()[-1]
    assert neighbour.contact == "neighbour"
    home.forget().text_sent(neighbour)
    home.after(0)
    assert home.texts() == [daughter]
