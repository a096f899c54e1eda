"""Nights at the response centre, told from the operators' side."""

from typing import Any

import msgspec
import pytest

from agent.wire.messages import UnreadableError
from centre.cases.case import Case, CaseError, IllegalMoveError, TakenError, UnseenError, WordsError
from centre.cases.effects import Acknowledge, Resolve
from centre.cases.events import (
    MORE_MAX,
    Act,
    Began,
    HandedOver,
    Heard,
    LetGo,
    Noted,
    Reopened,
    Resolved,
    Took,
    Waits,
    heard,
)
from centre.cases.holding import ANSWER_MS, ASK_MS, RENEW_MS, RENEW_ON_WORD_MS
from rules.acknowledgement import HOLD_MS
from tests.centre.cases.desk import MINUTE, THREE, Desk, clock


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_press_is_answered_helped_and_closed(desk: Desk) -> None:
    desk.hear("raised", "a-1", by=clock(THREE - 5_000), silent=False)
    [line] = desk.queue()
    assert (line.case.state, line.case.priority, line.needed, line.waited_ms, line.mark) == ("new", 1, True, 5_000, 0)
    desk.wait(0.5)
    case = desk.do(Took, "ann")
    assert desk.told() == [Acknowledge("hub-1", "a-1")]
    assert (case.state, case.owner, case.answered_ms) == ("taken", "ann", THREE + 30_000)
    assert case.alarms[0].answered_ms == THREE + 30_000
    [line] = desk.queue()
    assert (line.needed, line.waited_ms, line.mark) == (False, 0, 0)
    desk.do(Began, "ann")
    desk.do(Noted, "ann", text="Mrs. R. is on the floor, not hurt. Her daughter comes.")
    desk.do(Waits, "ann", for_whom="daughter", until_ms=desk.at_ms + 20 * MINUTE)
    desk.tick(15)
    case = desk.do(Resolved, "ann", outcome="contact-attended")
    assert desk.told() == [Resolve("hub-1", "a-1", "contact-attended")]
    assert (case.state, case.owner, case.outcome, case.resolved_ms) == ("resolved", "", "contact-attended", desk.at_ms)
    assert desk.queue() == ()
    desk.hear("resolved", "a-1")
    assert desk.cases["case-1"].alarms[0].stage == "resolved"
    assert desk.retold("case-1") == desk.cases["case-1"]


def test_a_fall_and_then_the_pendant_are_one_case(desk: Desk) -> None:
    desk.hear("raised", "a-1", kind="fall")
    desk.wait(29)
    case = desk.hear("raised", "a-2", kind="pendant")
    assert case is not None
    assert (case.id, [each.alarm for each in case.alarms]) == ("case-1", ["a-1", "a-2"])
    desk.do(Took, "ann")
    assert desk.told() == [Acknowledge("hub-1", "a-1"), Acknowledge("hub-1", "a-2")]


def test_an_hour_later_it_is_another_story_unless_the_hub_links_it(desk: Desk) -> None:
    desk.hear("raised", "a-1", kind="fall")
    desk.wait(31)
    desk.hear("raised", "a-2")
    desk.wait(31)
    desk.hear("raised", "a-3", linked="a-1", person="partner")
    assert {case: [each.alarm for each in its.alarms] for case, its in desk.cases.items()} == {
        "case-1": ["a-1", "a-3"],
        "case-2": ["a-2"],
    }


def test_another_person_of_the_home_is_another_case_and_an_unknown_one_is_not(desk: Desk) -> None:
    desk.hear("raised", "a-1", person="resident")
    desk.hear("raised", "a-2", person="partner")
    desk.hear("raised", "a-3", kind="smoke", person="")
    held = {case: [each.alarm for each in its.alarms] for case, its in desk.cases.items()}
    assert held == {"case-1": ["a-1"], "case-2": ["a-2", "a-3"]}


def test_another_home_is_another_case_whatever_its_alarms_are_called(desk: Desk) -> None:
    desk.hear("raised", "a-1", hub="hub-1")
    desk.hear("raised", "a-1", hub="hub-2")
    assert {its.hub for its in desk.cases.values()} == {"hub-1", "hub-2"}
    desk.do(Took, "ann", "case-2")
    assert desk.told() == [Acknowledge("hub-2", "a-1")]


