"""Trials of renewal: under a stream of alarms, impossible for long, and while the centre's own keys change."""

import asyncio
import contextlib
import random
from typing import Any

from rules.reports import AlarmRaised, AlarmResolved
from simulators.centre import UnknownAlarmError
from simulators.trials import accounts
from simulators.trials.renewal.home import DAY_MS, SHORT_DAYS, Home, ThenClock, home
from simulators.trials.trial import Figures, Round, Trial, Violation

HANDS_S = 1.0
"""A press that the hub could hear so long before it ended must have been taken: 250 ms for the disk (S1), and room."""

HEARD_S = 0.15
"""From a press to the hub's step: what was pressed so long before it decided may come after that."""

RESTART_S = 60.0
_LONG = 30
_POLL_S = 0.05


# --- under a stream of alarms ----------------------------------------------------------------------------


async def stream(this: Round, *, renewals: int, presses: int) -> Figures:
    """Press without a pause while certificates are renewed and the hub starts anew; staff take and close each alarm."""
    figures, dice = Figures(), random.Random(this.seed)
    async with home(this) as at, asyncio.timeout(300):
        with at.serving():
            await at.keep()
            await at.online()
            working = asyncio.create_task(_press_on(at, dice, presses))
            staff = asyncio.create_task(_staff(at, dice))
            try:
                for number in range(1, renewals + 1):
                    await asyncio.sleep(dice.uniform(0.2, 1.5))
                    before = at.folder_of_hub.keys.joinpath("uplink.pem").read_bytes()
                    result = await at.renew(force=True)
                    if result.outcome != "renewed":
                        raise Violation(f"a renewal with all in order came to {result}")
                    if at.folder_of_hub.keys.joinpath("uplink.pem").read_bytes() == before:
                        raise Violation("a renewal that is said to be done has left the old certificate")
                    await at.restarted(number, RESTART_S)
                    await at.until_status(lambda status: all(link["up"] for link in status["links"]), RESTART_S)
                    figures.count("certificates renewed")
                await working
                await _press_again(at, figures)
                await at.event("alarm.raised", count=presses, timeout_s=60)
                await _all_closed(at)
            finally:
                for task in (working, staff):
                    task.cancel()
                await asyncio.gather(working, staff, return_exceptions=True)
        await accounts.settle(at, figures)
        _hold_s10(at, figures)
        if len(at.alarms_by_sensor()) != presses:
            raise Violation(f"S1: {presses} pendants were pressed, {len(at.alarms_by_sensor())} gave an alarm")
    return figures


async def _press_on(at: Home, dice: random.Random, presses: int) -> None:
    for number in range(presses):
        at.press(number)
        await asyncio.sleep(dice.uniform(0.05, 0.4) if number % 7 else dice.uniform(0.4, 1.5))


async def _press_again(at: Home, figures: Figures) -> None:
    """Press again what was pressed while no hub listened and chirped, as who pressed it would. Raises Violation."""
    await at.settled()
    loop = asyncio.get_running_loop()
    for number, pressed_at in at.pressed.items():
        if f"pendant-{number}" in at.alarms_by_sensor():
            continue
        life = next((life for life in at.lived if life.armed_at <= pressed_at <= life.ended_at), None)
        if life is not None and life.ended_at - pressed_at > HANDS_S:
            raise Violation(f"S1: a press was lost {life.ended_at - pressed_at:.3f} s before the hub started anew")
        if life is None and at.armed_at is not None and at.armed_at <= pressed_at:
            raise Violation("S1: a press was lost that the hub could hear")
        figures.count("presses while no hub listened, made again")
        at.press(number)
    for first, second in zip(at.lived, at.lived[1:], strict=False):
        figures.measure("deaf for a restart, s", second.armed_at - first.ended_at)
    if at.lived and at.armed_at is not None:
        figures.measure("deaf for a restart, s", at.armed_at - at.lived[-1].ended_at)
    figures.measure("the stream, s", loop.time() - min(at.pressed.values()))


async def _staff(at: Home, dice: random.Random) -> None:
    """Take and close every alarm soon after it came."""
    closed = set[str]()
    while True:
        await asyncio.sleep(dice.uniform(0.02, 0.1))
        for alarm in at.centre.alarms:
            if alarm not in closed:
                with contextlib.suppress(UnknownAlarmError):
                    at.centre.resolve(alarm)
                    closed.add(alarm)


