"""A whole hub with a modem and no line: a press becomes a text, and its answer acknowledges the alarm."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from agent.clock import SystemClock
from agent.config import load
from agent.daemon import Daemon
from agent.hub import Turned
from agent.seams import Seams
from agent.sms.texting import Texting, make_texting
from rules.actions import Send, SendText
from rules.events import CallPressed, PlanOffered
from rules.plan import Contact, Ladder, Plan, Step
from rules.reports import AlarmAcknowledged, AlarmTexted, FaultCleared, FaultRaised, PlanApplied, Report
from rules.state import House
from simulators.keys import make_keys
from simulators.modem import Modem
from tests.support.book import Numbers

ANNA, BEN = "+441632960001", "+441632960002"
PLAN = Plan(
    version=3,
    contacts=(Contact(contact="anna", consent="2026-01-01"), Contact(contact="ben", consent="2026-01-01")),
    ladders=(
        Ladder(
            name="default",
            steps=(Step(after_ms=50, means="sms", to=("anna",)), Step(after_ms=50, means="sms", to=("ben",))),
        ),
    ),
)
NOBODY_AT_HOME = 1  # a port where no broker is: broadband is down

R = TypeVar("R", bound=Report)


class Home:
    """A hub's daemon, with a modem plugged in, and all it decided."""

    def __init__(self, folder: Path) -> None:
        keys = make_keys(folder / "keys", SystemClock().now().wall_ms, ["hub-test"])
        self.modem = Modem(folder / "modem")
        config = folder / "hub.toml"
        config.write_text(
            f'hub = "hub-test"\nstate_dir = "{folder}/state"\nsocket = "{folder}/ask"\noutputs = "log"\n'
            f'[keys]\nhub = "{keys.hubs["hub-test"].signing}"\ncentre = ["{keys.centre_public}"]\n'
            f'[[uplink]]\nname = "main"\nhost = "127.0.0.1"\nport = {NOBODY_AT_HOME}\n'
            f'[modem]\nport = "{self.modem.line.path}"\n[kind.button]\ncancel_s = 0\n'
        )
        self.reports: list[Report] = []
        self._turned = asyncio.Event()
        self.store = folder / "state" / "hub.db"
        self.texting: Texting | None = None
        seams = Seams(
            book=Numbers({"anna": ANNA, "ben": BEN}), turned=self._take, make_texting=self._make_texting, beat_s=0.5
        )
        self.daemon = Daemon(load(config), SystemClock(), seams)

    def _make_texting(self, *arguments: Any, **named: Any) -> Texting:
        made = make_texting(*arguments, **named)
        assert isinstance(made, Texting)
        self.texting = made
        return made

    def _take(self, turned: Turned) -> None:
        self.reports += [action.report for action in turned.actions if isinstance(action, Send)]
        self._turned.set()

    async def told(self, kind: type[R], wanted: Callable[[R], object] = lambda _: True) -> R:
        """Wait for a report."""
        async with asyncio.timeout(10):
            while True:
                for report in self.reports:
                    if isinstance(report, kind) and wanted(report):
                        return report
                self._turned.clear()
                await self._turned.wait()

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator["Home"]:
        stop = asyncio.Event()
        self.modem.plug()
        life = asyncio.create_task(self.daemon.run(stop))
        try:
            await self.told(FaultRaised)  # a hub without pins says so first
            self.daemon.inbox.put(PlanOffered(PLAN))
            await self.told(PlanApplied)  # a press would overtake it
            yield self
        finally:
            stop.set()
            await life
            self.modem.unplug()

    def code_of(self, number: str) -> str:
        """Read the answer that a contact was asked for."""
        return next(text.body.rsplit(": ", 1)[1] for text in self.modem.sent if text.number == number)


async def test_a_press_is_texted_and_the_answer_acknowledges_it_and_the_others_are_told(tmp_path: Path) -> None:
    async with Home(tmp_path).living() as home:
        home.daemon.inbox.put(CallPressed())
        await home.modem.texted(2)
        await home.told(AlarmTexted, lambda report: report.contact == "anna" and report.state == "delivered")
        await home.told(AlarmTexted, lambda report: report.contact == "ben" and report.state == "delivered")
        home.modem.receive(ANNA, home.code_of(ANNA))
        acknowledged = await home.told(AlarmAcknowledged)
        assert (acknowledged.by, acknowledged.contact) == ("contact", "anna")
        await home.modem.texted(4)
        said = {(text.number, text.body.split(".")[0]) for text in home.modem.sent[2:]}
        assert said == {(ANNA, "Hearthline: thank you"), (BEN, "Hearthline: somebody else is going to help now")}
        await home.modem.until(lambda: not home.modem.stores["SM"])
        assert home.daemon.counters()["modem: signal, dBm"] == -73


async def test_s11_a_stranger_with_the_right_code_changes_nothing_and_leaves_no_trace(tmp_path: Path) -> None:
    async with Home(tmp_path).living() as home:
        home.daemon.inbox.put(CallPressed())
        await home.modem.texted(2)
        home.modem.receive("+441632960099", home.code_of(ANNA))
        await home.modem.until(lambda: "AT+CMGD=0" in home.modem.commands)
        home.modem.receive(BEN, home.code_of(BEN))
        acknowledged = await home.told(AlarmAcknowledged)
        assert acknowledged.contact == "ben"
        assert home.daemon.counters()["modem: texts from strangers"] == 1
        kept = b"".join(path.read_bytes() for path in home.store.parent.iterdir() if path.is_file())
        assert not any(number[4:].encode() in kept for number in (ANNA, BEN, "+441632960099"))


async def test_s1_a_text_is_handed_to_the_modem_only_after_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed: list[bool] = []
    home = Home(tmp_path)
    assert home.texting is not None
    send = home.texting.send

    def look_and_send(action: SendText) -> None:
        with contextlib.closing(sqlite3.connect(f"file:{home.store}?mode=ro", uri=True)) as other:
            (body,) = other.execute("SELECT body FROM house").fetchone()
        house = msgspec.json.decode(body, type=House)
        committed.append(any(text.id == action.text for text in house.texts))
        send(action)

    monkeypatch.setattr(home.texting, "send", look_and_send)
    async with home.living():
        home.daemon.inbox.put(CallPressed())
        await home.modem.texted(2)
    assert committed == [True, True]


async def test_s7_a_modem_pulled_out_is_a_fault_at_the_centre_and_at_home_until_it_is_back(tmp_path: Path) -> None:
    async with Home(tmp_path).living() as home:
        async with asyncio.timeout(5):
            while "modem: signal, dBm" not in home.daemon.counters():
                await asyncio.sleep(0.01)
        home.modem.unplug()
        fault = await home.told(FaultRaised, lambda report: report.subject == "modem")
        assert fault.reason == "it was pulled out, or lost its power"
        home.modem.plug()
        await home.told(FaultCleared, lambda report: report.subject == "modem")
