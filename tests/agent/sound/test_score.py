"""What is heard when, told by the rules' own stories: every stage of a call by chirp, tone and words."""

import pytest

from agent.sound.score import (
    CALLS,
    FAULT_EVERY_MS,
    NO_LINE_EVERY_MS,
    TEXT,
    WAITING_EVERY_MS,
    Cue,
    Cut,
    Hush,
    Ring,
    Score,
    Speak,
    Sustain,
)
from rules.actions import Chirp, PromptName, Say
from rules.events import AnyEvent
from rules.plan import Ladder, Plan, Rule, Step
from rules.projection import Display
from tests.rules.home import MINUTE, Home


class Listener(Home):
    """A home, and what its loudspeaker is told, as the daemon tells it: early chirps, chirps, display, words."""

    def __init__(self, *, line: bool = True) -> None:
        self.score = Score()
        self.cues: list[Cue] = []
        super().__init__(line=line)
        self.cues.clear()

    def happens(self, event: AnyEvent) -> list[object]:  # type: ignore[override]  # actions
        done = super().happens(event)
        for early in (True, False):
            for action in done:
                if isinstance(action, Chirp) and action.early == early:
                    self.cues += self.score.chirp(action.name)
        self.cues += self.score.show(self.display(), self.ms)
        for action in done:
            if isinstance(action, Say):
                self.cues += self.score.say(action)
        return list(done)

    def passes(self, seconds: float) -> None:
        """Time passes, for the loudspeaker too."""
        until = self.ms + round(seconds * 1000)
        while (due := self.score.due()) is not None and due <= until:
            self.after((due - self.ms) / 1000)
            self.cues += self.score.settle(self.ms)
        self.after((until - self.ms) / 1000)

    def ref_of(self, sensor: str) -> str:
        """The id under which an alarm was raised."""
        return next(str(alarm.raised_ref) for alarm in self.house.alarms if alarm.sensor == sensor)

    def acknowledge_all(self) -> None:
        for alarm in self.house.alarms:
            self.command("acknowledge", alarm=alarm.id)

    def heard(self) -> list[str]:  # type: ignore[override]  # of the loudspeaker, not of a sensor
        """Chirps with a star, tones with a tilde, words, in order; then forget them."""
        found = []
        for cue in self.cues:
            match cue:
                case Ring(name=name):
                    found.append(f"*{name}")
                case Sustain(tone=tone):
                    found.append(f"~{tone}")
                case Speak(phrases=phrases):
                    found += phrases
        self.cues.clear()
        return found


def test_the_story_of_a_call_as_it_is_heard() -> None:
    home = Listener()
    home.press("pendant-1")
    assert home.heard() == ["*heard", "~pending", "call.heard", "call.pending"]
    home.passes(10)
    assert home.heard() == ["~calling", "call.calling"]
    home.receipt()
    assert home.heard() == ["*arrived", "~waiting", "call.arrived"]
    home.passes(2 * MINUTE + 1)
    assert home.heard() == ["call.waiting"] * 2
    home.acknowledge()
    assert home.heard() == ["*someone-has-it", "~none", "call.someone"]
    home.passes(29 * MINUTE)
    assert home.heard() == []
    home.passes(MINUTE)
    assert home.heard() == ["*lapsed", "~waiting", "call.lapsed", "call.waiting"]
    home.resolve()
    assert home.heard() == ["*resolved", "~none", "call.resolved"]
    home.passes(10 * MINUTE)
    assert home.heard() == []


def test_cancelled_in_time_and_cancelled_without_a_call() -> None:
    home = Listener()
    home.press("pendant-1")
    home.passes(3)
    home.heard()
    home.cancel()
    assert home.heard() == ["*cancelled", "~none", "call.cancelled"]
    home.cancel()
    assert home.heard() == ["*nothing-to-cancel", "nothing-to-cancel"]


def test_without_a_line_it_is_said_at_once_and_every_thirty_seconds_until_there_is_one() -> None:
    home = Listener(line=False)
    home.press("smoke-1")
    assert home.heard() == ["*heard", "~no-line", "call.heard", "call.no-line"]
    home.passes(95)
    assert home.heard() == ["call.no-line"] * 3
    home.link_up()
    home.passes(5)
    assert home.heard() == [], "a line is no receipt"
    home.receipt()
    assert home.heard() == ["*arrived", "~waiting", "call.arrived"]


