"""The daemon in its own process, a press on its pin, Mosquitto with TLS, and the centre as it runs."""

import asyncio
from pathlib import Path
from typing import Any

from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, read_key
from centre.cases.events import Resolved, Took
from centre.settings import LineSettings
from centre.work.members import Member, Roll
from centre.work.running import Working
from simulators.rig import HUB, NO_WINDOW, Rig
from tests.centre.work.town import Office, Site, until

PINS = """
[pins]
factory = "mock"
[buttons]
call = 5
cancel = 6
arrived = 13
"""
OUTPUTS = "[outputs]\ncall = 16\narrived = 17\nsomeone = 18\nsiren = 19\nsounder = 20\n"


class Centre:
    """The running centre, in the place of the one that is pretended."""

    def __init__(self, rig: Rig, url: str) -> None:
        self.office = Office(url, rig.folder)
        keys = rig.keys.hubs[HUB]
        member = Member(
            HUB, read_key(keys.public, HUB_ALGORITHM), read_key(keys.plan_public, HUB_ALGORITHM), enrolled_ms=0
        )
        line = LineSettings(
            host="localhost",
            port=rig.broker.port,
            group="g1",
            key=read_key(rig.keys.centre, CENTRE_ALGORITHM),
            tls=rig.centre_tls,
        )
        self.working = Working("worker-1", line, self.office, Site(roll=Roll(1, {HUB: member}, frozenset())), {})
        self._task: asyncio.Task[Any] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self.working.run())
        await until(lambda: self.working.hears, "the line is up")

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.office.close()


class RealRig(Rig):
    """A rig whose centre is the real one."""

    url = ""

    def make_centre(self, ledger: str = ":memory:") -> Any:
        return Centre(self, self.url)


async def test_a_press_in_the_flat_is_taken_heard_at_home_and_resolved(tmp_path: Path, store: str) -> None:
    rig = RealRig(tmp_path, PINS + NO_WINDOW, outputs=OUTPUTS, pins=True)
    rig.url = store
    async with rig:
        office: Office = rig.centre.office  # type: ignore[attr-defined]
        await rig.hub.start()
        await until(lambda: any(each.online for each in office.book.seen(HUB)), "seen online")
        await rig.hub.pins.press(5, 200)
        case = await until(lambda: next(iter(office.desk.standing()), None), "a case")
        assert (case.hub, case.cause, case.alarms[0].sensor) == (HUB, "alarm", "hub")
        taken = office.desk.act(case.id, Took(at_ms=office.now_ms(), by="ann", seen=case.version))
        await rig.until_status(lambda status: [each["stage"] for each in status["alarms"]] == ["acknowledged"])
        held = await until(
            lambda: next((each for each in office.desk.standing() if each.version > taken.version), None), "its word"
        )
        number = office.plans.send(HUB, {"version": 7, "language": "en"}, "ann")
        resolved = Resolved(at_ms=office.now_ms(), by="ann", seen=held.version, outcome="accidental")
        office.desk.act(case.id, resolved)
        await rig.until_status(lambda status: not status["alarms"])
        await until(lambda: not office.commands.waiting(), "every command is answered")
        assert {each.state for each in office.commands.of_home(HUB)} == {"done"}
        answered = await until(lambda: next(iter(office.plans.of_home(HUB)), None), "the plan")
        await until(lambda: office.plans.waiting() == [], "the plan is answered")
        assert answered.number == number
        assert not office.ledger.quarantine()
