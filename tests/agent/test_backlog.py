"""S3, S5: after a minute without the broker a thousand events arrive, and a live alarm does not wait for them."""

import asyncio
from pathlib import Path

import pytest

from tests.support.rig import HUB, NO_WINDOW, Rig, SerialAdapter, pendants, radio, x10

EVENTS = 1_000
DEVICES = 125
OUTAGE_S = 60.0
LOW, FINE = 0x16, 0x00


@pytest.mark.slow
async def test_s5_a_live_alarm_overtakes_the_backlog_of_a_minute_without_the_broker(tmp_path: Path) -> None:
    adapter = SerialAdapter(tmp_path / "radio").plug_in()
    async with Rig(tmp_path, radio(adapter.path) + pendants(range(DEVICES)) + NO_WINDOW) as rig:
        await rig.hub.start()
        await rig.online()
        await rig.listening()
        loop = asyncio.get_running_loop()
        down_since = loop.time()
        rig.broker.stop()
        before = len(rig.centre.timeline)
        for round_ in range(EVENTS // DEVICES + 1):
            for number in range(DEVICES):  # each a fault raised or cleared: lane a, and nobody's alarm
                adapter.say(x10(number, LOW if round_ % 2 == 0 else FINE))
                await asyncio.sleep(0.004)
        await asyncio.sleep(2)
        queued = (await rig.status())["outbox"]["a"]
        assert queued >= EVENTS
        await asyncio.sleep(max(0.0, OUTAGE_S - (loop.time() - down_since)))
        rig.broker.start()
        await rig.event("fault.cleared", after=before, timeout_s=45)  # the drain has begun
        adapter.say(x10(7))
        raised = await rig.event("alarm.raised", after=before)
        arrived_before = len(_lane_a(rig, before))
        await rig.settled(timeout_s=60)
        arrived = len(_lane_a(rig, before))
        assert raised.alarm
        assert arrived >= queued
        assert arrived_before < arrived, "the alarm waited for the whole backlog"
        assert rig.centre.intake.missing(HUB) == []
    adapter.pull()


def _lane_a(rig: Rig, after: int) -> list[str]:
    entries = rig.centre.timeline.entries(after)
    return [each.ref for each in entries if each.way == "in" and "-a-" in each.ref and each.verdict == "accepted"]
