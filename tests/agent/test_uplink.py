"""The uplink against a real Mosquitto over TLS, through a proxy; each test is an incident."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulators.proxy import Proxy
from simulators.rig import HUB, NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter


class Home:
    """A rig whose line goes through a proxy, with twenty pendants in rooms of their own."""

    def __init__(self, rig: Rig, line: Proxy, adapter: SerialAdapter) -> None:
        self.rig, self.line, self._adapter = rig, line, adapter
        self._pressed = 0

    def press(self, *, worn_out: bool = False) -> str:
        """Press a pendant nobody has pressed yet, with a good battery or an empty one; give its sensor."""
        frame = x10(self._pressed)
        self._adapter.say(frame[:-1] + bytes([frame[-1] & 0xF0]) if worn_out else frame)
        self._pressed += 1
        return f"pendant-{self._pressed - 1}"

    async def faults(self) -> set[str]:
        return {fault["fault"] for fault in (await self.rig.status())["faults"]}

    async def until_fault(self, name: str, *, standing: bool = True, timeout_s: float = 15) -> float:
        """Wait until a fault stands (or not); give the seconds it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(timeout_s):
            while (name in await self.faults()) is not standing:
                await asyncio.sleep(0.05)
        return loop.time() - began

    async def until_deliveries(self, *wanted: str) -> None:
        """Wait until the open alarms are delivered so far, in any order: what the centre said may be on its way."""
        await self.rig.until_status(
            lambda status: sorted(alarm["delivery"] for alarm in status["alarms"]) == list(wanted)
        )


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    adapter = SerialAdapter(tmp_path / "radio").plug_in()
    rig = Rig(tmp_path, radio(adapter.path) + pendants(range(20)) + NO_WINDOW)
    async with Proxy(0, ("127.0.0.1", rig.broker.port)) as line:
        rig.port = line.port
        async with rig:
            await rig.hub.start()
            await rig.online()
            await rig.listening()
            yield Home(rig, line, adapter)
    adapter.pull()


async def test_a_press_reaches_the_centre_once_and_comes_back(home: Home) -> None:
    home.press()
    raised = await home.rig.event("alarm.raised")
    home.rig.centre.acknowledge(raised.alarm)
    await home.rig.event("alarm.acknowledged")
    home.rig.centre.resolve(raised.alarm, "visited")
    await home.rig.event("alarm.resolved")
    await home.rig.settled()
    assert len(home.rig.came("command.done")) == 2
    await home.rig.until_status(lambda status: (status["alarms"], status["outbox"]) == ([], {"a": 0, "t": 0}))


async def test_s3_an_alarm_raised_without_a_line_arrives_when_the_line_returns(home: Home) -> None:
    home.line.cut()
    home.press()
    await home.rig.until_status(lambda status: status["display"]["tone"] == "no-line", timeout_s=5)
    home.line.forward()
    loop = asyncio.get_running_loop()
    back_at = loop.time()
    await home.rig.event("alarm.raised")
    assert loop.time() - back_at <= 15


async def test_s4_duplicate_and_reordered_receipts_change_nothing(home: Home) -> None:
    home.rig.centre.faults.duplicate = True
    home.rig.centre.faults.reorder = True
    for _ in range(5):
        home.press()
    await home.rig.event("alarm.raised", count=5)
    await home.rig.settled()
    assert {len(ids) for ids in home.rig.alarms_by_sensor().values()} == {1}
    await home.until_deliveries("received", "received", "received", "received", "received")


async def test_a_rejected_alarm_stays_open_is_a_fault_and_blocks_nothing(home: Home) -> None:
    home.rig.centre.faults.rejected = True
    home.press()
    await home.until_fault("alarm-rejected")
    home.rig.centre.faults.rejected = False
    home.press()
    await home.rig.event("alarm.raised")
    await home.rig.settled()
    await home.until_deliveries("received", "rejected")


async def test_a_centre_whose_store_is_down_keeps_nothing_and_loses_nothing(home: Home) -> None:
    home.rig.centre.faults.retry = True
    home.press()
    wanted = ("in", "alarm.raised", "retry")  # and not what else the hub tells: nothing of that is kept, either
    await home.rig.centre.timeline.wait_for(lambda each: (each.way, each.type, each.verdict) == wanted)
    await home.until_deliveries("waiting")
    home.rig.centre.faults.retry = False
    await home.rig.event("alarm.raised", timeout_s=35)


async def test_the_will_speaks_when_the_hub_is_killed_and_a_planned_stop_says_so(home: Home) -> None:
    mark = len(home.rig.centre.timeline)
    await home.rig.hub.kill()
    lost = await home.rig.centre.timeline.wait_for(lambda each: each.type == "offline", after=mark, timeout_s=30)
    assert lost.reason == "lost"
    mark = len(home.rig.centre.timeline)
    await home.rig.hub.start()
    await home.rig.online(after=mark)
    assert await home.rig.hub.stop() == 0
    stopped = await home.rig.centre.timeline.wait_for(lambda each: each.type == "offline", after=mark)
    assert stopped.reason == "stopped"


async def test_a_reconnect_tells_status_then_alarms_then_state_then_the_backlog(home: Home) -> None:
    home.rig.centre.faults.silent = True
    home.press(worn_out=True)  # an alarm, and a fault behind it: what waits
    await home.until_fault("sensor-battery-low")
    assert (await home.rig.status())["alarms"]
    home.rig.centre.faults.silent = False
    mark = len(home.rig.centre.timeline)
    home.line.cut()
    home.line.forward()
    await home.rig.event("alarm.raised", after=mark)
    await home.rig.settled()
    entries = home.rig.centre.timeline.entries(mark)
    order = [each.type or each.channel for each in entries if each.way == "in"]
    order = order[order.index("online") :]  # what the old connection still delivered does not count
    assert order.index("alarm.raised") < order.index("state")
    assert "fault.raised" in order, "there was no backlog to wait"
    assert "fault.raised" not in order[: order.index("state")]


async def test_the_state_document_says_what_the_contract_lists(home: Home) -> None:
    home.press()
    await home.rig.event("alarm.raised")
    await home.rig.settled()
    state = home.rig.centre.ledger.state(HUB)
    assert state is not None
    assert set(json.loads(state)) >= {"alarms", "faults", "lanes", "links", "sensors", "clock", "software", "power"}


async def test_s12_what_the_centre_asks_for_again_is_sent_again_and_what_is_gone_is_named(home: Home) -> None:
    await home.rig.settled()
    epoch = (await home.rig.status())["epoch"]
    mark = len(home.rig.centre.timeline)
    home.rig.centre.command(HUB, "resend", {"epoch": epoch, "lane": "a", "from": 1, "to": 1})
    again = await home.rig.centre.timeline.wait_for(lambda each: each.ref == f"{epoch}-a-1", after=mark)
    assert (again.way, again.verdict) == ("in", "repeated")
    home.rig.centre.command(HUB, "resend", {"epoch": "0000000000", "lane": "a", "from": 1, "to": 3})
    await home.rig.event("gap", after=mark)
    await home.rig.settled()
