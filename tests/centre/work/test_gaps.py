"""What is missing is noticed, asked for once its time has come, and shown if it never comes."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from agent.wire.messages import decode_event
from centre.homes import Home
from centre.intake import Entry, Outcome
from centre.lanes import Missing, Position
from centre.work.gaps import AGAIN_MS, ASKED_MAX, GRACE_MS, Gaps, Heads, owed
from rules.reports import CheckIn
from tests.centre.work.test_desk import Stopped
from tests.centre.work.town import Office
from tests.support.voice import CHECK_IN, RAISED, Voice

HOME = Home(hub="hub-1", lines=("nonce-1",), nonce="nonce-1", epoch="e1")
VOICE = Voice("hub-1")


@pytest.fixture
def office(store: str, tmp_path: Path) -> Iterator[Office]:
    opened = Office(store, tmp_path)
    yield opened
    opened.close()


def keep(office: Office, *seqs: int) -> None:
    for seq in seqs:
        office.ledger.take(Entry("hub-1", f"e1-a-{seq}", f"{seq:064x}", "t", b"{}", 1, Position("e1", "a", seq)))


def heard(report: CheckIn | object = None, seq: int = 1) -> Outcome:
    event = decode_event(VOICE.payload(report or RAISED, seq))  # type: ignore[arg-type]
    return Outcome(verdict="accepted", hub="hub-1", event=event, report=report)  # type: ignore[arg-type]


def test_a_hole_and_a_head_that_never_came_are_noticed_and_what_comes_in_order_is_not() -> None:
    heads = Heads()
    heads.heard(heard(seq=1), 1_000)
    assert heads.suspects == {"hub-1": 1_000}, "the first of it that this leader hears: the store knows"
    heads.suspects.clear()
    heads.heard(heard(seq=2), 2_000)
    heads.heard(heard(replace(CHECK_IN, last={"a": 2, "t": 0}), 2), 3_000)
    assert heads.suspects == {"hub-1": 3_000}, "its lane t is new here"
    heads.suspects.clear()
    heads.heard(heard(replace(CHECK_IN, last={"a": 2, "t": 0}), 3), 4_000)
    assert not heads.suspects
    heads.heard(heard(seq=4), 5_000)
    assert heads.suspects == {"hub-1": 5_000}
    heads.suspects.clear()
    heads.heard(heard(replace(CHECK_IN, last={"a": 6, "t": 0}), 4), 6_000)
    assert heads.suspects == {"hub-1": 6_000}


@pytest.mark.parametrize(
    ("oldest", "wanted"),
    [
        ({}, (3, 7)),
        ({"a": None}, (3, 7)),
        ({"a": "e1-a-6"}, (3, 5)),
        ({"a": "e1-a-3"}, None),
        ({"a": "e1-a-1"}, None),
        ({"a": "e2-a-1"}, (3, 7)),
        ({"a": "e0-a-1"}, None),
        ({"a": "nonsense"}, None),
        ({"a": "e1-a-x"}, None),
    ],
)
def test_only_what_a_hub_does_not_have_in_hand_is_asked_for(
    oldest: dict[str, str | None], wanted: tuple[int, int] | None
) -> None:
    home = replace(HOME, epoch="e2", oldest=oldest)
    missing = owed(Missing("e1", "a", 3, 7), home)
    assert (None if missing is None else (missing.first, missing.last)) == wanted


async def test_what_is_missing_is_asked_for_after_a_while_and_at_last_shown(office: Office) -> None:
    clock, heads = Stopped(), Heads()
    homes = {"hub-1": HOME}
    gaps = Gaps(office.ledger, office.desk, office.commands, heads, homes.get, clock)
    keep(office, 1, 2, 5, 9)
    heads.suspects["hub-1"] = clock.now().ms
    await gaps.turn()
    assert not office.commands.waiting(), "it may be on its way"
    clock.wall_ms += GRACE_MS
    await gaps.turn()
    asked = [msgspec.json.decode(each.data) for each in office.commands.waiting()]
    assert sorted((each["from"], each["to"]) for each in asked) == [(3, 4), (6, 8)]
    assert {(each["epoch"], each["lane"]) for each in asked} == {("e1", "a")}
    await gaps.turn()
    assert len(office.commands.waiting()) == 2, "and not again at once"
    for _ in range(ASKED_MAX):
        clock.wall_ms += AGAIN_MS
        await gaps.turn()
    (case,) = office.desk.standing()
    assert (case.cause, case.priority) == ("fault", 3)
    assert case.alarms[0].text.startswith("5 messages of this hub are missing here")
    keep(office, 3, 4, 6, 7, 8)
    clock.wall_ms += AGAIN_MS
    await gaps.turn()
    assert not office.desk.standing()
    assert not heads.suspects


async def test_a_hub_that_is_away_or_busy_sending_is_asked_later(office: Office) -> None:
    clock, heads = Stopped(), Heads()
    homes = {"hub-1": replace(HOME, lines=())}
    gaps = Gaps(office.ledger, office.desk, office.commands, heads, homes.get, clock)
    keep(office, 2)
    heads.suspects["hub-1"] = clock.now().ms - GRACE_MS
    await gaps.turn()
    assert not office.commands.waiting()
    homes["hub-1"] = replace(HOME, oldest={"a": "e1-a-1"})
    clock.wall_ms += AGAIN_MS
    await gaps.turn()
    assert not office.commands.waiting(), "it has it in hand to send by itself"
    homes["hub-1"] = HOME
    clock.wall_ms += AGAIN_MS
    await gaps.turn()
    assert [each.type for each in office.commands.waiting()] == ["resend"]
