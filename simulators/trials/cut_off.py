"""Broadband is cut, or every line is: the other line carries the alarm, or a contact is texted and answers."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from agent.config import load
from agent.plan.arrival import Outcome
from agent.plan.hub import hub_config
from agent.plan.reading import read_plan
from provisioning.plan.apply import lay
from rules.reports import AlarmAcknowledged, AlarmEscalated, AlarmRaised, AlarmTexted
from simulators.modem import Modem
from simulators.proxy import Proxy
from simulators.rig import HUB, LEDGER_MAX, NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.trials.accounts import settle
from simulators.trials.leaks import found, key_traces, number_traces
from simulators.trials.trial import Figures, Round, Trial, Violation

DAUGHTER, NEIGHBOUR = "+447700900112", "+447700900111"
DAUGHTER_S, NEIGHBOUR_S = 16, 32
RECEIPTED_S = 15.0
"""How soon an alarm has its receipt over the second line."""

LATE_S = 3.0
"""How late a text may be in the network's hands: the modem's own dialogue, and a busy machine."""

_PATIENCE_S = 60.0
_BOTH = [("sms", ("daughter",)), ("sms", ("neighbour",))]

PLAN = f"""
version = 1
[contact.daughter]
consent = 2026-09-28
[contact.neighbour]
consent = 2026-09-28
[[ladder.default.step]]
after_s = {DAUGHTER_S}
do = "sms"
to = ["daughter"]
[[ladder.default.step]]
after_s = {NEIGHBOUR_S}
do = "sms"
to = ["neighbour"]
[private.numbers]
daughter = "{DAUGHTER}"
neighbour = "{NEIGHBOUR}"
"""


class Home:
    """A hub with two lines, a modem and a pendant, and what its contacts have been told."""

    def __init__(self, rig: Rig, lines: tuple[Proxy, Proxy], modem: Modem, radio_: SerialAdapter) -> None:
        self.rig, self.lines, self.modem = rig, lines, modem
        self._radio = radio_

    def press(self) -> float:
        """Press the pendant; give the moment."""
        self._radio.say(x10(0))
        return asyncio.get_running_loop().time()

    def cut(self, *lines: Proxy) -> None:
        """Cut lines, and let nobody connect over them."""
        for line in lines:
            line.refuse()
            line.cut()

    def mend(self) -> None:
        """Let both lines carry again."""
        for line in self.lines:
            line.forward()

    def told(self) -> list[tuple[str, str]]:
        """Give who was texted and what, in order."""
        return [(text.number, text.body) for text in self.modem.sent]

    async def texted(self, count: int) -> float:
        """Wait until so many texts are sent; give the moment. Raises Violation."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while len(self.modem.sent) < count:
                    self.modem.changed.clear()
                    await self.modem.changed.wait()
        except TimeoutError:
            raise Violation(f"S3: {count} texts were expected, sent are {self.told()}") from None
        return asyncio.get_running_loop().time()

    async def alarm(self, **wanted: str) -> float:
        """Wait until the hub's one alarm is so; give the moment. Raises Violation."""

        def over(status: dict[str, Any]) -> bool:
            return any(wanted.items() <= each.items() for each in status["alarms"])

        try:
            await self.rig.until_status(over, _PATIENCE_S)
        except TimeoutError:
            raise Violation(f"S3: the alarm was never {wanted}: {(await self.rig.status())['alarms']}") from None
        return asyncio.get_running_loop().time()