def test_s3_a_press_while_we_wait_for_the_ambulance_is_not_hidden_by_the_case_it_joins(desk: Desk) -> None:
    desk.hear("raised", "a-1", kind="fall")
    desk.do(Took, "ann")
    desk.do(Waits, "ann", for_whom="ambulance", until_ms=desk.at_ms + 120 * MINUTE)
    desk.tick(10)
    desk.told()
    desk.hear("raised", "a-2", linked="a-1")
    desk.hear("raised", "b-1", hub="hub-2", priority=2)
    first, second = desk.queue()
    assert (first.case.id, first.needed, first.asked, first.case.owner) == ("case-1", True, True, "ann")
    assert second.case.id == "case-2"
    assert desk.told() == []  # the home's own ladder runs: nobody has seen this one
    desk.tick(1)
    case = desk.do(Took, "ann")
    assert desk.told()[-1] == Acknowledge("hub-1", "a-2")
    assert (case.state, case.waiting_for) == ("waiting", "ambulance")
    assert not next(line for line in desk.queue() if line.case.id == "case-1").needed


def test_s3_an_alarm_its_owner_does_not_look_at_is_everybodys_after_three_minutes(desk: Desk) -> None:
    desk.hear("raised", "a-1", kind="fall")
    desk.do(Took, "ann")
    desk.wait(10)
    desk.hear("raised", "a-2", linked="a-1")
    desk.tick(2.75)
    assert desk.cases["case-1"].owner == "ann"
    desk.tick(0.25)
    [line] = desk.queue()
    assert (line.case.state, line.case.owner, line.waited_ms, line.mark) == ("new", "", 180_000, 2)