async def _all_closed(at: Home) -> None:
    try:
        await at.until_status(lambda status: not status["alarms"], 60)
    except TimeoutError:
        raise Violation(f"S8: alarms that staff have closed are open: {(await at.status())['alarms'][:3]}") from None


def _hold_s10(at: Home, figures: Figures) -> None:
    """See that no restart was decided on in an alarm: each was closed in the epoch it was raised in. Raises Violation.

    But for a press that came when the hub was going already: it was taken, and went on after the restart.
    """
    began = {report.alarm: ref.split("-")[0] for ref, report in at.held(AlarmRaised)}
    ended = {report.alarm: ref.split("-")[0] for ref, report in at.held(AlarmResolved)}
    numbers = {alarms[0]: int(sensor.rpartition("-")[2]) for sensor, alarms in at.alarms_by_sensor().items()}
    late = {
        alarm
        for alarm, number in numbers.items()
        if any(life.going_at - HEARD_S <= at.pressed[number] <= life.ended_at for life in at.lived)
    }
    torn = {alarm for alarm, epoch in ended.items() if began.get(alarm, epoch) != epoch}
    figures.count("presses taken by a hub that was going", len(torn & late))
    if torn := torn - late:
        raise Violation(f"S10: the hub started anew while {len(torn)} alarms were open: {sorted(torn)[:3]}")
    figures.count("epochs", len(set(began.values())))


# --- impossible for long -----------------------------------------------------------------------------------


async def expired(this: Round) -> Figures:
    """Keep the service away until the certificate has expired; then let it come back, while an alarm waits."""
    figures = Figures()
    async with home(this, ago_days=SHORT_DAYS + _LONG, trust=True) as at, asyncio.timeout(240):
        for ago in range(_LONG, 0, -1):  # as the timer ran, in the month before
            result = await at.renew(clock=ThenClock(ago * DAY_MS))
            if result.outcome not in ("failed", "waiting"):
                raise Violation(f"a renewal without a service came to {result}")
        await at.keep()
        status = await at.until_status(lambda status: bool(status["faults"]) and "certificate" in _faults(status))
        figures.count("faults raised", 1)
        if f"not renewed for {_LONG} days" not in str(status["faults"]):
            raise Violation(f"S7: the fault does not say for how long it fails: {status['faults']}")
        await at.listening()
        at.press(0)
        status = await at.until_status(lambda status: bool(status["alarms"]))
        if status["alarms"][0]["stage"] != "raised" or status["display"]["call"] == "off":
            raise Violation(f"S3: with an expired certificate an alarm is not shown at home: {status}")
        with at.serving():
            began = asyncio.get_running_loop().time()
            result = await at.renew(force=this.number % 2 == 1)
            if result.outcome == "waiting":
                result = await at.renew(force=True)
            if result.outcome != "renewed":
                raise Violation(f"the service is back, and a renewal came to {result}")
        await at.restarted(1, RESTART_S)
        await _arrived(at, 0)
        figures.measure(
            "from the service's return to the alarm at the centre, s", asyncio.get_running_loop().time() - began
        )
        await at.until_status(lambda status: "certificate" not in _faults(status))
        at.centre.resolve(at.centre.alarms[0])
        await _all_closed(at)
        await accounts.settle(at, figures)
    return figures


def _faults(status: dict[str, Any]) -> str:
    return str(status["faults"])


# --- a broker that does not take it -----------------------------------------------------------------------


async def refused(this: Round) -> Figures:
    """Renew at a broker that takes nobody more: what the hub has stays, and it stays connected and calls."""
    figures = Figures()
    async with home(this) as at, asyncio.timeout(240):
        with at.serving():
            at.broker.changes["max_connections"] = "2"  # the hub and the centre
            at.broker.restart()
            await at.keep()
            await _believed(at, 0)
            files = [at.folder_of_hub.keys / name for name in ("uplink.pem", "uplink.key")]
            before = [path.read_bytes() for path in files]
            result = await at.renew(force=True)
            if result.outcome != "failed" or result.restart or [path.read_bytes() for path in files] != before:
                raise Violation(f"S10: a certificate that the broker does not take came to {result}")
            figures.count(f"renewals that ended with: {result.why}")
            await _believed(at, 1)
            if at.lived:
                raise Violation("S10: the hub started anew for a certificate that it does not have")
            at.broker.changes.clear()
            at.broker.restart()
            if (result := await at.renew(force=True)).outcome != "renewed":
                raise Violation(f"the broker takes everybody again, and a renewal came to {result}")
            await at.restarted(1, RESTART_S)
            await _believed(at, 2)
        await accounts.settle(at, figures)
    return figures