@contextlib.asynccontextmanager
async def _home(folder: Path) -> AsyncIterator[Home]:
    """Set a home up: online, its plan in force, its modem in the network."""
    modem = Modem(folder / "modem")
    tables = f'[modem]\nport = "{folder / "modem"}"\n{radio(folder / "radio")}{pendants([0])}{NO_WINDOW}'
    rig = Rig(folder, tables)
    with SerialAdapter(folder / "radio") as radio_:
        async with Proxy(0, ("127.0.0.1", rig.broker.port)) as main, Proxy(0, ("127.0.0.1", rig.broker.port)) as second:
            rig.port = main.port
            rig.standby = f'host = "127.0.0.1"\nport = {second.port}'
            modem.plug()
            async with rig:
                await rig.hub.start()
                await rig.online()
                await rig.listening()
                await _plan(rig, folder / "plan.toml")
                try:
                    yield Home(rig, (main, second), modem, radio_)
                finally:
                    modem.unplug()


def _lay(rig: Rig, path: Path) -> Outcome:
    path.write_text(PLAN)
    path.chmod(0o600)
    config = load(rig.config)
    return lay(read_plan(path, hub_config(config)), config, _PATIENCE_S)


async def _plan(rig: Rig, path: Path) -> None:
    outcome = await asyncio.to_thread(_lay, rig, path)
    if outcome.outcome != "applied":
        raise Violation(f"S9: a good plan was {outcome.outcome}: {outcome.reasons}")


async def _broadband(this: Round) -> Figures:
    """Cut broadband before, at or after a press: the second line carries it, staff take it, and nobody is texted."""
    dice, figures = random.Random(this.seed), Figures()
    async with _home(this.folder) as it:
        it.cut(it.lines[0])
        await asyncio.sleep(dice.choice((0, 0, dice.uniform(0, 20))))
        pressed_s = it.press()
        received_s = await it.alarm(delivery="received")
        figures.measure("receipted over the second line, s", received_s - pressed_s, at_most=RECEIPTED_S, rule="S3")
        (alarm,) = (await it.rig.status())["alarms"]
        it.rig.centre.command(HUB, "acknowledge", {"alarm": alarm["id"]})
        await it.alarm(stage="acknowledged")
        await _until(pressed_s + DAUGHTER_S + LATE_S)
        if it.told():
            raise Violation(f"S3: staff had it, and contacts were texted: {it.told()}")
        it.mend()
        await settle(it.rig, figures)
    return figures


async def _everything(this: Round) -> Figures:
    """Cut every line: the daughter is texted in her time, answers, and the centre learns it all once a line is back."""
    dice, figures = random.Random(this.seed), Figures()
    mishap = ("none", "the modem is pulled", "the hub is killed", "the network refuses")[this.number % 4]
    async with _home(this.folder) as it:
        it.cut(*it.lines)
        pressed_s = it.press()
        if mishap == "the modem is pulled":
            it.modem.unplug()
            await asyncio.sleep(DAUGHTER_S + dice.uniform(1, 5))
            it.modem.plug()
        elif mishap == "the network refuses":
            it.modem.refuse(1)
        texted_s = await it.texted(1) - pressed_s - DAUGHTER_S
        if mishap == "none":
            figures.measure("later than the plan says, s", texted_s, at_most=LATE_S, rule="S3")
        await _answered(it, dice, killed=mishap == "the hub is killed")
        await _until(pressed_s + NEIGHBOUR_S + LATE_S)
        _hold_once(it, pulled=mishap == "the modem is pulled")
        it.mend()
        await settle(it.rig, figures, timeout_s=90)
        _hold_the_story(it, pulled=mishap == "the modem is pulled")
        await _hold_nothing_personal(it, this.folder, figures)
        figures.count(f"homes that texted, every line cut: {mishap}")
    return figures


async def _answered(it: Home, dice: random.Random, *, killed: bool) -> None:
    """Let the daughter answer, the hub be killed before it or not."""
    ((number, body),) = it.told()
    code = body.split()[-1]
    if killed:
        await asyncio.sleep(dice.uniform(0.5, 2))  # after the modem's answer: it is on the disk by then
        await it.rig.hub.kill()
        await asyncio.sleep(dice.uniform(0, 3))
        await it.rig.hub.start()
    it.modem.receive(number, f"1 {code}")
    await it.alarm(stage="acknowledged")
    await it.texted(2)


