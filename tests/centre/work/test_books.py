"""The books of commands and plans: given once, answered once, bounded, and sealed."""

import msgspec
import pytest
import sqlalchemy as sa

from centre.issue import PENDING_PER_HUB_MAX
from centre.store.schema import PLAN
from centre.work.commands import DATA_BYTES_MAX, CommandBook, TooManyCommandsError
from centre.work.plans import PlanBook, PlanError
from tests.centre.work.town import Office


def given(commands: CommandBook, hub: str = "hub-1", kind: str = "locate") -> str:
    return commands.give(hub, kind, {}, by="ann")


def test_a_command_waits_until_its_hub_and_no_other_has_answered(office: Office) -> None:
    commands = office.commands
    name = commands.give("hub-1", "set-mode", {"mode": "away"}, by="ann", lifetime_s=60)
    (row,) = commands.waiting()
    assert (row.id, row.state, row.by, msgspec.json.decode(row.data)) == (name, "waiting", "ann", {"mode": "away"})
    assert row.expires == row.at_ms // 1000 + 60
    commands.mark([name], "sent", row.at_ms + 1)
    assert commands.answered("hub-2", name, "done", "", 9) is None
    assert [each.state for each in commands.waiting()] == ["sent"]
    answered = commands.answered("hub-1", name, "refused", "x" * 900, row.at_ms + 2)
    assert answered is not None
    assert (answered.state, len(answered.reason), answered.changed_ms) == ("refused", 500, row.at_ms + 2)
    assert commands.waiting() == []
    assert commands.get(name) == answered
    assert commands.of_home("hub-1") == [answered]


def test_s4_the_first_answer_stands(office: Office) -> None:
    name = given(office.commands)
    assert office.commands.answered("hub-1", name, "done", "", 1) is not None
    assert office.commands.answered("hub-1", name, "refused", "late", 2) is None
    office.commands.mark([name], "unanswered", 3)
    row = office.commands.get(name)
    assert row is not None
    assert (row.state, row.under_way) == ("done", False)


def test_an_answer_that_comes_too_late_is_kept_all_the_same(office: Office) -> None:
    name = given(office.commands)
    office.commands.mark([name], "unanswered", 3)
    assert office.commands.waiting() == []
    answered = office.commands.answered("hub-1", name, "done", "", 4)
    assert answered is not None
    assert answered.state == "done"


def test_s12_a_hub_that_answers_nothing_is_given_so_many_and_a_case_may_still_be_taken(office: Office) -> None:
    for _ in range(PENDING_PER_HUB_MAX):
        given(office.commands)
    with pytest.raises(TooManyCommandsError, match="hub-1"):
        given(office.commands)
    given(office.commands, "hub-2")
    with office.database.writing() as connection:
        office.commands.give("hub-1", "acknowledge", {}, by="ann", case_id="case-1", connection=connection)
    assert len(office.commands.waiting()) == PENDING_PER_HUB_MAX + 2
    assert [each.type for each in office.commands.of_case("case-1", "hub-1")] == ["acknowledge"]
    with pytest.raises(ValueError, match="bytes at most"):
        office.commands.give("hub-3", "say", {"sealed": "x" * DATA_BYTES_MAX}, by="ann")


PLAN_DOCUMENT = {"version": 3, "private": {"numbers": {"daughter": "+44 20 7946 0000"}}}


def test_a_plan_is_sealed_waits_and_is_answered(office: Office) -> None:
    plans: PlanBook = office.plans
    number = plans.send("hub-1", PLAN_DOCUMENT, "ann")
    assert plans.document(number) == PLAN_DOCUMENT
    with office.database.reading() as connection:
        (sealed,) = connection.scalars(sa.select(PLAN.c.sealed)).all()
    assert b"7946" not in sealed
    assert [(each.hub, each.version, each.state) for each in plans.waiting()] == [("hub-1", 3, "waiting")]
    assert plans.told("hub-2", 3, applied=True, reason="", at_ms=5) is None
    assert plans.told("hub-1", 2, applied=True, reason="", at_ms=5) is None
    told = plans.told("hub-1", 3, applied=False, reason="nobody is called", at_ms=5)
    assert told is not None
    assert (told.number, told.state, told.reason) == (number, "refused", "nobody is called")
    assert plans.waiting() == []
    assert plans.of_home("hub-1") == [told]
    with pytest.raises(KeyError):
        plans.document(number + 1)


def test_only_the_newest_plan_of_a_hub_waits(office: Office) -> None:
    plans = office.plans
    first, second = (plans.send("hub-1", {"version": version}, "ann") for version in (1, 2))
    plans.send("hub-2", {"version": 1}, "ann")
    assert [each.number for each in plans.waiting() if each.hub == "hub-1"] == [second]
    assert [(each.number, each.state) for each in plans.of_home("hub-1")] == [
        (second, "waiting"),
        (first, "superseded"),
    ]
    told = plans.told("hub-1", 0, applied=False, reason="unreadable", at_ms=5)
    assert told is not None
    assert told.number == second


@pytest.mark.parametrize("version", [None, 0, -1, "3", True, 1.0])
def test_a_plan_without_a_number_is_not_sent(office: Office, version: object) -> None:
    with pytest.raises(PlanError, match="version"):
        office.plans.send("hub-1", {"version": version}, "ann")