def test_nobody_closes_a_case_over_an_alarm_that_was_not_on_the_screen(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    screen = desk.do(Took, "ann").version
    desk.hear("raised", "a-2", kind="fall")
    with pytest.raises(UnseenError, match="look at it first"):
        desk.do(Resolved, "ann", seen=screen, outcome="reassured")
    note = desk.do(
        Noted, "ann", seen=screen, text="she is well"
    )  # what was typed is kept, and answers only what it saw
    assert note.unseen
    assert desk.do(Resolved, "ann", outcome="reassured").state == "resolved"


def test_a_case_that_goes_on_does_not_lose_what_an_operator_typed_meanwhile(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    screen = desk.do(Took, "ann").version
    desk.hear("escalated", "a-1")
    desk.hear("escalated", "a-1", means="sms", to=("daughter",))
    assert desk.do(Resolved, "ann", seen=screen, outcome="reassured").state == "resolved"


def test_cancelled_afterwards_it_is_still_for_people_to_decide(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    case = desk.hear("cancelled", "a-1", stage="raised")
    assert case is not None
    assert case.alarms[0].cancelled
    assert desk.queue()[0].needed
    desk.do(Took, "ann")
    assert desk.told() == [Acknowledge("hub-1", "a-1")]  # it is open at the hub all the same


def test_taken_back_in_time_nobody_is_troubled_but_an_open_case_tells_it(desk: Desk) -> None:
    assert desk.hear("cancelled", "a-1", stage="pending") is None
    assert desk.queue() == ()
    desk.hear("raised", "a-2")
    case = desk.hear("cancelled", "a-3", stage="pending")
    assert case is not None
    assert [each.alarm for each in case.alarms] == ["a-2"]
    assert [each.event.what for each in desk.audit["case-1"] if hasattr(each.event, "what")] == ["raised", "cancelled"]


def test_s3_an_owner_who_falls_asleep_is_asked_and_then_the_case_is_back_before_the_hub_resumes(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.tick(14.75)
    assert not desk.queue()[0].asked
    desk.tick(0.25)
    assert desk.queue()[0].asked
    assert desk.queue()[0].needed
    desk.tick(9.75)
    assert desk.cases["case-1"].owner == "ann"
    desk.tick(0.25)
    [line] = desk.queue()
    assert (line.case.state, line.case.owner, line.waited_ms) == ("new", "", 10 * MINUTE)
    assert desk.told() == [Acknowledge("hub-1", "a-1")]  # once, 25 min ago: the hub resumes in 5
    assert desk.do(Took, "bob").answered_ms == THREE  # reports count the first answer
    assert desk.told() == [Acknowledge("hub-1", "a-1")]


def test_s3_an_owner_who_speaks_keeps_the_hub_quiet_and_the_case(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    told_ms = [desk.at_ms]
    desk.told()
    for _ in range(8):
        desk.tick(14)
        desk.do(Noted, "ann", text="still on the telephone")
        told_ms += [desk.at_ms] * len(desk.told())
        assert desk.at_ms - told_ms[-1] <= 30 * MINUTE
    assert desk.cases["case-1"].owner == "ann"


def test_s3_a_colleagues_note_is_no_word_of_the_owner(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.tick(14)
    desk.do(Noted, "bob", text="has anybody seen ann?")
    desk.tick(11)
    assert desk.cases["case-1"].state == "new"


def test_s3_no_home_resumes_before_its_case_is_back_and_none_much_later() -> None:
    assert 0 <= HOLD_MS["centre"] - (ASK_MS + ANSWER_MS + RENEW_ON_WORD_MS) < MINUTE
    assert HOLD_MS["centre"] >= RENEW_MS + ANSWER_MS


def test_s3_alarm_upon_alarm_does_not_put_off_the_hour_when_others_see_them(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.hear("raised", "a-2")
    desk.tick(2)
    desk.hear("raised", "a-3")
    desk.tick(1)
    assert desk.cases["case-1"].state == "new"


def test_who_takes_a_case_over_has_time_to_look_at_what_came_meanwhile(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    screen = desk.do(Took, "ann").version
    desk.hear("raised", "a-2")
    desk.tick(2.75)
    desk.do(Took, "bob", over="ann", seen=screen)
    desk.tick(1)
    assert desk.cases["case-1"].owner == "bob"
    desk.tick(2)
    assert desk.cases["case-1"].owner == ""


def test_s3_while_waiting_the_hub_is_told_every_20_minutes_and_when_it_is_over_somebody_looks(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.do(Waits, "ann", for_whom="ambulance", until_ms=desk.at_ms + 50 * MINUTE)
    desk.tick(49.75)
    assert desk.told() == [Acknowledge("hub-1", "a-1")] * 3  # at 0, 20 and 40 min
    assert not desk.queue()[0].needed
    desk.tick(0.25)
    assert desk.queue()[0].asked
    desk.tick(10)
    assert desk.cases["case-1"].state == "new"
    assert desk.told() == []


def test_s3_a_hub_that_forgot_is_told_again_at_once(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.hear("acknowledged", "a-1")
    desk.wait(2)
    desk.told()
    desk.hear("lapsed", "a-1", why="reboot", by=clock(desk.at_ms, boot="boot-2"))
    assert desk.told() == [Acknowledge("hub-1", "a-1")]
    desk.tick(15)  # ann is asked: for an owner who may be gone no home is kept quiet
    desk.hear("lapsed", "a-1", why="reboot", by=clock(desk.at_ms, boot="boot-3"))
    assert desk.told() == []


def test_a_neighbour_who_has_it_is_shown_and_does_not_take_the_case(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    case = desk.hear("acknowledged", "a-1", contact="neighbour")
    assert case is not None
    assert (case.alarms[0].stage, case.alarms[0].held_by, case.state) == ("acknowledged", "neighbour", "new")
    desk.wait(45)
    case = desk.hear("lapsed", "a-1")
    assert case is not None
    assert (case.alarms[0].stage, case.alarms[0].held_by) == ("raised", "")


def test_a_late_old_word_changes_no_stage(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    old = clock(desk.at_ms + 1_000)
    desk.wait(1)
    desk.hear("lapsed", "a-1", why="reboot", by=clock(desk.at_ms, boot="boot-2"))
    case = desk.hear("acknowledged", "a-1", by=old)
    assert case is not None
    assert case.alarms[0].stage == "raised"


def test_s4_of_two_operators_one_wins_and_the_other_is_told_who(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    screen = desk.cases["case-1"].version
    desk.do(Took, "ann", seen=screen)
    with pytest.raises(TakenError, match="ann has this case") as lost:
        desk.do(Took, "bob", seen=screen)
    assert lost.value.owner == "ann"
    tries: list[tuple[type[Act], dict[str, Any]]] = [
        (Began, {}),
        (LetGo, {}),
        (HandedOver, {"to": "cid"}),
        (Resolved, {"outcome": "reassured"}),
    ]
    for act, words in tries:
        with pytest.raises(TakenError):
            desk.do(act, "bob", **words)
    assert desk.do(Noted, "bob", text="I know her: her son is on holiday").owner == "ann"
    assert desk.do(Took, "bob", over="ann").owner == "bob"  # knowingly
    with pytest.raises(TakenError, match="bob"):
        desk.do(Took, "cid", over="ann")


def test_hand_over_at_the_end_of_a_shift(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.hear("raised", "b-1", hub="hub-2")
    for case in ("case-1", "case-2"):
        desk.do(Took, "ann", case)
        desk.do(Waits, "ann", case, for_whom="doctor", until_ms=desk.at_ms + 60 * MINUTE)
        desk.do(HandedOver, "ann", case, to="bob")
    assert [(line.case.owner, line.needed) for line in desk.queue()] == [("bob", True), ("bob", True)]
    desk.tick(1)
    here = desk.do(Took, "bob", "case-1")
    assert (here.state, here.waiting_for, here.owner) == ("waiting", "doctor", "bob")
    with pytest.raises(TakenError, match="bob"):
        desk.do(Began, "ann", "case-1")
    desk.tick(2)  # bob has not come to the other
    assert desk.cases["case-2"].state == "new"
    assert desk.cases["case-1"].owner == "bob"


def test_let_go_it_is_in_the_queue_and_the_home_is_not_told_that_somebody_has_it(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.tick(10)
    desk.told()
    case = desk.do(LetGo, "ann", why="a second call")
    assert (case.state, case.owner, desk.told()) == ("new", "", [])


def test_an_alarm_of_an_unknown_type_or_kind_is_an_alarm(desk: Desk) -> None:
    desk.hear("shouted", "a-1", kind="earthquake", priority=-7, loudness=11)
    [line] = desk.queue()
    assert (line.case.priority, line.case.alarms[0].kind, line.needed) == (1, "earthquake", True)
    desk.hear("raised", "a-2", kind="avalanche", priority=99, person="partner", hub="hub-2")
    assert desk.cases["case-2"].priority == 4
    desk.do(Took, "ann")
    assert desk.told() == [Acknowledge("hub-1", "a-1")]


def test_an_alarm_event_without_the_facts_is_for_the_caller_to_open_a_case_of(desk: Desk) -> None:
    with pytest.raises(UnreadableError):
        heard("e-a-1", "hearthline.alarm.hummed", b'{"tune": "?"}', desk.at_ms)
    assert heard("e-a-1", "hearthline.fault.raised", b"{}", desk.at_ms) is None
    desk.find("unreadable", "e-a-1", priority=1, text="no alarm, no kind")
    [line] = desk.queue()
    assert (line.case.cause, line.case.priority) == ("unreadable", 1)
    taken = desk.do(Took, "ann")
    assert desk.told() == []  # there is no alarm that the hub could be told about
    assert taken.alarms[0].answered_ms == desk.at_ms
    case = desk.hear("raised", "a-1")
    assert case is not None
    assert (case.id, case.cause) == ("case-1", "alarm")
    desk.do(Resolved, "ann", outcome="reassured")
    assert desk.told() == [Resolve("hub-1", "a-1", "reassured")]


@pytest.mark.parametrize("alarm", ["", "a" * 129, "a\x00", "a\n", "ä"])
def test_an_alarm_that_cannot_be_named_to_anybody_is_unreadable(desk: Desk, alarm: str) -> None:
    with pytest.raises(UnreadableError, match="printable"):
        desk.hear("raised", alarm)
    with pytest.raises(UnreadableError, match="printable"):
        desk.state((alarm, "raised"))


def test_s8_a_hub_cannot_call_an_alarm_what_the_centre_found(desk: Desk) -> None:
    desk.find("silence")
    case = desk.hear("raised", "silence:")
    assert case is not None
    assert [each.key for each in case.alarms] == ["found:silence:", "alarm:silence:"]
    desk.hear("resolved", "silence:")
    assert [each.over for each in desk.cases["case-1"].alarms] == [False, True]


@pytest.mark.parametrize("what", ["joined", "acknowledged", "lapsed", "escalated", "cancelled"])
def test_any_word_of_an_alarm_opens_its_case_and_the_facts_come_later(desk: Desk, what: str) -> None:
    desk.wait(1)
    desk.hear(what, "a-1", location="", person="")
    case = desk.hear("raised", "a-1", by=clock(THREE), location="bathroom", silent=True)
    assert case is not None
    assert (len(desk.cases), len(case.alarms)) == (1, 1)
    assert (case.alarms[0].location, case.alarms[0].raised_ms, case.silent) == ("bathroom", THREE, True)


def test_an_alarm_that_only_the_state_document_tells_is_a_case_too(desk: Desk) -> None:
    assert desk.state(("a-1", "pending")) is None
    desk.state(("a-1", "raised"))
    assert desk.queue()[0].needed
    assert desk.state(("a-1", "raised")) is None
    desk.hear("raised", "a-1", location="bathroom")
    assert len(desk.cases["case-1"].alarms) == 1


def test_s3_a_hub_that_never_heard_of_the_end_is_told_again(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.do(Resolved, "ann", outcome="reassured")
    desk.told()
    desk.wait(2)
    assert desk.state(("a-1", "acknowledged")) is None  # the command is under way
    desk.wait(60)
    desk.state(("a-1", "acknowledged"))
    assert desk.told() == [Resolve("hub-1", "a-1", "reassured")]
    desk.state(("a-1", "acknowledged"))
    assert desk.told() == []
    desk.hear("lapsed", "a-1")
    assert desk.queue() == ()
    desk.hear("resolved", "a-1")
    desk.wait(60)
    desk.state(("a-1", "acknowledged"))
    assert desk.told() == []


def test_s3_a_hub_that_was_cut_off_when_its_alarm_was_taken_is_told_when_it_is_back(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.told()
    desk.tick(2)
    desk.state(("a-1", "raised"))
    assert desk.told() == []  # the command is under way
    desk.tick(10)
    desk.state(("a-1", "acknowledged"))
    assert desk.told() == []
    desk.state(("a-1", "raised"))
    assert desk.told() == [Acknowledge("hub-1", "a-1")]
    desk.state(("a-1", "raised"))
    assert desk.told() == []


def test_s3_it_is_not_told_for_an_owner_who_is_being_asked_nor_of_what_nobody_has_seen(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.told()
    desk.tick(16)
    desk.state(("a-1", "raised"))
    assert desk.told() == []
    desk.do(Noted, "ann", text="still here")
    assert desk.told() == [Acknowledge("hub-1", "a-1")]
    desk.tick(12)
    desk.hear("raised", "a-2")
    desk.state(("a-1", "raised"), ("a-2", "raised"))
    assert desk.told() == []  # ann is to look at the second at once
    desk.do(Took, "ann")
    assert desk.told() == [Acknowledge("hub-1", "a-1"), Acknowledge("hub-1", "a-2")]


def test_s6_the_centres_clock_set_back_does_not_keep_a_home_from_being_told(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.told()
    desk.wait(-120)
    desk.tick(0.25)
    assert desk.told() == [Acknowledge("hub-1", "a-1")]


def test_an_installers_test_is_answered_apart_and_ends_by_itself(desk: Desk) -> None:
    desk.hear("raised", "t-1", kind="test", priority=4, test=True, silent=True, rule="installer")
    assert desk.queue() == ()
    assert [line.case.cause for line in desk.tests()] == ["test"]
    assert not desk.tests()[0].case.silent
    desk.hear("resolved", "t-1", kind="test", priority=4, test=True)
    assert desk.tests() == ()
    assert (desk.cases["case-1"].state, desk.cases["case-1"].outcome) == ("resolved", "test")


def test_s3_a_real_alarm_never_joins_a_test_and_an_unanswered_test_becomes_one(desk: Desk) -> None:
    desk.hear("raised", "t-1", test=True, rule="announced-test")
    desk.wait(3)
    desk.hear("raised", "a-1", linked="t-1", rule="test-unanswered")
    [line] = desk.queue()
    assert (line.case.id, [each.alarm for each in line.case.alarms]) == ("case-2", ["a-1"])
    assert [each.case.id for each in desk.tests()] == ["case-1"]


def test_smoke_is_never_a_test_and_what_turns_out_real_is_in_the_queue(desk: Desk) -> None:
    desk.hear("raised", "a-1", kind="smoke", test=True)
    assert len(desk.queue()) == 1
    desk.hear("raised", "t-1", test=True, hub="hub-2")
    desk.do(Took, "ann", "case-2")
    desk.hear("escalated", "t-1", test=False, hub="hub-2")
    case = desk.cases["case-2"]
    assert (case.cause, case.unseen, case.alarms[0].test) == ("alarm", True, False)
    assert {line.case.id for line in desk.queue()} == {"case-1", "case-2"}


def test_pressed_again_after_it_was_closed_it_is_open_again(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.do(Resolved, "ann", outcome="accidental")
    desk.wait(1)
    case = desk.hear("joined", "a-1")
    assert case is not None
    assert (case.id, case.state, case.reopened, case.outcome) == ("case-1", "new", 1, "")
    [line] = desk.queue()
    assert line.needed
    desk.told()
    desk.do(Took, "bob")
    assert desk.told() == [Acknowledge("hub-1", "a-1")]


def test_a_press_from_before_it_was_answered_that_comes_late_opens_nothing(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    pressed = clock(desk.at_ms + 20_000)
    desk.wait(1)
    desk.do(Took, "ann")
    desk.wait(1)
    desk.do(Resolved, "ann", outcome="reassured")
    desk.wait(1)
    case = desk.hear("joined", "a-1", by=pressed)
    assert case is not None
    assert (case.state, case.alarms[0].triggers) == ("resolved", 2)


def test_reopened_by_hand_with_its_history(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.do(Resolved, "ann", outcome="reassured")
    desk.hear("resolved", "a-1")
    desk.wait(5)
    case = desk.do(Reopened, "sue", why="her daughter rang: she does not answer the door")
    assert (case.state, case.owner, case.answered_ms, case.opened_ms) == ("new", "", THREE, THREE)
    assert desk.queue()[0].needed
    desk.told()
    desk.do(Took, "bob")
    assert desk.told() == []  # the hub has closed it
    case = desk.do(Resolved, "bob", outcome="emergency-services")
    assert desk.told() == []
    assert (case.outcome, case.reopened) == ("emergency-services", 1)
    changes = [(each.field, each.before, each.after) for entry in desk.audit["case-1"] for each in entry.changes]
    assert ("outcome", "reassured", "") in changes
    assert desk.retold("case-1") == case


def test_a_silent_home_is_a_case_and_nobody_is_kept_busy_when_it_is_back(desk: Desk) -> None:
    desk.find("silence", priority=2)
    assert desk.find("silence", priority=2) is None  # once
    assert desk.queue()[0].needed
    desk.wait(4)
    case = desk.end("silence")
    assert case is not None
    assert (case.state, case.outcome, desk.queue()) == ("resolved", "came-back", ())
    desk.wait(4)
    desk.find("silence", priority=2)  # again is another
    assert [line.case.id for line in desk.queue()] == ["case-2"]
    desk.do(Took, "ann", "case-2")
    case = desk.end("silence")
    assert case is not None
    assert (case.state, case.owner) == ("taken", "ann")  # who has it decides
    desk.do(Waits, "ann", "case-2", for_whom="a visit", until_ms=desk.at_ms + 60 * MINUTE)
    desk.wait(40)
    case = desk.find("silence", priority=2)
    assert case is not None
    assert (case.id, case.unseen) == ("case-2", True)  # the same story still, and news


def test_a_home_that_falls_silent_in_the_midst_of_it_is_told_in_its_case(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.wait(2)
    desk.find("silence", priority=2)
    [line] = desk.queue()
    assert (line.case.id, line.needed) == ("case-1", True)
    desk.do(Took, "ann")
    desk.end("silence")
    assert desk.cases["case-1"].state == "taken"


def test_s3_a_home_that_is_back_closes_no_case_with_an_alarm_in_it(desk: Desk) -> None:
    desk.find("silence", priority=2)
    desk.hear("raised", "a-1")
    desk.end("silence")
    desk.hear("resolved", "a-1")  # whoever said so: people close it here
    [line] = desk.queue()
    assert (line.case.id, line.case.state, line.case.cause, line.case.priority) == ("case-1", "new", "alarm", 1)


@pytest.mark.parametrize("cause", ["unreadable", "unknown-hub", "conflict"])
def test_what_cannot_be_read_is_seen_each_time_that_somebody_has_looked_and_floods_nobody(
    desk: Desk, cause: str
) -> None:
    desk.find(cause, hub="hub-9")
    assert [desk.find(cause, hub="hub-9") for _ in range(100)] == [None] * 100
    desk.do(Took, "ann")
    case = desk.find(cause, hub="hub-9")
    assert case is not None
    assert (case.id, case.unseen, case.alarms[0].triggers) == ("case-1", True, 2)
    desk.do(Resolved, "ann", outcome="engineer-sent")
    assert desk.cases["case-1"].keys == ()
    desk.find(cause, hub="hub-9")
    assert [line.case.id for line in desk.queue()] == ["case-2"]


def test_a_case_is_looked_up_by_what_stands_in_it(desk: Desk) -> None:
    desk.find("silence")
    desk.hear("raised", "a-1")
    assert [*desk.cases["case-1"].keys] == ["found:silence:", "alarm:a-1"]
    desk.end("silence")
    desk.hear("resolved", "a-1")
    assert [*desk.cases["case-1"].keys] == ["alarm:a-1"]


def test_an_outage_is_one_incident_apart_from_every_home(desk: Desk) -> None:
    desk.find("outage", "north", hub="")
    desk.find("outage", "south", hub="")
    desk.hear("raised", "a-1")
    assert {case: its.cause for case, its in desk.cases.items()} == {
        "case-1": "outage",
        "case-2": "outage",
        "case-3": "alarm",
    }


def test_what_grows_more_urgent_opens_its_case_again(desk: Desk) -> None:
    desk.find("fault", "battery", priority=3)
    desk.do(Took, "ann")
    desk.do(Resolved, "ann", outcome="engineer-sent")
    assert desk.find("fault", "battery", priority=3) is None
    case = desk.find("fault", "battery", priority=1)
    assert case is not None
    assert (case.id, case.state, case.priority) == ("case-1", "new", 1)


def test_the_most_urgent_first_and_who_has_waited_longest_of_those(desk: Desk) -> None:
    for name, priority, minutes in (("b", 2, 9), ("c", 1, 1), ("d", 1, 5), ("e", 1, 8), ("f", 4, 30)):
        desk.hear("raised", f"{name}-1", hub=f"hub-{name}", priority=priority, by=clock(THREE - minutes * MINUTE))
    desk.do(Took, "ann", "case-4")
    assert [line.case.hub for line in desk.queue()] == ["hub-d", "hub-c", "hub-b", "hub-f", "hub-e"]
    desk.tick(15)  # ann says nothing
    assert [line.case.hub for line in desk.queue()] == ["hub-d", "hub-c", "hub-e", "hub-b", "hub-f"]


@pytest.mark.parametrize(("seconds", "mark"), [(0, 0), (59.9, 0), (60, 1), (179.9, 1), (180, 2), (100_000, 2)])
def test_the_marks_of_60_and_180_seconds(desk: Desk, seconds: float, mark: int) -> None:
    desk.hear("raised", "a-1")
    desk.wait(seconds / 60)
    assert desk.queue()[0].mark == mark


@pytest.mark.parametrize("minutes", [-600, 31 * 24 * 60])
def test_s6_an_unbelievable_clock_of_a_hub_neither_jumps_the_queue_nor_waits_in_the_future(
    desk: Desk, minutes: int
) -> None:
    case = desk.hear("raised", "a-1", by=clock(THREE - minutes * MINUTE))
    assert case is not None
    assert case.alarms[0].raised_ms == THREE
    case = desk.hear("raised", "a-2", by=clock(THREE - 5 * MINUTE, synced=False))
    assert case is not None
    assert case.alarms[1].raised_ms == THREE


def test_s6_the_centres_clock_set_back_gives_no_sleeper_an_hour(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.hear("raised", "b-1", hub="hub-2")
    desk.do(Took, "ann")
    desk.at_ms -= 60 * MINUTE
    assert [line.waited_ms for line in desk.queue()] == [0, 0]
    desk.tick(25)
    assert desk.cases["case-1"].state == "new"


def test_s4_the_same_event_twice_changes_nothing(desk: Desk) -> None:
    desk.hear("raised", "a-1", ref="e-a-7")
    case = desk.cases["case-1"]
    assert desk.hear("raised", "a-1", ref="e-a-7") is None
    assert desk.cases["case-1"] == case
    desk.do(Took, "ann")
    desk.hear("joined", "a-1", ref="e-a-8")
    desk.do(Took, "ann")
    desk.hear("joined", "a-1", ref="e-a-9", triggers=2)  # a join told anew adds no press
    assert not desk.cases["case-1"].unseen


def test_s12_a_hub_that_never_stops_calling_fills_cases_and_loses_no_alarm(desk: Desk) -> None:
    for number in range(250):
        desk.hear("raised", f"a-{number}")
    assert [len(case.alarms) for case in desk.cases.values()] == [100, 100, 50]
    assert all(len(case.refs) <= 64 for case in desk.cases.values())


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (Took, {"by": ""}),
        (Took, {"by": "centre"}),
        (Took, {"by": "hub"}),
        (Noted, {"by": "ann", "text": " "}),
        (Noted, {"by": "ann", "text": "x" * 4_001}),
        (Waits, {"by": "ann", "for_whom": "", "until_ms": THREE + MINUTE}),
        (Waits, {"by": "ann", "for_whom": "doctor", "until_ms": THREE}),
        (Waits, {"by": "ann", "for_whom": "doctor", "until_ms": THREE + 4 * 3_600_000 + 1}),
        (HandedOver, {"by": "ann", "to": "ann"}),
        (HandedOver, {"by": "ann", "to": ""}),
        (Resolved, {"by": "ann", "outcome": "fine"}),
        (Resolved, {"by": "ann", "outcome": "other"}),
        (Noted, {"by": "ann", "text": "x", "seen": 99}),
    ],
)
def test_words_that_do_not_do_are_refused_and_change_nothing(desk: Desk, act: type[Act], words: dict[str, Any]) -> None:
    desk.hear("raised", "a-1")
    case = desk.do(Took, "ann")
    with pytest.raises(WordsError):
        desk.do(act, **words)
    assert desk.cases["case-1"] is case


def test_what_a_state_does_not_allow_is_refused(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    with pytest.raises(TakenError, match="take it first"):
        desk.do(Began, "ann")
    with pytest.raises(IllegalMoveError):
        desk.do(Reopened, "ann", why="?")
    desk.do(Took, "ann")
    desk.do(Resolved, "ann", outcome="reassured")
    tries: list[tuple[type[Act], dict[str, Any]]] = [(Took, {}), (Began, {}), (Resolved, {"outcome": "test"})]
    for act, words in tries:
        with pytest.raises(IllegalMoveError):
            desk.do(act, "ann", **words)
    assert desk.do(Noted, "ann", text="The report is sent.").state == "resolved"


def test_the_audit_says_who_when_and_what_and_tells_when_an_entry_lacks(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.wait(1)
    desk.do(Took, "ann")
    desk.tick(30)
    first, second, third = desk.audit["case-1"]
    assert [(each.by, each.version) for each in (first, second, third)] == [("hub", 1), ("ann", 2), ("centre", 3)]
    assert second.event.at_ms == THREE + MINUTE
    assert [(each.field, each.before, each.after) for each in second.changes] == [
        ("state", "new", "taken"),
        ("owner", "", "ann"),
    ]
    del desk.audit["case-1"][1]
    with pytest.raises(CaseError, match="names 3"):
        desk.retold("case-1")


def test_a_case_is_written_and_read_as_it_is(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.find("silence")
    case = desk.do(Took, "ann")
    assert msgspec.json.decode(msgspec.json.encode(case), type=Case) == case


def test_s11_no_note_and_no_name_goes_to_the_home(desk: Desk) -> None:
    desk.hear("raised", "a-1")
    desk.do(Took, "ann")
    desk.do(Resolved, "ann", outcome="other", note="Mrs. Rose of 5 Mill Lane")
    assert "Rose" not in repr(desk.told())


def test_s12_what_else_a_hub_says_is_kept_as_far_as_a_case_has_use_for_it(desk: Desk) -> None:
    much: dict[str, Any] = {f"word-{number}": number for number in range(100)}
    desk.hear("climbed", step=2, means="sms", to=["daughter"], text="t" * 9_000, list=["x"] * 900, **much)
    [entry] = [each for entries in desk.audit.values() for each in entries]
    assert isinstance(entry.event, Heard)
    assert len(entry.event.more) <= MORE_MAX
    assert len(msgspec.json.encode(entry.event.more)) < 2_000
    assert (entry.event.more["step"], entry.event.more["to"], len(entry.event.more["text"])) == (2, ["daughter"], 500)