async def _until(moment_s: float) -> None:
    await asyncio.sleep(max(0.0, moment_s - asyncio.get_running_loop().time()))


def _hold_once(it: Home, *, pulled: bool) -> None:
    """See that the daughter was asked once and thanked once, and nobody else told. Raises Violation.

    With the modem gone until both steps were due, both contacts are asked at once: the first to answer is thanked, the
    other is told so, and nobody is told anything twice.
    """
    told = Counter(number for number, _ in it.told())
    if max(Counter(it.told()).values()) > 1 or not (told == {DAUGHTER: 2} or (pulled and set(told.values()) == {2})):
        raise Violation(f"S4: a contact is asked once, and told once what became of it: {it.told()}")


def _hold_the_story(it: Home, *, pulled: bool) -> None:
    """See that the centre knows all that happened without it. Raises Violation."""
    asked = "daughter" if it.told()[0][0] == DAUGHTER else "neighbour"
    ((_, raised),) = it.rig.held(AlarmRaised)
    steps = [(report.means, report.to) for _, report in it.rig.held(AlarmEscalated)]
    texted = [(report.contact, report.state) for _, report in it.rig.held(AlarmTexted)]
    taken = [(report.by, report.contact) for _, report in it.rig.held(AlarmAcknowledged)]
    expected = [("sms", ("daughter",))] if not pulled or len(steps) == 1 else _BOTH
    if raised.plan_version != 1 or steps != expected or taken != [("contact", asked)]:
        raise Violation(f"S2: the centre's story is plan {raised.plan_version}, steps {steps}, taken by {taken}")
    if (asked, "sent") not in texted:
        raise Violation(f"S2: the centre does not know of the text: {texted}")


async def _hold_nothing_personal(it: Home, folder: Path, figures: Figures) -> None:
    """See that no number, text or key is where it must not be: logs, journal, status, what the broker has. S11.

    The address book keeps numbers, and the keys are in their files: both for their owner alone. Raises Violation.
    """
    keys = it.rig.keys
    mine = keys.hubs[HUB]
    traces = {
        "the daughter's number": tuple(number_traces(DAUGHTER)),
        "the neighbour's number": tuple(number_traces(NEIGHBOUR)),
        **{
            f"the key {path.name}": tuple(key_traces(path))
            for path in (mine.signing, mine.plan, mine.tls.key, keys.centre, keys.broker.key)
        },
    }
    own = (folder / "keys", it.rig.state_dir / "plans")

    def kept(path: Path) -> bool:
        return path.is_relative_to(own[0]) or path.is_relative_to(own[1]) or path == folder / "plan.toml"

    loose = [str(each) for place in own for each in place.rglob("*") if each.is_file() and each.stat().st_mode & 0o077]
    if loose:
        raise Violation(f"S11: what is private may be read by others: {loose}")
    events = b"\n".join(entry.body for _, entry, _ in it.rig.centre.ledger.events(limit=LEDGER_MAX))
    also = {
        "the status": msgspec.json.encode(await it.rig.status()),
        "the events at the centre": events,
        "the centre's timeline": "\n".join(each.line() for each in it.rig.centre.timeline.entries()).encode(),
    }
    it.rig.broker.stop()  # it writes down what it retains and queues
    if there := found(folder, traces, kept=kept, also=also):
        raise Violation(f"S11: {'; '.join(there)}")
    figures.count("homes searched for what is personal or secret, and none found")


TRIALS: tuple[Trial, ...] = (
    Trial(
        "broadband-cut",
        "S2 S3 S5",
        "With broadband cut a press is receipted over the second line in 15 s, and nobody is texted whom staff spare",
        10,
        _broadband,
    ),
    Trial(
        "every-line-cut",
        "S1 S2 S3 S4 S9",
        "With every line cut the first contact is texted in time, the answer takes the alarm, the centre learns it all",
        20,
        _everything,
    ),
)