def test_who_presses_again_hears_again_how_far_it_is() -> None:
    home = Listener()
    home.press("smoke-1")
    home.receipt()
    home.passes(50)
    home.heard()
    home.press("smoke-1")
    assert home.heard() == ["*heard", "call.waiting"]
    home.passes(59)
    assert home.heard() == [], "the minute begins anew"
    home.passes(1)
    assert home.heard() == ["call.waiting"]


def test_of_several_calls_the_worst_news_is_said() -> None:
    home = Listener()
    home.press("smoke-1")
    home.receipt()
    home.press("co-1")
    home.heard()
    home.receipt(home.ref_of("smoke-1"))
    assert home.heard() == []
    home.link_down()
    assert home.heard() == ["~no-line", "call.no-line"]
    home.command("resolve", alarm=home.house.alarms[0].id, outcome="fine")
    assert home.heard() == ["*resolved", "call.no-line"], "one is over, and the other still has no line"


def test_s1_nothing_is_heard_of_a_silent_alarm_whatever_becomes_of_it() -> None:
    home = Listener()
    home.press("door-1")
    home.press("door-1")
    home.link_down()
    home.passes(5 * MINUTE)
    assert home.faults, "of which it says nothing either: whoever is at the door would hear it"
    home.link_up()
    home.receipt()
    home.passes(5 * MINUTE)
    home.acknowledge()
    home.passes(31 * MINUTE)
    home.resolve()
    assert home.heard() == []


def test_s1_a_silent_alarm_adds_no_word_to_a_call_that_is_heard() -> None:
    home = Listener()
    home.press("smoke-1")
    home.receipt()
    home.heard()
    home.press("door-1")
    home.passes(30)
    assert home.heard() == []
    home.acknowledge_all()
    assert home.heard() == ["*someone-has-it", "~none", "call.someone"]


def test_a_hub_that_starts_in_the_middle_says_where_it_is_and_not_that_it_heard_anybody() -> None:
    score = Score()
    cues = score.show(Display(call="fast", tone="no-line", fault="slow"), 0)
    assert [cue for cue in cues if isinstance(cue, Speak)] == [Speak(("call.no-line",), call=True)]


def test_nobody_who_did_not_ask_is_told_that_he_was_heard() -> None:
    score = Score()
    score.show(Display(), 0)
    cues = score.show(Display(call="slow", tone="pending"), 1)  # nobody stirred: a window to say that all is well
    assert [cue for cue in cues if isinstance(cue, Speak)] == [Speak(("call.pending",), call=True)]


def test_what_the_centre_quietens_is_not_spoken_of_again_until_something_changes() -> None:
    home = Listener()
    home.press("smoke-1")
    home.receipt()
    home.command("silence", alarm=home.alarm.id)
    home.heard()
    home.passes(10 * MINUTE)
    assert home.heard() == []
    home.acknowledge()
    assert home.heard() == ["*someone-has-it", "call.someone"]


def test_an_alarm_cuts_what_is_said_and_its_chirps_come_first() -> None:
    score = Score()
    score.show(Display(), 0)
    assert score.chirp("heard") == [Cut(pips=True), Ring("heard", call=True)]
    cues = score.show(Display(call="slow", tone="pending"), 1)
    assert Hush() in cues
    assert Cut() not in cues, "the chirp is still sounding"
    score = Score()
    score.show(Display(), 0)
    assert Cut() in score.show(Display(call="slow", tone="pending"), 1), "one without a chirp cuts as well"
    assert {name for name in CALLS if isinstance(score.chirp(name)[0], Cut)} == CALLS


# --- reminders, messages, information ---------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["medication", "appointment-tomorrow", "appointment", "drink", "weigh", "other"])
def test_a_reminder_is_its_text_or_its_kinds_phrase_and_how_to_answer(prompt: PromptName) -> None:
    score = Score()
    assert score.chirp("reminder") == [Ring("reminder")]
    assert score.say(Say("blue", prompt))[0].phrases == (TEXT, "reminder.answer")  # type: ignore[attr-defined]
    assert score.say(Say("", prompt))[0].phrases == (f"reminder.{prompt}", "reminder.answer")  # type: ignore[attr-defined]


