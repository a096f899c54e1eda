"""What the console says: a word for everything there is, and a sentence for everything that happens."""

from datetime import UTC
from typing import Any, get_args

import pytest

from centre.cases.audit import entry
from centre.cases.case import Cause, Finding, Stage, State
from centre.cases.events import (
    Began,
    Ended,
    Found,
    HandedOver,
    Heard,
    LetGo,
    Noted,
    Reopened,
    Resolved,
    Tick,
    Took,
    Waits,
)
from centre.cases.lifecycle import blank, step
from centre.console import words
from centre.console.telling import Told, told
from centre.work.commands import State as CommandState
from rules.kinds import KIND_NAMES, TEST

SHOWN = {"beth": "Beth Morgan", "carl": "Carl Jones"}


def test_there_is_a_word_for_everything() -> None:
    assert KIND_NAMES | {TEST.name} | {*get_args(Finding)} == set(words.KINDS)
    assert {*get_args(Cause)} - {"alarm"} <= set(words.KINDS)
    assert set(words.STATES) == {*get_args(State)}
    assert set(words.STAGES) == {*get_args(Stage)}
    assert set(words.COMMAND_STATES) == {*get_args(CommandState)}


def heard(what: str, more: dict[str, Any] | None = None, **facts: Any) -> Heard:
    plain = {"at_ms": 5, "ref": "e-a-1", "alarm": "a1", "kind": "fall", "priority": 1, "location": "bath-room"}
    return Heard(what=what, more=more or {}, **{**plain, **facts})


def line(event: Any) -> Told:
    """What the time-line tells of an event, after which the case is whatever it is."""
    case = blank("case-1", "hub-1", 1)
    return told(entry(case, case, event), SHOWN)


@pytest.mark.parametrize(
    ("event", "text", "loud"),
    [
        (heard("raised", {"rule": "window-ended"}), "called: fall detected, bath room (nobody cancelled it)", True),
        (heard("raised", {"rule": "new-in-2030"}), "called: fall detected, bath room", True),
        (heard("raised", test=True), "called: fall detected, bath room (a test)", False),
        (heard("joined", {"triggers": 3}), "called again: fall detected, bath room, 3 times by now", True),
        (
            heard("cancelled", {"stage": "raised"}),
            "the resident pressed cancel, after it was sent: you decide (fall detected)",
            False,
        ),
        (heard("acknowledged", {"by": "contact"}), "knows that a contact has it (fall detected)", False),
        (
            heard("acknowledged", {"by": "centre", "renewed": True}),
            "still knows that we have it (fall detected)",
            False,
        ),
        (heard("lapsed", {"why": "reboot"}), "calls again, for it restarted (fall detected, bath room)", True),
        (
            heard("escalated", {"means": "siren", "step": 2}),
            "step 2: the siren sounds at the home (fall detected)",
            False,
        ),
        (heard("texted", {"contact": "daughter", "state": "sent"}), "text to the contact daughter: sent", False),
        (heard("resolved"), "has closed it (fall detected)", False),
        (heard("listed"), "has it open: fall detected", True),
        (heard("levitated"), "levitated: fall detected, bath room", False),
        (Found(at_ms=5, cause="silence", text="lost"), "found: home is silent", True),
        (Found(at_ms=5, cause="fault", subject="driver"), "found: a receiver does not work", True),
        (Found(at_ms=5, cause="fault", subject="new-in-2030"), "found: new-in-2030", True),
        (Found(at_ms=5, cause="outage", subject="deaf"), "found: the centre hears no home", True),
        (Ended(at_ms=5, cause="outage", subject="incident-1"), "over: many homes have one trouble", False),
        (Ended(at_ms=5, cause="silence"), "over: home is silent", False),
        (Took(at_ms=5, by="beth", seen=1), "has it", False),
        (Took(at_ms=5, by="beth", seen=1, over="carl"), "took it over from Carl Jones", False),
        (Began(at_ms=5, by="beth", seen=1), "works on it", False),
        (
            Waits(at_ms=5, by="beth", seen=1, for_whom="police", until_ms=900_005),
            "waits for police, 15 min at most",
            False,
        ),
        (HandedOver(at_ms=5, by="beth", seen=1, to="gone"), "handed it over to gone", False),
        (LetGo(at_ms=5, by="beth", seen=1), "put it back into the queue", False),
        (
            Resolved(at_ms=5, by="beth", seen=1, outcome="accidental"),
            "resolved it: Pressed or set off by mistake",
            False,
        ),
        (Reopened(at_ms=5, by="beth", seen=1, why="x"), "opened it again", False),
        (Tick(at_ms=5), "told the home again that somebody has it", False),
    ],
)
def test_every_event_is_a_sentence(event: Any, text: str, loud: bool) -> None:
    said = line(event)
    assert said.text == text
    assert said.loud == loud
    assert said.at_ms == 5


