"""The hostile trials, a round of each kind; the soak makes many more."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from simulators.rig import HUB
from simulators.trials.hostile.flood import TRIALS as FLOOD
from simulators.trials.hostile.in_the_middle import TRIALS as IN_THE_MIDDLE
from simulators.trials.hostile.to_the_centre import TRIALS as TO_THE_CENTRE
from simulators.trials.hostile.to_the_hub import TRIALS as HOSTILE
from simulators.trials.hostile.to_the_hub import at_rest, counted
from simulators.trials.trial import Figures, play_rounds


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.mark.slow
async def test_s8_whatever_the_centre_did_not_mean_changes_nothing_and_is_counted(folder: Path) -> None:
    figures = Figures()
    # One hub does not trust its clock, and goes by the nonce; the other does.
    for each in await asyncio.gather(*(play_rounds(HOSTILE[0], [number], folder / str(number)) for number in (0, 1))):
        figures.add(each)
    assert figures.counted["hostile messages"] >= 2 * 100
    assert figures.counted["alarms that waited on, and were receipted by the centre alone"] == 2


@pytest.mark.slow
async def test_s12_a_flood_of_forged_messages_beside_a_press_does_not_hold_it_up(folder: Path) -> None:
    figures = await play_rounds(FLOOD[0], [0], folder)
    assert figures.counted["hostile messages poured out"] >= 5_000
    assert figures.counted["hostile messages that the hub counted"] >= 1_000


async def test_s8_whatever_a_hub_did_not_say_changes_nothing_at_the_centre(folder: Path) -> None:
    figures = await play_rounds(TO_THE_CENTRE[0], [0], folder)
    assert sum(count for name, count in figures.counted.items() if name.startswith("hostile messages")) >= 15 + 2
    assert figures.counted["hostile messages at the centre that were repeated"] >= 1


@pytest.mark.slow
async def test_s3_s8_a_broker_in_hostile_hands_changes_nothing_and_is_gone_round(folder: Path) -> None:
    drops, meddles = IN_THE_MIDDLE
    rounds = ((drops, 0), (drops, 1), (meddles, 0))
    played = await asyncio.gather(*(play_rounds(each, [n], folder / f"{at}") for at, (each, n) in enumerate(rounds)))
    figures = Figures()
    for each in played:
        figures.add(each)
    assert figures.counted["suppressed calls that were answered"] == 2
    assert figures.counted["calls held once, in their own home"] == 2 * 2 + 24
    assert figures.counted["plans applied, each in its own home"] == 2
    assert figures.counted["messages that passed hostile hands"] >= 1_000
    assert figures.counted["messages said again"] >= 500


def test_a_status_at_rest_is_all_of_it_but_what_moves_by_itself() -> None:
    status: dict[str, Any] = {"hub": HUB, "uptime_s": 4, "links": [{"up": True, "for_s": 4}], "counters": {"a": 1}}
    assert at_rest(status) == {"hub": HUB, "links": [{"up": True}]}
    assert counted({"counters": {"refused receipt: x": 1, "refused receipt: y": 2, "noise": 4}}, "refused receipt") == 3
