"""A week of the reminders' year, about a night that each zone's clocks change; and its judge, who must see."""

from pathlib import Path

import pytest

from rules import reminders
from rules.turn import Turn
from rules.watched import Spent
from simulators.trials.reminders.year import TRIALS, YEARS, Story, Year
from simulators.trials.trial import Figures, Round, Violation, seed_of

DAYS, OF_EACH = 9, 12
BEGINS = {
    "Europe/London": "2026-10-20T00:00+01:00",
    "America/New_York": "2026-03-03T00:00-05:00",
    "Asia/Kolkata": "2026-01-01T00:00+05:30",
    "Pacific/Apia": "2011-12-24T00:00-10:00",
}


def play(folder: Path, number: int, of_each: int = OF_EACH) -> Figures:
    of = YEARS[number % 4]
    year = Year(of.zone, BEGINS[of.zone], of.times)
    return Story(Round(number, seed_of(TRIALS[0], number), folder), year, DAYS, of_each).play()


def play_all(folder: Path) -> None:
    """Until the judge has seen something, with more mishaps."""
    for number in range(4):
        (folder / str(number)).mkdir()
        play(folder / str(number), number, 4 * OF_EACH)


@pytest.mark.parametrize("number", range(4))
def test_s4_s6_every_dose_of_a_week_is_prompted_once_and_its_outcome_is_delivered_once(
    number: int, tmp_path: Path
) -> None:
    counted = play(tmp_path, number).counted
    doses = counted["doses prompted once"] + counted["doses taken before they were due"]
    assert doses == counted["doses taken"] + counted["doses missed"] >= 4 * (DAYS - 5)
    assert counted["plans"] == counted["steps of the clock"] == OF_EACH
    assert counted["events offered again"] > 0


def test_s4_the_judge_sees_a_hub_that_forgets_what_it_has_prompted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "spend", _forget)
    with pytest.raises(Violation, match="S4"):
        play_all(tmp_path)


def _forget(turn: Turn, *_: object) -> None:
    turn.update(spent=tuple[Spent, ...]())


def test_s4_the_judge_sees_a_hub_that_loses_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders, "LOOK_BACK_MS", 60_000)
    with pytest.raises(Violation, match="S4"):
        play_all(tmp_path)