@pytest.mark.parametrize("odd", [None, [], {}, 1.5, -1, True, "x" * 10_000])
def test_facts_of_any_shape_are_survived(odd: Any) -> None:
    for what in ("raised", "joined", "cancelled", "acknowledged", "lapsed", "escalated", "texted"):
        names = ("rule", "triggers", "stage", "by", "renewed", "why", "means", "step", "contact", "state")
        assert len(line(heard(what, dict.fromkeys(names, odd))).text) < 400


def test_notes_are_apart_from_sentences() -> None:
    said = line(Noted(at_ms=5, by="beth", seen=1, text="<b>She</b> is well."))
    assert (said.who, said.text, said.note) == ("Beth Morgan", "noted", "<b>She</b> is well.")


def test_an_owner_who_said_nothing_is_told_apart_from_a_renewal() -> None:
    case, _ = step(blank("case-1", "hub-1", 1), heard("raised"))
    case, _ = step(case, Took(at_ms=10, by="beth", seen=1))
    assert case.free_ms is not None
    _, effects = step(case, Tick(at_ms=case.free_ms))
    assert told(effects[0].entry, SHOWN).text == "put it back into the queue: its owner said nothing"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59_999, "59 s"),
        (60_000, "1 min 00 s"),
        (3_599_999, "59 min 59 s"),
        (3_600_000, "1 h 00 min"),
        (172_799_999, "47 h 59 min"),
        (172_800_000, "2 days"),
    ],
)
def test_spans_in_words(ms: int, text: str) -> None:
    assert words.duration(ms) == text


def test_moments_name_their_day_unless_it_is_today() -> None:
    now = 1_800_000_000_000  # 2027-01-15 08:00 UTC
    assert words.moment(now - 60_000, UTC, now) == "07:59:00"
    assert words.moment(now - 86_400_000, UTC, now) == "14 Jan, 08:00:00"
    assert words.moment(now - 20 * 86_400_000, UTC, now) == "26 Dec 2026, 08:00:00"
    assert words.iso(now + 5) == "2027-01-15T08:00:00.005Z"


@pytest.mark.parametrize(
    ("number", "dialled"),
    [
        ("+44 (0)1632 960-001", "+441632960001"),
        ("(01632) 960 001", "01632960001"),
        ("999", "999"),
        ("", ""),
        ("12", ""),
        ("01632 x", ""),
        ("\u0661\u0662\u0663\u0664", ""),
        ("9" * 21, ""),
    ],
)
def test_what_a_telephone_dials(number: str, dialled: str) -> None:
    assert words.dialled(number) == dialled


def test_languages_are_named_and_odd_ones_kept() -> None:
    assert words.language("ur") == "Urdu"
    assert words.language("pt-BR") == "Portuguese (Brazil)"
    for odd in ("", "x" * 100, "qq-QQ-qq", "<script>", "e\0n"):
        assert words.language(odd) == odd