# --- the centre's keys -------------------------------------------------------------------------------------


async def rotation(this: Round) -> Figures:
    """Change the centre's key in two steps: each key is believed as long as the site says so, and no longer.

    The centre signs with the new one too soon: what the hub needs to believe it again comes by renewal.
    """
    figures = Figures()
    async with home(this) as at, asyncio.timeout(280):
        with at.serving():
            await at.keep()
            await at.online()
            await _believed(at, 0)
            at.site.rotate_centre_key("add", ThenClock(0).now().wall_ms)
            await at.centre_signs_with(2)
            await _not_believed(at, 1)
            began = asyncio.get_running_loop().time()
            await _taken_over(at, 1)
            await _closed(at, 1)
            figures.measure("from the new key to its receipt, s", asyncio.get_running_loop().time() - began)
            await at.centre_signs_with(1)
            await _believed(at, 2)
            at.site.rotate_centre_key("finish", ThenClock(0).now().wall_ms, now=True)
            await _taken_over(at, 2)
            await _not_believed(at, 3)
            await at.centre_signs_with(2)
            await _closed(at, 3)
        figures.count("keys added and retired")
        await accounts.settle(at, figures)
    return figures


async def _taken_over(at: Home, restarts: int) -> None:
    if (result := await at.renew()).outcome != "taken-over":
        raise Violation(f"S8: the site's new word came to {result}")
    await at.restarted(restarts, RESTART_S)


async def _believed(at: Home, number: int) -> None:
    await at.listening()
    at.press(number)
    await _closed(at, number)


async def _closed(at: Home, number: int) -> None:
    """Wait until an alarm has its receipt, and have staff close it. Raises Violation."""
    try:
        await at.until_status(lambda status: _deliveries(status) == {"received"}, 60)
    except TimeoutError:
        raise Violation(f"S8: no receipt is believed: {(await at.status())['alarms']}") from None
    at.centre.resolve(at.alarms_by_sensor()[f"pendant-{number}"][0])
    await _all_closed(at)


async def _not_believed(at: Home, number: int) -> None:
    """Press, and see that a receipt with the key that the hub does not know is refused. Raises Violation."""
    await at.listening()
    at.press(number)
    await at.until_status(lambda status: bool(status["alarms"]))
    await _arrived(at, number)
    await at.until_status(lambda status: any("refused" in name for name in status["counters"]))
    if _deliveries(await at.status()) == {"received"}:
        raise Violation("S8: a receipt was believed whose key the hub does not know, or no longer")


async def _arrived(at: Home, number: int, timeout_s: float = 30) -> None:
    """Wait until the centre holds a pendant's alarm. Raises Violation."""
    try:
        async with asyncio.timeout(timeout_s):
            while f"pendant-{number}" not in at.alarms_by_sensor():
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise Violation(f"S3: an alarm has not come in {timeout_s:g} s: {(await at.status())['links']}") from None


def _deliveries(status: dict[str, Any]) -> set[str]:
    return {each["delivery"] for each in status["alarms"]}


TRIALS = (
    Trial(
        "renewal-stream",
        "S1 S4 S8 S10",
        "Certificates are renewed under a stream of alarms: none is lost, none doubled, no restart falls into one",
        10,
        lambda this: stream(this, renewals=4, presses=90),
    ),
    Trial(
        "renewal-expired",
        "S3 S7 S10",
        "A month without the service, until the certificate has expired: told, whole at home, and mended by itself",
        10,
        expired,
    ),
    Trial(
        "renewal-refused",
        "S8 S10",
        "A new certificate that the broker does not take is not used; the old one goes on, and so do alarms",
        5,
        refused,
    ),
    Trial(
        "renewal-rotation",
        "S8 S10",
        "The centre's key changes: each is believed while the site says so, even if the centre was too soon",
        5,
        rotation,
    ),
)