def test_a_message_is_announced_said_and_asked_to_be_confirmed() -> None:
    say = Say("", "message", "mrs-a", "m-1")
    (cue,) = Score().say(say)
    assert cue == Speak(("message.comes", TEXT, "message.answer"), say=say)


def test_what_has_no_chirp_of_its_own_asks_for_attention_where_there_is_no_voice() -> None:
    score = Score()
    assert score.say(Say(prompt="missed")) == [Speak(("reminder.missed",), say=Say(prompt="missed"), chirp="attention")]
    assert score.say(Say("bins")) == [Speak((TEXT,), say=Say("bins"), chirp="attention")]
    none = Say(prompt="no-information")
    assert score.say(none) == [Speak(("information.none",), say=none, chirp="attention")]


def test_an_answer_ends_what_is_said_and_is_confirmed() -> None:
    assert Score().chirp("taken") == [Hush(), Ring("taken"), Speak(("reminder.taken",))]
    assert Score().chirp("later") == [Hush(), Ring("later"), Speak(("reminder.later",))]


def test_two_reminders_at_once_have_one_chirp_and_are_both_said() -> None:
    score = Score()
    assert score.chirp("reminder") == [Ring("reminder")]
    assert score.chirp("reminder") == []
    score.show(Display(prompt="slow"), 0)
    assert score.chirp("reminder") == [Ring("reminder")]


def test_over_a_call_no_reminder_and_no_message_is_said_but_its_ladders_words_are() -> None:
    home = Listener()
    steps = (Step(after_ms=5_000, means="say", text="sit-down"),)
    home.plan(Plan(version=2, kinds=(Rule(kind="smoke", ladder="l"),), ladders=(Ladder(name="l", steps=steps),)))
    home.press("smoke-1")
    home.heard()
    assert home.score.say(Say("blue", "medication")) == []
    assert home.score.say(Say("", "message", "", "m-1")) == []
    assert home.score.chirp("taken") == [Hush(), Ring("taken")]
    home.passes(6)
    (spoken,) = [cue for cue in home.cues if isinstance(cue, Speak)]
    assert spoken == Speak((TEXT,), call=True, say=Say("sit-down"), chirp="attention")


# --- faults ------------------------------------------------------------------------------------------


def words(cues: list[Cue]) -> list[str]:
    return [phrase for cue in cues if isinstance(cue, Speak) for phrase in cue.phrases]


UNWELL = Display(fault="slow")


def test_a_fault_is_told_once_and_so_is_its_end() -> None:
    score = Score()
    score.show(Display(), 0)
    assert words(score.show(UNWELL, 1)) == ["fault.noticed"]
    assert words(score.show(UNWELL, 2)) == []
    assert words(score.show(Display(), 3)) == ["fault.over"]
    assert words(score.show(UNWELL, 4)) == [], "a loose wire does not talk all day"
    assert words(score.show(Display(), 5)) == []
    assert words(score.show(UNWELL, 1 + FAULT_EVERY_MS)) == ["fault.noticed"]


def test_what_is_dark_for_the_night_is_not_over() -> None:
    score = Score()
    score.show(Display(), 0)
    score.show(UNWELL, 1)
    assert words(score.show(Display(quiet=True), 2)) == []


def test_a_hub_that_starts_with_a_fault_does_not_begin_by_telling_it() -> None:
    assert words(Score().show(UNWELL, 0)) == []


def test_nothing_is_said_of_faults_during_a_call() -> None:
    score = Score()
    score.show(Display(call="fast", tone="calling"), 0)
    assert words(score.show(Display(call="fast", tone="calling", fault="slow"), 1)) == []
    assert words(score.show(Display(call="fast", tone="calling"), 2)) == []


def test_the_figures_of_the_design() -> None:
    assert (NO_LINE_EVERY_MS, WAITING_EVERY_MS) == (30_000, 60_000)
