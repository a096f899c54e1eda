"""S1, S4: a hub killed at any moment loses no alarm whose call had begun, and doubles none."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.support.rig import HUB, NO_WINDOW, Rig, SerialAdapter, pendants, radio, x10

KILLS = 20
PENDANTS = 128


@pytest.mark.slow
async def test_s1_killed_at_20_random_moments_while_triggers_arrive(tmp_path: Path) -> None:
    rng = random.Random(2)
    adapter = SerialAdapter(tmp_path / "radio").plug_in()
    async with Rig(tmp_path, radio(adapter.path) + pendants(range(PENDANTS)) + NO_WINDOW) as rig:
        pressed = 0

        async def press_on() -> None:
            nonlocal pressed
            while pressed < PENDANTS:
                adapter.say(x10(pressed))
                pressed += 1
                await asyncio.sleep(rng.uniform(0.05, 0.2))

        presses: asyncio.Task[None] | None = None
        for _ in range(KILLS):
            await rig.hub.start()
            presses = presses or asyncio.create_task(press_on())
            await asyncio.sleep(rng.uniform(0.0, 0.8))
            await rig.hub.kill()
        await rig.hub.start()
        assert presses is not None
        await presses
        await rig.settled()

        calling = rig.hub.logged("alarm.raised ")
        arrived = [entry.alarm for entry in rig.came("alarm.raised")]
        assert set(calling) <= set(arrived), "an alarm whose call had begun never arrived"
        assert len(calling) > KILLS, "too few alarms were under way for this trial to say anything"
        assert max(Counter(arrived).values()) == 1
        epochs = {entry.ref.split("-")[0] for entry in rig.came("alarm.raised")}
        assert len(epochs) > KILLS // 2, "the kills did not fall among the alarms"
        doubled = {sensor: alarms for sensor, alarms in rig.alarms_by_sensor().items() if len(alarms) > 1}
        assert not doubled, "every pendant was pressed once"
        assert rig.centre.intake.missing(HUB) == []
    adapter.pull()
